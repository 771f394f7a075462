"""Parquet and Arrow files, in memory or in batches."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from deepspace.data.files import source_of
from deepspace.data.frames import normalise, unique_names
from deepspace.data.raw import Batches, Frame, Options
from deepspace.data.storage import budget_of
from deepspace.errors import DataError

__all__ = ["read_ipc", "read_parquet"]

BATCH_ROWS = 16_384


def read_parquet(path: Path, options: Options, big: bool) -> Frame | Batches:
    """Text columns that Parquet holds as dictionaries stay so while they are read: that is several times faster."""
    try:
        file = pq.ParquetFile(path, memory_map=True)
    except (pa.ArrowInvalid, OSError) as error:
        raise DataError(f"'{path.name}' is not a readable Parquet file ({_line(error)}); write it again.") from None
    notes: list[str] = []
    names = unique_names(list(file.schema_arrow.names), notes)
    size = sum(file.metadata.row_group(i).total_byte_size for i in range(file.metadata.num_row_groups))
    source = source_of([path], options.fingerprint)
    if big or 2 * size > budget_of(options):
        lists = any(pa.types.is_nested(field.type) for field in file.schema_arrow)
        if not lists or big:
            plain = normalise(file.schema_arrow.empty_table().rename_columns(names)).schema
            return Batches(
                lambda columns: _parquet_batches(path, names, columns),
                lambda: plain,
                tuple(names),
                source,
                True,
                tuple(notes),
            )
    try:
        table = file.read().rename_columns(names)
    except (pa.ArrowInvalid, OSError) as error:
        raise DataError(f"'{path.name}' is damaged ({_line(error)}); write it again.") from None
    return Frame(table, source, True, "arrow", tuple(notes))


def _parquet_batches(
    path: Path, names: Sequence[str], columns: Sequence[str] | None = None, rows: int = BATCH_ROWS
) -> Iterator[pa.RecordBatch]:
    schema = pq.read_schema(path)
    text = [field.name for field in schema if pa.types.is_string(field.type) or pa.types.is_large_string(field.type)]
    file = pq.ParquetFile(path, memory_map=True, read_dictionary=text)
    wanted = None if columns is None else [old for old, new in zip(schema.names, names, strict=True) if new in columns]
    renamed = dict(zip(schema.names, names, strict=True))
    try:
        for batch in file.iter_batches(batch_size=rows, columns=wanted, use_threads=False):
            yield batch.rename_columns([renamed[name] for name in batch.schema.names])
    except (pa.ArrowInvalid, OSError) as error:
        raise DataError(f"'{path.name}' is damaged ({_line(error)}); write it again.") from None


def read_ipc(path: Path, options: Options, big: bool) -> Frame | Batches:
    """An Arrow file or stream, memory-mapped."""
    notes: list[str] = []
    try:
        with pa.memory_map(str(path)) as mapped:
            try:
                reader = pa.ipc.open_file(mapped)
            except pa.ArrowInvalid:
                reader = pa.ipc.open_stream(mapped)
            names = unique_names(list(reader.schema.names), notes)
            table = reader.read_all().rename_columns(names)
    except (pa.ArrowInvalid, OSError) as error:
        raise DataError(f"'{path.name}' is not a readable Arrow file ({_line(error)}); write it again.") from None
    source = source_of([path], options.fingerprint)
    if big or table.nbytes > budget_of(options):
        # The table is memory-mapped, so that its batches come from disk as they are needed.
        def batches(columns: Sequence[str] | None) -> Iterator[pa.RecordBatch]:
            chosen = table if columns is None else table.select(list(columns))
            return iter(chosen.to_batches(max_chunksize=BATCH_ROWS))

        plain = normalise(table.slice(0, 0)).schema
        return Batches(batches, lambda: plain, tuple(names), source, True, tuple(notes))
    return Frame(table, source, True, "arrow", tuple(notes))


def _line(error: Exception) -> str:
    return str(error).splitlines()[0].rstrip(".")[:160] if str(error) else type(error).__name__
