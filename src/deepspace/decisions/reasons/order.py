"""Whether a predictor follows any rule at all near a case."""

from __future__ import annotations

from collections.abc import Generator

import numpy as np
import numpy.typing as npt

from deepspace.decisions.reasons.shapley import Floats, Rows, asked_once, row_keys

__all__ = ["in_order"]

CHILDREN, KEPT, NULLS = 2048, 400, 499
FEWEST = 8
Asking = Generator[Rows, Floats, float]


def in_order(near: Rows, real: npt.NDArray[np.void], rng: np.random.Generator) -> Asking:
    """A generator that yields encoded rows, is sent their scores and returns the p-value of: near a case the
    predictor's answers follow no rule.

    near: (M, F) the case and real rows near it, accepted and denied; real: (N,), the sorted ``row_keys`` of all rows of
    which it is known how they were decided. A made-up row takes each column from one of two parents among ``near``.
    For a predictor that follows no rule its score has nothing to do with those of its parents; for any other it
    hangs together with their mean. Children that are real rows are left out, since those were chosen by their score,
    and equal ones count once, so that the permutation test of the rank correlation is exact. 1 where there are fewer
    than 8 children.
    """
    parents = rng.integers(0, len(near), (2, CHILDREN))
    made = np.where(rng.random((CHILDREN, near.shape[1])) < 0.5, near[parents[0]], near[parents[1]]).astype(np.float32)
    keys = row_keys(np.concatenate([made, near]))
    place = np.minimum(np.searchsorted(real, keys[:CHILDREN]), len(real) - 1)
    first = np.sort(asked_once(made)[0])
    keep = first[(real[place] != keys[:CHILDREN])[first] & ~np.isin(keys[:CHILDREN], keys[CHILDREN:])[first]]
    keep = keep[:KEPT]  # in the order drawn
    if len(keep) < FEWEST:
        return 1.0
    scores = yield np.concatenate([made[keep], near])
    known = _ranks(scores[len(keep) :])
    own, theirs = _ranks(scores[: len(keep)]), known[parents[:, keep]].mean(0)
    theirs = theirs - theirs.mean()
    null = rng.permuted(np.tile(own, (NULLS, 1)), axis=1) @ theirs
    return float((1 + (null >= own @ theirs - 1e-9 * np.abs(theirs).sum()).sum()) / (NULLS + 1))


def _ranks(scores: Floats) -> Floats:
    """Equal scores share a rank."""
    return np.unique(scores, return_inverse=True)[1].ravel().astype(np.float64)
