"""The axes that pages look along, kept while they are used."""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import TYPE_CHECKING

from deepspace.errors import SpaceError
from deepspace.explore import Axes, axes

if TYPE_CHECKING:
    from deepspace.space import BaseSpace

__all__ = ["LAYER", "MAP", "offer", "plane"]

MAP = "map"
LAYER = "layer:"
"""Before a layer's name: the map of what that layer tells apart."""
_KEPT = 3
"""At 1,000,000 rows one takes some 150 MB."""

_lock = threading.Lock()


def plane(space: BaseSpace, name: str) -> Axes:
    """The axes of that name. What they decode with is built beside: two seconds at 1,000,000 rows, which the first
    decode waits for and the rows' places do not. Raises SpaceError for axes that the space does not have.
    """
    with _lock:
        if name.startswith(LAYER):
            return _of_layer(space, name)
        # Kept by the space itself, which they hold on to: they go when it goes.
        kept: OrderedDict[str, Axes] = vars(space).setdefault("_planes", OrderedDict())
        if name not in kept:
            made = axes(space, name)
            if name != MAP:  # which the server prepares as soon as there is a space
                threading.Thread(target=made.prepare, daemon=True).start()
            kept[name] = made
            while len(kept) > _KEPT:
                del kept[next(n for n in kept if n != MAP)]
        kept.move_to_end(name)
        return kept[name]


def offer(space: BaseSpace, made: dict[str, Axes]) -> None:
    """Maps of layers become axes of the space, by names that begin with ``LAYER``. They hold some rows only."""
    with _lock:
        vars(space)["_layer_planes"] = made


def _of_layer(space: BaseSpace, name: str) -> Axes:
    made: dict[str, Axes] = vars(space).get("_layer_planes", {})
    if name not in made:
        layer = name.removeprefix(LAYER)
        known = ", ".join(each.removeprefix(LAYER) for each in made)
        why = f"there are those of {known}" if made else "they are made in the tab Layers, under maps of layers"
        raise SpaceError(f"'{space.name}' has no map of the layer '{layer}': {why}.")
    return made[name]
