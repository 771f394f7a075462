"""Files that are whole or absent: digests taken while writing, a work folder beside the target, one atomic rename.

A space is written into ``NAME.space.partial/space`` and moved to ``NAME.space`` when every byte is on the disk. Where
the target already holds a space the two are exchanged in one system call, so that at every moment the name leads to
a whole space: the old one or the new one. The work folder also carries what a fit needs to go on after a kill, and a
lock, so that two fits never write to the same name.
"""

from __future__ import annotations

import ctypes
import errno
import hashlib
import json
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Final

import numpy as np
import numpy.typing as npt

from deepspace.errors import SpaceError

__all__ = ["BLOCK", "NpyWriter", "Sink", "Work", "fsync_folder", "readable_bytes", "saving", "work_folder"]

BLOCK: Final = 1 << 20
"""Bytes to a digest. A file of one block has the digest that ``sha256sum`` prints."""

WORK_FORMAT: Final = "deepspace.work"
_FULL: Final = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


def readable_bytes(count: float) -> str:
    """1536 -> '1.5 kB': for sentences, not for arithmetic."""
    for unit in ("bytes", "kB", "MB", "GB"):
        if count < 1024 or unit == "GB":
            return f"{count:.0f} {unit}" if unit == "bytes" else f"{count:.1f} {unit}"
        count /= 1024
    raise AssertionError  # unreachable: the loop ends at GB


def fsync_folder(path: Path) -> None:
    """Make the names in a folder durable. A no-op where folders cannot be opened (Windows)."""
    with suppress(OSError):
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


@contextmanager
def saving(target: Path) -> Iterator[None]:
    """Turn what the disk can do to a save into one sentence that names the target."""
    try:
        yield
    except OSError as error:
        raise SpaceError(f"cannot save '{target.name}': {_disk_reason(error, target)}") from error


def _disk_reason(error: OSError, target: Path) -> str:
    if error.errno in _FULL:
        with suppress(OSError):
            free = readable_bytes(shutil.disk_usage(target.parent).free)
            if error.errno == errno.EFBIG:
                return f"a file grew past the limit set on this process ({free} are free); raise it with `ulimit -f`"
            return f"the disk that holds {target.parent} is full ({free} free); make room or choose another path"
        return f"the disk that holds {target.parent} is full; make room or choose another path"
    if error.errno in {errno.EACCES, errno.EPERM, errno.EROFS}:
        return f"{error.filename or target.parent} may not be written to; choose another path"
    return f"{error.strerror or error} ({error.filename or target})"


