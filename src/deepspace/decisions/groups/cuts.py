"""Rows cut into groups by a column: its values, quarters of its numbers or dates, or two columns crossed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from deepspace.errors import SpaceError
from deepspace.results import figure

if TYPE_CHECKING:
    import pyarrow as pa

    from deepspace.decisions.audit import Audit

__all__ = ["MISSING", "Cut", "cut_by", "default_columns", "edges_of"]

Floats = npt.NDArray[np.float64]

MISSING = "missing"
MOST_VALUES = 20
"""A column with more different values shows the commonest; the others are one group."""
NUMBERS = ("numeric", "integer", "date")


@dataclass(frozen=True, eq=False)
class Cut:
    """``codes``: (n,) of the audit's rows, places in ``labels``. ``column``: its name, "a x b" of two crossed."""

    column: str
    labels: tuple[str, ...]
    codes: npt.NDArray[np.int64]

    def crossed(self, other: Cut) -> Cut:
        codes = self.codes * len(other.labels) + other.codes
        labels = [f"{a}, {b}" for a in self.labels for b in other.labels]
        there, codes = np.unique(codes, return_inverse=True)
        return Cut(f"{self.column} x {other.column}", tuple(labels[i] for i in there), codes)


def default_columns(audit: Audit) -> list[str]:
    """Every column that can be cut, but for the target: what is decided is no group."""
    target = None if audit.target is None else audit.target.name
    cuttable = (c for c in audit.space.schema.columns if c.role in ("feature", "target", "metadata"))
    return [c.name for c in cuttable if c.kind not in ("text", "mixed") and c.name != target]


def cut_by(audit: Audit, name: str, edges: Sequence[Any] | None = None) -> Cut:
    """The audit's rows by one column. edges: ascending, each the first value of a new group; by default quartiles."""
    import pyarrow as pa

    if name not in audit.space.rows.names:
        have = ", ".join(map(repr, audit.space.rows.names[:12])) or "none"
        raise SpaceError(f"'{audit.space.name}' has no column '{name}' to make groups by; it has {have}.")
    column = audit.space.rows.table([name], audit.rows).column(0)
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    kind = next((c.kind for c in audit.space.schema.columns if c.name == name), None)
    number = pa.types.is_integer(column.type) or pa.types.is_floating(column.type) or pa.types.is_temporal(column.type)
    if number and (edges is not None or kind in NUMBERS or kind is None):
        return _by_edges(name, column, edges)
    if edges is not None:
        raise SpaceError(f"column '{name}' holds {column.type}, which has no edges to cut at; leave edges out.")
    return _by_values(name, column.to_pylist())


def _by_values(name: str, values: list[Any]) -> Cut:
    text = [MISSING if v is None or v != v else _text(v) for v in values]
    counted = Counter(text)
    order = sorted(counted, key=lambda v: (v == MISSING, -counted[v], v))
    kept = {label: i for i, label in enumerate(order[:MOST_VALUES])}
    labels = list(kept)
    if len(order) > MOST_VALUES:
        labels.append(f"{len(order) - MOST_VALUES} rarer values")
    return Cut(name, tuple(labels), np.array([kept.get(v, MOST_VALUES) for v in text], np.int64))


def _text(value: Any) -> str:
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _by_edges(name: str, column: pa.ChunkedArray, edges: Sequence[Any] | None) -> Cut:
    import pyarrow as pa

    moments = pa.types.is_temporal(column.type)
    numbers = _numbers(column)
    known = np.isfinite(numbers)
    if edges is None:
        distinct = np.unique(numbers[known])
        if len(distinct) <= 4:
            names = [_shown(v, moments) for v in distinct]
            places = np.where(known, np.searchsorted(distinct, np.where(known, numbers, 0)), len(distinct))
            return _without_gaps(name, [*names, MISSING], places)
        # A quartile that many rows share is an edge all the same: what is below it stays a group of its own.
        cuts = np.unique(np.quantile(numbers[known], [0.25, 0.5, 0.75], method="higher"))
    else:
        cuts = _edges(name, column, edges)
    cuts = cuts[cuts > numbers[known].min()] if known.any() else cuts
    shown = [_shown(v, moments) for v in cuts]
    between = [f"{low} to below {high}" for low, high in pairwise(shown)]
    labels = [f"below {shown[0]}", *between, f"{shown[-1]} or more"] if shown else ["all"]
    places = np.where(known, np.searchsorted(cuts, np.where(known, numbers, 0), "right"), len(labels))
    return _without_gaps(name, [*labels, MISSING], places)


def _edges(name: str, column: pa.ChunkedArray, edges: Sequence[Any]) -> Floats:
    import pyarrow as pa

    try:
        given = pa.array(list(edges), column.type if pa.types.is_temporal(column.type) else pa.float64())
        cuts = _numbers(pa.chunked_array([given]))
    except (pa.ArrowException, TypeError, ValueError, OverflowError):
        raise SpaceError(f"column '{name}' holds {column.type}, which cannot be cut at {list(edges)!r}.") from None
    if not len(cuts) or not np.isfinite(cuts).all() or (np.diff(cuts) <= 0).any():
        raise SpaceError(f"the edges of '{name}' must be ascending values, got {list(edges)!r}.")
    return cuts


def _numbers(column: pa.ChunkedArray) -> Floats:
    """Dates in seconds; NaN where missing."""
    import pyarrow as pa

    if pa.types.is_temporal(column.type):
        column = column.cast(pa.timestamp("ms"), safe=False).cast(pa.int64())
        return np.asarray(column.cast(pa.float64(), safe=False).to_numpy(), np.float64) / 1000.0
    return np.asarray(column.cast(pa.float64(), safe=False).to_numpy(), np.float64)


def _shown(value: float, moment: bool) -> str:
    if not moment:
        return figure(float(value), 4)
    when = datetime.fromtimestamp(value, tz=UTC)
    return when.strftime("%Y-%m-%d" if value % 86400 == 0 else "%Y-%m-%d %H:%M")


def _without_gaps(name: str, labels: list[str], places: npt.NDArray[Any]) -> Cut:
    there, codes = np.unique(places.astype(np.int64), return_inverse=True)
    return Cut(name, tuple(labels[i] for i in there), codes)


def edges_of(given: Mapping[str, Sequence[Any]] | None, names: Sequence[str]) -> dict[str, Sequence[Any]]:
    """The edges by column; raises SpaceError for a column that no groups are made by."""
    wrong = [name for name in given or {} if name not in names]
    if wrong:
        raise SpaceError(f"edges are given for '{wrong[0]}', but groups are made by {', '.join(map(repr, names))}.")
    return dict(given or {})
