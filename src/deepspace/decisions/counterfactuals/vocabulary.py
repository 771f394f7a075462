"""The values that each column of a table may take, in order, and rows as places among them.

A row is (F,) int32: the place of each cell among its column's values, -1 where it is missing. Whatever is proposed is
such a place, so that it is legal and in the user's own units without rounding.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from deepspace.data.codecs import CategoryCodec, type_from_name

if TYPE_CHECKING:
    import pyarrow as pa

    from deepspace.data.tables import TableSchema

__all__ = ["Codes", "Values", "Vocabulary", "numbers_of"]

Codes = npt.NDArray[np.int32]
Floats = npt.NDArray[np.float64]

LATTICE = 10_000
"""A column of whole numbers, days or fixed decimals with no more steps than this may take all of them; others take
the values that occur."""
DECIMALS = 6


@dataclass(frozen=True, eq=False)
class Values:
    """One column. ``values``: (V,) Arrow, in the user's type, ascending where ``ordered``; ``known``: how many of them
    the space knows (others are an item's own); ``encoded``: (V,) as a model sees them; ``numbers``: (V,) as numbers
    (dates in their own unit), NaN for text; ``place``: (V,) the share of training rows below, for ordered columns.
    """

    name: str
    kind: str
    values: pa.Array
    known: int
    encoded: npt.NDArray[np.float32]
    numbers: Floats
    place: Floats
    ordered: bool
    continuous: bool

    def __len__(self) -> int:
        return len(self.values)

    def codes_of(self, column: Any) -> Codes:
        """An Arrow column -> places, -1 where missing or not among the values."""
        import pyarrow as pa
        import pyarrow.compute as pc

        flat = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
        found = pc.index_in(_plain(flat, self.values.type), value_set=self.values)
        return np.asarray(found.fill_null(-1).to_numpy(zero_copy_only=False), np.int32)

    def taken(self, codes: Codes) -> pa.Array:
        """Places -> cells in the user's type."""
        import pyarrow as pa

        return self.values.take(pa.array(np.maximum(codes, 0), mask=codes < 0))

    @cached_property
    def shown(self) -> list[Any]:
        return list(self.values.to_pylist())


@dataclass(frozen=True, eq=False)
class Vocabulary:
    """The columns that the space learned, in its order."""

    columns: tuple[Values, ...]

    @classmethod
    def of(cls, schema: TableSchema, training: pa.Table, items: pa.Table) -> Vocabulary:
        """training: the rows whose values may be proposed; items: those whose own values must be there too."""
        out = []
        for column, codec in zip(schema.features, schema.codecs, strict=True):
            rows, own = training.column(column.name), items.column(column.name)
            if isinstance(codec, CategoryCodec):
                out.append(_categories(column.name, column.kind, codec, rows, own))
            else:
                out.append(_numbers(column.name, column.kind, codec, rows, own))
        return cls(tuple(out))

    def codes(self, table: pa.Table) -> Codes:
        """(N, F): the rows of a table that holds every column."""
        return np.stack([values.codes_of(table.column(values.name)) for values in self.columns], 1)

    def table(self, codes: Codes) -> pa.Table:
        import pyarrow as pa

        arrays = [values.taken(codes[:, j]) for j, values in enumerate(self.columns)]
        return pa.Table.from_arrays(arrays, names=[values.name for values in self.columns])

    def encoded(self, codes: Codes) -> npt.NDArray[np.float32]:
        """(N, F): as a model sees the rows."""
        out = np.full(codes.shape, np.nan, np.float32)
        for j, values in enumerate(self.columns):
            there = codes[:, j] >= 0
            out[there, j] = values.encoded[codes[there, j]]
        return out


def numbers_of(values: pa.Array) -> Floats:
    """Cells as numbers: booleans 0 and 1, dates in their own unit, text that is a number; NaN for other text."""
    import pyarrow as pa

    kind = values.type
    if pa.types.is_temporal(kind):
        values = values.cast(pa.int32() if pa.types.is_date32(kind) else pa.int64())
    elif pa.types.is_boolean(kind):
        values = values.cast(pa.int8())
    if pa.types.is_integer(values.type) or pa.types.is_floating(kind):
        return np.asarray(values.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False), np.float64)
    return np.full(len(values), np.nan)


