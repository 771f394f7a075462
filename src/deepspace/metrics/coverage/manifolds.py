"""Precision, recall, density and coverage of generated rows against real ones, in any number of rows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from deepspace.errors import SpaceError

__all__ = ["Prdc", "expected_coverage", "nearest", "prdc", "radii"]

_CELLS = 2**24
"""Distances held at a time: 64 MB."""
_ROUNDING = 2e-6
"""A squared distance below this share of the squared lengths is rounding error of the product form: 0."""

Floats = npt.NDArray[np.float32]
Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Prdc:
    """Which of N real and M generated rows lie among the others; a ball is that around a row, to its k-th neighbour of
    the same kind.

    precise (M,): whether a generated row lies in the ball of some real row; balls (M,): of how many.
    recalled (N,): whether a real row lies in the ball of some generated row. covered (N,): whether a generated row lies
    in the real row's own ball. nearest (N,): distance from a real row to the nearest generated one; radii (N,): its
    ball's.
    """

    k: int
    precise: Flags
    balls: npt.NDArray[np.int64]
    recalled: Flags
    covered: Flags
    nearest: Floats
    radii: Floats

    @property
    def precision(self) -> float:
        """Share of generated rows that look real (Kynkaanniemi 2019, arXiv:1904.06991)."""
        return float(self.precise.mean())

    @property
    def recall(self) -> float:
        """Share of real rows within reach of generated ones (Kynkaanniemi 2019)."""
        return float(self.recalled.mean())

    @property
    def density(self) -> float:
        """Mean number of real balls around a generated row, over k; 1 where the two are alike (Naeem 2020,
        arXiv:2002.09797)."""
        return float(self.balls.mean() / self.k)

    @property
    def coverage(self) -> float:
        """Share of real rows that have a generated one in their ball (Naeem 2020)."""
        return float(self.covered.mean())


def prdc(real: npt.ArrayLike, made: npt.ArrayLike, k: int = 5) -> Prdc:
    """(N, F) features of real rows, (M, F) of generated ones. Time N M F; memory bounded whatever N and M.

    As the authors' code (github.com/clovaai/generative-evaluation-prdc), but that what lies at the ball's very edge is
    inside: rows of a table have copies, whose balls have radius 0. Raises SpaceError for features that do not fit.
    """
    r, m = _checked(real, made, k)
    around_real, around_made = radii(r, k), radii(m, k)
    inner_real, inner_made = (torch.from_numpy(v).square() for v in (around_real, around_made))
    precise = torch.zeros(len(m), dtype=torch.bool)
    balls = torch.zeros(len(m), dtype=torch.long)
    recalled = torch.zeros(len(r), dtype=torch.bool)
    closest = torch.empty(len(r))
    for rows, squares in _squares(r, m):
        inside = squares <= inner_real[rows, None]
        balls += inside.sum(0)
        recalled[rows] = (squares <= inner_made).any(1)
        closest[rows] = squares.min(1).values
    precise = balls > 0
    return Prdc(
        k, precise.numpy(), balls.numpy(), recalled.numpy(), (closest <= inner_real).numpy(),
        closest.sqrt().numpy(), around_real,
    )  # fmt: skip


def radii(rows: npt.ArrayLike, k: int) -> Floats:
    """(N, F) -> (N,): the distance of each row to its k-th neighbour among the others."""
    x = _float(rows)
    found = torch.empty(len(x))
    for part, squares in _squares(x, x):
        squares[torch.arange(len(squares)), torch.arange(part.start, part.start + len(squares))] = torch.inf
        found[part] = squares.topk(k, 1, largest=False).values[:, -1]
    return np.asarray(found.sqrt().numpy())


def nearest(real: npt.ArrayLike, made: npt.ArrayLike) -> Floats:
    """(N, F), (M, F) -> (N,): the distance of each real row to the nearest generated one."""
    r, m = _float(real), _float(made)
    found = torch.empty(len(r))
    for part, squares in _squares(r, m):
        found[part] = squares.min(1).values
    return np.asarray(found.sqrt().numpy())


def expected_coverage(n: int, m: int, k: int) -> float:
    """What n real rows are covered by m more rows of the same kind on average: 1 - prod_i (n - i) / (n + m - i),
    i = 1..k (Naeem 2020, lemma 2): none of the k nearest of all others is a generated one."""
    i = np.arange(1, k + 1)
    return float(1 - np.prod((n - i) / (n + m - i)))


def _float(rows: npt.ArrayLike) -> Tensor:
    x = torch.from_numpy(np.ascontiguousarray(rows, np.float32))
    return x.flatten(1)


def _squares(a: Tensor, b: Tensor) -> Iterator[tuple[slice, Tensor]]:
    """Squared distances of all pairs, some rows of ``a`` at a time: (rows, (n, M))."""
    middle = b.double().mean(0).float()  # far from it the product form would lose digits
    b = b - middle
    lengths = b.square().sum(1)
    step = max(1, _CELLS // len(b))
    for start in range(0, len(a), step):
        part = a[start : start + step] - middle
        scale = part.square().sum(1)[:, None] + lengths
        squares = torch.addmm(scale, part, b.T, alpha=-2)
        squares[squares < _ROUNDING * scale] = 0
        yield slice(start, start + len(part)), squares


def _checked(real: npt.ArrayLike, made: npt.ArrayLike, k: int) -> tuple[Tensor, Tensor]:
    r, m = _float(real), _float(made)
    if r.shape[1] != m.shape[1]:
        raise SpaceError(f"cannot compare rows of {r.shape[1]} features with generated ones of {m.shape[1]}.")
    for name, x in (("real", r), ("generated", m)):
        if len(x) <= k or k < 1:
            raise SpaceError(f"cannot look at {k} neighbours among {len(x)} {name} rows: k must be from 1 to one less.")
        if not torch.isfinite(x).all():
            row = int((~torch.isfinite(x)).any(1).int().argmax())
            raise SpaceError(f"cannot compare {name} row {row}: its features hold NaN or infinity.")
    return r, m