class Sink:
    """A binary file opened for writing from front to back that keeps a SHA-256 of every block.

    Usable wherever a writable file object is asked for (pyarrow's Parquet writer among them).
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file: BinaryIO = open(path, "xb", buffering=0)  # noqa: SIM115 - closed by close()
        self._digest = hashlib.sha256()
        self._room = BLOCK
        self._blocks: list[str] = []
        self._bytes = 0
        self.closed = False

    def write(self, data: Any) -> int:
        view = memoryview(data).cast("B")
        done = 0
        while done < len(view):
            piece = view[done : done + (1 << 24)]
            done += self._file.write(piece)  # a raw file may take fewer bytes than offered
        self._update(view)
        self._bytes += len(view)
        return len(view)

    def _update(self, view: memoryview) -> None:
        at = 0
        while at < len(view):
            piece = view[at : at + self._room]
            self._digest.update(piece)
            at += len(piece)
            self._room -= len(piece)
            if self._room == 0:
                self._end_block()

    def _end_block(self) -> None:
        self._blocks.append(self._digest.hexdigest())
        self._digest = hashlib.sha256()
        self._room = BLOCK

    def tell(self) -> int:
        return self._bytes

    def flush(self) -> None:
        """Unbuffered: nothing to do."""

    def readable(self) -> bool:
        return False

    def writable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return False

    def close(self) -> None:
        """Put every byte on the disk. Safe to call twice."""
        if self.closed:
            return
        self.closed = True
        try:
            os.fsync(self._file.fileno())
        finally:
            self._file.close()
        if self._room < BLOCK or not self._blocks:
            self._end_block()

    def abandon(self) -> None:
        """Close without caring for the bytes: the save has failed."""
        self.closed = True
        with suppress(OSError):
            self._file.close()

    def entry(self) -> dict[str, Any]:
        """What the manifest says about this file; only after ``close``."""
        return {"bytes": self._bytes, "block": BLOCK, "sha256": self._blocks}

    def __enter__(self) -> Sink:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.abandon() if kind is not None and not self.closed else self.close()


class NpyWriter:
    """A .npy file of known shape, written block by block: constant memory, and a full disk is an error, no SIGBUS."""

    def __init__(self, sink: Sink, shape: tuple[int, ...], dtype: npt.DTypeLike) -> None:
        self._sink = sink
        self.shape = shape
        self.dtype = np.dtype(dtype).newbyteorder("<")
        self._rows = 0
        header = {"descr": np.lib.format.dtype_to_descr(self.dtype), "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(sink, header)  # type: ignore[arg-type, no-untyped-call, unused-ignore]

    def append(self, block: npt.NDArray[Any]) -> None:
        """block: (B, *shape[1:])."""
        if block.shape[1:] != self.shape[1:] or self._rows + len(block) > self.shape[0]:
            raise ValueError(
                f"{self._sink.path.name} takes {self.shape}, got a block of {block.shape} after {self._rows} rows"
            )
        data = np.ascontiguousarray(block, dtype=self.dtype)
        self._sink.write(data.reshape(-1).view(np.uint8))
        self._rows += len(block)

    def finish(self) -> None:
        if self._rows != self.shape[0]:
            raise ValueError(f"{self._sink.path.name} has {self._rows} of {self.shape[0]} rows")


def work_folder(target: Path) -> Path:
    """NAME.space -> NAME.space.partial, beside it."""
    return target.with_name(target.name + ".partial")


class Work:
    """The claimed work folder of one target. ``stage`` is where the space is written; ``folder`` is free for the fit.

    A context manager: leaving it without ``commit`` removes the stage, and the whole folder unless ``keep`` was set.
    """

    def __init__(self, target: Path, *, overwrite: bool = True) -> None:
        self.target = Path(os.path.realpath(target))
        self.folder = work_folder(self.target)
        self.stage = self.folder / "space"
        self.keep = False
        self._lock: int | None = None
        try:
            with saving(self.target):
                self.target.parent.mkdir(parents=True, exist_ok=True)
                self._claim()
                self._recover()
            check_target(self.target, overwrite=overwrite)
        except SpaceError:
            self.keep = _holds_a_fit(self.folder)
            self.release()
            raise

    def _claim(self) -> None:
        marker = self.folder / "work.json"
        if self.folder.exists() and not _is_work(self.folder):
            raise SpaceError(
                f"cannot save '{self.target.name}': {self.folder} is in the way and not deepspace's own; move it away"
            )
        self.folder.mkdir(exist_ok=True)
        self._lock = os.open(marker, os.O_RDWR | os.O_CREAT, 0o666)
        if not _try_lock(self._lock):
            os.close(self._lock)
            self._lock = None
            raise SpaceError(
                f"cannot save '{self.target.name}': another process is writing it; wait for it or choose another path"
            )
        if os.fstat(self._lock).st_size == 0:
            text = json.dumps({"format": WORK_FORMAT, "target": self.target.name}) + "\n"
            os.write(self._lock, text.encode())

    def _recover(self) -> None:
        """After a kill: put back what a two-step replacement had moved aside, and drop a half-written stage."""
        previous = self.folder / "previous"
        if previous.exists():
            if not self.target.exists():
                os.replace(previous, self.target)
            else:
                shutil.rmtree(previous)
        if self.stage.exists():
            shutil.rmtree(self.stage)

    def begin(self) -> Path:
        """An empty stage to write into."""
        with saving(self.target):
            if self.stage.exists():
                shutil.rmtree(self.stage)
            self.stage.mkdir()
        return self.stage

    def commit(self) -> None:
        """Move the stage to the target, durably, and remove the work folder. All of it, or nothing that can be seen."""
        with saving(self.target):
            fsync_folder(self.stage)
            check_target(self.target, overwrite=True)
            if not self.target.exists() or not any(self.target.iterdir()):
                os.replace(self.stage, self.target)
            elif not _exchange(self.stage, self.target):
                self._replace_in_two_steps()
            fsync_folder(self.target.parent)
        self.keep = False
        self.release()

    def _replace_in_two_steps(self) -> None:
        previous = self.folder / "previous"
        os.replace(self.target, previous)
        try:
            os.replace(self.stage, self.target)
        except OSError:
            os.replace(previous, self.target)
            raise

    def release(self) -> None:
        """Give up the claim; what is in the work folder goes, unless ``keep`` was set."""
        if self._lock is None:
            return
        if not self.keep:
            # The marker goes last: a kill in between leaves a folder that is still known as ours.
            for entry in _entries(self.folder):
                if entry.name != "work.json":
                    _remove(entry)
            with suppress(OSError):
                (self.folder / "work.json").unlink()
                self.folder.rmdir()
        elif self.stage.exists():
            shutil.rmtree(self.stage, ignore_errors=True)
        os.close(self._lock)
        self._lock = None

    def __enter__(self) -> Work:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()


def check_target(target: Path, *, overwrite: bool) -> None:
    """Refuse a target that holds anything but a space of ours, and a space when ``overwrite`` is False."""
    if not target.exists():
        return
    if not target.is_dir():
        raise SpaceError(f"cannot save '{target.name}': {target} is a file; choose another path")
    found = {entry.name for entry in _entries(target)}
    if not found:
        return
    own = _own_files(target)
    if own is None:
        raise SpaceError(f"cannot save '{target.name}': {target} is a folder but not a space; choose another path")
    if foreign := sorted(found - own):
        raise SpaceError(
            f"cannot save '{target.name}': the space there also holds {foreign[0]}, which would be lost; move it first"
        )
    if not overwrite:
        raise SpaceError(f"cannot save '{target.name}': {target} is already a space; pass overwrite=True to replace it")


def _own_files(folder: Path) -> set[str] | None:
    """The names that a space's manifest lists, or None if this is no space."""
    from deepspace.space.manifest import FORMAT

    try:
        manifest = json.loads((folder / "manifest.json").read_bytes())
        if manifest.get("format") != FORMAT:
            return None
        return {"manifest.json", *manifest["files"]}
    except (OSError, ValueError, RecursionError, AttributeError, KeyError, TypeError):
        return None


