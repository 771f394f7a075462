"""Pictures in folders and zip archives, with their class from the folder they lie in."""

from __future__ import annotations

import hashlib
import os
import zipfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path, PurePosixPath

from deepspace.data.dataset import Source
from deepspace.data.files import MAX_RATIO, source_of
from deepspace.data.pictures import SUFFIXES
from deepspace.data.raw import Entry, ImageFiles
from deepspace.errors import DataError

__all__ = ["read_folder", "read_zip"]

_MAX_FILES = 5_000_000
_SPLITS = frozenset({"train", "training", "test", "testing", "val", "valid", "validation", "dev"})
_MAX_ENTRY, _MAX_TOTAL, _FREE = 512 << 20, 64 << 30, 16 << 20


def read_folder(folder: Path, fingerprint: bool = True) -> ImageFiles | Path:
    """The pictures below ``folder``, or the one data file in it. Linked folders are not followed."""
    pictures: list[str] = []
    others: list[str] = []
    for base, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith((".", "__MACOSX")))
        for name in sorted(names):
            relative = Path(base, name).relative_to(folder).as_posix()
            if name.startswith("."):
                continue
            (pictures if Path(name).suffix.lower() in SUFFIXES else others).append(relative)
        if len(pictures) > _MAX_FILES:
            raise DataError(f"'{folder}' holds more than {_MAX_FILES:,} pictures; pack them into arrays first.")
    if not pictures:
        return _single_file(folder, others)
    notes = []
    if others:
        notes.append(
            f"{len(others)} file{'s' * (len(others) > 1)} in '{folder.name}' are no pictures: {_listed(others)}."
        )
    entries = tuple(Entry(name, label, (folder / name).read_bytes, split) for name, label, split in _labelled(pictures))
    source = Source(folder.resolve().name, (str(folder),), _fingerprint(entries) if fingerprint else "")
    return ImageFiles(entries, source, tuple(notes))


def _fingerprint(entries: tuple[Entry, ...]) -> str:
    """SHA-256 over every picture's name and bytes, in order of names."""
    digest = hashlib.sha256()
    for entry in entries:
        digest.update(entry.name.encode() + b"\0")
        try:
            digest.update(hashlib.sha256(entry.read()).digest())
        except OSError:
            digest.update(b"unreadable")
    return digest.hexdigest()


def _single_file(folder: Path, others: list[str]) -> Path:
    """A folder with one data file, or one training pair of IDX files, stands for that file."""
    known = (".csv", ".tsv", ".parquet", ".arrow", ".feather", ".npz", ".npy", ".csv.gz", ".tsv.gz", ".zip")
    data = [name for name in others if name.lower().endswith(known)]
    idx = [name for name in others if "idx3" in name and "image" in name]
    training = [name for name in idx if "train" in name]
    for choice in (training, idx, data):
        if len(choice) == 1:
            return folder / choice[0]
    if data:
        raise DataError(f"'{folder}' holds {len(data)} data files ({_listed(data)}); name one of them.")
    if not others:
        raise DataError(f"the folder '{folder}' is empty.")
    kinds = Counter(Path(name).suffix or "no ending" for name in others).most_common(3)
    found = ", ".join(f"{count} of {kind}" for kind, count in kinds)
    raise DataError(
        f"the folder '{folder}' holds no pictures and no data file, only {found}; give a folder of images or a file."
    )


def read_zip(path: Path, fingerprint: bool = True) -> ImageFiles:
    """The pictures in a zip archive. Nothing is unpacked to disk; names that climb out of it are refused."""
    try:
        archive = zipfile.ZipFile(path)
        infos = [info for info in archive.infolist() if not info.is_dir()]
    except (zipfile.BadZipFile, OSError) as error:
        raise DataError(f"'{path.name}' is not a readable zip archive ({error}); get it again.") from None
    total = 0
    for info in infos:
        parts = PurePosixPath(info.filename.replace("\\", "/")).parts
        if ".." in parts or info.filename.startswith(("/", "\\")) or ":" in info.filename[:3]:
            raise DataError(f"'{path.name}' holds the unsafe name {info.filename!r}; pack it again without such paths.")
        if info.flag_bits & 1:
            raise DataError(f"'{path.name}' is encrypted; unpack it first.")
        total += info.file_size
        bomb = info.file_size > max(MAX_RATIO * info.compress_size, _FREE)
        if bomb or info.file_size > _MAX_ENTRY or total > _MAX_TOTAL:
            raise DataError(
                f"'{path.name}' would unpack to {total:,} bytes or more ('{info.filename}' from {info.compress_size:,} "
                f"to {info.file_size:,}); refused as a possible archive bomb."
            )
    names = [i.filename for i in infos if not i.filename.startswith("__MACOSX/") and "/." not in "/" + i.filename]
    pictures = sorted(name for name in names if Path(name).suffix.lower() in SUFFIXES)
    if not pictures:
        raise DataError(
            f"'{path.name}' holds no pictures, only {_listed(names) or 'nothing'}; unpack it and name a file."
        )
    others = [name for name in names if Path(name).suffix.lower() not in SUFFIXES]
    notes = [f"{len(others)} files in '{path.name}' are no pictures: {_listed(others)}."] if others else []
    entries = tuple(Entry(name, label, _zip_reader(archive, name), split) for name, label, split in _labelled(pictures))
    return ImageFiles(entries, source_of([path], fingerprint), tuple(notes))


def _zip_reader(archive: zipfile.ZipFile, name: str) -> Callable[[], bytes]:
    def read() -> bytes:
        try:
            return archive.read(name)  # one lock a read inside zipfile: safe from several threads
        except (zipfile.BadZipFile, NotImplementedError, RuntimeError) as error:
            raise OSError(str(error)) from None

    return read


def _labelled(names: list[str]) -> list[tuple[str, str | None, str | None]]:
    """(name, class, split) of each picture. The class is the first folder level at which the names differ, or None
    when all lie together; a level of train, test and the like is the split, and the class is one below."""
    folders = [PurePosixPath(name).parts[:-1] for name in names]
    depth, split = 0, None
    while any(len(parts) > depth for parts in folders):
        level = {parts[depth] if len(parts) > depth else None for parts in folders}
        if split is None and len(level) > 1 and {str(part).lower() for part in level} <= _SPLITS:
            split = depth
        elif len(level) > 1:
            break
        depth += 1
    return [
        (name, parts[depth] if len(parts) > depth else None, None if split is None else parts[split])
        for name, parts in zip(names, folders, strict=True)
    ]


def _listed(names: list[str]) -> str:
    return ", ".join(f"'{name}'" for name in names[:4]) + (", …" if len(names) > 4 else "")
