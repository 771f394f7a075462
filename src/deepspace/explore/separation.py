"""How well one score parts two groups, how sure that is, and the vectors along which groups part."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from deepspace.results import Z95

__all__ = ["NORMALS", "auc", "auc_interval", "auc_within", "logistic", "means"]

Floats = npt.NDArray[np.float64]


def auc(positive: npt.ArrayLike, negative: npt.ArrayLike) -> float:
    """How often a member of the positive group scores above one of the negative; ties count half. Mann-Whitney.

    >>> auc([2, 3], [1, 2])
    0.875
    """
    from scipy.stats import rankdata

    a, b = np.asarray(positive, np.float64), np.asarray(negative, np.float64)
    ranks = rankdata(np.concatenate([a, b]))
    return float((ranks[: len(a)].sum() - len(a) * (len(a) + 1) / 2) / (len(a) * len(b)))


def auc_interval(value: float, m: int, n: int) -> tuple[float, float]:
    """95 % interval of an AUC of m positive and n negative scores: the values from which the one found lies within 1.96
    of their own standard errors (Hanley and McNeil's, with equal group sizes inside the brackets). Unlike a Wald
    interval it has a width where every pair is in order. Newcombe 2006, Statistics in Medicine 25:559, method 5.
    """
    inner = (m + n) / 2 - 1

    def beyond(truth: float) -> float:
        brackets = 1 + inner * ((1 - truth) / (2 - truth) + truth / (1 + truth))
        return abs(value - truth) - Z95 * math.sqrt(truth * (1 - truth) / (m * n) * brackets)

    return _root(beyond, value, 0.0), _root(beyond, value, 1.0)


def _root(beyond: Callable[[float], float], inside: float, outside: float) -> float:
    """Where ``beyond`` turns positive on the way from inside to outside; ``outside`` if it never does."""
    if beyond(outside) <= 0:
        return outside
    for _ in range(50):
        middle = (inside + outside) / 2
        if beyond(middle) <= 0:
            inside = middle
        else:
            outside = middle
    return (inside + outside) / 2


def auc_within(
    positive: npt.ArrayLike, negative: npt.ArrayLike, strata: tuple[npt.NDArray[Any], npt.NDArray[Any]]
) -> tuple[float, int, int]:
    """The AUC among pairs of the same stratum, and how many positive and negative scores had a partner.

    strata: whole numbers beside the positive and the negative scores; below 0 belongs nowhere. NaN without any pair.
    """
    a, b = np.asarray(positive, np.float64), np.asarray(negative, np.float64)
    won, pairs, m, n = 0.0, 0, 0, 0
    for stratum in np.intersect1d(strata[0], strata[1]):
        if stratum < 0:
            continue
        here, there = a[strata[0] == stratum], b[strata[1] == stratum]
        won += auc(here, there) * len(here) * len(there)
        pairs, m, n = pairs + len(here) * len(there), m + len(here), n + len(there)
    return (won / pairs if pairs else float("nan")), m, n


def means(a: Floats, b: Floats, weights: tuple[Floats, Floats] | None = None, start: Floats | None = None) -> Floats:
    """From the mean of b (n, D) to that of a (m, D). weights: one for each row. White 2016, arXiv:1609.04468."""
    if weights is None:
        return np.asarray(a.mean(0) - b.mean(0))
    return np.asarray(weights[0] @ a / weights[0].sum() - weights[1] @ b / weights[1].sum())


def logistic(a: Floats, b: Floats, weights: tuple[Floats, Floats] | None = None, start: Floats | None = None) -> Floats:
    """The normal (D,) of the logistic regression that parts a (m, D) from b (n, D), both groups weighing alike.

    What scikit-learn's ``LogisticRegression(class_weight="balanced")`` finds: half the squared norm is added to the
    loss, in latent units, so that dead dimensions take no part. Newton's steps; start: weights and bias (D + 1,) to
    begin from.
    """
    first, second = weights if weights is not None else (np.ones(len(a)), np.ones(len(b)))
    return logistic_fit(a, b, first, second, start)[:-1]


def logistic_fit(a: Floats, b: Floats, first: Floats, second: Floats, start: Floats | None, steps: int = 30) -> Floats:
    """Weights and bias (D + 1,) of ``logistic``."""
    x = np.concatenate([a, b])
    x = np.concatenate([x, np.ones((len(x), 1))], 1)
    y = np.r_[np.ones(len(a)), np.zeros(len(b))]
    half = (len(a) + len(b)) / 2
    row = np.r_[first * half / first.sum(), second * half / second.sum()]
    ridge = np.r_[np.ones(x.shape[1] - 1), 0.0]
    w = np.zeros(x.shape[1]) if start is None else start.copy()
    loss = _loss(x, y, row, ridge, w)
    for _ in range(steps):
        p = 1 / (1 + np.exp(-np.clip(x @ w, -500, 500)))
        gradient = x.T @ (row * (p - y)) + ridge * w
        hessian = (x * (row * p * (1 - p))[:, None]).T @ x + np.diag(ridge + 1e-9)
        step = np.linalg.solve(hessian, gradient)
        size, after = 1.0, _loss(x, y, row, ridge, w - step)
        while after > loss + 1e-9 and size > 1e-3:
            size /= 2
            after = _loss(x, y, row, ridge, w - size * step)
        w, done, loss = w - size * step, loss - after < 1e-7 * abs(loss), after
        if done:
            break
    return np.asarray(w)


def _loss(x: Floats, y: Floats, row: Floats, ridge: Floats, w: Floats) -> float:
    score = x @ w
    return float(row @ (np.logaddexp(0, score) - y * score) + 0.5 * (ridge * w) @ w)


NORMALS: dict[str, Callable[..., Floats]] = {"means": means, "logistic": logistic}
"""The ways from two groups (m, D) and (n, D) to a vector (D,)."""
