"""``deepspace compare``: two spaces of the same rows, or a space and its principal components."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from deepspace.cli import options as o

__all__ = ["compare"]


def compare(
    space: o.SpaceFolder,
    other: Annotated[
        Path | None,
        typer.Argument(metavar="OTHER", help="Another space of the same rows; left out: principal components of them."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")] = False,
) -> None:
    """Say what one space does better than another.

    Errors on rows that neither was trained on, errors by number of dimensions, neighbours kept and lost. Principal
    components are kept beside the space as NAME.pca.space.
    """
    from deepspace.api import open as open_space
    from deepspace.cli.terminal import say

    with open_space(space) as opened:
        if other is None:
            say("comparing with principal components of the same rows at the same number of dimensions ...")
        second = opened.twin() if other is None else open_space(other)
        with second:
            found = opened.compare(second)
    if as_json:
        import json

        typer.echo(json.dumps({"sentences": found.sentences, "figures": found.to_arrow().to_pylist()}, indent=1))
        return
    typer.echo(str(found))
