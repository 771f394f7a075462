"""DCI: disentanglement, completeness, informativeness."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from deepspace.metrics.disentanglement.forest import grow
from deepspace.metrics.disentanglement.information import Codes, Floats, checked, interval_of, levels
from deepspace.metrics.measure import Measure
from deepspace.results import mean_interval

__all__ = ["completeness_of", "dci", "disentanglement_of"]

BINS = 64
TREES = 10
ROWS = 10_000


def dci(latents: npt.ArrayLike, factors: npt.ArrayLike, *, seed: int = 0) -> tuple[Measure, Measure, Measure]:
    """Disentanglement, completeness, informativeness (Eastwood & Williams 2018, ICLR), with R_dk the importance of
    dimension d for telling factor k, each factor's summing to 1:

    disentanglement = sum_d w_d (1 - H(R_d. / sum R_d.) / log F), w_d = sum_k R_dk / sum R
    completeness    = mean_k (1 - H(R_.k) / log D)
    informativeness = mean_k share of rows whose factor k is told right by the trees that did not see them

    R from a forest of ours, so that no library's next version moves the figures: 10 trees of depth 10, each on a random
    half of at most 10,000 rows; 64 bins; all dimensions offered at each split; decrease of Gini's impurity. The
    intervals of the first two are from single trees. Few rows flatter both: a tree that cannot see a weak dependence
    gives it no importance (five factors rotated at random: .43 of 10,000 rows, .63 of 500).

    latents: (n, D); factors: (n, F), at least two, discrete. Raises SpaceError for other input.
    """
    z, f = checked(latents, factors, fewest=2)
    rows = np.random.default_rng(seed).permutation(len(z))[:ROWS]
    codes = np.stack([levels(z[rows, d], BINS) for d in range(z.shape[1])], 1)
    each, right, common = _forest(codes, f[rows], np.random.default_rng([seed, 1]))
    whole, told = each.mean(0), right.mean(1)
    low, high = mean_interval(float(told.mean()), float(told.std(ddof=1)), len(told))

    def measure(name: str, score: Callable[[Floats], float], note: str) -> Measure:
        value = score(whole)
        found = interval_of(value, np.array([score(r) for r in each]))
        return Measure(name, value, n=len(rows), better="higher", interval=found, baseline=0.0, note=note)

    return (
        measure("dci_disentanglement", disentanglement_of, "each dimension is important for one factor"),
        measure("dci_completeness", completeness_of, "each factor needs one dimension"),
        Measure(
            "dci_informativeness", float(told.mean()), n=len(rows), unit="share right", better="higher",
            interval=(max(low, 0.0), min(high, 1.0)), baseline=common, note="factors told by a forest",
        ),
    )  # fmt: skip


def _forest(codes: Codes, factors: Codes, rng: np.random.Generator) -> tuple[Floats, Floats, float]:
    """(T, D, F) importances of each tree, each factor's summing to 1 (or all 0); (n, F) whether a row was told right by
    the vote of the trees that did not see it; the share right of the commonest value."""
    n, count = factors.shape
    seen = np.stack([rng.permutation(n) < n // 2 for _ in range(TREES)])
    each, right = np.zeros((TREES, codes.shape[1], count)), np.zeros((n, count))
    common = []
    for k in range(count):
        values = np.bincount(factors[:, k])
        votes = np.tile(values / (n + 1), (n, 1))  # where no tree votes, the commonest
        for t in range(TREES):
            tree = grow(codes[seen[t]], factors[seen[t], k])
            each[t, :, k] = tree.importance / max(float(tree.importance.sum()), 1e-12)
            others = np.flatnonzero(~seen[t])
            votes[others, tree.predict(codes[others])] += 1
        right[:, k] = votes.argmax(1) == factors[:, k]
        common.append(values.max() / n)
    return each, right, float(np.mean(common))


def disentanglement_of(importance: Floats) -> float:
    """(D, F) -> the mean over dimensions, by what they matter, of 1 - entropy of their factors to base F."""
    weight = importance.sum(1)
    if not weight.sum():
        return 0.0
    return float((1 - _entropy(importance)) @ weight / weight.sum())


def completeness_of(importance: Floats) -> float:
    """(D, F) -> the mean over factors of 1 - entropy of their dimensions to base D."""
    return float((1 - _entropy(importance.T)).mean()) if importance.shape[0] > 1 else 0.0


def _entropy(lines: Floats) -> Floats:
    """(R, C) -> (R,): of each line's shares, to base C; 1 for a line of zeros."""
    total = lines.sum(1, keepdims=True)
    share = lines / np.where(total > 0, total, 1)
    found = -(share * np.log(np.where(share > 0, share, 1))).sum(1) / np.log(lines.shape[1])
    return np.where(total[:, 0] > 0, found, 1.0)
