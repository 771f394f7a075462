"""How well a score tells two groups apart: area under the ROC curve, and false positives at 95 % recall."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.stats import norm, rankdata

from deepspace.errors import SpaceError

__all__ = ["auroc", "false_positive_rate"]

Interval = tuple[float, float]


def auroc(inside: npt.ArrayLike, outside: npt.ArrayLike) -> tuple[float, Interval]:
    """How often a score is higher outside (M,) than inside (N,), ties half, with its 95 % interval.

    The interval is DeLong's (1988), from mid-ranks (Sun & Xu 2014), on the logit scale so that it stays within 0..1.
    Raises SpaceError for groups that are empty or hold NaN.
    """
    x, y = _checked(outside), _checked(inside)  # x should be the higher
    m, n = len(x), len(y)
    together = rankdata(np.concatenate([x, y]))
    area = float((together[:m].sum() - m * (m + 1) / 2) / (m * n))
    over = (together[:m] - rankdata(x)) / n  # of each x, the share of y below it
    under = 1 - (together[m:] - rankdata(y)) / m
    variance = (over.var(ddof=1) / m if m > 1 else 0.0) + (under.var(ddof=1) / n if n > 1 else 0.0)
    if not 0 < area < 1 or variance <= 0:
        return area, (area, area)
    centre, half = np.log(area / (1 - area)), norm.ppf(0.975) * np.sqrt(variance) / (area * (1 - area))
    low, high = (float(1 / (1 + np.exp(-v))) for v in (centre - half, centre + half))
    return area, (low, high)


def false_positive_rate(inside: npt.ArrayLike, outside: npt.ArrayLike, *, recall: float = 0.95) -> float:
    """The share of outside items that pass for inside ones where ``recall`` of the inside ones pass (FPR at 95 %).

    Higher scores are further outside. Raises SpaceError for groups that are empty or hold NaN.
    """
    x, y = _checked(outside), np.sort(_checked(inside))
    limit = y[min(len(y) - 1, int(np.ceil(recall * len(y))) - 1)]
    return float((x <= limit).mean())


def _checked(values: npt.ArrayLike) -> npt.NDArray[np.float64]:
    found = np.asarray(values, np.float64).ravel()
    if not len(found) or np.isnan(found).any():
        raise SpaceError("scores of both groups are needed, and none of them may be NaN.")
    return found
