"""What a search for counterfactuals of tables stands on: the training rows, how the predictor decides them, how far
rows are from each other, and the predictor asked about rows that differ from an item in some cells."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple
from weakref import WeakKeyDictionary

import numpy as np
import numpy.typing as npt

from deepspace.decisions.counterfactuals.vocabulary import Codes, Vocabulary
from deepspace.decisions.predictors import Answers
from deepspace.metrics.heldout import spread

if TYPE_CHECKING:
    import pyarrow as pa

    from deepspace.decisions.audit import Audit

__all__ = ["NEAR", "Ground", "Items", "Metric", "reach", "training_rows"]

Floats = npt.NDArray[np.float64]
Points = npt.NDArray[np.float32]

MOST_ROWS = 30_000
"""Training rows that are looked at, evenly spread."""
NEAR = 5
"""Real rows to which a counterfactual's distance is taken."""
COMMON = 32
"""Categories of a column that count as different from each other in distances; rarer ones count as one."""


class Items(NamedTuple):
    """Factuals: their row numbers, or None, and their cells in the user's units in all columns that are wanted."""

    rows: npt.NDArray[np.int64] | None
    table: pa.Table


@dataclass(frozen=True, eq=False)
class Metric:
    """Rows as points: an ordered column by the share of training rows below its value (Ustun 2019, arXiv:1809.06514),
    any other by its category, one category to another being 1 away; a missing cell lies in the middle."""

    vocabulary: Vocabulary
    common: tuple[npt.NDArray[np.int64] | None, ...]

    @classmethod
    def of(cls, vocabulary: Vocabulary, training: Codes) -> Metric:
        common: list[npt.NDArray[np.int64] | None] = []
        for j, values in enumerate(vocabulary.columns):
            if values.ordered:
                common.append(None)
                continue
            counts = np.bincount(training[:, j] + 1, minlength=len(values) + 1)[1:]
            seat = np.full(len(values), COMMON, np.int64)
            for rank, k in enumerate(np.argsort(-counts, kind="stable")[:COMMON]):
                seat[k] = rank
            common.append(seat)
        return cls(vocabulary, tuple(common))

    def points(self, codes: Codes) -> Points:
        parts = []
        for j, values in enumerate(self.vocabulary.columns):
            seats, own = self.common[j], codes[:, j]
            if seats is None:
                parts.append(np.where(own < 0, 0.5, values.place[np.maximum(own, 0)])[:, None].astype(np.float32))
                continue
            hot = np.zeros((len(own), min(len(values), COMMON + 1)), np.float32)
            there = own >= 0
            hot[np.flatnonzero(there), np.minimum(seats[own[there]], hot.shape[1] - 1)] = np.float32(0.5**0.5)
            parts.append(hot)
        return np.ascontiguousarray(np.concatenate(parts, 1))

    def moved(self, codes: Codes, own: Codes) -> Floats:
        """(M, F): how far each cell is from the factual's, 0 to 1; 1 for a cell that was or becomes missing."""
        out = np.zeros(codes.shape)
        for j, values in enumerate(self.vocabulary.columns):
            new, old = codes[:, j], own[:, j]
            apart = new != old
            if values.ordered:
                step = np.abs(values.place[np.maximum(new, 0)] - values.place[np.maximum(old, 0)])
                out[:, j] = np.where((new < 0) | (old < 0), 1.0, step) * apart
            else:
                out[:, j] = apart
        return out


