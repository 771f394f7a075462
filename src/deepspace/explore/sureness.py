"""How sure the decode is across the map: ``space.uncertainty`` on a grid of the places where there is data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt

from deepspace.explore.field import Grid
from deepspace.results import figure
from deepspace.space.uncertainty import DRAWS, uncertainty

if TYPE_CHECKING:
    from deepspace.space import BaseSpace

__all__ = ["Sureness", "map_uncertainty"]

_FINE: Final = 56
_COARSE: Final = 14
_FINEST: Final = 200
_PLACES: Final = 400
_ELEMENTS: Final = 1 << 25
"""Elements decoded at most, about: a second for small pictures, a coarser grid for large ones."""


@dataclass(frozen=True)
class Sureness(Grid):
    """``values``: the uncertainty of the decode at each cell, in encoded units, NaN where there is no data;
    ``percentiles``: (rows, columns) 0..100, the share of the rows whose decode is surer; ``n``: cells with data."""

    percentiles: npt.NDArray[np.float32]
    n: int

    def __str__(self) -> str:
        rows, columns = self.values.shape
        known = self.values[np.isfinite(self.values)]
        low, middle, high = (figure(float(v)) for v in np.quantile(known, [0.05, 0.5, 0.95])) if self.n else ("-",) * 3
        return (
            f"uncertainty of the decode at {self.n:,} of {columns} x {rows} places of the map: "
            f"{middle} in encoded units (90 % of them {low} to {high})"
        )


def map_uncertainty(space: BaseSpace, *, cells: int = _FINE) -> Sureness:
    """``space.uncertainty`` at the middle of each cell that holds data.

    ``cells`` along the map's longer side: fewer where a decode is large, more where the data covers little of the map.
    """
    most = _ELEMENTS / ((DRAWS + 1) * int(np.prod(space.schema.shape)))
    side = int(max(min(cells, _COARSE), min(cells, np.sqrt(most))))
    places, there, shape, cell = _laid(space, side)
    while len(there) < min(_PLACES, most / 4) and side < _FINEST:
        side *= 2
        places, there, shape, cell = _laid(space, side)
    values = np.full(len(places), np.nan, np.float32)
    percentiles = values.copy()
    if len(there):
        values[there] = uncertainty(space, space.map.inverse_transform(places[there]))
        percentiles[there] = space.uncertainty_percentile_of(values[there])
    origin = float(places[0, 0]), float(places[0, 1])
    return Sureness(values.reshape(shape), origin, cell, percentiles.reshape(shape), len(there))


def _laid(space: BaseSpace, side: int) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int64], tuple[int, int], float]:
    """A grid over the map: its places (M, 2), those with data, rows and columns, and the side of a cell."""
    x0, y0, x1, y1 = space.map.bounds
    cell = (max(x1 - x0, y1 - y0) or 1.0) / side
    columns, rows = (int(np.ceil((high - low) / cell)) + 1 for low, high in ((x0, x1), (y0, y1)))
    across, up = np.meshgrid(x0 + cell * np.arange(columns), y0 + cell * np.arange(rows))
    places = np.stack([across.ravel(), up.ravel()], 1).astype(np.float32)
    return places, np.flatnonzero(space.map.has_data(places)), (rows, columns), cell