def _is_work(folder: Path) -> bool:
    """Whether this folder is one of our work folders (or empty), so that it may be written to and removed."""
    if not folder.is_dir() or folder.is_symlink():
        return False
    names = {entry.name for entry in _entries(folder)}
    if not names:
        return True
    try:
        text = (folder / "work.json").read_bytes()
        # A kill between making and filling the marker leaves it empty: then it must be alone to count as ours.
        return names == {"work.json"} if not text else json.loads(text).get("format") == WORK_FORMAT
    except (OSError, ValueError, AttributeError):
        return False


def _holds_a_fit(folder: Path) -> bool:
    """Whether something worth going on from lies in a work folder."""
    return bool({entry.name for entry in _entries(folder)} - {"work.json", "space"})


def _entries(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError:
        return []


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with suppress(OSError):
            path.unlink()


def _try_lock(handle: int) -> bool:
    """An advisory lock that dies with the process. True where the system has none (Windows)."""
    if sys.platform == "win32":
        return True
    import fcntl

    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return True  # a file system without locks
    return True


def _exchange(first: Path, second: Path) -> bool:
    """Swap two folders in one step (Linux renameat2 with RENAME_EXCHANGE). False where that is not offered."""
    if not sys.platform.startswith("linux"):
        return False
    try:
        renameat2 = ctypes.CDLL(None, use_errno=True).renameat2
    except (OSError, AttributeError):
        return False
    here, exchange = -100, 2
    return bool(renameat2(here, os.fsencode(first), here, os.fsencode(second), exchange) == 0)
