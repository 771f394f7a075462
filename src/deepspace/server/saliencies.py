"""What of one real row a latent rests on, for the page: some seconds at the first ask, then kept."""

from __future__ import annotations

import base64
import math
import threading
from collections import OrderedDict
from collections.abc import Callable

import numpy as np

from deepspace.errors import SpaceError
from deepspace.layers import Layers, saliency
from deepspace.server import wire
from deepspace.server.items import Items

__all__ = ["COLUMNS", "Saliencies"]

COLUMNS = 12
"""The strongest columns of a record, as the page lists them."""
_KEPT = 64
_FULL = 0.99
"""Of a picture's pixels, how many are paler than the full colour: one pixel alone would leave the others white."""


class Saliencies:
    """Safe to call from several threads, one at a time. listed: makes layers that nobody else watches."""

    def __init__(self, items: Items, listed: Callable[[], Layers]) -> None:
        self._items, self._make = items, listed
        self._lock = threading.Lock()
        self._layers: Layers | None = None
        self._kept: OrderedDict[tuple[int, int], wire.SaliencyInfo] = OrderedDict()

    def of(self, row: int, latent: int) -> wire.SaliencyInfo:
        """Raises SpaceError where there is no such row or latent, or no encoder to ask."""
        if not 0 <= row < len(self._items.space):
            raise SpaceError(f"There are rows 0 to {len(self._items.space) - 1:,}, and row {row:,} was asked for.")
        with self._lock:
            asked = row, latent
            if asked not in self._kept:
                self._kept[asked] = self._explained(row, latent)
                while len(self._kept) > _KEPT:
                    self._kept.popitem(last=False)
            self._kept.move_to_end(asked)
            return self._kept[asked]

    def _explained(self, row: int, latent: int) -> wire.SaliencyInfo:
        if self._layers is None:
            self._layers = self._make()
        found = saliency(self._layers, [row], target=latent)
        values = np.nan_to_num(found.values[0])
        columns = self._columns(values, found.names) if values.ndim == 1 else []
        drawn = values.sum(0) if values.ndim == 3 else values
        far = np.abs(drawn)
        most = float(np.quantile(far, _FULL) or far.max()) if values.ndim == 3 else float(far.max())
        off = None if found.completeness is None else float(found.completeness[0])
        return wire.SaliencyInfo(
            row=row,
            latent=latent,
            form="columns" if values.ndim == 1 else "lines" if values.ndim == 2 else "picture",
            method=found.method,
            height=1 if values.ndim == 1 else drawn.shape[0],
            width=drawn.shape[-1],
            data="" if values.ndim == 1 else base64.b64encode(drawn.astype("<f4").tobytes()).decode(),
            most=most,
            columns=columns,
            answer=float(found.outputs[0]),
            baseline=float(found.baseline_outputs[0]),
            completeness=off if off is not None and math.isfinite(off) else None,
            passed=found.check.passed,
            verdict=found.check.verdict,
        )

    def _columns(self, values: np.ndarray, names: tuple[str, ...]) -> list[wire.ColumnEffect]:
        """The strongest first. Numbers of a vector have no names but their places."""
        named = list(names) or self._items.features
        if len(named) != len(values):
            named = [f"number {i}" for i in range(len(values))]
        order = np.argsort(-np.abs(values), kind="stable")[:COLUMNS]
        return [wire.ColumnEffect(name=named[i], value=float(values[i])) for i in order if values[i]]
