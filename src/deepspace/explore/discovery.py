"""Of many tests at once, which may be believed."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = ["adjusted"]


def adjusted(p: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Benjamini and Hochberg's q for every p, of any shape: the smallest false discovery rate that lets it pass.

    All of them are one family; NaN (not asked) stays NaN and counts for nothing. Journal of the Royal Statistical
    Society B 57, 1995.

    >>> adjusted([0.01, 0.04, 0.03, 0.5]).round(3).tolist()
    [0.04, 0.053, 0.053, 0.5]
    """
    values = np.asarray(p, np.float64)
    flat = values.ravel()
    known = np.flatnonzero(~np.isnan(flat))
    order = known[np.argsort(flat[known], kind="stable")]
    scaled = flat[order] * len(order) / np.arange(1, len(order) + 1)
    q = np.full(len(flat), np.nan)
    q[order] = np.minimum(np.minimum.accumulate(scaled[::-1])[::-1], 1.0)
    return q.reshape(values.shape)
