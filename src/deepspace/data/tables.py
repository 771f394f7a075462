"""Tables: one float32 a feature column, and back to the user's own cells."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from deepspace.data.codecs import CategoryCodec, Codec, NumberCodec, codec_from_json
from deepspace.data.dataset import Dataset, Source
from deepspace.data.frames import as_table, finite, normalise, to_flavour
from deepspace.data.groups import no_such_column
from deepspace.data.infer import Guess, find_duplicates, guess, guess_target, hint_at_groups
from deepspace.data.raw import Batches, Frame, Options, Raw
from deepspace.data.scaling import choose_scale
from deepspace.data.scan import ColumnStatistics, TableStatistics, is_moment, is_number, scan, value_type
from deepspace.data.schema import Column, Kind, Role, Schema, column_from_json, column_to_json
from deepspace.errors import DataError

__all__ = ["TableSchema", "build", "fits", "infer_schema"]

MIN_ROWS = 5
_BLOCK = 8192


@dataclass(frozen=True)
class TableSchema(Schema):
    """A table. ``columns`` are all its columns; ``codecs`` has one entry a feature, in the order of ``features``.

    ``flavour`` is the kind of frame that ``decode`` returns: 'arrow', 'pandas' or 'polars'.
    """

    modality: ClassVar[str] = "table"
    columns: tuple[Column, ...]
    codecs: tuple[Codec, ...]
    flavour: str = "arrow"

    @property
    def shape(self) -> tuple[int, ...]:  # type: ignore[override]
        return (len(self.codecs),)

    @property
    def dtype(self) -> np.dtype[Any]:
        return np.dtype(np.float32)

    @property
    def cardinalities(self) -> tuple[int, ...]:
        """A feature's number of classes (boolean, ordinal, categorical), or 0 for a number or a date."""
        return tuple(codec.cardinality for codec in self.codecs)

    @property
    def kinds(self) -> tuple[Kind, ...]:
        return tuple(column.kind for column in self.features)

    def encode(self, raw: Any) -> npt.NDArray[np.float32]:
        """A frame, a mapping of columns, a list of records or a path -> (N, F). Extra columns are ignored.
        Missing cells and categories never seen before are NaN."""
        return self.encode_table(self._table(raw))

    def encode_table(self, table: pa.Table | pa.RecordBatch) -> npt.NDArray[np.float32]:
        """The same for an Arrow table or batch that has every feature column."""
        names = [column.name for column in self.features]
        have = table.schema.names
        absent = [name for name in names if name not in have]
        if absent:
            raise DataError(
                f"the table lacks {len(absent)} of the {len(names)} feature columns, first '{absent[0]}'; "
                f"it has {', '.join(map(repr, have[:8]))}{', …' if len(have) > 8 else ''}."
            )
        columns = []
        for name, codec in zip(names, self.codecs, strict=True):
            column = table.column(name)
            chunked = column if isinstance(column, pa.ChunkedArray) else pa.chunked_array([column])
            columns.append(codec.encode(chunked, name))
        out = np.empty((table.num_rows, len(names)), np.float32)
        for start in range(0, table.num_rows, _BLOCK):  # a block of rows at a time stays in the cache
            for i, column in enumerate(columns):
                out[start : start + _BLOCK, i] = column[start : start + _BLOCK]
        return out

    def _table(self, raw: Any) -> pa.Table:
        if isinstance(raw, Sequence) and not isinstance(raw, str) and raw and isinstance(raw[0], Mapping):
            return normalise(pa.Table.from_pylist([dict(record) for record in raw]))
        table = as_table(raw)
        if table is None:
            from deepspace.data.readers import read

            opened = read(raw, Options(fingerprint=False, memory_budget=1 << 62))
            if not isinstance(opened, Frame):
                raise DataError(f"'{opened.source.name}' is not a table, but this space was learned from one.")
            table = opened.table
        return normalise(table)

    def decode(self, encoded: npt.NDArray[Any]) -> Any:
        """(N, F) or (F,) -> a table of the feature columns in the user's own types, as the frame they came in."""
        encoded = np.atleast_2d(np.asarray(encoded))
        if encoded.ndim != 2 or encoded.shape[1] != len(self.codecs):
            raise DataError(f"encoded rows have shape {encoded.shape}, but this table has {len(self.codecs)} features.")
        arrays = [codec.decode(encoded[:, i]) for i, codec in enumerate(self.codecs)]
        return to_flavour(pa.Table.from_arrays(arrays, names=[c.name for c in self.features]), self.flavour)

    def to_json(self) -> dict[str, Any]:
        return {
            "modality": self.modality,
            "columns": [column_to_json(column) for column in self.columns],
            "codecs": [codec.to_json() for codec in self.codecs],
            "flavour": self.flavour,
        }

    @classmethod
    def from_json(cls, obj: dict[str, Any]) -> TableSchema:
        return cls(
            tuple(column_from_json(column) for column in obj["columns"]),
            tuple(codec_from_json(codec) for codec in obj["codecs"]),
            str(obj.get("flavour", "arrow")),
        )


