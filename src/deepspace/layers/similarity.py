"""How alike layers are: linear CKA between all of them, or between those of two networks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from deepspace.errors import SpaceError
from deepspace.layers.recording import Recording
from deepspace.results import Tabular, figure, text_table

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["Similarity", "cka", "similarity"]

Floats = npt.NDArray[np.float64]

_MOST = 1000
"""Rows whose pairs are compared: the matrices of all layers are held at once."""


@dataclass(frozen=True)
class Similarity(Tabular):
    """Linear CKA, (A, B): 1 for layers that differ by a rotation and a scale, 0 for unrelated ones. ``n``: rows.

    The unbiased estimate, which few rows and many units do not flatter; it can fall a little below 0.
    """

    values: Floats
    first: tuple[str, ...]
    second: tuple[str, ...]
    n: int

    def to_arrow(self) -> pa.Table:
        import pyarrow as pa

        pairs = [(a, b, float(self.values[i, j])) for i, a in enumerate(self.first) for j, b in enumerate(self.second)]
        return pa.table({k: [p[i] for p in pairs] for i, k in enumerate(("first", "second", "cka"))})

    def __str__(self) -> str:
        rows = [
            (name, *(figure(float(v), 2) for v in line)) for name, line in zip(self.first, self.values, strict=True)
        ]
        return f"{text_table(('', *self.second), rows)}\nlinear CKA, unbiased, n = {self.n:,}"


def cka(x: npt.ArrayLike, y: npt.ArrayLike, *, unbiased: bool = True) -> float:
    """Linear centred kernel alignment of (n, p) and (n, q), rows in the same order. Kornblith 2019 (arXiv:1905.00414).

    HSIC(K, L) / sqrt(HSIC(K, K) HSIC(L, L)) of K = X X', L = Y Y'; unbiased: HSIC by Song 2012 (JMLR 13), needs n > 3.
    Without: ||X'Y||^2 / (||X'X|| ||Y'Y||) of centred columns, which grows with p and q where n is small. NaN for a
    constant.
    """
    lines = [_line(np.asarray(a, np.float64), unbiased) for a in (x, y)]
    return float(_compare(lines[:1], lines[1:], unbiased)[0, 0])


def similarity(recording: Recording, other: Recording | None = None, *, most: int = _MOST) -> Similarity:
    """All layers of a recording against each other, or against those of another network at the same rows."""
    if other is not None and not np.array_equal(recording.rows, other.rows):
        raise SpaceError("Two networks are compared at the same rows: record(..., rows=) both alike.")
    n = len(recording.rows)
    if n < 4:
        raise SpaceError(f"Layers are compared over at least 4 rows, got {n}.")
    picked = np.linspace(0, n - 1, min(n, most)).round().astype(np.int64)

    def lines(of: Recording) -> tuple[tuple[str, ...], list[tuple[Floats, Floats]]]:
        return of.names, [_line(of.features(name)[picked].astype(np.float64), True) for name in of.names]

    first, a = lines(recording)
    second, b = (first, a) if other is None else lines(other)
    return Similarity(_compare(a, b, True), first, second, len(picked))


def _line(x: Floats, unbiased: bool) -> tuple[Floats, Floats]:
    """A layer's pairs of rows: the upper triangle of its kernel, and the kernel's sums of lines."""
    x = x.reshape(len(x), -1)
    x = x - x.mean(0)
    x /= max(float(np.abs(x).max()), 1e-300)
    kernel = x @ x.T
    if not unbiased:
        return kernel.ravel(), kernel.sum(1)
    np.fill_diagonal(kernel, 0.0)
    upper = kernel[np.triu_indices(len(kernel), 1)]
    return upper.astype(np.float32) if len(x) > 200 else upper, kernel.sum(1)


def _compare(a: list[tuple[Floats, Floats]], b: list[tuple[Floats, Floats]], unbiased: bool) -> Floats:
    cross = _hsic(a, b, unbiased)
    own = [np.array([_hsic([one], [one], unbiased)[0, 0] for one in lines]) for lines in (a, b)]
    below = np.sqrt(np.maximum(own[0][:, None] * own[1][None], 0))
    return np.where(below > 0, cross / np.where(below > 0, below, 1), np.nan)


def _hsic(a: list[tuple[Floats, Floats]], b: list[tuple[Floats, Floats]], unbiased: bool) -> Floats:
    """Up to a factor that all share."""
    products = np.array([[float(np.dot(k, l)) for l, _ in b] for k, _ in a], np.float64)  # noqa: E741
    if not unbiased:
        return products
    n = len(a[0][1])
    sums_a, sums_b = (np.stack([s for _, s in lines]) for lines in (a, b))
    totals = sums_a.sum(1)[:, None] * sums_b.sum(1)[None]
    found: Floats = 2 * products + totals / ((n - 1) * (n - 2)) - 2 / (n - 2) * (sums_a @ sums_b.T)
    return found
