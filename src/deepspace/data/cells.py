"""Counts as biologists keep them: AnnData (in memory or .h5ad), 10x folders (matrix.mtx), SciPy sparse matrices."""

from __future__ import annotations

import csv
import gzip
import io
from collections.abc import Callable, Iterator
from functools import partial
from operator import getitem
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from deepspace.data.dataset import Source
from deepspace.data.files import fingerprint_chunks, read_bytes, source_of
from deepspace.data.frames import from_frame
from deepspace.data.raw import Cells
from deepspace.errors import DataError

__all__ = ["from_anndata", "from_sparse", "is_anndata", "is_sparse", "is_tenx", "read_h5ad", "read_tenx", "whole"]

_LOOK = 1 << 20  # values looked at to tell counts from what was made of them
_Held = dict[str, tuple[Callable[[], Any], Any]]
_LAYERS = ("counts", "raw_counts", "raw", "spliced")


def is_sparse(source: Any) -> bool:
    """Whether this is a SciPy sparse matrix or array."""
    return hasattr(source, "tocsr") and hasattr(source, "nnz") and len(getattr(source, "shape", ())) == 2


def is_anndata(source: Any) -> bool:
    """Whether this is an AnnData object, which is known by its parts so that anndata need not be there."""
    return all(hasattr(source, name) for name in ("X", "obs", "var_names", "layers"))