def fits(raw: Raw) -> float:
    """Frames that no other modality claims are tables."""
    return 0.5 if isinstance(raw, (Frame, Batches)) else 0.0


def build(raw: Raw, options: Options) -> Dataset:
    """Infer the schema and encode every row; a table too big for memory goes through ``outofcore``."""
    if isinstance(raw, Batches):
        from deepspace.data.outofcore import build_batches

        return build_batches(raw, options)
    if not isinstance(raw, Frame):
        raise DataError(f"'{raw.source.name}' is not a table; leave the modality to be inferred.")
    notes = list(raw.notes)
    table = finite(normalise(raw.table), notes)
    statistics = scan([table], table.schema)
    schema, found = infer_schema(statistics, options, raw.source, raw.flavour)
    return Dataset(schema, schema.encode_table(table), table, raw.source, (*notes, *found))


def stream_table(raw: Raw, schema: TableSchema, rows: int) -> Iterator[npt.NDArray[np.float32]]:
    """Encoded blocks (at most ``rows``, F) of any table, read ahead where it is read from disk."""
    if isinstance(raw, Batches):
        from deepspace.data.outofcore import encode_batches

        yield from encode_batches(raw, schema, rows)
    elif isinstance(raw, Frame):
        table = normalise(raw.table)
        for start in range(0, table.num_rows, rows):
            yield schema.encode_table(table.slice(start, rows))
    else:
        raise DataError(f"'{raw.source.name}' is not a table, but this schema describes one.")


def infer_schema(
    statistics: TableStatistics, options: Options, source: Source, flavour: str
) -> tuple[TableSchema, list[str]]:
    """(schema, notes) from one pass of statistics and the user's overrides."""
    if statistics.rows < MIN_ROWS:
        count = "no rows" if not statistics.rows else f"{statistics.rows} row{'s' * (statistics.rows > 1)}"
        raise DataError(f"'{source.name}' has {count}; at least {MIN_ROWS} are needed to learn from.")
    columns = statistics.columns
    guesses = [guess(column) for column in columns]
    notes: list[str] = []
    guesses = _grouping(columns, _override(columns, guesses, options.columns), options.groups)
    target = _choose_target(columns, guesses, options, notes)
    for i, twin in find_duplicates(statistics, guesses, target).items():
        if columns[i].name not in options.columns:
            guesses[i] = replace(guesses[i], role="excluded", reason=f"the same as '{twin}' in every row")
    if target is not None:
        role: Role = "feature" if options.include_target else "target"
        reason = "the target, trained on because that was asked for" if options.include_target else ""
        guesses[target] = replace(_as_target(columns[target], guesses[target]), role=role, reason=reason)
    described = tuple(_column(column, verdict) for column, verdict in zip(columns, guesses, strict=True))
    codecs = tuple(
        _codec(column, verdict) for column, verdict in zip(columns, guesses, strict=True) if verdict.role == "feature"
    )
    notes += _left_out(described)
    if options.groups is None:
        notes += [hint_at_groups(c) for c, d in zip(columns, described, strict=True) if d.role != "target"]
        notes = [note for note in notes if note]
    if not codecs:
        reasons = "; ".join(f"'{c.name}': {c.reason or c.role}" for c in described[:5])
        raise DataError(f"'{source.name}' has no column to learn from ({reasons}).")
    return TableSchema(described, codecs, flavour), notes


def _choose_target(
    columns: tuple[ColumnStatistics, ...], guesses: list[Guess], options: Options, notes: list[str]
) -> int | None:
    names = [column.name for column in columns]
    if options.target is not None:
        if options.target in names:
            return names.index(options.target)
        if options.target.lower() in ("", "none"):
            return None
        raise DataError(_unknown("target", options.target, names))
    for i, verdict in enumerate(guesses):
        if verdict.role == "target":
            return i
    free = [replace(g, role="excluded") if c.name in options.columns and "role" in options.columns[c.name] else g
            for c, g in zip(columns, guesses, strict=True)]  # fmt: skip
    index, why = guess_target(columns, free)
    learned = sum(verdict.role == "feature" for verdict in guesses)
    if index is None or learned < 2:
        return None
    trained = "is trained on too" if options.include_target else "is not trained on"
    notes.append(
        f"'{names[index]}' is taken as the target because of {why}: it {trained}."
        if why == "its name"
        else f"'{names[index]}' is taken as the target because {why}: it {trained}."
    )
    return index


