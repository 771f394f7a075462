"""``deepspace measure``: how good a space is."""

from __future__ import annotations

from typing import Annotated

import typer

from deepspace.cli import options as o

__all__ = ["measure"]


def measure(
    space: o.SpaceFolder,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """Say how good a space is.

    What is wrong comes first; every figure has its n.
    """
    from deepspace.api import open as open_space
    from deepspace.metrics import health
    from deepspace.metrics import measure as measured

    with open_space(space) as opened:
        found = measured(opened)
        sentences = health(opened, found)
    if as_json:
        import json

        typer.echo(json.dumps({"health": sentences, "measures": found.to_json()}, indent=1))
        return
    for sentence in sentences:
        typer.echo(sentence)
    typer.echo(str(found))
