"""What a unit looks for, made up, for the page: some seconds at the first ask, then kept."""

from __future__ import annotations

import math
import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Literal

import numpy as np

from deepspace.errors import SpaceError
from deepspace.layers import Layers, dream
from deepspace.server import wire
from deepspace.server.items import Items

__all__ = ["Dreams", "Through"]

Through = Literal["pixels", "decoder"]
_KEPT = 64


class Dreams:
    """Safe to call from several threads, one at a time. listed: makes layers that nobody else watches."""

    def __init__(self, items: Items, listed: Callable[[], Layers]) -> None:
        self._items, self._make = items, listed
        self._lock = threading.Lock()
        self._layers: Layers | None = None
        self._kept: OrderedDict[tuple[str, int, str], wire.DreamInfo] = OrderedDict()

    def of(self, layer: str, unit: int, through: Through) -> wire.DreamInfo:
        """Raises SpaceError where there is no such unit, or no way to one."""
        with self._lock:
            asked = layer, unit, through
            if asked not in self._kept:
                self._kept[asked] = self._dreamt(layer, unit, through)
                while len(self._kept) > _KEPT:
                    self._kept.popitem(last=False)
            self._kept.move_to_end(asked)
            return self._kept[asked]

    def _dreamt(self, layer: str, unit: int, through: Through) -> wire.DreamInfo:
        if self._layers is None:
            self._layers = self._make()
        found = dream(self._layers, layer, unit, through=through)
        if not math.isfinite(found.activation):
            raise SpaceError(
                f"What unit {unit} of {layer} looks for could not be made up this way: its answer came to no number. "
                "Try the layer before it."
            )
        space = self._items.space
        # A vector has no reading of its own: the row nearest to it stands for it, where a latent says which that is.
        near = 0 if found.z is None else int(space.neighbors(z=found.z[None], k=1).index[0, 0])
        return wire.DreamInfo(
            layer=layer,
            index=unit,
            through=through,
            content=self._items.inline(np.asarray(found.picture)[None], [near])[0],
            answer=found.activation,
            start=found.start,
            strongest=float(found.reference[-1]),
            row_percentile=found.percentile,
            ratio=found.ratio if math.isfinite(found.ratio) else None,
            n=len(found.reference),
            steps=found.steps,
            density_percentile=found.density_percentile,
        )
