"""``deepspace measure``: how good a space is."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from deepspace.cli import options as o
from deepspace.cli.terminal import busy

__all__ = ["measure"]


def measure(
    space: o.SpaceFolder,
    beside: Annotated[
        list[Path] | None,
        typer.Option(
            "--beside",
            metavar="SPACE",
            help="The same fit with another seed: which factors come back. May be repeated.",
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """Say how good a space is.

    What is wrong comes first; every figure has its n.
    """
    from contextlib import ExitStack

    from deepspace.api import open as open_space
    from deepspace.metrics import health, stability
    from deepspace.metrics import measure as measured

    with ExitStack() as stack:
        opened, *others = (stack.enter_context(open_space(folder)) for folder in (space, *(beside or ())))
        over_seeds = stability([opened, *others]) if others else None
        with busy("measuring") as tell:
            found = measured(opened, tell=tell)
        sentences = health(opened, found)
    if as_json:
        import json

        told: dict[str, Any] = {"health": sentences, "measures": found.to_json()}
        if found.held_out:
            told["held_out"] = found.held_out
        if over_seeds is not None:
            told["stability"] = over_seeds.to_arrow().to_pylist()
        typer.echo(json.dumps(told, indent=1))
        return
    for sentence in sentences:
        typer.echo(sentence)
    typer.echo(str(found))
    if over_seeds is not None:
        typer.echo(f"\n{over_seeds}")
