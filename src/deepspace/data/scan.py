"""One pass over a table's columns: counts, ranges, distinct values and a uniform sample, in constant memory.

A table in memory is a single batch to this pass, so that small and large tables are typed by the same code.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

__all__ = ["DISTINCT_LIMIT", "SAMPLE_ROWS", "ColumnStatistics", "TableStatistics", "scan"]

# Beyond so many different values a column is not counted value by value, and cannot become a category.
DISTINCT_LIMIT = 10_000
# Rows kept for quantiles and for judging columns with more different values than that.
SAMPLE_ROWS = 200_000
_SLICE = 1 << 16


@dataclass(frozen=True)
class ColumnStatistics:
    """What is known of one column. ``values``/``counts`` list every distinct value (ascending) unless there are more
    than DISTINCT_LIMIT; then they are None and ``distinct`` is an estimate from the sample. ``sample`` holds
    non-missing values of at most SAMPLE_ROWS rows, in row order."""

    name: str
    type: pa.DataType
    rows: int
    missing: int
    infinite: int
    distinct: int
    values: pa.Array | None
    counts: npt.NDArray[np.int64] | None
    minimum: float | None
    maximum: float | None
    whole: bool
    sample: pa.Array

    @property
    def present(self) -> int:
        return self.rows - self.missing


@dataclass(frozen=True)
class TableStatistics:
    """Statistics of all columns, and the sampled rows themselves (for comparing columns with each other)."""

    rows: int
    columns: tuple[ColumnStatistics, ...]
    sample: pa.Table


class _Column:
    """Running state of one column."""

    def __init__(self, field: pa.Field) -> None:
        self.name, self.type = field.name, field.type
        self.missing = self.infinite = 0
        self.minimum: float | None = None
        self.maximum: float | None = None
        self.whole = True
        self.counts: pa.Table | None = None
        self.overflow = False

    def update(self, column: pa.ChunkedArray) -> None:
        values = column
        self.missing += values.null_count
        if is_number(self.type):
            values = values.drop_null()
            if pa.types.is_floating(self.type):
                values = self._finite(values)
            self._range(values)
        elif is_moment(self.type):
            values = values.drop_null()
            self._range(values.cast(pa.int64()) if not pa.types.is_date32(self.type) else values.cast(pa.int32()))
        elif values.null_count:
            values = values.drop_null()
        if not self.overflow and countable(self.type) and len(values):
            self._count(values)

    def _finite(self, values: pa.ChunkedArray) -> pa.ChunkedArray:
        """NaN counts as missing; infinity too, and is reported."""
        finite = pc.is_finite(values)
        bad = len(values) - (pc.sum(finite).as_py() or 0)
        if bad:
            infinite = pc.sum(pc.is_inf(values)).as_py() or 0
            self.infinite += infinite
            self.missing += bad
            values = values.filter(finite)
        return values

    def _range(self, values: pa.ChunkedArray) -> None:
        if not len(values):
            return
        bounds = pc.min_max(values).as_py()
        low, high = float(bounds["min"]), float(bounds["max"])
        self.minimum = low if self.minimum is None else min(self.minimum, low)
        self.maximum = high if self.maximum is None else max(self.maximum, high)
        if self.whole and pa.types.is_floating(self.type):
            # Doubles past 2**53 are all whole, which says nothing about the column.
            self.whole = max(abs(low), abs(high)) < 2**53 and pc.all(pc.equal(values, pc.floor(values))).as_py()

    def _count(self, values: pa.ChunkedArray) -> None:
        counted = pc.value_counts(values.combine_chunks() if values.num_chunks != 1 else values.chunk(0))
        table = pa.table({"value": counted.field("values"), "count": counted.field("counts")})
        if pa.types.is_dictionary(table["value"].type):
            table = table.set_column(0, "value", table["value"].cast(table["value"].type.value_type))
        if self.counts is not None:
            both = pa.concat_tables([self.counts, table])
            table = both.group_by("value").aggregate([("count", "sum")]).rename_columns(["value", "count"])
        self.overflow = table.num_rows > DISTINCT_LIMIT
        self.counts = None if self.overflow else table

    def finish(self, rows: int, sample: pa.Array) -> ColumnStatistics:
        values = counts = None
        if not countable(self.type):
            distinct = rows - self.missing
        elif self.overflow:
            distinct = _estimate(sample, rows - self.missing)
        elif self.counts is None:
            distinct, values, counts = 0, pa.array([], value_type(self.type)), np.zeros(0, np.int64)
        else:
            ordered = self.counts.sort_by("value")
            values = ordered["value"].combine_chunks()
            counts = ordered["count"].to_numpy().astype(np.int64)
            distinct = len(values)
        return ColumnStatistics(
            self.name, self.type, rows, self.missing, self.infinite, distinct, values, counts,
            self.minimum, self.maximum, self.whole and is_number(self.type), sample,
        )  # fmt: skip


def scan(batches: Iterable[pa.RecordBatch | pa.Table], schema: pa.Schema, seed: int = 0) -> TableStatistics:
    """Read every batch once. The sample is uniform over rows without replacement, and the same for the same seed.
    A text column of ``schema`` may arrive as dictionaries, which are faster to read."""
    columns = [_Column(field) for field in schema]
    sampler = _RowSample(seed)
    rows = 0
    for batch in batches:
        whole = pa.Table.from_batches([batch]) if isinstance(batch, pa.RecordBatch) else batch
        rows += whole.num_rows
        sampler.update(whole)
        # In slices, so that a column with too many different values is found out before all of them are counted.
        for start in range(0, whole.num_rows, _SLICE):
            for state, column in zip(columns, whole.slice(start, _SLICE).columns, strict=True):
                state.update(column)
    sample = sampler.finish(schema)
    finished = tuple(state.finish(rows, _present(sample.column(i))) for i, state in enumerate(columns))
    return TableStatistics(rows, finished, sample)


class _RowSample:
    """Keeps the rows with the smallest random keys: a uniform sample that merges batch by batch, in row order."""

    def __init__(self, seed: int) -> None:
        self.generator = np.random.default_rng(seed)
        self.keys = np.zeros(0)
        self.tables: list[pa.Table] = []
        self.bar = np.inf

    def update(self, table: pa.Table) -> None:
        keys = self.generator.random(table.num_rows)
        if np.isfinite(self.bar):
            chosen = np.flatnonzero(keys < self.bar)
            keys, table = keys[chosen], table.take(pa.array(chosen))
        self.keys = np.concatenate([self.keys, keys])
        self.tables.append(table)
        if self.keys.size > 2 * SAMPLE_ROWS:
            self._shrink()

    def _shrink(self) -> None:
        self.bar = float(np.partition(self.keys, SAMPLE_ROWS)[SAMPLE_ROWS])
        chosen = np.flatnonzero(self.keys < self.bar)
        merged = pa.concat_tables(self.tables, promote_options="default")
        self.keys, self.tables = self.keys[chosen], [merged.take(pa.array(chosen)).combine_chunks()]

    def finish(self, schema: pa.Schema) -> pa.Table:
        if self.keys.size > SAMPLE_ROWS:
            self._shrink()
        return pa.concat_tables(self.tables).cast(schema) if self.tables else schema.empty_table()


def _present(column: pa.ChunkedArray) -> pa.Array:
    kept = column.drop_null()
    if pa.types.is_floating(kept.type):
        kept = kept.filter(pc.is_finite(kept))
    merged = kept.combine_chunks()
    return pa.concat_arrays(merged.chunks) if isinstance(merged, pa.ChunkedArray) else merged


def _estimate(sample: pa.Array, present: int) -> int:
    """Distinct values among ``present`` cells from a sample of them: exact when the sample is everything."""
    m, seen = len(sample), len(pc.unique(sample))
    if m >= present or seen == m:
        return seen if m >= present else present
    # Chao's lower bound from the values seen once and twice, scaled by what a larger draw could still show.
    counts: Any = pc.value_counts(sample).field("counts").to_numpy()
    once, twice = int((counts == 1).sum()), int((counts == 2).sum())
    return int(min(present, seen + once * once / (2 * max(twice, 1))))


def is_number(kind: pa.DataType) -> bool:
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind))


def is_moment(kind: pa.DataType) -> bool:
    return bool(pa.types.is_date(kind) or pa.types.is_timestamp(kind))


def value_type(kind: pa.DataType) -> pa.DataType:
    return kind.value_type if pa.types.is_dictionary(kind) else kind


def countable(kind: pa.DataType) -> bool:
    kind = value_type(kind)
    return is_number(kind) or is_moment(kind) or bool(pa.types.is_boolean(kind) or pa.types.is_string(kind))
