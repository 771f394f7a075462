"""``deepspace layers``: what the networks of a space are made of, and what each layer sees."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from deepspace.cli import options as o

__all__ = ["layers"]


def layers(
    space: o.SpaceFolder,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE", help="Write an atlas of all layers as one HTML file."),
    ] = None,
    column: Annotated[
        list[str] | None,
        typer.Option("--column", metavar="COLUMN", help="Print how a column becomes readable with depth; repeatable."),
    ] = None,
    dreams: Annotated[
        int, typer.Option("--dreams", metavar="N", help="In the atlas, make up what N units a layer look for.", min=0)
    ] = 0,
    seed: Annotated[int, typer.Option(help="For what is drawn at random: controls, permutations.")] = 0,
) -> None:
    """List the layers of a space's networks, or write an atlas of them.

    Encoder and decoder, with output shapes and numbers of parameters; with -o what can be read off each, which units
    have a name, and the real rows that drive them. The file needs no network.
    """
    from deepspace.api import open as open_space
    from deepspace.cli.terminal import busy, result
    from deepspace.layers import depth
    from deepspace.layers import layers as listed
    from deepspace.report import atlas

    with open_space(space) as opened:
        found = listed(opened)
        if column:
            with busy("Measuring") as tell:
                read = depth(found, column, looks=False, seed=seed, tell=tell)
            typer.echo(str(read))
        elif output is None:
            typer.echo(str(found))
        if output is not None:
            with busy("Measuring") as tell:
                written = atlas(found, output, dreams=dreams, seed=seed, tell=tell)
            result(written)
