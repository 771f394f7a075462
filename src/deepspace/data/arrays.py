"""Reading .npy and .npz without ever unpickling, and telling the main array from what came beside it."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from deepspace.data import files
from deepspace.data.dataset import Source
from deepspace.data.raw import Arrays
from deepspace.errors import DataError

__all__ = ["checked_numbers", "from_arrays", "good_rows", "read_npy", "read_npz"]

_MAIN_NAMES = (
    "images",
    "image",
    "x",
    "data",
    "x_train",
    "train_x",
    "signals",
    "embeddings",
    "vectors",
    "features",
    "arr_0",
)


def read_npy(path: Path) -> npt.NDArray[Any]:
    """One array, memory-mapped."""
    try:
        array: npt.NDArray[Any] = np.load(path, mmap_mode="r", allow_pickle=False)
        return array
    except (ValueError, EOFError, OSError) as error:
        raise DataError(_why(path, error)) from None


def read_npz(path: Path) -> dict[str, npt.NDArray[Any]]:
    """Every array of an archive by its key. Object arrays are refused."""
    out: dict[str, npt.NDArray[Any]] = {}
    try:
        with zipfile.ZipFile(path) as archive:
            for info in archive.infolist():
                if info.file_size > max(files.MAX_RATIO * info.compress_size, files.FREE_BYTES):
                    raise DataError(
                        f"'{path.name}' holds '{info.filename}', which would unpack to {info.file_size:,} bytes from "
                        f"{info.compress_size:,}; refused as a possible archive bomb."
                    )
                with archive.open(info) as stream:
                    key = info.filename.removesuffix(".npy")
                    out[key] = np.lib.format.read_array(io.BytesIO(stream.read()), allow_pickle=False)
    except (zipfile.BadZipFile, ValueError, EOFError, OSError, NotImplementedError) as error:
        raise DataError(_why(path, error)) from None
    if not out:
        raise DataError(f"'{path.name}' holds no array.")
    return out


def _why(path: Path, error: Exception) -> str:
    text = str(error)
    if "pickle" in text or "Python objects" in text:
        return (
            f"'{path.name}' holds Python objects, which would have to be unpickled and could run any code; save the "
            "numbers with numpy.save as a plain array, for instance numpy.stack(list_of_rows)."
        )
    return (
        f"'{path.name}' is not a readable NumPy file ({text.splitlines()[0] if text else 'truncated'}); save it again."
    )


def from_arrays(arrays: Mapping[str, npt.NDArray[Any]], source: Source) -> Arrays:
    """The main array: by a telling name among those of most dimensions, else the one with the most numbers."""
    for name, array in arrays.items():
        if array.dtype.hasobject:
            raise DataError(f"array '{name}' holds Python objects; convert it to a plain numeric array first.")
    candidates = {k: a for k, a in arrays.items() if a.ndim >= 2 and a.dtype.kind in "biuf" and a.shape[0] > 0}
    if not candidates:
        found = ", ".join(f"{k} {a.shape}" for k, a in list(arrays.items())[:6])
        raise DataError(
            f"'{source.name}' holds no array of rows: an array of at least two dimensions is needed, found {found}."
        )
    named = [k for wanted in _MAIN_NAMES for k in candidates if k.lower() == wanted]
    main = named[0] if named else max(candidates, key=lambda k: candidates[k].size)
    side = {k: a for k, a in arrays.items() if k != main}
    return Arrays(arrays[main], main, side, source)


def checked_numbers(array: npt.NDArray[Any], name: str) -> npt.NDArray[Any]:
    """Refuse what is not real numbers."""
    if array.dtype.kind not in "biuf":
        raise DataError(f"'{name}' holds {array.dtype} values where real numbers are needed.")
    return array


def good_rows(array: npt.NDArray[Any], name: str, notes: list[str]) -> npt.NDArray[np.bool_] | None:
    """(N,) True for rows of finite numbers, with a note of what is left out; None when all are good.

    A model of signals or vectors has no mask for single cells, so a row with NaN or infinity in it is left out;
    when that would be half of the rows or more, the input is refused.
    """
    if array.dtype.kind != "f":
        return None
    flat = array.reshape(array.shape[0], -1)
    good = np.empty(array.shape[0], dtype=bool)
    step = max(1, (1 << 24) // max(1, flat.shape[1]))
    for start in range(0, flat.shape[0], step):
        good[start : start + step] = np.isfinite(flat[start : start + step]).all(1)
    bad = int((~good).sum())
    if not bad:
        return None
    first = int(np.argmin(good))
    nan, infinite = int(np.isnan(flat[~good]).sum()), int(np.isinf(flat[~good]).sum())
    cell = tuple(int(i) for i in np.unravel_index(int(np.argmin(np.isfinite(flat[first]))), array.shape[1:]))
    what = (
        f"{nan:,} NaN and {infinite:,} infinite values in {bad:,} of {good.size:,} rows, first in row {first} at {cell}"
    )
    if 2 * bad >= good.size:
        raise DataError(f"'{name}' has {what}; fill them in or cut them out first.")
    notes.append(f"{bad:,} row{'s' * (bad > 1)} left out: '{name}' has {what}.")
    return good
