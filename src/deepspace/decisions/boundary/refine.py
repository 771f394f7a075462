"""Answers on a fine lattice for a part of the price: only cells in which something disagrees are looked into.

A quadtree over the map. The corners of all coarse cells are asked in one batch; a cell whose known places do not all
have the same outcome is cut in four, and what is new is asked in the next batch, down to the finest cell. A place on a
cell's edge counts for the cells on both sides, so that a line never ends where a coarse cell meets a fine one. What no
known place speaks of, an island within a coarse cell, is missed: ``witnesses`` speak for islands that hold rows.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["Lattice", "Refined", "refine"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Ask = Callable[[npt.NDArray[np.float32]], tuple[npt.NDArray[np.int64], Floats]]
"""Places (M, 2) -> outcome (M,) and what it was decided by (M, K), the outcome's being the largest."""

_UNKNOWN = -1


@dataclass(frozen=True)
class Lattice:
    """Places ``origin + cell * (column, row)`` for columns 0 to ``columns - 1`` and rows likewise; a coarse cell is
    ``2**depth`` fine ones wide."""

    origin: tuple[float, float]
    cell: float
    columns: int
    rows: int
    depth: int

    @classmethod
    def over(cls, bounds: tuple[float, float, float, float], resolution: int, depth: int) -> Lattice:
        """``resolution`` coarse cells along the longer side of (x0, y0, x1, y1), and one more all around."""
        x0, y0, x1, y1 = bounds
        coarse = (max(x1 - x0, y1 - y0) or 1.0) / resolution
        across, up = (int(np.ceil(round((high - low) / coarse, 6))) + 2 for low, high in ((x0, x1), (y0, y1)))
        return cls((x0 - coarse, y0 - coarse), coarse / 2**depth, across * 2**depth + 1, up * 2**depth + 1, depth)

    def places(self, nodes: Ints) -> npt.NDArray[np.float32]:
        """Nodes (M,), row by row, -> (M, 2)."""
        row, column = np.divmod(nodes, self.columns)
        at = np.stack([self.origin[0] + self.cell * column, self.origin[1] + self.cell * row], 1)
        return at.astype(np.float32)

    def inside(self, places: npt.NDArray[np.floating]) -> Ints:
        """Places (M, 2) -> the lower left node of the fine cell around each, -1 beyond the lattice."""
        at = np.floor((np.asarray(places, np.float64) - self.origin) / self.cell).astype(np.int64)
        within = (at >= 0).all(1) & (at[:, 0] < self.columns - 1) & (at[:, 1] < self.rows - 1)
        return np.where(within, at[:, 1] * self.columns + at[:, 0], -1)


@dataclass(frozen=True)
class Refined:
    """``outcome``: (rows, columns), as asked or as all known places around it say, -1 where nothing was looked at;
    ``lead``: (rows * columns, K) where ``known``; ``torn``: (C, 4) corners, going round, of the cells whose corners
    disagree: at the end all of the finest size; ``calls``: places asked; ``full``: those of a full lattice."""

    lattice: Lattice
    outcome: npt.NDArray[np.int16]
    lead: Floats
    known: npt.NDArray[np.bool_]
    torn: Ints
    calls: int
    full: int


def refine(
    lattice: Lattice,
    there: npt.NDArray[np.bool_],
    ask: Ask,
    *,
    witnesses: tuple[npt.NDArray[np.floating], Ints] | None = None,
    tell: Callable[[Refined, bool], None] | None = None,
) -> Refined:
    """there: (rows, columns), the places that matter; a cell is looked at where one of its places does.

    witnesses: places (M, 2) whose outcomes (M,) are known already. tell: hears after each batch what there is, and
    whether that was the last; it may raise to end it.
    """
    work = _Work(lattice, there, ask)
    if witnesses is not None:
        work.hear(*witnesses)
    work.begin()
    more = True
    while more:
        if tell is not None:
            tell(work.result(), False)
        more = work.step()
    found = work.result()
    if tell is not None:
        tell(found, True)
    return found


