"""Which of the candidates are shown: cheap, among real rows, and different from each other."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from deepspace.decisions.counterfactuals.ground import NEAR, Ground
from deepspace.decisions.counterfactuals.search import Pool, Search
from deepspace.decisions.counterfactuals.vocabulary import Codes

__all__ = ["Chosen", "chosen", "measured"]

Floats = npt.NDArray[np.float64]

CHANGED, MOVED, FAR, ALONE, ALIKE = 1.0, 1.0, 6.0, 1.0, 1.0
"""What a changed column, a column moved past all rows, a distance of 1 to the nearest real rows, and nearest real rows
that are all decided otherwise cost; and what the same columns as one already chosen do."""
ASKED = 10
"""Nearest real rows of which it is said how they are decided."""


@dataclass(frozen=True, eq=False)
class Chosen:
    """``places``: (m,) of a pool, by factual, best first; and the measures of each: ``sparsity``, ``proximity``,
    ``distance``, ``percentile`` and ``alike``, (m,), how many of the ``asked`` nearest training rows are decided so."""

    pool: Pool
    sparsity: npt.NDArray[np.int64]
    proximity: Floats
    distance: Floats
    percentile: Floats
    alike: npt.NDArray[np.int64]
    asked: int

    def of(self, i: int) -> list[int]:
        """Places of those for factual i, best first."""
        return np.flatnonzero(self.pool.which == i).tolist()


def measured(ground: Ground, own: Codes, pool: Pool, desired: npt.NDArray[np.int64]) -> Chosen:
    """What is said of each candidate."""
    old = own[pool.which]
    sparsity = (pool.codes != old).sum(1)
    proximity = ground.metric.moved(pool.codes, old).sum(1)
    if not len(pool):
        nothing = np.empty(0)
        return Chosen(pool, sparsity, proximity, nothing, nothing, np.empty(0, np.int64), ASKED)
    apart, found = ground.nearest(pool.codes, ASKED)
    distance = apart[:, :NEAR].mean(1)
    own_distances = ground.own_distances
    percentile = 100 * (1 - np.searchsorted(own_distances, distance, "left") / len(own_distances))
    alike = (ground.answers.outcome[found] == desired[pool.which][:, None]).sum(1)
    return Chosen(pool, sparsity, proximity, distance, percentile, alike, found.shape[1])


def chosen(search: Search, pool: Pool, k: int) -> Chosen:
    """At most k candidates for each factual, no two of which change the same columns."""
    every = measured(search.ground, search.own, pool, search.desired)
    cost = CHANGED * every.sparsity + MOVED * every.proximity + FAR * every.distance
    cost = cost + ALONE * (1 - every.alike / every.asked)
    changed = pool.codes != search.own[pool.which]
    kept: list[int] = []
    for i in range(len(search.own)):
        kept += _different(np.flatnonzero(pool.which == i), cost, changed, k)
    places = np.array(kept, np.int64)
    return Chosen(
        pool[places], every.sparsity[places], every.proximity[places], every.distance[places],
        every.percentile[places], every.alike[places], every.asked,
    )  # fmt: skip


def _different(mine: npt.NDArray[np.int64], cost: Floats, changed: npt.NDArray[np.bool_], k: int) -> list[int]:
    out: list[int] = []
    likeness = np.zeros(len(mine))
    while len(mine) and len(out) < k:
        best = int(np.argmin(cost[mine] + ALIKE * likeness))
        out.append(int(mine[best]))
        sets = changed[mine]
        same = (sets & changed[out[-1]]).sum(1) / np.maximum((sets | changed[out[-1]]).sum(1), 1)
        likeness = np.maximum(likeness, same)
        left = same < 1
        mine, likeness = mine[left], likeness[left]
    return out
