"""Tables too big for memory: one pass for statistics, one that encodes into files, both in constant memory."""

from __future__ import annotations

import os
import queue
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from deepspace.data.dataset import Dataset
from deepspace.data.frames import finite, normalise
from deepspace.data.raw import Batches, Options
from deepspace.data.scan import scan
from deepspace.data.storage import scratch_folder
from deepspace.data.tables import TableSchema, infer_schema
from deepspace.errors import DataError

__all__ = ["build_batches", "encode_batches", "read_ahead"]

T = TypeVar("T")


def build_batches(raw: Batches, options: Options) -> Dataset:
    """Two passes over ``raw``: types and quantiles from a sample of rows with exact counts and ranges, then
    ``encoded.npy`` and ``rows.arrow`` in the work folder, both opened memory-mapped."""
    notes = list(raw.notes)
    schema = raw.schema()
    statistics = scan((_plain(batch, []) for batch in read_ahead(raw.open(None))), schema)
    inferred, found = infer_schema(statistics, options, raw.source, "arrow")
    infinite = [column for column in statistics.columns if column.infinite]
    notes += [f"column '{c.name}' holds {c.infinite:,} infinite values, read as missing." for c in infinite]
    folder = scratch_folder(options.workdir)
    array_path, rows_path = folder / "encoded.npy", folder / "rows.arrow"
    partial = [path.with_name(path.name + ".partial") for path in (array_path, rows_path)]
    try:
        _write(raw, schema, inferred, statistics.rows, partial[0], partial[1])
        os.replace(partial[0], array_path)
        os.replace(partial[1], rows_path)
    except OSError as error:
        raise DataError(f"the encoded rows cannot be written to '{folder}': {error.strerror or error}.") from None
    finally:
        for path in partial:
            path.unlink(missing_ok=True)
    notes += [*found, f"the table is read from disk in batches and encoded into '{folder}'."]
    rows = pa.ipc.open_file(pa.memory_map(str(rows_path))).read_all()
    return Dataset(inferred, np.load(array_path, mmap_mode="r", allow_pickle=False), rows, raw.source, tuple(notes))


def _write(raw: Batches, schema: pa.Schema, inferred: TableSchema, count: int, array: Path, rows: Path) -> None:
    """Plain appends rather than a writable map, whose dirty pages would count as memory."""
    stored = pa.schema([pa.field(f.name, _stored(f.type)) for f in schema])
    done = 0
    with array.open("wb") as out, pa.OSFile(str(rows), "wb") as sink, pa.ipc.new_file(sink, stored) as writer:
        header = {"descr": "<f4", "fortran_order": False, "shape": (count, *inferred.shape)}
        np.lib.format.write_array_header_1_0(out, header)
        for batch in read_ahead(raw.open(None)):
            table = _plain(batch, [])
            inferred.encode_table(table).tofile(out)
            writer.write_table(table.cast(stored))
            done += table.num_rows
    if done != count:
        raise DataError(f"'{raw.source.name}' changed while it was read; run again when it is complete.")


def _plain(batch: pa.RecordBatch, notes: list[str]) -> pa.Table:
    return finite(normalise(pa.Table.from_batches([batch])), notes)


def _stored(kind: pa.DataType) -> pa.DataType:
    """An Arrow file cannot change a dictionary between batches, so that text is written out."""
    return kind.value_type if pa.types.is_dictionary(kind) else kind


def encode_batches(raw: Batches, schema: TableSchema, rows: int) -> Iterator[npt.NDArray[np.float32]]:
    """Encoded blocks of at most ``rows`` rows; only the feature columns are read, and ahead in a thread."""
    wanted = [column.name for column in schema.features]
    absent = [name for name in wanted if name not in raw.names]
    if absent:
        raise DataError(f"'{raw.source.name}' lacks {len(absent)} of the feature columns, first '{absent[0]}'.")

    def encoded() -> Iterator[npt.NDArray[np.float32]]:
        for batch in raw.open(wanted):
            yield schema.encode_table(normalise(pa.Table.from_batches([batch])))

    for block in read_ahead(encoded()):
        for start in range(0, len(block), rows):
            yield block[start : start + rows]


def read_ahead(items: Iterator[T], depth: int = 2) -> Iterator[T]:
    """The same items, produced by a thread that is at most ``depth`` of them ahead. Errors reach the reader; a reader
    that stops early stops the thread."""
    waiting: queue.Queue[Any] = queue.Queue(depth)
    stopped = threading.Event()
    end = object()

    def put(item: Any) -> bool:
        while not stopped.is_set():
            try:
                waiting.put(item, timeout=0.1)
                return True
            except queue.Full:
                continue
        return False

    def work() -> None:
        try:
            for item in items:
                if not put((item, None)):
                    return
            put((end, None))
        except BaseException as error:
            put((end, error))

    thread = threading.Thread(target=work, daemon=True, name="read-ahead")
    thread.start()
    try:
        while True:
            item, error = waiting.get()
            if error is not None:
                raise error
            if item is end:
                return
            yield item
    finally:
        stopped.set()
        thread.join(timeout=10)
