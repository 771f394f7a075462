"""A linear reader of many columns off the same features, by one decomposition."""

from __future__ import annotations

from functools import cached_property

import numpy as np
import numpy.typing as npt

__all__ = ["Probe"]

Floats = npt.NDArray[np.float64]

_PENALTIES = 10.0 ** np.arange(-3, 6)


class Probe:
    """Ridge regression from features (n, w) to any values, tested on (m, w).

    Features are standardised by those fitted on. Categories are read as the largest of their indicators' regressions,
    numbers as themselves. The penalty is that of the least generalised cross-validation error (Golub, Heath & Wahba
    1979), of the fitted rows alone: one singular value decomposition serves all penalties and all columns.
    """

    def __init__(self, fit: Floats, test: Floats) -> None:
        middle, width = fit.mean(0), fit.std(0)
        varies = width > 1e-7 * max(1e-30, float(np.abs(fit).max(initial=0.0)))
        self.fit = (fit[:, varies] - middle[varies]) / width[varies]
        # A unit that hardly ever fired in the fitted rows has a tiny width, and would throw a test row where it does.
        self.test = ((test[:, varies] - middle[varies]) / width[varies]).clip(self.fit.min(0), self.fit.max(0))

    @cached_property
    def _parts(self) -> tuple[Floats, Floats, Floats]:
        """U (n, r), squared singular values (r,), and the test rows in the same axes over them (m, r)."""
        if not self.fit.shape[1]:
            return np.zeros((len(self.fit), 0)), np.zeros(0), np.zeros((len(self.test), 0))
        if len(self.fit) >= self.fit.shape[1]:
            squares, v = np.linalg.eigh(self.fit.T @ self.fit)
            kept = squares > 1e-10 * squares[-1]
            squares, v = squares[kept], v[:, kept]
            return self.fit @ v / np.sqrt(squares), squares, self.test @ v / np.sqrt(squares)
        squares, u = np.linalg.eigh(self.fit @ self.fit.T)
        kept = squares > 1e-10 * squares[-1]
        squares, u = squares[kept], u[:, kept]
        return u, squares, self.test @ (self.fit.T @ u) / squares

    def predict(self, values: Floats) -> Floats:
        """(n, k) values at the fitted rows -> (m, k) at the test rows."""
        u, squares, test = self._parts
        middle = values.mean(0)
        inside = u.T @ (values - middle)  # (r, k)
        missed = np.square(values - middle).sum() - np.square(inside).sum()
        best, chosen = np.inf, _PENALTIES[-1]
        for penalty in _PENALTIES:
            shrink = squares / (squares + penalty)
            free = len(u) - 1 - shrink.sum()
            error = (missed + np.square((1 - shrink)[:, None] * inside).sum()) / max(free, 1e-9) ** 2
            if free > 0 and error < best:
                best, chosen = error, penalty
        # Test rows are over the singular values already, so that only the shrinking is left to do.
        return np.asarray(middle + test @ ((squares / (squares + chosen))[:, None] * inside))

    def scores(self, values: Floats, truth: Floats, categories: int | None) -> Floats:
        """(m,): 1 where a category is right; for numbers each row's share of R^2, whose mean is R^2."""
        if categories is None:
            return _shares(self.predict(values[:, None])[:, 0], values, truth)
        indicators = (values[:, None] == np.arange(categories)).astype(np.float64)
        return np.asarray(self.predict(indicators).argmax(1) == truth, np.float64)

    @cached_property
    def _order(self) -> npt.NDArray[np.int64]:
        from sklearn.neighbors import NearestNeighbors

        width = max(1, self.fit.shape[1])
        fit, test = (x if x.shape[1] else np.zeros((len(x), width)) for x in (self.fit, self.test))
        near = NearestNeighbors(n_neighbors=min(10, len(fit)), algorithm="brute").fit(fit)
        return np.asarray(near.kneighbors(test, return_distance=False), np.int64)

    def neighbours(self, values: Floats, truth: Floats, categories: int | None, k: int) -> Floats:
        """The same as ``scores`` by the k nearest fitted rows: their majority, or their mean."""
        near = values[self._order[:, :k]]
        if categories is None:
            return _shares(near.mean(1), values, truth)
        votes = np.stack([(near == c).sum(1) for c in range(categories)], 1)
        return np.asarray(votes.argmax(1) == truth, np.float64)


def _shares(guess: Floats, values: Floats, truth: Floats) -> Floats:
    """1 - squared error over the mean squared error of the fitted rows' mean."""
    whole = float(np.square(truth - values.mean()).mean())
    return 1 - np.square(guess - truth) / max(whole, 1e-300)
