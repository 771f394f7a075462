"""Tables from Arrow, pandas and polars, brought to a few plain column types; and back to what the user had."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from deepspace.errors import DataError

__all__ = ["flavour_of", "from_frame", "normalise", "to_flavour", "unique_names"]


def flavour_of(obj: Any) -> str | None:
    """'arrow', 'pandas' or 'polars' if ``obj`` is such a table, else None. Imports neither pandas nor polars."""
    if isinstance(obj, (pa.Table, pa.RecordBatch)):
        return "arrow"
    home = type(obj).__module__.split(".")[0]
    if home in ("pandas", "polars") and type(obj).__name__ in ("DataFrame", "LazyFrame"):
        return home
    return None


def from_frame(frame: Any) -> tuple[pa.Table, str, list[str]]:
    """(table, flavour, notes). The index of a pandas frame is not a column and is dropped."""
    flavour = flavour_of(frame)
    notes: list[str] = []
    if flavour == "pandas":
        return _from_pandas(frame, notes), "pandas", notes
    if flavour == "polars":
        if type(frame).__name__ == "LazyFrame":
            frame = frame.collect()
        return frame.to_arrow(), "polars", notes
    return (pa.Table.from_batches([frame]) if isinstance(frame, pa.RecordBatch) else frame), "arrow", notes


def _from_pandas(frame: Any, notes: list[str]) -> pa.Table:
    arrays: list[Any] = []
    for i in range(frame.shape[1]):
        column = frame.iloc[:, i]
        try:
            arrays.append(pa.Array.from_pandas(column))
        except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError):
            missing = column.isna()
            arrays.append(pa.array([None if m else str(v) for v, m in zip(column, missing, strict=True)], pa.string()))
            notes.append(f"column '{frame.columns[i]}' mixes types; its values are read as text.")
    return pa.Table.from_arrays(arrays, names=[str(name) for name in frame.columns])


def unique_names(names: list[str], notes: list[str]) -> list[str]:
    """Names made unique: a second 'a' becomes 'a.1'; an empty name 'column_3'."""
    seen: set[str] = set()
    taken = set(names)
    out: list[str] = []
    for i, name in enumerate(names, 1):
        new = name.strip() or f"column_{i}"
        count = 1
        while new in seen or (new != name and new in taken):
            new = f"{name.strip() or f'column_{i}'}.{count}"
            count += 1
        if new != name and name.strip() not in ("", new):
            notes.append(f"column name '{name}' occurs more than once; the one at position {i} is called '{new}'.")
        seen.add(new)
        out.append(new)
    return out


def normalise(table: pa.Table) -> pa.Table:
    """Few plain types: string, bool, ints, doubles and floats, dates, timestamps, dictionaries of string. NaN and
    infinite cells are missing. Values are not changed otherwise; other types (lists, structs, bytes) stay."""
    for i, field in enumerate(table.schema):
        column = table.column(i)
        new = _plain(column)
        if new is not column:
            table = table.set_column(i, field.name, new)
    return table.replace_schema_metadata(None)


def _plain(column: pa.ChunkedArray) -> pa.ChunkedArray:
    kind = column.type
    if pa.types.is_dictionary(kind):
        value = kind.value_type
        if pa.types.is_large_string(value) or pa.types.is_string_view(value):
            return column.cast(pa.dictionary(pa.int32(), pa.string(), kind.ordered))
        if not pa.types.is_string(value):
            return _plain(column.cast(value))
        return column if kind.index_type == pa.int32() else column.cast(pa.dictionary(pa.int32(), value, kind.ordered))
    if pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        return column.cast(pa.string())
    if pa.types.is_decimal(kind):
        return column.cast(pa.float64())
    if pa.types.is_float16(kind):
        return _plain(column.cast(pa.float32()))
    if pa.types.is_null(kind):
        return column.cast(pa.string())
    if pa.types.is_duration(kind):
        return column.cast(pa.int64())
    if pa.types.is_date64(kind):
        return column.cast(pa.date32())
    return column


def finite(table: pa.Table, notes: list[str]) -> pa.Table:
    """NaN and infinite cells become missing ones; infinities are reported, with their column."""
    for i, field in enumerate(table.schema):
        if not pa.types.is_floating(field.type):
            continue
        column = table.column(i)
        good = pc.is_finite(column)
        if pc.all(good).as_py() in (True, None):
            continue
        infinite = pc.sum(pc.is_inf(column)).as_py() or 0
        if infinite:
            where = pc.index(pc.is_inf(column), True).as_py()
            notes.append(
                f"column '{field.name}' holds {infinite:,} infinite values (first in row {where}), read as missing."
            )
        table = table.set_column(i, field.name, pc.if_else(good, column, pa.scalar(None, field.type)))
    return table


def to_flavour(table: pa.Table, flavour: str) -> Any:
    """The table as the kind of frame that the user gave. The library is there, since the user passed its object;
    a space opened elsewhere without it gets an Arrow table."""
    try:
        if flavour == "pandas":
            return table.to_pandas()
        if flavour == "polars":
            import polars

            return polars.from_arrow(table)
    except ImportError:
        return table
    return table


def as_table(raw: Any) -> pa.Table | None:
    """A table from a frame or a mapping of columns; None if ``raw`` is neither."""
    if flavour_of(raw):
        return from_frame(raw)[0]
    if isinstance(raw, dict):
        try:
            return pa.table({str(k): v for k, v in raw.items()})
        except (pa.ArrowInvalid, pa.ArrowTypeError, TypeError) as error:
            raise DataError(f"these columns do not make a table: {str(error).splitlines()[0]}.") from None
    return None
