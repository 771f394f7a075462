"""Opening, verifying and copying a space that is on disk."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TypeVar

from deepspace.errors import SpaceError
from deepspace.space.base import BaseSpace
from deepspace.space.files import Sink, Work, readable_bytes, saving
from deepspace.space.manifest import check_file, read_manifest, write_manifest

__all__ = ["check_room", "copy_space", "open_space", "verify"]

S = TypeVar("S", bound=BaseSpace)
_PIECE = 1 << 22


def open_space(path: str | Path, *, verify: bool = False, kind: type[S] | None = None) -> S:
    """Open the space in folder ``path``, in a time that does not depend on its size.

    The manifest and every short file are checked byte by byte, long files by their length and a fixed sample of
    blocks; ``verify`` checks every byte of every file. Raises SpaceError, naming the file at fault, for a folder that
    is missing, foreign, damaged, incomplete, or written by a newer format.
    """
    folder = Path(os.path.abspath(path))
    manifest = read_manifest(folder)
    for name, entry in manifest["files"].items():
        check_file(folder, name, entry, whole=verify)
    return (kind or BaseSpace)(folder, manifest)  # type: ignore[return-value]


def verify(path: str | Path) -> None:
    """Check every byte of a space against its manifest. Raises SpaceError naming the first file that differs."""
    folder = Path(os.path.abspath(path))
    for name, entry in read_manifest(folder)["files"].items():
        check_file(folder, name, entry, whole=True)


def copy_space(space: S, target: Path, *, overwrite: bool = True) -> S:
    """Copy a space's folder, checking every byte on the way. Copying onto itself does nothing."""
    target = Path(os.path.abspath(target))
    if os.path.realpath(target) == os.path.realpath(space.folder):
        return space
    with Work(target, overwrite=overwrite) as work:
        stage = work.begin()
        check_room(work.target, sum(entry["bytes"] for entry in space.manifest["files"].values()))
        with saving(work.target):
            entries = {name: _copy_file(space, name, stage) for name in space.manifest["files"]}
            content = {
                k: v for k, v in space.manifest.items() if k not in ("checksum", "format", "format_version", "files")
            }
            write_manifest(stage, content, entries)
        work.commit()
    return open_space(target, kind=type(space))


def _copy_file(space: BaseSpace, name: str, stage: Path) -> dict[str, object]:
    stated = space.manifest["files"][name]
    with open(space.folder / name, "rb") as source, Sink(stage / name) as sink:
        while piece := source.read(_PIECE):
            sink.write(piece)
    entry = sink.entry()
    if entry != stated:
        raise SpaceError(
            f"cannot save '{space.name}': {space.folder / name} is damaged (its bytes do not match their checksum)"
        )
    return entry


def check_room(target: Path, needed: int) -> None:
    """Refuse to begin what the disk cannot hold."""
    import shutil

    try:
        free = shutil.disk_usage(target.parent).free
    except OSError:
        return
    if needed > free:
        raise SpaceError(
            f"cannot save '{target.name}': it needs {readable_bytes(needed)} and the disk that holds {target.parent} "
            f"has {readable_bytes(free)} free; make room or choose another path"
        )
