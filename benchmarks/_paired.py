"""Two calls timed in alternation, so that what else the machine does falls on both."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np

__all__ = ["paired"]


def paired(ours: Callable[[], object], theirs: Callable[[], object], repeats: int) -> tuple[float, float, np.ndarray]:
    """Median seconds of each, and the quartiles of theirs/ours: above 1 ours is faster."""
    ours(), theirs()
    times = np.empty((repeats, 2))
    for i in range(repeats):
        for j, call in enumerate((ours, theirs)):
            start = time.perf_counter()
            call()
            times[i, j] = time.perf_counter() - start
    return (*np.median(times, 0).tolist(), np.quantile(times[:, 1] / times[:, 0], [0.5, 0.25, 0.75]))
