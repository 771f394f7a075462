"""The axes that pages look along, kept while they are used."""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import TYPE_CHECKING

from deepspace.explore import Axes, axes

if TYPE_CHECKING:
    from deepspace.space import BaseSpace

__all__ = ["MAP", "plane"]

MAP = "map"
_KEPT = 3
"""At 1,000,000 rows one takes some 150 MB."""

_lock = threading.Lock()


def plane(space: BaseSpace, name: str) -> Axes:
    """The axes of that name. What they decode with is built beside: two seconds at 1,000,000 rows, which the first
    decode waits for and the rows' places do not. Raises SpaceError for axes that the space does not have.
    """
    with _lock:
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
