"""Bytes from disk: opened, unpacked and fingerprinted, with a plain sentence for whatever goes wrong."""

from __future__ import annotations

import gzip
import hashlib
import os
import zlib
from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from pathlib import Path

from deepspace.data.dataset import Source
from deepspace.errors import DataError

__all__ = [
    "check_path",
    "fingerprint_chunks",
    "fingerprint_files",
    "head_of",
    "is_gzip",
    "near",
    "read_bytes",
    "source_of",
]

# Deflate packs at most 1,030 times. Tables and pictures stay far below 200; only small files may be packed tighter.
MAX_RATIO = 200
FREE_BYTES = 1 << 30
_MIB = 1 << 20


def check_path(source: str | os.PathLike[str]) -> Path:
    """The path if it exists, can be read and is not empty."""
    path = Path(source).expanduser()
    try:
        if not path.exists():
            raise DataError(f"there is no file or folder '{path}'; {near(path)}check the spelling and where you are.")
        if path.is_dir():
            os.listdir(path)
            return path
        if not path.is_file():
            raise DataError(f"'{path}' is neither a file nor a folder.")
        with path.open("rb") as stream:
            empty = not stream.read(1)
    except PermissionError:
        raise DataError(f"'{path}' cannot be read: permission denied; change its permissions or copy it.") from None
    except (OSError, ValueError) as error:
        raise DataError(f"'{path}' cannot be opened: {getattr(error, 'strerror', None) or error}.") from None
    if empty:
        raise DataError(f"'{path.name}' is empty.")
    return path


def near(path: Path) -> str:
    """ "did you mean 'x.csv.gz'? ", where something of a like name lies beside; else nothing."""
    try:
        names = sorted(other.name for other in path.parent.iterdir())
    except (OSError, ValueError):
        return ""
    longer = [name for name in names if name.startswith(f"{path.name}.")]
    found = longer or get_close_matches(path.name, names, n=1, cutoff=0.75)
    return f"did you mean '{found[0]}'? " if found else ""


def is_gzip(path: Path) -> bool:
    with path.open("rb") as stream:
        return stream.read(2) == b"\x1f\x8b"


def read_bytes(path: Path) -> bytes:
    """The whole content, unpacked if it is gzip (whatever its name says)."""
    check_path(path)
    data = path.read_bytes()
    return _gunzip(data, path.name) if data[:2] == b"\x1f\x8b" else data


def _gunzip(data: bytes, name: str) -> bytes:
    limit = max(MAX_RATIO * len(data), FREE_BYTES)
    unpacked: list[bytes] = []
    total = 0
    try:
        while data:
            member = zlib.decompressobj(wbits=31)
            piece = member.decompress(data, limit - total + 1)
            total += len(piece)
            unpacked.append(piece)
            if total > limit:
                raise DataError(
                    f"'{name}' unpacks to more than {MAX_RATIO} times its size; refused as a possible bomb."
                )
            if not member.eof:
                raise DataError(
                    f"'{name}' is a truncated gzip file: it ends after {total:,} unpacked bytes; get it again."
                )
            data = member.unused_data.lstrip(b"\0")
            if data and data[:2] != b"\x1f\x8b":
                break  # trailing bytes after the last member are ignored, as gzip does
    except zlib.error as error:
        raise DataError(f"'{name}' is a damaged gzip file ({error}); get it again.") from None
    if total == 0:
        raise DataError(f"'{name}' is empty once unpacked.")
    return unpacked[0] if len(unpacked) == 1 else b"".join(unpacked)


def head_of(path: Path, size: int = 4096) -> bytes:
    """The first bytes, unpacked if gzip."""
    try:
        with gzip.open(path) if is_gzip(path) else path.open("rb") as stream:
            return bytes(stream.read(size))
    except (EOFError, zlib.error, gzip.BadGzipFile):
        return b""


def source_of(paths: Sequence[Path], fingerprint: bool) -> Source:
    """Where rows came from: the first file's name, all files, and the SHA-256 of their bytes if it is wanted."""
    return Source(paths[0].name, tuple(map(str, paths)), fingerprint_files(paths) if fingerprint else "")


def fingerprint_files(paths: Sequence[Path]) -> str:
    """SHA-256 of the files' bytes, in order."""
    digest = hashlib.sha256()
    for path in paths:
        with path.open("rb") as stream:
            while block := stream.read(4 * _MIB):
                digest.update(block)
    return digest.hexdigest()


def fingerprint_chunks(chunks: Iterable[bytes | memoryview]) -> str:
    """SHA-256 of bytes in memory."""
    digest = hashlib.sha256()
    for chunk in chunks:
        digest.update(chunk)
    return digest.hexdigest()
