"""How far a map can be trusted: the share of neighbourhoods that the flattening kept, by exact ranks."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["EXACT_ROWS", "continuity", "measure_trust", "sample_of", "shares", "trustworthiness"]

EXACT_ROWS = 10_000
"""Ranks cost n^2: beyond this many rows ``measure_trust`` looks at a fixed sample, and says its size."""

_BLOCK_BYTES = 64 << 20


def trustworthiness(x: NDArray[np.generic], y: NDArray[np.generic], k: int = 5) -> float:
    """1 - 2 / (n k (2n - 3k - 1)) * sum_i sum_{j in U_k(i)} (r(i, j) - k), in [0, 1]; 1: no false neighbours.

    x: (n, D) where the truth is; y: (n, d) the map. U_k(i): among the k nearest of i in y but not in x; r(i, j):
    rank of j from i in x, nearest = 1, ties taking the best. Venna & Kaski 2001; scikit-learn's where there are no
    ties. k is lowered to what n allows (k < n/2).

    >>> x = np.random.default_rng(0).normal(size=(50, 3))
    >>> trustworthiness(x, x)
    1.0
    """
    if len(x) != len(y):
        raise ValueError(f"x and y must have the same number of rows, got {len(x)} and {len(y)}")
    return float(shares(x, y, min(k, (len(x) - 1) // 2))[0].mean())


def shares(x: NDArray[np.generic], y: NDArray[np.generic], k: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Each row's part of the trustworthiness, whose mean it is, and the share of its k neighbours in x kept in y.

    x: (n, D); y: (n, d); k < n/2. Returns (n,) and (n,).
    """
    n = len(x)
    if k < 1:  # One or two rows: no neighbour can be false.
        return np.ones(n), np.ones(n)
    truth, seen = _centred(x), _centred(y)
    truth_norm, seen_norm = (truth**2).sum(1), (seen**2).sum(1)
    step = max(1, _BLOCK_BYTES // (8 * n))
    penalty, kept = np.zeros(n, np.int64), np.zeros(n, np.int64)
    for start in range(0, n, step):
        block = slice(start, min(start + step, n))
        rows = np.arange(block.stop - block.start)
        near = _squared(seen[block], seen, seen_norm)
        near[rows, rows + start] = np.inf
        neighbours = np.argpartition(near, k - 1, axis=1)[:, :k]
        distance = _squared(truth[block], truth, truth_norm)
        distance[rows, rows + start] = np.inf
        for column in range(k):
            rank = (distance < distance[rows, neighbours[:, column], None]).sum(1) + 1
            penalty[block] += np.maximum(rank - k, 0)
            kept[block] += rank <= k
    own = np.asarray(1.0 - penalty * 2.0 / (k * (2.0 * n - 3.0 * k - 1.0)), np.float64)
    return own, kept / k


def continuity(x: NDArray[np.generic], y: NDArray[np.generic], k: int = 5) -> float:
    """Trustworthiness with the roles swapped: 1 when no true neighbour was torn away on the map."""
    return trustworthiness(y, x, k)


def measure_trust(
    x: NDArray[np.generic], y: NDArray[np.generic], *, k: int = 5, rows: int = EXACT_ROWS, seed: int = 0
) -> dict[str, float | int]:
    """Both measures on all rows or on a fixed sample of ``rows``: {trustworthiness, continuity, n, k}."""
    chosen, k = sample_of(len(x), k, rows, seed)
    x, y = x[chosen], y[chosen]
    return {"trustworthiness": trustworthiness(x, y, k), "continuity": continuity(x, y, k), "n": len(x), "k": max(k, 1)}


def sample_of(n: int, k: int, rows: int, seed: int) -> tuple[NDArray[np.int64], int]:
    """Which of n rows are measured, ascending, and k lowered to what their number allows (0 for one or two rows)."""
    chosen = np.arange(n)
    if n > rows:
        chosen = np.sort(np.random.default_rng(seed).choice(n, rows, replace=False))
    return chosen, max(0, min(k, (len(chosen) - 1) // 2))


def _centred(x: NDArray[np.generic]) -> NDArray[np.float64]:
    # Centring keeps |a|^2 + |b|^2 - 2ab from cancelling when the data is far from the origin.
    flat = np.asarray(x, dtype=np.float64).reshape(len(x), -1)
    centred: NDArray[np.float64] = flat - flat.mean(0)
    return centred


def _squared(a: NDArray[np.float64], b: NDArray[np.float64], b_norm: NDArray[np.float64]) -> NDArray[np.float64]:
    # Without |a|^2: the order within a row is all that is asked.
    squared: NDArray[np.float64] = b_norm - 2.0 * (a @ b.T)
    return squared
