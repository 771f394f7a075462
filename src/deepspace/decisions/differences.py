"""What differs between two rows of a table: the columns that differ most, in the user's own units, and which of them
the predictor is given."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import numpy as np
import numpy.typing as npt

from deepspace.metrics.heldout import spread
from deepspace.results import figure

if TYPE_CHECKING:
    from deepspace.decisions.audit import Audit
    from deepspace.space import BaseSpace

__all__ = ["Difference", "Differences", "cell", "given_to", "told"]

_ROWS = 4000
_SAME = 1e-6


@dataclass(frozen=True)
class Difference:
    """From the case to the other row. size: the square of the difference over that of two rows drawn at random, so
    that 1 is what one would expect of strangers whatever the column's type and unit. given: whether the predictor is
    handed the column, None where that is not known."""

    column: str
    case: Any
    other: Any
    size: float
    given: bool | None = None

    def __str__(self) -> str:
        return f"{self.column} {cell(self.case)} -> {cell(self.other)}"


class Differences:
    """Of the rows of one space of a table."""

    def __init__(self, space: BaseSpace) -> None:
        self.space = space
        schema: Any = space.schema
        self.names = [c.name for c in schema.features]
        sizes = getattr(schema, "cardinalities", (0,) * len(self.names))
        self.nominal = np.array(
            [bool(k) and c.kind != "ordinal" for k, c in zip(sizes, schema.features, strict=True)], bool
        )
        rows = np.asarray(space.samples[spread(np.arange(len(space), dtype=np.int64), _ROWS)], np.float64)
        # Neighbours in a file are often alike; a fixed shuffle makes pairs of strangers.
        other = rows[np.random.default_rng(0).permutation(len(rows))]
        raw = self._raw(rows, other)
        known = ~np.isnan(raw)
        total = np.where(known, raw, 0).sum(0) / np.maximum(known.sum(0), 1)
        self.expected = np.where(total > 0, total, 1.0)

    @classmethod
    def of(cls, audit: Audit) -> Differences | None:
        """Made once a space; None for what is no table."""
        if audit.space.schema.form != "table":
            return None
        if audit.space not in _KEPT:
            _KEPT[audit.space] = cls(audit.space)
        return _KEPT[audit.space]

    def between(
        self, encoded: npt.NDArray[Any], cells: Mapping[str, Any], index: npt.NDArray[np.int64], most: int,
        given: frozenset[str] | None = None,
    ) -> tuple[tuple[Difference, ...], ...]:  # fmt: skip
        """encoded: (F,), the case, and its cells; index: (k,) rows of the space; given: as ``given_to`` has it. At most
        ``most`` columns each, the most unlike first; after those that the predictor is given half as many others."""
        if not len(index):
            return ()
        others = np.asarray(self.space.samples[index], np.float64)
        case = np.broadcast_to(np.asarray(encoded, np.float64), others.shape)
        size = self._raw(case, others) / self.expected
        # That a cell is missing on one side alone is a difference, of nobody knows what size: that of strangers.
        size = np.where(np.isnan(case) != np.isnan(others), 1.0, np.nan_to_num(size))
        records = self.space.rows.table(self.names, index).to_pylist()
        known = np.array([given is None or name in given for name in self.names], bool)
        out = []
        for i, record in enumerate(records):
            order = [int(j) for j in np.argsort(-size[i], kind="stable") if size[i, j] > _SAME]
            chosen = [j for j in order if known[j]][:most] + [j for j in order if not known[j]][: max(1, most // 2)]
            out.append(
                tuple(
                    Difference(
                        self.names[j], cells.get(self.names[j]), record[self.names[j]], float(size[i, j]),
                        None if given is None else bool(known[j]),
                    )
                    for j in chosen
                )
            )  # fmt: skip
        return tuple(out)

    def _raw(self, a: npt.NDArray[np.float64], b: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        gap = a - b
        either = np.isnan(gap)
        return np.asarray(np.where(either, np.nan, np.where(self.nominal, gap != 0, np.square(gap))), np.float64)


def given_to(audit: Audit) -> frozenset[str] | None:
    """The columns that the predictor is handed, where it or the user said which; None where it takes whatever it is
    given, and what it makes of that is not known."""
    columns = audit.predictor.columns
    return None if columns is None or audit.predictor.inputs == "encoded" else frozenset(columns)


def told(differences: Sequence[Difference]) -> tuple[str, str]:
    """In words, those that the predictor is given or may be, and those that it is not; each "" where there is none."""
    parts = [[str(d) for d in differences if (d.given is False) == beside] for beside in (False, True)]
    return "; ".join(parts[0]), "; ".join(parts[1])


def cell(value: Any) -> str:
    """A cell as a reader wants it."""
    if value is None or value != value:
        return "missing"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%d" if value.hour == value.minute == value.second == 0 else "%Y-%m-%d %H:%M")
    if isinstance(value, date):
        return value.isoformat()
    if not isinstance(value, float):
        return str(value)
    text = figure(value, 4)
    return text.rstrip("0").rstrip(".") if "." in text and "e" not in text else text


_KEPT: WeakKeyDictionary[BaseSpace, Differences] = WeakKeyDictionary()
