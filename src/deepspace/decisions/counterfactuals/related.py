"""Relations bound to a vocabulary: which rows keep them, and how a row is mended that does not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from deepspace.decisions.counterfactuals.constraints import Constraints
from deepspace.decisions.counterfactuals.relations import Relation
from deepspace.decisions.counterfactuals.vocabulary import Codes, Values, Vocabulary, numbers_of
from deepspace.errors import DataError

__all__ = ["Related"]

Floats = npt.NDArray[np.float64]
Index = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]
May = Callable[[int, Codes, Codes], Mask]
"""Of a column by place, values (m,) and the case's own (m,): which of them a changed cell may be."""

ROUNDS = 3
"""Rounds of mending, since a column that follows one relation may break another."""
DOUBLE, SINGLE = 1e-12, 1e-6
"""What counts as rounding, beside the numbers in a relation, of columns in double and in single precision."""


@dataclass(frozen=True, eq=False)
class Related:
    """``columns``: of each relation, its columns by place; ``numbers``: theirs, (V,) each, dates in days; ``exact``:
    what counts as rounding; ``followers``: of each relation, the columns that may be moved to mend it."""

    relations: tuple[Relation, ...]
    columns: tuple[tuple[int, ...], ...]
    numbers: dict[int, Floats]
    exact: tuple[float, ...]
    followers: tuple[tuple[int, ...], ...]

    @classmethod
    def of(cls, vocabulary: Vocabulary, constraints: Constraints, stuck: Mask) -> Related:
        """stuck: (F,), columns that never move by themselves. Raises DataError where a column holds no numbers."""
        names = [values.name for values in vocabulary.columns]
        places = tuple(tuple(names.index(n) for n in relation.names) for relation in constraints.relations)
        numbers, single = {}, {}
        for relation, found in zip(constraints.relations, places, strict=True):
            for j in found:
                numbers[j] = _numbers(vocabulary.columns[j], relation, constraints)
                single[j] = str(vocabulary.columns[j].values.type) in ("float", "halffloat")
        return cls(
            constraints.relations, places, numbers,
            tuple(SINGLE if any(single[j] for j in found) else DOUBLE for found in places),
            tuple(tuple(j for j in found if not stuck[j]) for found in places),
        )  # fmt: skip

    def __len__(self) -> int:
        return len(self.relations)

    @property
    def groups(self) -> tuple[tuple[int, ...], ...]:
        """Columns that hang together by relations, directly or through others."""
        out: list[set[int]] = []
        for found in self.columns:
            touching = [group for group in out if group & set(found)]
            out = [group for group in out if group not in touching] + [set(found).union(*touching)]
        return tuple(tuple(sorted(group)) for group in out)

    def broken(self, codes: Codes, own: Codes) -> Mask:
        """(M, R): relations of which a column has changed and that do not hold, or cannot be worked out."""
        if not len(self):
            return np.zeros((len(codes), 0), bool)
        return np.stack([self._broken(r, codes, own) for r in range(len(self))], 1)

    def _broken(self, r: int, codes: Codes, own: Codes) -> Mask:
        found = list(self.columns[r])
        out = (codes[:, found] != own[:, found]).any(1)
        rows = np.flatnonzero(out)
        if len(rows):
            cells, before = self._cells(r, codes[rows]), self._cells(r, own[rows])
            out[rows] = ~self.relations[r].holds(cells, before, self.exact[r])
        return np.asarray(out)

    def unheld(self, codes: Codes) -> Index:
        """(R,): of rows as they are, how many break each comparison, those that cannot be worked out not counted."""
        out = np.zeros(len(self), np.int64)
        for r, relation in enumerate(self.relations):
            if relation.right is not None:
                there = codes[(codes[:, list(self.columns[r])] >= 0).all(1)]
                if len(there):
                    cells = self._cells(r, there)
                    out[r] = int((~relation.holds(cells, cells, self.exact[r])).sum())
        return out

    def _cells(self, r: int, codes: Codes) -> dict[str, Floats]:
        return {
            name: np.where(codes[:, j] < 0, np.nan, self.numbers[j][np.maximum(codes[:, j], 0)])
            for name, j in zip(self.relations[r].names, self.columns[r], strict=True)
        }

    def mend(self, codes: Codes, own: Codes, free: tuple[Mask, ...], may: May, lead: int, turn: int) -> None:
        """In place. One column of each broken relation goes to the value nearest to where its sides are equal at which
        it holds, among those that it may have (``free``, (V,) each): one that has changed already before one that has
        not, the column ``lead`` last; ``turn`` begins that order further on."""
        for _ in range(ROUNDS):
            open_ = False
            for r in range(len(self)):
                rows = np.flatnonzero(self._broken(r, codes, own))
                if len(rows) and self.followers[r]:
                    open_ = True
                    self._follow(r, rows, codes, own, free, may, lead, turn)
            if not open_:
                return

    def _follow(
        self, r: int, rows: Index, codes: Codes, own: Codes, free: tuple[Mask, ...], may: May, lead: int, turn: int
    ) -> None:
        columns = np.array(self.followers[r])
        rank = np.where(codes[np.ix_(rows, columns)] != own[np.ix_(rows, columns)], 0, 1)
        rank[:, columns == lead] = 2
        order = np.argsort(rank, axis=1, kind="stable")
        undone = np.ones(len(rows), bool)
        for step in range(len(columns)):
            chosen = columns[order[:, (turn + step) % len(columns)]]
            for j in columns.tolist():
                mine = np.flatnonzero(undone & (chosen == j))
                if len(mine):
                    undone[mine] = ~self._moved(r, rows[mine], codes, own, j, free[j], may)

    def _moved(self, r: int, rows: Index, codes: Codes, own: Codes, j: int, free: Mask, may: May) -> Mask:
        """(m,): whether moving column j mended the relation; then it is moved, in place."""
        good = np.zeros(len(rows), bool)
        name = self.relations[r].names[self.columns[r].index(j)]
        edge = self.relations[r].edge(name, self._cells(r, codes[rows]), self._cells(r, own[rows]))
        legal = np.flatnonzero(free & np.isfinite(self.numbers[j]))
        if edge is None or not len(legal):
            return good
        legal = legal[np.argsort(self.numbers[j][legal], kind="stable")]
        there = np.flatnonzero(np.isfinite(edge))
        at = np.searchsorted(self.numbers[j][legal], edge[there])
        near = np.stack([legal[(at + k).clip(0, len(legal) - 1)] for k in (-1, 0, 1)], 1)
        order = np.argsort(np.abs(self.numbers[j][near] - edge[there, None]), axis=1, kind="stable")
        for k in range(3):
            left = there[~good[there]]
            tried = codes[rows[left]].copy()
            tried[:, j] = near[np.flatnonzero(~good[there]), order[~good[there], k]]
            old = own[rows[left]]
            fine = ~self._broken(r, tried, old) & ((tried[:, j] == old[:, j]) | may(j, tried[:, j], old[:, j]))
            codes[rows[left[fine]], j] = tried[fine, j]
            good[left[fine]] = True
        return good


def _numbers(values: Values, relation: Relation, constraints: Constraints) -> Floats:
    """Of each value; dates and times in days since 1970, ordered categories of numbers as these numbers."""
    kind = values.values.type
    numbers = values.numbers if values.continuous else numbers_of(values.values)
    if not np.isfinite(numbers[: values.known]).all():
        raise DataError(
            f"{constraints.source} relate columns by '{relation}', but '{values.name}' holds no numbers or dates."
        )
    days = {"s": 86_400.0, "ms": 86_400e3, "us": 86_400e6, "ns": 86_400e9}.get(str(getattr(kind, "unit", "")), 1.0)
    return numbers / (86_400e3 if str(kind).startswith("date64") else days)