class _Work:
    def __init__(self, lattice: Lattice, there: npt.NDArray[np.bool_], ask: Ask) -> None:
        self.lattice, self.ask = lattice, ask
        self.outcome = np.full(lattice.rows * lattice.columns, _UNKNOWN, np.int16)
        self.lead: Floats | None = None
        self.leaves: list[Ints] = [np.empty(0, np.int64) for _ in range(lattice.depth + 1)]
        self.said = np.full(lattice.rows * lattice.columns, _UNKNOWN, np.int16)
        """What a witness says of a fine cell, named by its lower left node; the last but one of two that disagree is
        kept in ``torn``, since no more is asked than whether all agree."""
        self.torn = np.zeros(lattice.rows * lattice.columns, bool)
        # How many places that matter lie in the rectangle from the first node to each.
        self.sums = np.zeros((lattice.rows + 1, lattice.columns + 1), np.int64)
        self.sums[1:, 1:] = there.cumsum(0).cumsum(1)
        self.calls = 0
        self.full = self._full()

    def _full(self) -> int:
        cells = self._mattering(self._cells(self.lattice.depth), self.lattice.depth)
        return len(np.unique(self._corners(cells, self.lattice.depth)))

    def _size(self, level: int) -> int:
        return int(2 ** (self.lattice.depth - level))

    def _cells(self, level: int) -> Ints:
        """All cells of a level, by their lower left nodes."""
        size = self._size(level)
        row, column = np.meshgrid(
            np.arange(0, self.lattice.rows - 1, size), np.arange(0, self.lattice.columns - 1, size), indexing="ij"
        )
        return np.asarray((row * self.lattice.columns + column).ravel(), np.int64)

    def _mattering(self, cells: Ints, level: int) -> Ints:
        size = self._size(level)
        row, column = np.divmod(cells, self.lattice.columns)
        top, right = row + size + 1, column + size + 1
        held = self.sums[top, right] - self.sums[row, right] - self.sums[top, column] + self.sums[row, column]
        return np.asarray(cells[held > 0], np.int64)

    def _corners(self, cells: Ints, level: int) -> Ints:
        """(C, 4), going round."""
        size = self._size(level)
        up = size * self.lattice.columns
        return np.asarray(cells[:, None] + np.array([0, size, up + size, up]), np.int64)

    def hear(self, places: npt.NDArray[np.floating], outcome: Ints) -> None:
        cell = self.lattice.inside(places)
        for node, said in zip(cell[cell >= 0].tolist(), outcome[cell >= 0].tolist(), strict=True):
            if self.said[node] not in (_UNKNOWN, said):
                self.torn[node] = True
            self.said[node] = said

    def begin(self) -> None:
        self.leaves[0] = self._mattering(self._cells(0), 0)
        self._asked(self._corners(self.leaves[0], 0).ravel())

    def _asked(self, nodes: Ints) -> None:
        new = np.unique(nodes)
        new = new[self.outcome[new] == _UNKNOWN]
        if not len(new):
            return
        outcome, lead = self.ask(self.lattice.places(new))
        if self.lead is None:
            self.lead = np.full((len(self.outcome), lead.shape[1]), np.nan)
        self.outcome[new], self.lead[new] = outcome, lead
        self.calls += len(new)

    def step(self) -> bool:
        """Cut every cell in which something disagrees, and ask what is new. False where there was none."""
        new = []
        for level in range(self.lattice.depth):
            mixed = self._mixed(level)
            if not mixed.any():
                continue
            cut, self.leaves[level] = self.leaves[level][mixed], self.leaves[level][~mixed]
            half = self._size(level + 1)
            up = half * self.lattice.columns
            parts = self._mattering((cut[:, None] + np.array([0, half, up, up + half])).ravel(), level + 1)
            self.leaves[level + 1] = np.concatenate([self.leaves[level + 1], parts])
            new.append(self._corners(parts, level + 1).ravel())
        if not new:
            return False
        self._asked(np.concatenate(new))
        return True

    def _mixed(self, level: int) -> npt.NDArray[np.bool_]:
        """(C,): do known places and witnesses of a leaf disagree?"""
        cells, size = self.leaves[level], self._size(level)
        steps = np.arange(size + 1)
        nodes = (steps[:, None] * self.lattice.columns + steps).ravel()
        inner = (steps[:-1, None] * self.lattice.columns + steps[:-1]).ravel()
        mixed = np.zeros(len(cells), bool)
        for start in range(0, len(cells), 4096):
            piece = cells[start : start + 4096, None]
            own = self.outcome[piece]  # the lower left corner is always known
            for values in (self.outcome[piece + nodes], self.said[piece + inner]):
                mixed[start : start + 4096] |= ((values != own) & (values != _UNKNOWN)).any(1)
            mixed[start : start + 4096] |= self.torn[piece + inner].any(1)
        return mixed

    def result(self) -> Refined:
        assert self.lead is not None
        known = self.outcome != _UNKNOWN
        outcome, lead = self.outcome.copy(), self.lead.copy()
        for level, cells in enumerate(self.leaves):
            self._fill(outcome, lead, cells, level)
        shape = self.lattice.rows, self.lattice.columns
        corners = np.concatenate([self._corners(cells, level) for level, cells in enumerate(self.leaves)])
        torn = corners[(self.outcome[corners] != self.outcome[corners[:, :1]]).any(1)]
        return Refined(self.lattice, outcome.reshape(shape), lead, known, torn, self.calls, self.full)

    def _fill(self, outcome: npt.NDArray[np.int16], lead: Floats, cells: Ints, level: int) -> None:
        """Between the corners of leaves: the nearest corner's outcome, which but for the finest is that of all; what
        it was decided by, linearly."""
        size = self._size(level)
        if size == 1 or not len(cells):
            return
        corners = self._corners(cells, level)
        for row in range(size + 1):
            for column in range(size + 1):
                node = cells + row * self.lattice.columns + column
                open_ = outcome[node] == _UNKNOWN
                u, v = column / size, row / size
                weight = np.array([(1 - u) * (1 - v), u * (1 - v), u * v, (1 - u) * v])
                outcome[node[open_]] = outcome[corners[open_, int(weight.argmax())]]
                lead[node[open_]] = np.einsum("c,mck->mk", weight, self.lead[corners[open_]])  # type: ignore[index]
