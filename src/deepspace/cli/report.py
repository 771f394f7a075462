"""``deepspace report``: one offline HTML file about a space."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from deepspace.cli import options as o

__all__ = ["report"]


def report(
    space: o.SpaceFolder,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="report.html beside the space, if left out.")
    ] = None,
) -> None:
    """Write a report on a space as one HTML file.

    Data, model, quality and map; the file needs no network.
    """
    from deepspace.api import open as open_space
    from deepspace.cli.terminal import result
    from deepspace.report import report as write

    with open_space(space) as opened:
        result(write(opened, output or space.with_suffix(".html")))
