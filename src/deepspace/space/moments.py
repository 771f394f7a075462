"""What all the latents of a space say together: moments, KL per dimension and which dimensions are active."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["ACTIVE_VARIANCE", "Moments", "latent_moments"]

ACTIVE_VARIANCE = 0.01
"""A dimension is active when its posterior mean varies more than this over the data. Burda 2016, arXiv:1509.00519."""

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
        return np.asarray(self.variance > ACTIVE_VARIANCE)


def latent_moments(mean: npt.NDArray[np.floating], scale: npt.NDArray[np.floating]) -> Moments:
    """Moments of posteriors N(mean, scale^2), in blocks, so that memory-mapped latents stay on disk. mean, scale: (N,
    D).

    KL(q || N(0, I)) = (m^2 + s^2 - 1 - ln s^2) / 2, averaged over rows; variances are of the population.
    """
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
