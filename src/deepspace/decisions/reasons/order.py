"""Whether a predictor follows any rule at all near a case."""

from __future__ import annotations

from collections.abc import Generator

import numpy as np
import numpy.typing as npt

from deepspace.decisions.reasons.shapley import Floats, Rows, asked_once, row_keys

__all__ = ["in_order"]

CHILDREN, ROUNDS, KEPT, NULLS = 2048, 8, 400, 499
"""Made-up rows drawn at once; how often, as long as fewer are kept than the test is to have; permutations."""
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
    made, parents = _made_up(near, real, rng)
    if len(made) < FEWEST:
        return 1.0
    scores = yield np.concatenate([made, near])
    known = _ranks(scores[len(made) :])
    own, theirs = _ranks(scores[: len(made)]), known[parents].mean(0)
    theirs = theirs - theirs.mean()
    null = rng.permuted(np.tile(own, (NULLS, 1)), axis=1) @ theirs
    return float((1 + (null >= own @ theirs - 1e-9 * np.abs(theirs).sum()).sum()) / (NULLS + 1))


def _made_up(near: Rows, real: npt.NDArray[np.void], rng: np.random.Generator) -> tuple[Rows, npt.NDArray[np.int64]]:
    """At most ``KEPT`` children (K, F), none of them real and no two alike, and their parents' places (2, K).

    Columns of few values make few new rows: what is kept does not depend on any score, so that more may be drawn.
    """
    own, parents, made = row_keys(near), np.empty((2, 0), np.int64), np.empty((0, near.shape[1]), np.float32)
    for _ in range(ROUNDS):
        two = rng.integers(0, len(near), (2, CHILDREN))
        parents = np.concatenate([parents, two], 1)
        made = np.concatenate([made, np.where(rng.random((CHILDREN, near.shape[1])) < 0.5, near[two[0]], near[two[1]])])
        first = np.sort(asked_once(made)[0])  # in the order drawn
        keys = row_keys(made[first])
        place = np.minimum(np.searchsorted(real, keys), len(real) - 1)
        keep = first[(real[place] != keys) & ~np.isin(keys, own)][:KEPT]
        if len(keep) == KEPT:
            break
    return made[keep], parents[:, keep]


def _ranks(scores: Floats) -> Floats:
    """Equal scores share a rank."""
    return np.unique(scores, return_inverse=True)[1].ravel().astype(np.float64)
