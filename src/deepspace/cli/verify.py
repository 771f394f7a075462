"""``deepspace verify``: every byte of a space against its checksums."""

from __future__ import annotations

from deepspace.cli import options as o

__all__ = ["verify"]


def verify(space: o.SpaceFolder) -> None:
    """Check every byte of a space against its checksums."""
    from deepspace.cli.terminal import result, say
    from deepspace.space import verify as verified

    verified(space)
    say("every file is whole.")
    result(space)
