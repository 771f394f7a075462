"""Rows inside an outline drawn over their places."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["rows_inside"]


def rows_inside(positions: NDArray[np.float32], outline: ArrayLike) -> NDArray[np.int64]:
    """Row numbers, ascending, whose positions (N, 2) lie inside an outline; rows without a position (NaN) do not.

    outline: corners (K, 2), or x and y in turn as the page's address writes a lasso; it closes by itself, and where
    it crosses itself the even-odd rule holds.
    """
    corners = np.asarray(outline, np.float64).reshape(-1, 2)
    x, y = np.asarray(positions, np.float64).T
    inside = np.zeros(len(x), bool)
    for (xi, yi), (xj, yj) in zip(corners, np.roll(corners, 1, 0), strict=True):
        crosses = (yi > y) != (yj > y)
        if yi != yj:
            inside ^= crosses & (x < (xj - xi) * (y - yi) / (yj - yi) + xi)
    return np.flatnonzero(inside & np.isfinite(y))
