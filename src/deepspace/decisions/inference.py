"""Tests and intervals that groups and drift share: shares and means of two sets of rows, and many tests at once."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from deepspace.results import Z95, wilson

__all__ = [
    "holm",
    "mean_difference",
    "mean_with_interval",
    "permutation_p",
    "share_difference",
    "share_p",
    "share_ratio",
]

Floats = npt.NDArray[np.float64]
Interval = tuple[float, float]

_CHUNK = 1 << 22
"""Values permuted at once."""
_MANY, _ENOUGH = 4000, 200


def holm(p: npt.ArrayLike) -> Floats:
    """p values that hold for all tests together: the chance that any of those at or below a level is a false one is at
    most that level, however the tests hang together. NaN (not asked) counts for nothing. Holm 1979.

    >>> holm([0.01, 0.04, 0.03]).round(3).tolist()
    [0.03, 0.06, 0.06]
    """
    values = np.asarray(p, np.float64)
    known = np.flatnonzero(~np.isnan(values))
    order = known[np.argsort(values[known], kind="stable")]
    raised = values[order] * (len(order) - np.arange(len(order)))
    out = np.full(len(values), np.nan)
    out[order] = np.minimum(np.maximum.accumulate(raised), 1.0) if len(order) else raised
    return out


def share_difference(count: int, n: int, other: int, m: int) -> tuple[float, float, float]:
    """count / n - other / m with its 95 % interval, from the two score intervals: Newcombe 1998, method 10."""
    p, q = count / n, other / m
    (low, high), (under, over) = wilson(count, n), wilson(other, m)
    gap = p - q
    return (
        gap,
        max(-1.0, gap - float(np.hypot(p - low, over - q))),
        min(1.0, gap + float(np.hypot(high - p, q - under))),
    )


def share_p(count: int, n: int, other: int, m: int) -> float:
    """Fisher's exact test, two-sided, of count / n against other / m."""
    from scipy.stats import fisher_exact

    return float(fisher_exact([[count, n - count], [other, m - other]])[1])


def share_ratio(count: int, n: int, other: int, m: int) -> tuple[float, float, float]:
    """(count / n) / (other / m) with its 95 % interval, on the log scale with half a row added to each count.

    Katz 1978 with the correction of Walter 1975; NaN where the other share is nought.
    """
    if not other:
        return float("nan"), float("nan"), float("nan")
    middle = np.log((count + 0.5) / (n + 0.5)) - np.log((other + 0.5) / (m + 0.5))
    error = np.sqrt(max(0.0, 1 / (count + 0.5) - 1 / (n + 0.5) + 1 / (other + 0.5) - 1 / (m + 0.5)))
    low, high = np.exp(middle - Z95 * error), np.exp(middle + Z95 * error)
    ratio = (count / n) / (other / m)
    return ratio, float(min(low, ratio)), float(max(high, ratio))


def mean_with_interval(values: npt.ArrayLike) -> tuple[float, float, float]:
    """The mean of (n,) numbers with Student's 95 % interval; infinite where there is one number."""
    from scipy.stats import t

    x = np.asarray(values, np.float64)
    mean = float(x.mean())
    if len(x) < 2:
        return mean, -np.inf, np.inf
    half = float(t.ppf(0.975, len(x) - 1) * x.std(ddof=1) / np.sqrt(len(x)))
    return mean, mean - half, mean + half


def mean_difference(a: npt.ArrayLike, b: npt.ArrayLike) -> tuple[float, float, float]:
    """mean(a) - mean(b) with Welch's 95 % interval."""
    from scipy.stats import t

    x, y = np.asarray(a, np.float64), np.asarray(b, np.float64)
    gap = float(x.mean() - y.mean())
    if min(len(x), len(y)) < 2:
        return gap, -np.inf, np.inf
    u, v = x.var(ddof=1) / len(x), y.var(ddof=1) / len(y)
    if u + v == 0:
        return gap, gap, gap
    freedom = (u + v) ** 2 / (u**2 / (len(x) - 1) + v**2 / (len(y) - 1))
    half = float(t.ppf(0.975, freedom) * np.sqrt(u + v))
    return gap, gap - half, gap + half


def permutation_p(a: npt.ArrayLike, b: npt.ArrayLike, rng: np.random.Generator, count: int = 1999) -> float:
    """Two-sided, of a difference of means: (1 + permutations at least as far) / (1 + count), Phipson 2010; of more than
    4,000 rows, 200 on each side, by Welch's t, from which it then hardly differs."""
    from scipy.stats import ttest_ind

    x = np.asarray(a, np.float64)
    if len(x) + len(np.asarray(b)) > _MANY and min(len(x), len(np.asarray(b))) >= _ENOUGH:
        found = float(ttest_ind(x, np.asarray(b, np.float64), equal_var=False).pvalue)
        return 1.0 if np.isnan(found) else found
    both = np.concatenate([x, np.asarray(b, np.float64)])
    both = both - both.mean()
    few = x if len(x) <= len(both) - len(x) else np.asarray(b, np.float64)
    observed, size = abs(both[: len(x)].sum()), len(few)
    hits, step = 0, max(1, _CHUNK // len(both))
    for start in range(0, count, step):
        rows = min(step, count - start)
        drawn = np.argpartition(rng.random((rows, len(both))), min(size, len(both) - 1), 1)[:, :size]
        # The two sums are opposite, so that the smaller group alone tells.
        hits += int((np.abs(both[drawn].sum(1)) >= observed - 1e-9 * max(1.0, observed)).sum())
    return (1 + hits) / (1 + count)