def whole(matrix: Any) -> bool:
    """Whether the first values of a matrix are whole numbers from 0."""
    values = matrix.data[:_LOOK] if is_sparse(matrix) else np.asarray(matrix[: max(1, _LOOK // matrix.shape[1])])
    return values.dtype.kind in "biuf" and bool(np.all((values >= 0) & (values == np.floor(values))))


def from_sparse(matrix: Any, labels: npt.NDArray[Any] | None, fingerprint: bool) -> Cells:
    """A sparse matrix (N, G) and, maybe, one label a row."""
    rows = _nothing(matrix.shape[0]) if labels is None else pa.table({"label": pa.array(labels)})
    if rows.num_rows != matrix.shape[0]:
        raise DataError(f"there are {matrix.shape[0]:,} rows of counts, but {rows.num_rows:,} labels.")
    return Cells(matrix.tocsr(), "", (), rows, Source("counts", (), _fingerprint(matrix) if fingerprint else ""))


def from_anndata(data: Any, fingerprint: bool) -> Cells:
    """An AnnData object: its counts, its genes' names, and ``obs`` as what is known of each cell."""
    notes: list[str] = []
    raw = getattr(data, "raw", None)
    held: _Held = {f"layers['{name}']": (partial(getitem, data.layers, name), data.var_names) for name in data.layers}
    if raw is not None:
        held["raw.X"] = (partial(getattr, raw, "X"), raw.var_names)
    held["X"] = (partial(getattr, data, "X"), data.var_names)
    name, matrix, names = _counts_among(held, notes)
    table, _, more = from_frame(data.obs) if len(data.obs.columns) else (_nothing(data.n_obs), "", [])
    for i, field in enumerate(table.schema):
        if pa.types.is_dictionary(field.type):
            table = table.set_column(i, field.name, table.column(i).cast(field.type.value_type))
    table = _with_names(table, [str(n) for n in data.obs_names])
    source = Source("AnnData", (), _fingerprint(matrix) if fingerprint else "")
    return Cells(matrix, name, tuple(map(str, names)), table, source, (*notes, *more))


def _counts_among(held: _Held, notes: list[str]) -> tuple[str, Any, Any]:
    """The matrix that holds counts: a layer named so, else raw.X, else X. ``held``: how to read each, and its genes."""
    wanted = [f"layers['{name}']" for name in _LAYERS] + ["raw.X", "X"]
    for name in (name for name in wanted if name in held):
        matrix = held[name][0]()
        matrix = matrix.tocsr() if is_sparse(matrix) else matrix
        if matrix is not None and matrix.shape[0] and whole(matrix):
            notes.append(f"the counts are those in {name}.")
            return name, matrix, held[name][1]
    # Nothing is; X is refused where its cells are read, with the first that is no count.
    return "X", held["X"][0](), held["X"][1]


def _nothing(count: int) -> pa.Table:
    return pa.table({"_": pa.nulls(count)}).select([])


def _with_names(rows: pa.Table, names: list[str]) -> pa.Table:
    """The rows' own names as a column, where they say more than their number."""
    if all(name == str(i) for i, name in enumerate(names)) or "cell" in rows.column_names:
        return rows
    column = pa.array(names, pa.string())
    return rows.append_column("cell", column) if rows.num_columns else pa.table({"cell": column})


def _fingerprint(matrix: Any) -> str:
    def chunks() -> Iterator[Any]:
        yield f"{matrix.shape}".encode()
        parts: tuple[Any, ...] = (matrix.data, matrix.indices, matrix.indptr) if hasattr(matrix, "indptr") else ()
        if not parts:
            parts = (matrix.tocsr().data, matrix.tocsr().indices) if is_sparse(matrix) else (np.asarray(matrix),)
        for part in parts:
            yield np.ascontiguousarray(part).view(np.uint8).reshape(-1).data

    return fingerprint_chunks(chunks())


# .h5ad, as anndata writes it since 0.7: https://anndata.readthedocs.io/en/latest/fileformat-prose.html


def read_h5ad(path: Path, fingerprint: bool) -> Cells:
    """An AnnData file, read with h5py alone."""
    try:
        import h5py
    except ImportError:
        raise DataError(
            f"'{path.name}' needs h5py to be read; install it with: pip install 'deepspace[cells]'."
        ) from None
    try:
        with h5py.File(path, "r") as file:
            if "X" not in file or not isinstance(file.get("obs"), h5py.Group):
                raise DataError(
                    f"'{path.name}' is HDF5, but holds no X and obs as AnnData files do since 2019; "
                    "write it again with anndata, or save it as .npz."
                )
            return _h5ad(file, path, fingerprint)
    except (OSError, KeyError, ValueError, IndexError) as error:
        text = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise DataError(f"'{path.name}' is not a readable AnnData file ({text}); write it again.") from None


def _h5ad(file: Any, path: Path, fingerprint: bool) -> Cells:
    notes: list[str] = []
    genes = _index(file["var"])
    layers = file.get("layers", {})
    held: _Held = {f"layers['{name}']": (partial(_matrix, layers[name]), genes) for name in layers}
    if "raw" in file and "X" in file["raw"]:
        held["raw.X"] = (partial(_matrix, file["raw"]["X"]), _index(file["raw"]["var"]))
    held["X"] = (partial(_matrix, file["X"]), genes)
    name, matrix, names = _counts_among(held, notes)
    return Cells(matrix, name, tuple(names), _obs(file["obs"], notes), source_of([path], fingerprint), tuple(notes))


def _matrix(node: Any) -> Any:
    """A dense data set, or a group in compressed rows or columns."""
    if hasattr(node, "dtype"):
        return node[()]
    from scipy import sparse

    kind = _text(node.attrs.get("encoding-type", node.attrs.get("h5sparse_format", "")))
    make = {"csr_matrix": sparse.csr_matrix, "csr": sparse.csr_matrix, "csc_matrix": sparse.csc_matrix}
    if kind not in make:
        raise ValueError(f"{node.name} is stored as {kind or 'something unknown'}")
    shape = tuple(int(n) for n in node.attrs["shape" if "shape" in node.attrs else "h5sparse_shape"])
    parts = (node["data"][()], node["indices"][()], node["indptr"][()])
    return make[kind](parts, shape=shape).tocsr()


def _text(value: Any) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def _index(frame: Any) -> list[str]:
    return [_text(v) for v in frame[_text(frame.attrs.get("_index", "_index"))][()].tolist()]


def _obs(frame: Any, notes: list[str]) -> pa.Table:
    order = [_text(n) for n in frame.attrs.get("column-order", [])]
    columns: dict[str, Any] = {}
    for name in order:
        column = _column(frame[name], frame)
        if column is None:
            notes.append(f"obs column '{name}' is of a kind that is not read and is left out.")
        else:
            columns[name] = column
    names = _index(frame)
    return _with_names(pa.table(columns) if columns else _nothing(len(names)), names)


def _column(node: Any, frame: Any) -> pa.Array | None:
    """One column of obs: numbers, text, categories with their codes, or values with a mask."""
    if hasattr(node, "dtype"):
        if "categories" in node.attrs:  # as anndata wrote until 0.7: a reference to the categories
            return _coded(node[()], frame.file[node.attrs["categories"]][()])
        values = node[()]
        if values.dtype.kind in "OS":
            return pa.array([_text(v) for v in values.tolist()], pa.string())
        return pa.array(values) if values.dtype.kind in "biuf" and values.ndim == 1 else None
    if "codes" in node:
        return _coded(node["codes"][()], node["categories"][()])
    if "values" in node and "mask" in node:
        values, mask = node["values"][()], node["mask"][()].astype(bool)
        if values.dtype.kind in "OS":
            return pa.array([None if m else _text(v) for v, m in zip(values.tolist(), mask, strict=True)], pa.string())
        return pa.array(values, mask=mask)
    return None


def _coded(codes: npt.NDArray[Any], categories: npt.NDArray[Any]) -> pa.Array:
    known = categories.tolist()
    names = pa.array([_text(v) for v in known] if categories.dtype.kind in "OS" else known)
    return names.take(pa.array(codes.astype(np.int64), mask=codes < 0))


# A 10x folder: genes in rows, cells in columns


def is_tenx(folder: Path) -> bool:
    """Whether a folder is what 10x's programs write."""
    return _beside(folder, "matrix.mtx") is not None


def _beside(folder: Path, *names: str) -> Path | None:
    options = (folder / f"{name}{end}" for name in names for end in ("", ".gz"))
    return next((path for path in options if path.is_file()), None)


def read_tenx(folder: Path, fingerprint: bool) -> Cells:
    """``matrix.mtx``, ``features.tsv`` or ``genes.tsv``, and ``barcodes.tsv``, gzipped or not."""
    from scipy.io import mmread

    path = _beside(folder, "matrix.mtx")
    assert path is not None
    try:
        with gzip.open(path) if path.name.endswith(".gz") else path.open("rb") as stream:
            matrix = mmread(stream).tocsc().T.tocsr()
    except (ValueError, OSError, AttributeError) as error:
        raise DataError(f"'{path.name}' in '{folder.name}' is not a readable matrix ({error}); get it again.") from None
    used = [path]
    names: list[list[str]] = []
    for wanted, count, what in (
        (("features.tsv", "genes.tsv"), matrix.shape[1], "genes"),
        (("barcodes.tsv",), matrix.shape[0], "cells"),
    ):
        listed = _beside(folder, *wanted)
        if listed is None:
            names.append([])
            continue
        used.append(listed)
        lines = list(csv.reader(io.StringIO(read_bytes(listed).decode("utf-8", "replace")), delimiter="\t"))
        if len(lines) != count:
            raise DataError(
                f"'{listed.name}' names {len(lines):,} {what}, but '{path.name}' has {count:,}: not of one set."
            )
        names.append([line[min(1, len(line) - 1)] if what == "genes" else line[0] for line in lines])
    rows = _with_names(_nothing(matrix.shape[0]), names[1]) if names[1] else _nothing(matrix.shape[0])
    source = source_of(used, fingerprint)
    return Cells(matrix, path.name, tuple(names[0]), rows, Source(folder.name, source.files, source.fingerprint))
