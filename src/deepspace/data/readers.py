"""From whatever the user has to raw input: files by their content and name, frames, arrays and mappings of arrays."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from deepspace.data.arrays import from_arrays, read_npy, read_npz
from deepspace.data.cells import from_anndata, from_sparse, is_anndata, is_sparse, is_tenx, read_h5ad, read_tenx
from deepspace.data.dataset import Source
from deepspace.data.files import check_path, fingerprint_chunks, head_of, is_gzip, source_of
from deepspace.data.folders import read_folder, read_zip
from deepspace.data.frames import flavour_of, from_frame, unique_names
from deepspace.data.idx import is_idx, read_idx
from deepspace.data.raw import Arrays, Frame, Options, Raw
from deepspace.data.storage import budget_of
from deepspace.data.text import open_text, read_text
from deepspace.errors import DataError

__all__ = ["read"]


def read(source: Any, options: Options, *, big: bool = False) -> Raw:
    """Open ``source``. ``big`` asks for batches wherever the format allows them, whatever the size."""
    if isinstance(source, (str, os.PathLike)):
        return _read_path(check_path(source), options, big)
    if flavour_of(source):
        return _read_frame(source, options.fingerprint)
    if isinstance(source, np.ndarray):
        return _read_arrays({"": source}, options.fingerprint)
    if is_sparse(source):
        return from_sparse(source, None, options.fingerprint)
    if is_anndata(source):
        return from_anndata(source, options.fingerprint)
    if isinstance(source, tuple) and len(source) == 2 and is_sparse(source[0]):
        return from_sparse(source[0], np.asarray(source[1]), options.fingerprint)
    if isinstance(source, tuple) and len(source) == 2 and hasattr(source[0], "__array__"):
        return _read_arrays({"": np.asarray(source[0]), "label": np.asarray(source[1])}, options.fingerprint)
    if isinstance(source, Mapping):
        return _read_mapping(source, options.fingerprint)
    if isinstance(source, list):
        try:
            return _read_arrays({"": np.asarray(source)}, options.fingerprint)
        except ValueError:
            raise DataError("these lists are not of one length and make no array; pad or cut them first.") from None
    if hasattr(source, "__array__"):
        return _read_arrays({"": np.asarray(source)}, options.fingerprint)
    raise DataError(
        f"cannot read data from a {type(source).__name__}; give a path, a data frame, an array, a mapping of arrays, "
        "or AnnData."
    )


def _read_path(path: Path, options: Options, big: bool) -> Raw:
    if path.is_dir():
        if is_tenx(path):
            return read_tenx(path, options.fingerprint)
        found = read_folder(path, options.fingerprint)
        return _read_path(check_path(found), options, big) if isinstance(found, Path) else found
    name = path.name.lower()
    head = head_of(path)
    if name.endswith(".npz") or (head[:4] == b"PK\x03\x04" and _holds_arrays(path)):
        return from_arrays(read_npz(path), source_of([path], options.fingerprint))
    if head[:4] in (b"PK\x03\x04", b"PK\x05\x06") or name.endswith(".zip"):
        return read_zip(path, options.fingerprint)
    if head[:6] == b"\x93NUMPY":
        array = read_npy(path)
        return from_arrays({"": array, **_labels_beside(path, array)}, source_of([path], options.fingerprint))
    if head[:4] == b"PAR1" or name.endswith(".parquet"):
        from deepspace.data.columnar import read_parquet

        return read_parquet(path, options, big)
    if head[:6] == b"ARROW1" or name.endswith((".arrow", ".feather", ".ipc")):
        from deepspace.data.columnar import read_ipc

        return read_ipc(path, options, big)
    if is_idx(head) or "idx3-ubyte" in name or "idx1-ubyte" in name:
        return read_idx(path, options.fingerprint)
    if head[:3] == b"\xff\xd8\xff" or head[:4] == b"\x89PNG":
        raise DataError(f"'{path.name}' is one picture; give the folder that holds many.")
    if name.endswith((".pkl", ".pickle", ".pt", ".pth", ".joblib")) or head[:2] in (b"\x80\x04", b"\x80\x05"):
        raise DataError(f"'{path.name}' is a pickle, which could run any code; save it as .npz, .csv or .parquet.")
    if name.endswith(".h5ad"):
        return read_h5ad(path, options.fingerprint)
    if head[:8] == b"\x89HDF\r\n\x1a\n" or name.endswith((".xlsx", ".xls", ".mat")):
        raise DataError(f"'{path.name}' is of a kind that is not read; save it as .csv, .parquet or .npz.")
    if big or _too_big(path, options):
        return open_text(path, options.fingerprint)
    return read_text(path, options.fingerprint)


def _holds_arrays(path: Path) -> bool:
    import zipfile

    try:
        with zipfile.ZipFile(path) as archive:
            return all(name.endswith(".npy") for name in archive.namelist())
    except (zipfile.BadZipFile, OSError):
        return False


def _too_big(path: Path, options: Options) -> bool:
    """Text takes about twice its size as columns; gzipped text unpacks about sevenfold."""
    factor = 14 if is_gzip(path) else 2
    return factor * path.stat().st_size > budget_of(options)


def _labels_beside(path: Path, array: npt.NDArray[Any]) -> dict[str, npt.NDArray[Any]]:
    """``labels.npy``, ``y.npy`` or ``<name>_labels.npy`` beside ``<name>.npy``, if it has one value a row."""
    stem = path.stem
    names = [f"{stem}_labels.npy", f"{stem}_y.npy", "labels.npy", "y.npy"]
    if "images" in stem:
        names.insert(0, stem.replace("images", "labels") + ".npy")
    if stem.lower().startswith("x"):
        names.insert(0, ("y" if stem[0] == "x" else "Y") + stem[1:] + ".npy")
        names.insert(1, "y" + stem[1:] + ".npy")
    for name in names:
        beside = path.with_name(name)
        if beside != path and beside.is_file():
            labels = read_npy(beside)
            if labels.ndim == 1 and labels.shape[0] == array.shape[0]:
                return {"label": np.asarray(labels)}
    return {}


def _read_frame(frame: Any, fingerprint: bool) -> Frame:
    table, flavour, notes = from_frame(frame)
    table = table.rename_columns(unique_names([str(name) for name in table.schema.names], notes))
    return Frame(
        table, Source("table", (), _table_fingerprint(table) if fingerprint else ""), True, flavour, tuple(notes)
    )


def _table_fingerprint(table: pa.Table) -> str:
    """SHA-256 of the columns' names, types and buffers."""

    def chunks() -> Any:
        yield str(table.schema).encode()
        for column in table.columns:
            for chunk in column.chunks:
                for buffer in chunk.buffers():
                    if buffer is not None:
                        yield memoryview(buffer)

    return fingerprint_chunks(chunks())