@dataclass(frozen=True, eq=False)
class Ground:
    """``rows``: (N,) numbers of training rows, ``answers`` what the predictor says of them, ``codes`` (N, F)."""

    audit: Audit
    rows: npt.NDArray[np.int64]
    answers: Answers
    training: pa.Table
    vocabulary: Vocabulary
    codes: Codes

    @classmethod
    def of(cls, audit: Audit, items: pa.Table) -> Ground:
        """The same one at every call for an audit, unless an item holds a value that no training row has."""
        with _keeping:
            if audit not in _kept:
                _kept[audit] = cls._new(audit)
            base = _kept[audit]
        strange = any(
            bool(
                (
                    (values.codes_of(items.column(values.name)) < 0) & items.column(values.name).is_valid().to_numpy()
                ).any()
            )
            for values in base.vocabulary.columns
        )
        if not strange:
            return base
        vocabulary = Vocabulary.of(audit.space.schema, base.training, items)  # type: ignore[arg-type]
        return cls(audit, base.rows, base.answers, base.training, vocabulary, vocabulary.codes(base.training))

    @classmethod
    def _new(cls, audit: Audit) -> Ground:
        rows = training_rows(audit)
        schema: Any = audit.space.schema
        names = [column.name for column in schema.features]
        table = audit.space.rows.table(names, rows)
        vocabulary = Vocabulary.of(schema, table, table.slice(0, 0))
        answers = audit.answers[np.searchsorted(audit.rows, rows)]
        return cls(audit, rows, answers, table, vocabulary, vocabulary.codes(table))

    @cached_property
    def metric(self) -> Metric:
        return Metric.of(self.vocabulary, self.codes)

    @cached_property
    def points(self) -> Points:
        return self.metric.points(self.codes)

    @cached_property
    def _index(self) -> Any:
        import faiss

        index = faiss.IndexFlatL2(self.points.shape[1])
        index.add(self.points)
        return index

    def nearest(self, codes: Codes, k: int) -> tuple[Floats, npt.NDArray[np.int64]]:
        """(M, k), (M, k): distances to the nearest training rows, and their places."""
        squared, found = self._index.search(self.metric.points(codes), min(k, len(self.codes)))
        return np.sqrt(np.maximum(squared, 0)).astype(np.float64), found

    @cached_property
    def own_distances(self) -> Floats:
        """Ascending: the mean distance of training rows (at most 1,000) to their own NEAR nearest others."""
        some = spread(np.arange(len(self.codes), dtype=np.int64), 1000)
        apart, found = self.nearest(self.codes[some], NEAR + 1)
        # With exact doubles the row itself need not come first.
        own = (found == some[:, None]) & (np.cumsum(found == some[:, None], 1) == 1)
        own[~own.any(1), -1] = True
        return np.sort(np.where(own, 0, apart).sum(1) / max(apart.shape[1] - 1, 1))

    def ask(self, codes: Codes, which: npt.NDArray[np.int64], items: Items) -> Answers:
        """What the predictor says of rows (M, F) in place of the items ``which`` (M,), whose other columns they keep.
        Cells are handed over in the user's units, without rounding."""
        import pyarrow as pa

        made = self.vocabulary.table(codes)
        beside = [name for name in items.table.column_names if name not in made.column_names]
        if beside:
            taken = items.table.select(beside).take(pa.array(which))
            for name in beside:
                made = made.append_column(name, taken.column(name))
        return self.audit.ask(made)


def training_rows(audit: Audit) -> npt.NDArray[np.int64]:
    """Rows of the audit that the space learned from (all, where it keeps no record), evenly spread where many."""
    rest = np.setdiff1d(audit.rows, audit.space.validation_index, assume_unique=True)
    return spread(rest if len(rest) else audit.rows, MOST_ROWS)


def reach(answers: Answers, outcome: npt.NDArray[np.int64], margin: float = 0.0) -> Floats:
    """(M,): how far on the side of ``outcome`` (M,) each answer is, positive exactly where it is that and the score is
    ``margin`` beyond what decides; in log odds for probabilities, in which the effects of several changes nearly add
    up."""
    out = np.empty(len(answers))
    for k in np.unique(outcome):
        mine = outcome == k
        out[mine] = _reach(answers[mine], int(k), margin)
    return out


def _reach(answers: Answers, k: int, margin: float) -> Floats:
    toward = answers.toward(k) - margin
    if answers.scores.shape[1] == 1:
        gap = toward
    else:
        scores = np.clip(answers.scores, 1e-9, 1 - 1e-9)
        if answers.threshold is not None:
            level = (answers.threshold if k == 1 else 1 - answers.threshold) + margin
            gap = np.log(scores[:, k] / (1 - scores[:, k])) - np.log(level / (1 - level))
        else:
            gap = np.log(scores[:, k]) - np.log(np.minimum(np.delete(scores, k, 1).max(1) + margin, 1))
    tiny = np.finfo(np.float64).tiny
    held = (answers.outcome == k) & ((margin == 0) | (toward >= 0))
    return np.where(held, np.maximum(gap, tiny), np.minimum(gap, -tiny))


_kept: WeakKeyDictionary[Audit, Ground] = WeakKeyDictionary()
_keeping = threading.Lock()
