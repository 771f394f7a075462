"""Conformal p-values by rows that come in groups: a new item is of a new group, and only groups are exchangeable.

With K groups and no assumption on what rows of one group share, no p-value can be below 1 / (K + 1) (hierarchical
conformal prediction: Lee, Barber and Willett 2023, arXiv:2306.06342; one row drawn from each group: Dunn, Wasserman and
Ramdas 2018, arXiv:1809.07441). Five groups could then never raise an alarm at .05, however many rows they have and
however little these have in common. So rows are counted by what they are worth: n_e, the number of independent rows
that would leave a share of far rows as uncertain as it is over these groups (Kish's effective sample size). n_e lies
between K, where the rows of a group are all alike, and the number of rows, where a group means nothing; at these two
ends the p-value is the guaranteed one, and between them it rests on an estimate.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["Clumps", "Worth", "spread_groups"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

_FAR = (0.85, 0.9, 0.95)
"""The percentiles beyond which a row is far, where it is asked how much the groups differ in their share of such."""
_DOUBT = 0.1
"""The variance between few groups is itself uncertain: the range of false alarms takes its upper 90 % bound. In
simulation (tests/metrics/test_ood_groups.py) that range then holds the rate of 95 of 100 calibrations or more."""


@dataclass(frozen=True)
class Worth:
    """n rows of ``groups`` groups are worth ``rows`` independent ones, and at ``least`` so many (90 %)."""

    groups: int
    rows: float
    least: float


class Clumps:
    """The groups of n calibration rows: ``codes`` (n,), equal for rows of one group. Every group weighs the same."""

    def __init__(self, codes: npt.ArrayLike) -> None:
        self.known, place = np.unique(np.asarray(codes), return_inverse=True)
        self.order = np.argsort(place, kind="stable")
        self.starts = np.searchsorted(place[self.order], np.arange(len(self.known)))
        self.sizes = np.bincount(place)
        self.alone = len(self.known) == len(place)

    def __len__(self) -> int:
        return len(self.known)

    def shares(self, far: npt.NDArray[np.bool_]) -> Floats:
        """(n, M) which rows are far -> (K, M): the share of each group's."""
        counts = np.add.reduceat(far[self.order], self.starts, axis=0, dtype=np.int64)
        return np.asarray(counts / self.sizes[:, None])

    def worth(self, scores: Floats) -> Worth:
        """What the rows are worth by their scores (n,), larger for what is farther."""
        from scipy.stats import chi2

        groups, rows = len(self), len(scores)
        if self.alone:
            return Worth(groups, float(rows), float(rows))
        if groups < 2:
            return Worth(groups, 1.0, 1.0)
        each = self.shares(scores[:, None] >= np.quantile(scores, _FAR))
        mean = each.mean(0)
        known = (mean > 0) & (mean < 1)
        if not known.any():
            return Worth(groups, float(groups), float(groups))
        variance = each.var(0, ddof=1)[known] / groups
        one = float(np.mean(variance / (mean * (1 - mean))[known]))  # of one row's own variance: 1 / n_e
        doubtful = one * (groups - 1) / float(chi2.ppf(_DOUBT, groups - 1))
        low, high = 1 / rows, 1 / groups
        return Worth(groups, 1 / min(max(one, low), high), 1 / min(max(doubtful, low), 2 * high))

    def worth_together(self, each: Floats, combined: Floats) -> Worth:
        """The same for scores (S, n) brought to one scale and combined (n,): what the scores are worth in the harmonic
        mean, unless the combined one is worth less. The scale is set by the same groups, which hides in the combined
        score how much they differ: by that alone false alarms were .10 for .05 of five groups far apart."""
        if self.alone:
            return self.worth(combined)
        every, single = self.worth(combined), [self.worth(one) for one in each]
        rows, least = (
            len(single) / sum(1 / w for w in ws) for ws in zip(*((w.rows, w.least) for w in single), strict=True)
        )
        return Worth(len(self), min(every.rows, rows), min(every.least, least))

    def p(self, far: npt.NDArray[np.bool_], worth: float, own: Ints | None = None) -> Floats:
        """(n, M) whether each row is at least as far as each item -> (M,): (1 + n_e s) / (1 + n_e), where s is the
        share of rows as far, the mean over groups. own: (M,) the place among ``known`` of the group that an item is
        itself of, -1 for none; it is left out."""
        shares = self.shares(far)
        total, groups = shares.sum(0), np.full(far.shape[1], float(len(self)))
        if own is not None:
            there = np.flatnonzero(own >= 0)
            total[there] -= shares[own[there], there]
            groups[there] -= 1
        if not (groups > 0).all():
            return np.ones(far.shape[1])
        weight = worth / len(self)
        return np.asarray((1 + weight * total) / (1 + weight * groups))

    def places(self, codes: npt.ArrayLike) -> Ints:
        """(M,) codes -> their places among ``known``, -1 for a group that is not there."""
        asked = np.asarray(codes)
        found = np.searchsorted(self.known, asked).clip(max=len(self.known) - 1)
        return np.where(self.known[found] == asked, found, -1)


def spread_groups(rows: Ints, codes: npt.ArrayLike, most: int) -> Ints:
    """At most ``most`` of some rows, evenly from all groups: as many of each as there are, up to an equal number."""
    groups = Clumps(np.asarray(codes))
    if len(rows) <= most:
        return rows
    parts = np.split(groups.order, groups.starts[1:])
    if len(parts) > most:
        parts = [parts[i] for i in np.linspace(0, len(parts) - 1, most).round().astype(int)]
    each = max(c for c in range(1, most + 1) if c == 1 or np.minimum(groups.sizes, c).sum() <= most)
    chosen = [p[np.linspace(0, len(p) - 1, min(each, len(p))).round().astype(int)] for p in parts]
    return np.sort(rows[np.concatenate(chosen)])