def _plain(column: pa.Array, kind: pa.DataType) -> pa.Array:
    """In the type of the values; NaN as missing, and a zero without a sign, since places are found by equal bits."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    if pa.types.is_floating(column.type):
        column = pc.if_else(pc.is_finite(column), column, pa.scalar(None, column.type))
    if column.type != kind:
        try:
            column = column.cast(kind)
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
            column = column.cast(pa.string()).cast(kind)
    return pc.add(column, pa.scalar(0.0, kind)) if pa.types.is_floating(kind) else column


def _joined(rows: Any, own: Any, kind: pa.DataType) -> pa.Array:
    import pyarrow as pa

    pieces = [_plain(c.combine_chunks() if isinstance(c, pa.ChunkedArray) else c, kind) for c in (rows, own)]
    return pa.concat_arrays(pieces).unique().drop_null()


def _categories(name: str, kind: str, codec: CategoryCodec, rows: Any, own: Any) -> Values:
    import pyarrow as pa
    import pyarrow.compute as pc

    known = codec.values
    every = _joined(own, own, known.type)
    strange = every.filter(pc.invert(pc.is_in(every, value_set=known)))
    values = pa.concat_arrays([known, strange])
    numbers = numbers_of(values)
    ordered = kind in ("ordinal", "boolean") or bool(np.isfinite(numbers[: len(known)]).all())
    if kind == "ordinal" or not np.isfinite(numbers).all():
        numbers = np.arange(len(values), dtype=np.float64)
        numbers[len(known) :] = np.nan
    encoded = np.concatenate([np.arange(len(known), dtype=np.float32), np.full(len(strange), np.nan, np.float32)])
    found = Values(name, kind, values, len(known), encoded, numbers, np.zeros(len(values)), ordered, False)
    counts = np.bincount(found.codes_of(rows) + 1, minlength=len(values) + 1)[1:].astype(np.float64)
    # Categories of numbers are not always listed in their order.
    order = np.argsort(numbers, kind="stable")
    place = np.empty(len(values))
    place[order] = (np.cumsum(counts[order]) - counts[order] / 2) / max(counts.sum(), 1)
    return Values(name, kind, values, len(known), encoded, numbers, place, ordered, False)


def _numbers(name: str, kind: str, codec: Any, rows: Any, own: Any) -> Values:
    import pyarrow as pa
    import pyarrow.compute as pc

    target = type_from_name(codec.type)
    seen = _joined(rows, own, target)
    seen = seen.take(pc.sort_indices(seen))
    numbers = _with_lattice(numbers_of(seen), codec)
    storage = _numbers_to(numbers, target)
    encoded = np.asarray(codec.encode(pa.chunked_array([storage]), name), np.float32)
    training = np.sort(numbers_of(_plain(rows.combine_chunks() if isinstance(rows, pa.ChunkedArray) else rows, target)))
    training = training[~np.isnan(training)]
    below, upto = np.searchsorted(training, numbers, "left"), np.searchsorted(training, numbers, "right")
    place = (below + upto) / (2 * max(len(training), 1))
    return Values(name, kind, storage, len(storage), encoded, numbers, place, True, True)


def _with_lattice(seen: Floats, codec: Any) -> Floats:
    """The values seen, and all the others of their kind between the lowest and the highest, if these are few."""
    if len(seen) < 2:
        return seen
    whole = codec.whole or "int" in codec.type or codec.type.startswith("date")
    decimals = 0 if whole else next((d for d in range(DECIMALS + 1) if np.array_equal(np.round(seen, d), seen)), None)
    if decimals is None or "timestamp" in codec.type:
        return seen
    low, high = max(seen[0], codec.low), min(seen[-1], codec.high)
    steps = (high - low) * 10**decimals
    if not 1 <= steps <= LATTICE:
        return seen
    lattice = np.round(low + np.arange(round(steps) + 1) / 10**decimals, decimals)
    return np.unique(np.concatenate([seen, lattice]))


def _numbers_to(numbers: Floats, kind: pa.DataType) -> pa.Array:
    """Numbers -> cells of a type."""
    import pyarrow as pa

    if pa.types.is_floating(kind):
        return pa.array(numbers, kind)
    whole = pa.array(np.rint(numbers).astype(np.int64))
    if pa.types.is_temporal(kind):
        return whole.cast(pa.int32() if pa.types.is_date32(kind) else pa.int64()).cast(kind)
    return whole.cast(kind)
