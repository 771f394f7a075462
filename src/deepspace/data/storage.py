"""Where encoded rows lie: in memory while they fit, else in a memory-mapped .npy file in the work folder."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from deepspace.data.raw import Options
from deepspace.errors import DataError

__all__ = ["allocate", "budget_of", "scratch_folder", "settle"]


def budget_of(options: Options) -> int:
    """Bytes that data in memory may take: as asked, else a quarter of what is free."""
    if options.memory_budget is not None:
        return options.memory_budget
    try:
        return int(os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")) // 4
    except (ValueError, OSError, AttributeError):
        return 2 << 30


def scratch_folder(workdir: Path | None) -> Path:
    """The folder for encoded files: as asked, else a temporary one that goes when the program ends."""
    if workdir is not None:
        try:
            workdir.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise DataError(f"the work folder '{workdir}' cannot be made: {error.strerror or error}.") from None
        return workdir
    folder = Path(tempfile.mkdtemp(prefix="deepspace-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def allocate(shape: tuple[int, ...], dtype: npt.DTypeLike, options: Options) -> npt.NDArray[Any]:
    """An array to be filled: ordinary, or a file when it would take more than the budget; ``settle`` it when full."""
    size = int(np.prod(shape, dtype=np.int64)) * np.dtype(dtype).itemsize
    if size <= budget_of(options):
        return np.empty(shape, dtype)
    path = scratch_folder(options.workdir) / "encoded.npy"
    try:
        if shutil.disk_usage(path.parent).free < size:
            raise DataError(f"'{path.parent}' has too little room for {size:,} bytes of encoded rows; free some space.")
        mapped: npt.NDArray[Any] = np.lib.format.open_memmap(path, "w+", dtype, shape)
        return mapped
    except OSError as error:
        raise DataError(f"the encoded rows cannot be written to '{path}': {error.strerror or error}.") from None


def settle(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """The same rows, read-only when they lie in a file."""
    if not isinstance(array, np.memmap) or array.filename is None:
        return array
    array.flush()
    reopened: npt.NDArray[Any] = np.load(array.filename, mmap_mode="r", allow_pickle=False)
    return reopened
