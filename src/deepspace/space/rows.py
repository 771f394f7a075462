"""The user's own rows as Parquet: one record, one column, a filter, a histogram, without reading the rest."""

from __future__ import annotations

import re
import threading
from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from deepspace.errors import SpaceError
from deepspace.space.files import Sink

__all__ = ["Rows", "write_rows"]

ROW_GROUP: Final = 1 << 15
"""Rows to a group: one record costs reading one group, one column a few dozen at a million rows."""
_PLACEHOLDER: Final = "row"
_GROUPS_KEPT: Final = 4


def write_rows(sink: Sink, rows: pa.Table) -> list[str]:
    """Write a table, possibly memory-mapped, group by group in constant memory. Returns its column names.

    A table without columns (vectors with nothing beside them) gets a column of row numbers, since Parquet would lose
    its length; the names returned leave that out.
    """
    names = list(rows.column_names)
    if not names:
        rows = pa.table({_PLACEHOLDER: pa.array(np.arange(rows.num_rows))})
    rows = rows.replace_schema_metadata(None)
    schema = pa.schema([_storable(column) for column in rows.schema])
    with pq.ParquetWriter(sink, schema, compression="zstd", write_statistics=True) as writer:
        for start in range(0, max(1, rows.num_rows), ROW_GROUP):
            piece = rows.slice(start, ROW_GROUP)
            columns = [_cast(piece.column(i), column.type) for i, column in enumerate(schema)]
            writer.write_table(pa.Table.from_arrays(columns, schema=schema), row_group_size=ROW_GROUP)
    return names


def _storable(column: pa.Field) -> pa.Field:
    """Parquet has no month intervals, unions or half floats that every reader knows: they become text or floats."""
    kind = column.type
    if pa.types.is_float16(kind):
        return column.with_type(pa.float32())
    if pa.types.is_interval(kind) or pa.types.is_union(kind):
        return column.with_type(pa.string())
    return column


def _cast(column: pa.ChunkedArray, kind: pa.DataType) -> pa.ChunkedArray:
    if column.type == kind:
        return column
    if pa.types.is_string(kind):
        return pa.chunked_array([pa.array([None if v is None else str(v) for v in column.to_pylist()], kind)])
    return column.cast(kind)


