"""How crowded latent space is at a place: a nearest-neighbour estimate of the density of the encoded rows.

The estimator is Kozachenko and Leonenko's, averaged over several orders of neighbour. With r_j the distance from z to
its j-th nearest row among N, V_D the volume of the unit ball and psi the digamma function, E[log(N p(z) V_D r_j^D)] is
psi(j) where the density p is flat across the ball, so that each j gives

    log p(z) ~ psi(j) - log N - log V_D - D log r_j,

and the mean over j = k/2+1 .. k with k = 16 has a smaller variance than any one of them. Distances are measured in
units of the posterior's typical scale, dimension by dimension (a linear change of variables, whose Jacobian is added
back): a collapsed latent, whose posterior is the prior, then does not make every sample from the prior look remote.
Distances below a hundredth of a posterior scale count as that: such places cannot be told apart.

Kozachenko and Leonenko 1987; Loftsgaarden and Quesenberry 1965.
"""

from __future__ import annotations

from math import lgamma, log, pi
from typing import Final

import numpy as np
import numpy.typing as npt

from deepspace.space.neighbours import Index

__all__ = ["Density"]

_ORDER: Final = 16
_FLOOR: Final = 1e-2
_SAME_PLACE: Final = 1e-3
_CHUNK: Final = 1 << 14
_EXACT_ROWS: Final = 20_000

Float = npt.NDArray[np.float32]


class Density:
    """Log density of encoded rows. mean: (N, D), possibly memory-mapped; unit: (D,), the posterior's typical scale."""

    def __init__(self, mean: Float, unit: Float, *, seed: int = 0) -> None:
        self.unit = np.maximum(np.asarray(unit, np.float32), np.float32(1e-6))
        self.index = Index(mean, weights=np.asarray(1 / np.square(self.unit), np.float32), seed=seed)
        self.order = min(_ORDER, len(mean) - 1)
        dim = mean.shape[1]
        self._dim = dim
        self._constant = -(dim / 2 * log(pi) - lgamma(dim / 2 + 1)) - float(np.log(self.unit.astype(np.float64)).sum())

    def at(self, z: Float) -> Float:
        """z: (M, D) -> (M,) log density. A place that is a row's own mean is measured without that row."""
        return self._evaluate(z, None)

    def of_rows(self) -> Float:
        """(N,): each row's log density given all the others (leave one out)."""
        n = len(self.index)
        result = np.empty(n, np.float32)
        for start in range(0, n, _CHUNK):
            stop = min(start + _CHUNK, n)
            block = np.ascontiguousarray(self.index.points[start:stop])
            result[start:stop] = self._evaluate(block, np.arange(start, stop))
        return result

    def _evaluate(self, z: Float, rows: npt.NDArray[np.int64] | None) -> Float:
        if self.order < 1:  # a space of one row has no neighbours to measure with
            return np.full(len(z), np.nan, np.float32)
        # Every row at once is a crowd, however short its last block; a missed neighbour in fifty is far below the
        # estimator's own noise, so the index is worth it earlier than where neighbours themselves are asked for.
        exact = None if rows is None else len(self.index) <= _EXACT_ROWS
        found = self.index.search(z, self.order + 1, exact=exact)
        if rows is None:
            drop = np.where(found.distance[:, 0] < _SAME_PLACE, 0, self.order)
        else:
            own = found.index == rows[:, None]
            drop = np.where(own.any(1), own.argmax(1), self.order)  # own row lost among duplicates: drop the last
        keep = np.arange(self.order + 1) != drop[:, None]
        distance = found.distance[keep].reshape(len(z), self.order).astype(np.float64)
        orders = np.arange(self.order // 2 + 1, self.order + 1)
        radius = np.maximum(distance[:, orders - 1], _FLOOR)
        logs = _digamma(orders) - log(max(1, len(self.index) - 1)) - self._dim * np.log(radius)
        return np.asarray(logs.mean(1) + self._constant, np.float32)


def _digamma(j: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """psi at whole numbers: the harmonic sum less Euler's constant."""
    harmonic = np.concatenate([[0.0], np.cumsum(1 / np.arange(1, j.max() + 1))])
    return np.asarray(harmonic[j - 1] - np.euler_gamma)
