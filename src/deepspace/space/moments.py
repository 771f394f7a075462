"""What all the latents of a space say together: moments, KL per dimension and which dimensions are active."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from weakref import ref

import numpy as np
import numpy.typing as npt

__all__ = ["ACTIVE_VARIANCE", "Moments", "latent_moments"]

ACTIVE_VARIANCE = 0.01
"""A dimension is active when its posterior mean varies more than this over the data. Burda 2016, arXiv:1509.00519.

That is for latents about as wide as a standard normal. Where even the widest dimension is narrower, as in embeddings of
length 1, it is this share of that dimension's variance."""

BLOCK = 65_536

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Moments:
    """Each (D,). ``kl``: mean nats against N(0, I); ``mean`` and ``variance``: of the posterior mean over the rows;
    ``deviation``: of the aggregate posterior, sqrt(variance + mean of scale^2). ``n``: rows."""

    kl: Floats
    mean: Floats
    variance: Floats
    deviation: Floats
    n: int

    @property
    def active(self) -> npt.NDArray[np.bool_]:
        """(D,): which dimensions carry something."""
        return np.asarray(self.variance > ACTIVE_VARIANCE * min(1.0, float(np.max(self.deviation**2))))


def latent_moments(mean: npt.NDArray[np.floating], scale: npt.NDArray[np.floating]) -> Moments:
    """Moments of posteriors N(mean, scale^2), in blocks, so that memory-mapped latents stay on disk. mean, scale: (N,
    D).

    KL(q || N(0, I)) = (m^2 + s^2 - 1 - ln s^2) / 2, averaged over rows; variances are of the population. Of arrays that
    nobody can write to, the last answer is remembered.
    """
    kept = _kept
    if kept is not None and kept[0]() is mean and kept[1]() is scale:
        return kept[2]
    moments = _count(mean, scale)
    if not (mean.flags.writeable or scale.flags.writeable):
        _keep(mean, scale, moments)
    return moments


_kept: tuple[ref[Any], ref[Any], Moments] | None = None
"""What was counted last: a page asks for the moments of its one space again and again."""


def _keep(mean: npt.NDArray[np.floating], scale: npt.NDArray[np.floating], moments: Moments) -> None:
    global _kept
    _kept = ref(mean), ref(scale), moments


def _count(mean: npt.NDArray[np.floating], scale: npt.NDArray[np.floating]) -> Moments:
    n, width = mean.shape
    kl, total, squares, spread = (np.zeros(width) for _ in range(4))
    # About the first row, so that a far-off mean costs no digits.
    origin = np.asarray(mean[0], np.float64)
    for start in range(0, n, BLOCK):
        m = np.asarray(mean[start : start + BLOCK], np.float64)
        v = np.asarray(scale[start : start + BLOCK], np.float64) ** 2
        kl += 0.5 * (m**2 + v - 1 - np.log(np.maximum(v, 1e-30))).sum(0)
        total += (m - origin).sum(0)
        squares += ((m - origin) ** 2).sum(0)
        spread += v.sum(0)
    shift = total / n
    variance = np.maximum(squares / n - shift**2, 0.0)
    return Moments(kl / n, origin + shift, variance, np.sqrt(variance + spread / n), n)
