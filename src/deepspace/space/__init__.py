"""The space: rows, model, latents and map under one name; asking it, saving it, opening it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from deepspace.space.base import BaseSpace, Latents
from deepspace.space.neighbours import Neighbours
from deepspace.space.opening import open_space, verify
from deepspace.space.rows import Rows

if TYPE_CHECKING:
    from deepspace.space.building import build
    from deepspace.space.map import FittedMap as Map

__all__ = ["BaseSpace", "Latents", "Map", "Neighbours", "Rows", "build", "open_space", "verify"]


def __getattr__(name: str) -> Any:
    """``Map`` and ``build`` bring torch with them; opening a space does not need it."""
    if name == "Map":
        from deepspace.space.map import FittedMap

        return FittedMap
    if name == "build":
        from deepspace.space.building import build

        return build
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