def _read_arrays(arrays: Mapping[str, npt.NDArray[Any]], fingerprint: bool) -> Arrays:
    def chunks() -> Any:
        for name, array in arrays.items():
            yield f"{name} {array.dtype} {array.shape}".encode()
            yield (
                np.ascontiguousarray(array).view(np.uint8).reshape(-1).data
                if array.dtype.kind in "biuf"
                else (str(array.tolist()).encode())
            )

    for array in arrays.values():
        if array.dtype.hasobject:
            raise DataError("an array of Python objects cannot be learned; make it numeric, or pass a data frame.")
    return from_arrays(arrays, Source("array", (), fingerprint_chunks(chunks()) if fingerprint else ""))


def _read_mapping(source: Mapping[Any, Any], fingerprint: bool) -> Raw:
    """A mapping with an array of two or more dimensions is like an npz file (scikit-learn's Bunch is one); of equal
    columns, like a table. Entries that hold no array are passed over."""
    arrays = {
        str(k): np.asarray(v) for k, v in source.items() if hasattr(v, "__array__") or isinstance(v, (list, tuple))
    }
    if not arrays:
        raise DataError("the mapping is empty; give a main array, or columns of equal length.")
    if any(array.ndim >= 2 for array in arrays.values()):
        return _read_arrays({k: a for k, a in arrays.items() if not a.dtype.hasobject}, fingerprint)
    lengths = {array.shape[0] for array in arrays.values() if array.ndim}
    if len(lengths) != 1:
        raise DataError(f"the columns have different lengths: {', '.join(str(n) for n in sorted(lengths))}.")
    table = pa.table({name: pa.array(v if hasattr(v, "dtype") else list(v)) for name, v in source.items()})
    return _read_frame(table, fingerprint)
