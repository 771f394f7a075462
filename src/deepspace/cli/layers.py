"""``deepspace layers``: what the networks of a space are made of."""

from __future__ import annotations

import typer

from deepspace.cli import options as o

__all__ = ["layers"]


def layers(space: o.SpaceFolder) -> None:
    """List the layers of a space's networks.

    Encoder and decoder, with output shapes and numbers of parameters.
    """
    from deepspace.api import open as open_space
    from deepspace.layers import layers as listed

    with open_space(space) as opened:
        typer.echo(str(listed(opened)))
