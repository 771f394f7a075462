"""Counts: whole numbers from 0, a row a cell and a column a gene; encoded as they are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from deepspace.data.cells import is_sparse
from deepspace.data.dataset import Dataset
from deepspace.data.metadata import describe_rows, rows_from_side
from deepspace.data.raw import Arrays, Cells, Frame, Options, Raw
from deepspace.data.schema import Column, Schema, column_from_json, column_to_json
from deepspace.data.storage import allocate, budget_of, settle
from deepspace.data.vectors import dimension_names
from deepspace.errors import DataError

__all__ = ["CountsSchema", "are_counts", "build", "fits", "stream_counts"]

_BLOCK = 1 << 22  # values made dense at a time
_LARGEST = 1 << 24  # beyond, float32 no longer holds every whole number


@dataclass(frozen=True)
class CountsSchema(Schema):
    """G counts a row. shape: (G,). Encoded rows are the counts themselves, float32.

    names: the G genes, where known. library: the median over rows of their totals, at which generated counts are given,
    since a place in the space says which share each gene has and not how deep a cell was sequenced.
    """

    modality: ClassVar[str] = "counts"
    shape: tuple[int, ...]
    columns: tuple[Column, ...]
    library: float
    names: tuple[str, ...] = ()

    @property
    def dtype(self) -> np.dtype[Any]:
        return np.dtype(np.float32)

    @property
    def genes(self) -> tuple[str, ...]:
        """A name for each of the G."""
        return self.names or tuple(f"gene {i}" for i in range(self.shape[0]))

    def encode(self, raw: Any) -> npt.NDArray[np.float32]:
        """Whatever ``deepspace.data.load`` reads, or an array (N, G) or (G,) -> (N, G).

        Where both name their genes they are matched by name. Raises DataError for what is no count.
        """
        if isinstance(raw, (np.ndarray, list, tuple)):
            cells = _Opened(np.atleast_2d(np.asarray(raw)), "", (), _no_rows(0))
        elif isinstance(raw, (Arrays, Frame, Cells)):
            cells = _open(raw, [])
        else:
            from deepspace.data.readers import read

            cells = _open(read(raw, Options(fingerprint=False)), [])
        places = self._places(cells)
        blocks = [_checked(cells, rows)[:, places] for rows in _blocks(cells.matrix)]
        return np.concatenate(blocks) if blocks else np.empty((0, *self.shape), np.float32)

    def _places(self, cells: _Opened) -> Any:
        """Where the schema's genes are in a matrix."""
        if self.names and cells.genes and cells.genes != self.names:
            there = {name: i for i, name in enumerate(cells.genes)}
            absent = [name for name in self.names if name not in there]
            if absent:
                raise DataError(
                    f"{len(absent):,} of the {len(self.names):,} genes of this space are not in the data, "
                    f"the first of them '{absent[0]}'; add them, with 0 where they were not counted."
                )
            return np.array([there[name] for name in self.names])
        if cells.matrix.shape[1] != self.shape[0]:
            raise DataError(
                f"rows have {cells.matrix.shape[1]:,} counts, but this space was learned from {self.shape[0]:,}."
            )
        return slice(None)

    def decode(self, encoded: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """(N, G) -> (N, G): int64 where all are whole (rows, draws), else expected counts, float32; none negative."""
        encoded = np.asarray(encoded, np.float32)
        if encoded.shape[-1:] != self.shape:
            raise DataError(f"encoded counts have shape {encoded.shape}, expected (N, {self.shape[0]}).")
        values = encoded.reshape(-1, *self.shape).clip(min=0)
        return values.astype(np.int64) if np.array_equal(values, np.rint(values)) else values

    def normalise(self, encoded: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
        """(N, G) counts -> (N, G): log(1 + count), brought to the median total, so that rows can be compared."""
        encoded = np.asarray(encoded, np.float32).reshape(-1, *self.shape)
        total = encoded.sum(1, keepdims=True)
        return np.asarray(np.log1p(encoded * (np.float32(self.library) / np.maximum(total, 1e-6))), np.float32)

    def to_json(self) -> dict[str, Any]:
        return {
            "modality": self.modality,
            "shape": list(self.shape),
            "columns": [column_to_json(column) for column in self.columns],
            "library": self.library,
            "names": list(self.names),
        }

    @classmethod
    def from_json(cls, obj: dict[str, Any]) -> CountsSchema:
        return cls(
            tuple(int(n) for n in obj["shape"]),
            tuple(column_from_json(column) for column in obj["columns"]),
            float(obj["library"]),
            tuple(map(str, obj["names"])),
        )


@dataclass(frozen=True)
class _Opened:
    """A matrix (N, G), dense or sparse, what it is called, its genes and what is known of its rows."""

    matrix: Any
    name: str
    genes: tuple[str, ...]
    rows: pa.Table


def fits(raw: Raw) -> float:
    """Cells are counts; so is an array of whole numbers from 0 with a long tail."""
    if isinstance(raw, Cells):
        return 1.0
    return 0.6 if isinstance(raw, Arrays) and raw.main.ndim == 2 and are_counts(raw.main) else 0.0


def are_counts(array: npt.NDArray[Any]) -> bool:
    """Whole numbers from 0 with a long tail: a mean well below the maximum."""
    if array.dtype.kind not in "iu" or not array.size or array.min() < 0:
        return False
    high = float(array.max())
    return high > 20 and float(array[: 1 << 14].mean()) < 0.1 * high


def build(raw: Raw, options: Options) -> Dataset:
    notes = list(raw.notes)
    cells = _open(raw, notes)
    name = raw.source.name
    count, width = cells.matrix.shape
    if count < 5 or width < 2:
        raise DataError(f"'{name}' has {count:,} rows of {width:,} counts; at least 5 of 2 are needed to learn from.")
    if 4 * count * width > budget_of(options):
        notes.append(f"the counts take {4 * count * width / 2**30:,.1f} GB unpacked and are kept in a file.")
    encoded = allocate((count, width), np.float32, options)
    total, seen = np.zeros(count), np.zeros(width)
    for rows in _blocks(cells.matrix):
        block = _checked(cells, rows)
        encoded[rows] = block
        total[rows] = block.sum(1, dtype=np.float64)
        seen += block.sum(0, dtype=np.float64)
    if not seen.any():
        raise DataError(f"'{name}' has nothing to learn from: every count is 0.")
    table = cells.rows
    empty = total == 0
    if empty.any():
        notes.append(f"{int(empty.sum()):,} rows without a single count are left out, first row {int(empty.argmax())}.")
        encoded, total, table = encoded[~empty], total[~empty], table.filter(pa.array(~empty))
    if (seen == 0).any():
        notes.append(f"{int((seen == 0).sum()):,} of {width:,} genes are never counted.")
    names = _unique(cells.genes, notes)
    library = float(np.median(total))
    notes.append(
        f"totals of rows are {total.min():,.0f} to {total.max():,.0f}; what is generated is given at the median, "
        f"{library:,.0f}."
    )
    described, columns = describe_rows(table, options, notes)
    schema = CountsSchema((width,), columns, library, names)
    kept = ~empty if empty.any() else None
    return Dataset(schema, settle(encoded), described, raw.source, tuple(notes), kept)


def stream_counts(raw: Raw, schema: CountsSchema, rows: int) -> Iterator[npt.NDArray[np.float32]]:
    """Encoded blocks (at most ``rows``, G)."""
    cells = _open(raw, [])
    places = schema._places(cells)
    for start in range(0, cells.matrix.shape[0], rows):
        yield _checked(cells, slice(start, start + rows))[:, places]


def _open(raw: Raw, notes: list[str]) -> _Opened:
    if isinstance(raw, Cells):
        return _Opened(raw.matrix, raw.matrix_name, raw.genes, raw.rows)
    if isinstance(raw, Arrays) and raw.main.ndim == 2:
        side = dict(raw.side)
        genes = dimension_names(side, raw.main.shape[1], len(raw.main), notes)
        return _Opened(raw.main, raw.main_name, genes, rows_from_side(side, len(raw.main), notes))
    if isinstance(raw, Frame):
        return _from_frame(raw.table, raw.source.name)
    raise DataError(f"'{raw.source.name}' holds no counts; leave the modality to be inferred.")


def _from_frame(table: pa.Table, name: str) -> _Opened:
    """The columns of whole numbers are the genes; whatever else there is, is known of the rows."""
    genes = [f.name for f in table.schema if pa.types.is_integer(f.type) and f.name.lower() not in ("label", "target")]
    if not genes:
        raise DataError(f"'{name}' has no column of whole numbers, so it holds no counts.")
    gap = next((gene for gene in genes if table.column(gene).null_count), None)
    if gap is not None:
        raise DataError(
            f"column '{gap}' of '{name}' has missing cells; counts must all be there, 0 where none was seen."
        )
    matrix = np.stack([table.column(gene).to_numpy() for gene in genes], 1)
    return _Opened(matrix, "", tuple(genes), table.drop_columns(genes))


def _unique(genes: tuple[str, ...], notes: list[str]) -> tuple[str, ...]:
    """Gene symbols are not always unique; a name that comes again gets a number."""
    if len(set(genes)) == len(genes):
        return genes
    seen: Counter[str] = Counter()
    names = []
    for gene in genes:
        seen[gene] += 1
        names.append(gene if seen[gene] == 1 else f"{gene}-{seen[gene] - 1}")
    notes.append(f"{len(genes) - len(seen):,} genes have the name of an earlier one and got a number.")
    return tuple(names)


def _blocks(matrix: Any) -> Iterator[slice]:
    step = max(1, _BLOCK // max(1, matrix.shape[1]))
    for start in range(0, matrix.shape[0], step):
        yield slice(start, min(start + step, matrix.shape[0]))


def _checked(cells: _Opened, rows: slice) -> npt.NDArray[np.float32]:
    """Some rows, dense. DataError with row and gene of the first that is no count."""
    part = cells.matrix[rows]
    block = np.asarray(part.toarray() if is_sparse(part) else part)
    if block.dtype.kind not in "biuf":
        raise DataError(f"counts are needed, but {cells.name or 'the array'} holds {block.dtype} values.")
    if block.dtype.kind != "f":
        bad = (block < 0) | (block > _LARGEST) if block.dtype.kind != "b" else np.zeros(block.shape, bool)
    else:
        bad = ~((block >= 0) & (block <= _LARGEST) & (block == np.floor(block)))  # NaN is none either
    if bad.any():
        row, gene = (int(i) for i in np.argwhere(bad)[0])
        where = f" of {cells.name}" if cells.name else ""
        named = f"'{cells.genes[gene]}'" if cells.genes else f"column {gene}"
        raise DataError(
            f"row {rows.start + row}, {named}{where} holds {block[row, gene]:g}, which is no count; give the counts as "
            "they were before normalising (in AnnData as layers['counts']), or say modality='vector' for a plain array."
        )
    return np.asarray(block, np.float32)


def _no_rows(count: int) -> pa.Table:
    return pa.table({"_": pa.nulls(count)}).select([])
