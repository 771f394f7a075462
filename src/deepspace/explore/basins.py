"""Where the map's density has its hills: basins of attraction, joined until each stands out from its neighbours.

Every cell climbs to the highest of the cells around it until it reaches a peak; the cells that reach the same peak are
a basin. Two basins meet at a saddle, their highest common cell. Saddles are taken from the highest down, and the lower
of two peaks is joined to the other unless it stands out: unless its height over the saddle is a given share of its own,
and more than chance would raise it (ToMATo; Chazal, Guibas, Oudot and Skraba 2013, 10.1145/2535927).

Chance: a Gaussian kernel estimate from n rows has variance f / (4 pi n h^2) at a place, so sqrt(f) has the constant
variance 1 / (16 pi n h^2), and the difference of two such is compared with three of its standard deviations.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from deepspace.explore.field import Field

__all__ = ["basins"]

_PROMINENCE: Final = 0.25
_DEVIATIONS: Final = 3.0

Ints = npt.NDArray[np.int64]


def basins(field: Field) -> Ints:
    """(rows, columns): the basin of each cell from 0, the highest peak first; -1 below the outermost contour."""
    values = field.values.astype(np.float64)
    inside = values >= min(field.levels)
    peak = _climb(np.where(inside, values, -np.inf))
    peak[~inside] = -1
    joined = _join(values.ravel(), peak, _saddles(values, peak), field)
    tops = [top for top in np.unique(joined) if top >= 0]
    order = sorted(tops, key=lambda top: (-values.ravel()[top], top))
    number = np.full(values.size + 1, -1)  # the last entry answers for -1
    number[order] = np.arange(len(order))
    return np.asarray(number[joined], np.int64)


def _around(shape: tuple[int, int]) -> list[tuple[tuple[slice, slice], tuple[slice, slice]]]:
    """For each of the four half-directions, the cells that have a neighbour there and those neighbours."""
    rows, columns = shape
    pairs = []
    for up, right in ((0, 1), (1, 0), (1, 1), (1, -1)):
        here = slice(0, rows - up), slice(max(0, -right), columns - max(0, right))
        there = slice(up, rows), slice(max(0, right), columns + min(0, right))
        pairs.append((here, there))
    return pairs


def _climb(values: npt.NDArray[np.float64]) -> Ints:
    """The flat number of the peak that each cell leads to. Cells of equal height yield to the one that comes first."""
    cells = np.arange(values.size).reshape(values.shape)
    best, to = values.copy(), cells.copy()
    for here, there in _around((values.shape[0], values.shape[1])):
        for a, b in ((here, there), (there, here)):
            higher = (values[b] > best[a]) | ((values[b] == best[a]) & (cells[b] < to[a]))
            best[a] = np.where(higher, values[b], best[a])
            to[a] = np.where(higher, cells[b], to[a])
    flat = to.ravel()
    while True:
        further = flat[flat]
        if (further == flat).all():
            return flat.reshape(values.shape)
        flat = further


def _saddles(values: npt.NDArray[np.float64], peak: Ints) -> list[tuple[float, int, int]]:
    """Where basins meet: (height, peak, peak), the highest first."""
    heights, low, high = [], [], []
    for here, there in _around((values.shape[0], values.shape[1])):
        a, b = peak[here], peak[there]
        meet = (a != b) & (a >= 0) & (b >= 0)
        heights.append(np.minimum(values[here], values[there])[meet])
        low.append(np.minimum(a, b)[meet])
        high.append(np.maximum(a, b)[meet])
    h, one, other = (np.concatenate(parts) for parts in (heights, low, high))
    order = np.lexsort((other, one, -h))
    return [(float(h[i]), int(one[i]), int(other[i])) for i in order]


def _join(heights: npt.NDArray[np.float64], peak: Ints, saddles: list[tuple[float, int, int]], field: Field) -> Ints:
    noise = _DEVIATIONS * np.sqrt(2 / (16 * np.pi * field.n * field.bandwidth**2))
    over = np.arange(heights.size)

    def top(cell: int) -> int:
        while over[cell] != cell:
            over[cell] = over[over[cell]]
            cell = int(over[cell])
        return cell

    for height, a, b in saddles:
        lower, upper = sorted((top(a), top(b)), key=lambda t: (heights[t], -t))
        rise = heights[lower] - height
        clear = np.sqrt(heights[lower]) - np.sqrt(height) > noise
        if lower != upper and not (clear and rise > _PROMINENCE * heights[lower]):
            over[lower] = upper
    tops = np.array([top(int(cell)) if cell >= 0 else -1 for cell in np.unique(peak)])
    return np.asarray(tops[np.searchsorted(np.unique(peak), peak)], np.int64)