def _as_target(column: ColumnStatistics, verdict: Guess) -> Guess:
    """A target with few whole values is a set of classes, even if it would be an amount as a feature."""
    if verdict.kind in ("integer", "text") and column.values is not None and column.distinct <= 100:
        return Guess("categorical", categories=tuple(map(str, column.values.cast(pa.string()).to_pylist())))
    return verdict


def _override(
    columns: tuple[ColumnStatistics, ...], guesses: list[Guess], wanted: Mapping[str, Mapping[str, Any]]
) -> list[Guess]:
    names = [column.name for column in columns]
    out = list(guesses)
    for name, changes in wanted.items():
        if name not in names:
            raise DataError(_unknown("column", name, names))
        i = names.index(name)
        out[i] = _overridden(columns[i], out[i], changes)
    return out


def _grouping(columns: tuple[ColumnStatistics, ...], guesses: list[Guess], name: str | None) -> list[Guess]:
    """The column that rows are grouped by is not learned: of new groups it has values never seen."""
    names = [column.name for column in columns]
    if not name:
        return guesses
    if name not in names:
        raise DataError(no_such_column(name, names))
    out, i = list(guesses), names.index(name)
    kept: Role = "metadata" if out[i].role == "feature" else out[i].role
    out[i] = replace(out[i], role=kept, reason=out[i].reason if kept == "constant" else "rows are held out by it")
    return out


def _overridden(column: ColumnStatistics, verdict: Guess, changes: Mapping[str, Any]) -> Guess:
    kind = changes.get("kind", verdict.kind)
    role = changes.get("role", "feature" if "kind" in changes and verdict.role != "constant" else verdict.role)
    categories = tuple(str(c) for c in changes.get("categories", verdict.categories))
    number = is_number(column.type) or is_moment(column.type)
    if kind in ("boolean", "ordinal", "categorical"):
        if not categories and column.values is None:
            raise DataError(
                f"column '{column.name}' has about {column.distinct:,} different values, too many for {kind}; "
                "list its categories or choose another kind."
            )
        if not categories and column.values is not None:
            categories = tuple(map(str, column.values.cast(pa.string()).to_pylist()))
        if kind == "boolean" and len(categories) != 2:
            raise DataError(f"column '{column.name}' has {len(categories)} different values, so it cannot be boolean.")
    else:
        categories = ()
        if role == "feature" and (kind == "text" or not number):
            raise DataError(
                f"column '{column.name}' holds {column.type} values, which cannot be learned as {kind}; "
                "choose categorical, or convert it."
            )
    return Guess(kind, role, "as asked" if role not in ("feature", "target") else "", categories)


def _unknown(what: str, name: str, names: list[str]) -> str:
    close = get_close_matches(name, names, 1)
    hint = f"did you mean '{close[0]}'?" if close else f"the columns are {', '.join(names[:10])}."
    return (
        f"there is no column '{name}' to be the {what}; {hint}"
        if what == "target"
        else (f"there is no column '{name}'; {hint}")
    )


def _column(column: ColumnStatistics, verdict: Guess) -> Column:
    low, high = (_seconds(edge, column.type) for edge in (column.minimum, column.maximum))
    numeric = verdict.kind in ("numeric", "integer", "date", "ordinal")
    return Column(
        column.name, verdict.kind, verdict.role, verdict.reason, verdict.categories, column.missing, column.distinct,
        low if numeric else None, high if numeric else None,
    )  # fmt: skip


def _seconds(edge: float | None, kind: pa.DataType) -> float | None:
    if edge is None or not is_moment(kind):
        return edge
    if pa.types.is_date32(kind):
        return edge * 86400.0
    return edge / {"s": 1.0, "ms": 1e3, "us": 1e6, "ns": 1e9}[kind.unit]


def _codec(column: ColumnStatistics, verdict: Guess) -> Codec:
    kind = value_type(column.type)
    if verdict.categories:
        return CategoryCodec(str(kind), verdict.categories, pa.types.is_dictionary(column.type))
    sample = column.sample
    if is_moment(column.type):
        sample = sample.cast(pa.int32() if pa.types.is_date32(kind) else pa.int64())
    values = sample.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False)
    low, high = column.minimum or 0.0, column.maximum or 0.0
    return NumberCodec(str(kind), choose_scale(values), column.whole and verdict.kind == "integer", low, high)


def _left_out(columns: tuple[Column, ...]) -> list[str]:
    """One sentence for each reason to leave columns out."""
    out = [f"column '{c.name}' is left out: {c.reason}." for c in columns if c.role in ("identifier", "excluded")]
    constants = [c for c in columns if c.role == "constant"]
    if constants:
        listed = ", ".join(f"'{c.name}' ({c.reason})" for c in constants[:6])
        more = f" and {len(constants) - 6} more" if len(constants) > 6 else ""
        out.append(f"left out because they never vary: {listed}{more}.")
    return out
