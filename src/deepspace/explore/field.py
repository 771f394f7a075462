"""How crowded the map is: the density of the rows' positions on a grid, and the contours that hold given shares.

The density is a Gaussian kernel estimate of the two-dimensional map positions, counted into cells first (linear
binning, Wand 1994) and smoothed after, so that a million rows cost hardly more than a thousand. It describes the map,
not latent space: what the flattening pushed together looks crowded. ``space.density`` is the one about latent space.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt

from deepspace.errors import SpaceError
from deepspace.results import figure

if TYPE_CHECKING:
    from deepspace.space import BaseSpace

__all__ = ["CELLS", "SHARES", "Field", "Grid", "map_field"]

CELLS: Final = 128
"""Cells along the longer side of the map; around it there is room for the kernel."""
SHARES: Final = (0.5, 0.8, 0.95)

_FINEST: Final = 0.02
"""The narrowest kernel, as a share of the map's longer side. A map's own grain is finer, but nobody reads contours
around it."""
_COARSEST: Final = 0.07
_STEPS: Final = 8
_MARGIN: Final = 3 * _COARSEST

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Grid:
    """A number at each cell of a grid over the map.

    ``values``: (rows, columns) float32, row 0 lowest in y, NaN where there is none; ``origin``: (x, y) of the middle of
    cell [0, 0]; ``cell``: its side, in map units.
    """

    values: npt.NDArray[np.float32]
    origin: tuple[float, float]
    cell: float

    def cells(self, places: npt.ArrayLike) -> tuple[Floats, Floats]:
        """Map positions (M, 2) -> fractional columns and rows of the grid, (M,) each."""
        p = np.asarray(places, np.float64).reshape(-1, 2)
        return (p[:, 0] - self.origin[0]) / self.cell, (p[:, 1] - self.origin[1]) / self.cell

    def place(self, row: int, column: int) -> tuple[float, float]:
        """The middle of a cell, in map units."""
        return self.origin[0] + column * self.cell, self.origin[1] + row * self.cell


@dataclass(frozen=True)
class Field(Grid):
    """The density of the map: at each cell the share of all rows on a square map unit.

    ``bandwidth``: the kernel's standard deviation, in map units; ``shares`` and ``levels``: the density that a share of
    the rows exceeds, so that {p: density >= level} is the smallest area to hold that share (a highest density region;
    Hyndman 1996); ``n``: rows.
    """

    bandwidth: float
    shares: tuple[float, ...]
    levels: tuple[float, ...]
    n: int

    def at(self, places: npt.ArrayLike) -> Floats:
        """Map positions (M, 2) -> (M,) density; 0 outside the grid."""
        from scipy.ndimage import map_coordinates

        across, up = self.cells(places)
        return np.asarray(map_coordinates(self.values.astype(np.float64), (up, across), order=1, cval=0.0))

    def __str__(self) -> str:
        rows, columns = self.values.shape
        pairs = zip(self.shares, self.levels, strict=True)
        held = ", ".join(f"{100 * share:.0f} % above {figure(level)}" for share, level in pairs)
        return f"density of {self.n:,} rows on {columns} x {rows} cells, bandwidth {figure(self.bandwidth)}: {held}"


def map_field(space: BaseSpace, *, cells: int = CELLS, shares: tuple[float, ...] = SHARES) -> Field:
    """The density of the rows on the map, with the levels that hold ``shares`` of them.

    The bandwidth is the one under which each row is likeliest given all others (leave-one-out likelihood, on the
    grid), between 2 and 7 % of the map's longer side. Raises SpaceError for shares outside 0 to 1.
    """
    if not shares or not all(0 < share < 1 for share in shares):
        raise SpaceError(f"cannot draw contours of '{space.name}': shares lie between 0 and 1, got {shares}.")
    places = np.asarray(space.map.positions, np.float64)
    low, high = places.min(0), places.max(0)
    extent = float((high - low).max()) or 1.0
    cell = extent / cells
    margin = extent * _MARGIN
    origin = low - margin
    columns, rows = (int(v) for v in np.ceil((high - low + 2 * margin) / cell) + 1)
    counts = _binned((places - origin) / cell, rows, columns)
    width = _bandwidth(counts, cells)
    smooth = _smoothed(counts, width) / (len(places) * cell * cell)
    made = Field(
        smooth.astype(np.float32),
        (float(origin[0]), float(origin[1])),
        cell,
        width * cell,
        tuple(shares),
        (),
        len(places),
    )
    own = made.at(places)
    levels = tuple(float(np.quantile(own, 1 - share)) for share in shares)
    return Field(made.values, made.origin, cell, made.bandwidth, made.shares, levels, made.n)


def _binned(at: Floats, rows: int, columns: int) -> Floats:
    """Each row shared among the four cells around it. at: (N, 2), in cells. Returns (rows, columns), summing to N."""
    whole = np.floor(at).astype(np.int64)
    part = at - whole
    counts = np.zeros(rows * columns)
    for right in (0, 1):
        for above in (0, 1):
            weight = np.abs(1 - right - part[:, 0]) * np.abs(1 - above - part[:, 1])
            cell = np.minimum(whole[:, 1] + above, rows - 1) * columns + np.minimum(whole[:, 0] + right, columns - 1)
            counts += np.bincount(cell, weight, rows * columns)
    return counts.reshape(rows, columns)


def _bandwidth(counts: Floats, cells: int) -> float:
    """In cells: the width of the ladder with the greatest sum over rows of log (smoothed - own) / (n - 1)."""
    ladder = np.geomspace(_FINEST, _COARSEST, _STEPS) * cells
    total = counts.sum()
    there = counts > 0
    weight = counts[there]
    best, chosen = -np.inf, float(ladder[-1])
    for width in ladder:
        own = 1 / (2 * np.pi * width**2)
        others = np.maximum(_smoothed(counts, float(width))[there] - own, 1e-9)
        likelihood = float((weight * np.log(others / max(total - 1, 1))).sum())
        if likelihood > best:
            best, chosen = likelihood, float(width)
    return chosen


def _smoothed(counts: Floats, width: float) -> Floats:
    from scipy.ndimage import gaussian_filter

    return np.asarray(gaussian_filter(counts, width, mode="constant", truncate=4.0))
