"""Where on the map there is data: a bitmap at the scale of the data's own spacing, looked up in no time."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt
from scipy.spatial import cKDTree

__all__ = ["Presence"]

_SAMPLE = 5_000
_NEIGHBOURS = 6
_MAX_CELLS = 2_048


class Presence:
    """has(p): within ``radius`` of a data point, to the width of a cell. The radius is what separates most points
    (95 %) from their 6th neighbour, so the mask closes inside clusters and stays open between them.
    """

    def __init__(self, positions: NDArray[np.float32]) -> None:
        places = np.asarray(positions, dtype=np.float64)
        self.radius = _spacing(places)
        low, high = places.min(0), places.max(0)
        extent = float((high - low).max()) + 4.0 * self.radius
        self._cell = max(self.radius / 6.0, extent / _MAX_CELLS)
        self._low = low - 2.0 * self.radius
        shape = np.ceil((high - low + 4.0 * self.radius) / self._cell).astype(int) + 1
        occupied = np.zeros(tuple(shape), dtype=bool)
        cells = self._cells(places)
        occupied[cells[:, 0], cells[:, 1]] = True
        self._mask: NDArray[np.bool_] = distance_transform_edt(~occupied) * self._cell <= self.radius

    def has(self, places: NDArray[np.floating]) -> NDArray[np.bool_]:
        """(M, 2) -> (M,) bool; NaN has no data."""
        shape = np.array(self._mask.shape)
        finite = np.isfinite(places).all(1)
        cells = self._cells(np.where(finite[:, None], np.clip(places, -1e9, 1e9), 0.0))
        inside = finite & ((cells >= 0) & (cells < shape)).all(1)
        cells = np.where(inside[:, None], cells, 0)
        there: NDArray[np.bool_] = inside & self._mask[cells[:, 0], cells[:, 1]]
        return there

    def _cells(self, places: NDArray[np.floating]) -> NDArray[np.int64]:
        cells: NDArray[np.int64] = np.floor((np.asarray(places, np.float64) - self._low) / self._cell).astype(np.int64)
        return cells


def _spacing(places: NDArray[np.float64]) -> float:
    """The 95th percentile of the distance to the 6th nearest distinct position, on a fixed sample of the rows."""
    distinct = np.unique(places, axis=0)
    if len(distinct) == 1:
        return 0.1 * max(1.0, float(np.abs(distinct).max()))
    asked = distinct[:: max(1, len(distinct) // _SAMPLE)]
    distance, _ = cKDTree(distinct).query(asked, k=min(_NEIGHBOURS + 1, len(distinct)))
    typical = np.quantile(distance[:, -1], 0.95) if len(distinct) > _NEIGHBOURS else distance[:, 1].min() / 2
    return float(max(typical, 1e-6))