class Rows:
    """The rows of a space. Columns are in the user's own units and types; row numbers are those of the latents.

    ``figures`` adds per-row numbers computed for the space (reconstruction error, log density, ...), which filters and
    histograms may name like columns. Thread-safe.
    """

    def __init__(self, path: Path, names: Sequence[str], count: int, figures: dict[str, npt.NDArray[Any]]) -> None:
        self.path = path
        self.names = tuple(names)
        self._count = count
        self._figures = figures
        self._lock = threading.RLock()
        self._file: pq.ParquetFile | None = None
        self._starts: npt.NDArray[np.int64] | None = None
        self._groups: OrderedDict[int, pa.Table] = OrderedDict()
        self._database: Any = None

    def __len__(self) -> int:
        return self._count

    def __repr__(self) -> str:
        more = ", ..." if len(self.names) > 8 else ""
        return f"Rows({self._count} x {len(self.names)}: {', '.join(self.names[:8])}{more})"

    # Reading

    def _opened(self) -> pq.ParquetFile:
        with self._lock:
            if self._file is None:
                try:
                    self._file = pq.ParquetFile(self.path, memory_map=True)
                except (OSError, pa.ArrowException) as error:
                    raise SpaceError(f"cannot read {self.path}: {error}") from error
                sizes = [self._file.metadata.row_group(g).num_rows for g in range(self._file.num_row_groups)]
                self._starts = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
            return self._file

    @property
    def schema(self) -> pa.Schema:
        """Names and Arrow types."""
        full = self._opened().schema_arrow
        return pa.schema([full.field(name) for name in self.names])

    def column(self, name: str) -> pa.ChunkedArray:
        """One column, whole: (N,). Only its own bytes are read."""
        self._known([name])
        with self._lock:
            return self._opened().read(columns=[name]).column(0)

    def record(self, index: int) -> dict[str, Any]:
        """Row ``index`` as {column: value}, in Python types; negative counts from the end."""
        count = self._count
        if not -count <= index < count:
            raise SpaceError(f"cannot read row {index}: this space has {count} rows, 0 to {count - 1}")
        if not self.names:
            return {}
        index = int(index) % count
        group, offset = self._locate(index)
        return {name: value[0] for name, value in self._group(group).slice(offset, 1).to_pydict().items()}

    def table(self, columns: Sequence[str] | None = None, indices: npt.ArrayLike | None = None) -> pa.Table:
        """Chosen columns (all) of chosen rows (all), in the order given."""
        names = list(self.names if columns is None else columns)
        self._known(names)
        if indices is None:
            with self._lock:
                return self._opened().read(columns=names)
        wanted = np.asarray(indices, np.int64).reshape(-1)
        if len(wanted) and (wanted.min() < 0 or wanted.max() >= self._count):
            wrong = int(wanted.min() if wanted.min() < 0 else wanted.max())
            raise SpaceError(f"cannot read row {wrong}: this space has {self._count} rows, 0 to {self._count - 1}")
        self._opened()
        assert self._starts is not None
        groups = np.searchsorted(self._starts, wanted, side="right") - 1
        pieces = []
        order = np.argsort(groups, kind="stable")
        for group in np.unique(groups):
            inside = wanted[order[groups[order] == group]] - self._starts[group]
            pieces.append(self._group(int(group)).select(names).take(pa.array(inside)))
        if not pieces:
            return self.schema.empty_table().select(names)
        back = np.empty(len(wanted), np.int64)
        back[order] = np.arange(len(wanted))
        return pa.concat_tables(pieces).take(pa.array(back))

    def _locate(self, index: int) -> tuple[int, int]:
        self._opened()
        assert self._starts is not None
        group = int(np.searchsorted(self._starts, index, side="right")) - 1
        return group, index - int(self._starts[group])

    def _group(self, group: int) -> pa.Table:
        """One row group, from the few kept at hand."""
        with self._lock:
            if group in self._groups:
                self._groups.move_to_end(group)
            else:
                self._groups[group] = self._opened().read_row_group(group, columns=list(self.names))
                while len(self._groups) > _GROUPS_KEPT:
                    self._groups.popitem(last=False)
            return self._groups[group]

    def _known(self, names: Sequence[str]) -> None:
        for name in names:
            if name not in self.names:
                close = ", ".join(self.names[:12]) or "none"
                raise SpaceError(f"there is no column '{name}'; the columns are: {close}")

    # Asking

    def query(self, sql: str) -> pa.Table:
        """DuckDB's SQL over the relation ``rows``: the columns, the figures, and ``row`` with the row's number.

        The connection can read nothing but this space.
        """
        import duckdb

        cursor = self._connection().cursor()
        try:
            answer = cursor.sql(_unread(sql))
            if answer is None:
                raise SpaceError(f"cannot answer '{sql}': it is not a question")
            result: pa.Table = answer.to_arrow_table()
        except duckdb.Error as error:
            first = str(error).strip().splitlines()[0]
            raise SpaceError(f"cannot answer '{sql}': {first}") from error
        finally:
            cursor.close()
        return result

    def select(self, where: str) -> npt.NDArray[np.int64]:
        """Row numbers, ascending, for which an SQL condition holds: ``select("age > 40 and log_density < -10")``."""
        row = _row_name(self.names)
        found = self.query(f"SELECT {row} FROM rows WHERE ({where}) ORDER BY {row}")
        return np.asarray(found.column(0).to_numpy(), np.int64)

    def count(self, where: str = "true") -> int:
        """How many rows an SQL condition holds for."""
        return int(self.query(f"SELECT count(*) FROM rows WHERE ({where})").column(0)[0].as_py())

    def counts(self, name: str, where: str = "true") -> pa.Table:
        """Distinct values of a column with their counts, most frequent first: columns ``value`` and ``count``."""
        return self.query(
            f"SELECT {quoted(name)} AS value, count(*) AS count FROM rows WHERE ({where}) "
            "GROUP BY value ORDER BY count DESC, value"
        )

    def histogram(
        self, name: str, bins: int = 30, where: str = "true"
    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]:
        """Counts (bins,) and edges (bins + 1,) of a numeric column or figure; missing and infinite values left out."""
        value = f"CAST({quoted(name)} AS DOUBLE)"
        finite = f"({where}) AND isfinite({value})"
        low, high = (
            c[0].as_py() for c in self.query(f"SELECT min({value}), max({value}) FROM rows WHERE {finite}").columns
        )
        if low is None:
            return np.zeros(bins, np.int64), np.linspace(0.0, 1.0, bins + 1)
        edges = np.linspace(low, high if high > low else low + 1.0, bins + 1)
        width = edges[1] - edges[0]
        place = f"least({bins - 1}, CAST(floor(({value} - ({low!r})) / {float(width)!r}) AS INTEGER))"
        found = self.query(f"SELECT {place} AS bin, count(*) AS count FROM rows WHERE {finite} GROUP BY bin")
        counts = np.zeros(bins, np.int64)
        counts[found.column("bin").to_numpy()] = found.column("count").to_numpy()
        return counts, edges

    def _connection(self) -> Any:
        with self._lock:
            if self._database is None:
                self._database = self._connect()
            return self._database

    def _connect(self) -> Any:
        import duckdb

        database = duckdb.connect(
            ":memory:", config={"autoinstall_known_extensions": False, "autoload_known_extensions": False}
        )
        columns = [quoted(name) for name in self.names]
        path = str(self.path).replace("'", "''")
        if _free("file_row_number", self.names) != "file_row_number":
            raise SpaceError(f"cannot ask questions of {self.path}: it has a column named file_row_number; rename it")
        own = [f"file_row_number AS {_row_name(self.names)}", *columns]
        source = f"read_parquet('{path}', file_row_number = true)"
        figures = {name: values for name, values in self._figures.items() if name not in self.names}
        # A view over the file, never a copy of it: a question reads the columns that it names.
        database.execute("SET preserve_insertion_order = true")
        if figures:
            database.register("given", pa.table({k: pa.array(np.asarray(v)) for k, v in figures.items()}))
            database.execute("CREATE TABLE figures AS SELECT * FROM given")  # a registered name is one cursor's own
            database.unregister("given")
            own += [f"figures.{quoted(name)}" for name in figures]
            source += " POSITIONAL JOIN figures"
        database.execute(f"CREATE VIEW rows AS SELECT {', '.join(own)} FROM {source}")
        database.execute(f"SET allowed_paths = ['{path}']")
        database.execute("SET enable_external_access = false")
        database.execute("SET lock_configuration = true")
        return database

    def close(self) -> None:
        """Let go of the file and the database."""
        with self._lock:
            self._groups.clear()
            if self._file is not None:
                self._file.close()
                self._file = None
            if self._database is not None:
                self._database.close()
                self._database = None


def quoted(name: str) -> str:
    """A column's name as SQL writes it."""
    return '"' + name.replace('"', '""') + '"'


def _row_name(names: Sequence[str]) -> str:
    return quoted(_free("row", names))


def _free(name: str, taken: Sequence[str]) -> str:
    """``name``, with underscores until no column has it (SQL's names do not tell case apart)."""
    lower = {t.lower() for t in taken}
    while name.lower() in lower:
        name += "_"
    return name


def _unread(sql: str) -> str:
    """One statement: a trailing semicolon would make DuckDB hold a second, unread result."""
    return re.sub(r"[;\s]+\Z", "", sql)
