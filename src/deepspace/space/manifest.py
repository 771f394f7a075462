"""The manifest of a space: what is in the folder, where it came from, and the digest of every byte.

``manifest.json`` is the last file written. It names every other file with its length and the SHA-256 of each of its
blocks (1 MiB), and carries a checksum of itself: the SHA-256 of its own bytes with the checksum's digits as zeros.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from deepspace.errors import SpaceError
from deepspace.space.files import BLOCK, Sink

__all__ = [
    "FILES",
    "FORMAT",
    "FORMAT_VERSION",
    "check_file",
    "joined",
    "plain_json",
    "read_manifest",
    "split_timings",
    "write_manifest",
]

FORMAT: Final = "deepspace.space"
FORMAT_VERSION: Final = 1

FILES: Final = (
    "weights.safetensors",
    "map.safetensors",
    "latents_mean.npy",
    "latents_scale.npy",
    "map.npy",
    "samples.npy",
    "figures.npy",
    "rows.parquet",
    "measures.json",
)
"""What every space of this version holds beside its manifest."""

WHOLE_BELOW: Final = 4 << 20
"""Files up to this length are checked whole when a space is opened; of longer ones, ``SAMPLED`` blocks."""
SAMPLED: Final = 4

_ZEROS: Final = "0" * 64
_PLAIN_NAME: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
_MOST_BYTES: Final = 1 << 28


def plain_json(value: Any) -> Any:
    """Numpy scalars, arrays, tuples and paths as JSON has them; NaN and infinity as null."""
    if isinstance(value, Mapping):
        return {str(key): plain_json(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [plain_json(item) for item in value]
    if value is None or isinstance(value, (str, bool)):
        return value
    if hasattr(value, "tolist"):
        return plain_json(value.tolist())
    if isinstance(value, float):
        return value if value == value and abs(value) != float("inf") else None
    if isinstance(value, int):
        return int(value)
    return str(value)


_TIMINGS: Final = {"resumed", "seconds", "rows_per_second", "created", "started", "finished", "seconds_left", "elapsed"}


def split_timings(value: Any) -> tuple[Any, Any]:
    """JSON -> (the same without what differs between two equal runs, only that), to be put together by ``joined``."""
    if isinstance(value, Mapping):
        stable, timed = {}, {}
        for key, item in value.items():
            if key in _TIMINGS:
                timed[key] = item
                continue
            stable[key], inner = split_timings(item)
            if inner:
                timed[key] = inner
        return stable, timed
    if isinstance(value, list):
        pairs = [split_timings(item) for item in value]
        return [stable for stable, _ in pairs], [timed for _, timed in pairs] if any(
            timed for _, timed in pairs
        ) else None
    return value, None


def joined(stable: Any, timed: Any) -> Any:
    """The inverse of ``split_timings``."""
    if isinstance(stable, Mapping) and isinstance(timed, Mapping):
        both = {key: joined(item, timed.get(key)) for key, item in stable.items()}
        return {**both, **{key: item for key, item in timed.items() if key not in stable}}
    if isinstance(stable, list) and isinstance(timed, list):
        return [joined(a, b) for a, b in zip(stable, timed, strict=True)]
    return stable


def write_manifest(
    folder: Path, content: Mapping[str, Any], entries: Mapping[str, Mapping[str, Any]]
) -> dict[str, Any]:
    """Write ``manifest.json`` and return it as it will be read. ``entries``: what each file's ``Sink.entry`` said."""
    manifest = {
        "checksum": _ZEROS,
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        **plain_json(content),
        "files": {name: {**entry, "sha256": list(entry["sha256"])} for name, entry in sorted(entries.items())},
    }
    text = json.dumps(manifest, indent=1, ensure_ascii=False, allow_nan=False).encode() + b"\n"
    checksum = hashlib.sha256(text).hexdigest()
    text = text.replace(_ZEROS.encode(), checksum.encode(), 1)
    with Sink(folder / "manifest.json") as sink:
        sink.write(text)
    return {**manifest, "checksum": checksum}


def read_manifest(folder: Path) -> dict[str, Any]:
    """The checked manifest of the space in ``folder``.

    Raises SpaceError, naming the file, for a folder that is missing, foreign, newer, changed or incomplete.
    """
    path = folder / "manifest.json"
    raw = _read(folder, path)
    try:
        manifest = json.loads(raw)
        foreign = manifest.get("format") != FORMAT
    except (ValueError, RecursionError, AttributeError):
        raise SpaceError(
            f"cannot open '{folder.name}': {path} is damaged (not readable as JSON); restore it from a copy"
        ) from None
    if foreign:
        raise SpaceError(
            f"cannot open '{folder.name}': {path} is not a space's manifest; this folder is something else's"
        )
    version = manifest.get("format_version")
    if not isinstance(version, int) or isinstance(version, bool) or version < 1:
        raise SpaceError(f"cannot open '{folder.name}': {path} has no format version; restore it from a copy")
    if version > FORMAT_VERSION:
        raise SpaceError(
            f"cannot open '{folder.name}': {path} has format version {version}, this deepspace reads up to "
            f"{FORMAT_VERSION}; update deepspace"
        )
    _check_itself(folder, path, raw, manifest)
    _check_names(folder, path, manifest)
    return dict(manifest)


def _read(folder: Path, path: Path) -> bytes:
    if not folder.exists():
        raise SpaceError(f"cannot open '{folder.name}': there is nothing at {folder}{_hint(folder)}")
    if not folder.is_dir():
        raise SpaceError(f"cannot open '{folder.name}': {folder} is a file, and a space is a folder")
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise SpaceError(f"cannot open '{folder.name}': {path} is too long to be a manifest")
        return path.read_bytes()
    except FileNotFoundError:
        if (folder / "work.json").is_file():
            reason = "is an unfinished fit; run the same fit again to go on with it"
        else:
            reason = "is not a space: it has no manifest.json"
        raise SpaceError(f"cannot open '{folder.name}': {folder} {reason}") from None
    except OSError as error:
        raise SpaceError(f"cannot open '{folder.name}': {path} cannot be read ({error.strerror})") from error


def _hint(folder: Path) -> str:
    from deepspace.space.files import work_folder

    work = work_folder(folder)
    if (work / "previous").is_dir():
        return f"; a save was cut short, and the space it was to replace is whole at {work / 'previous'}"
    if (work / "work.json").is_file():
        return f"; {work.name} beside it is an unfinished fit: run the same fit again to go on with it"
    return ""


def _check_itself(folder: Path, path: Path, raw: bytes, manifest: Mapping[str, Any]) -> None:
    stated = manifest.get("checksum")
    if isinstance(stated, str) and re.fullmatch("[0-9a-f]{64}", stated):
        found = hashlib.sha256(raw.replace(stated.encode(), _ZEROS.encode(), 1)).hexdigest()
        if found == stated:
            return
    raise SpaceError(f"cannot open '{folder.name}': {path} was changed after it was written; restore it from a copy")


def _check_names(folder: Path, path: Path, manifest: Mapping[str, Any]) -> None:
    files = manifest.get("files")
    if not isinstance(files, dict):
        raise SpaceError(f"cannot open '{folder.name}': {path} lists no files; restore it from a copy")
    for name, entry in files.items():
        if not _PLAIN_NAME.fullmatch(name) or ".." in name:
            raise SpaceError(f"cannot open '{folder.name}': {path} names '{name}', which is not a plain file name")
        if not _is_entry(entry):
            raise SpaceError(
                f"cannot open '{folder.name}': {path} has no usable digest of {name}; restore it from a copy"
            )
    if missing := sorted(set(FILES) - set(files)):
        raise SpaceError(f"cannot open '{folder.name}': {path} does not list {missing[0]}; restore it from a copy")


def _is_entry(entry: Any) -> bool:
    if not isinstance(entry, dict):
        return False
    size, digests = entry.get("bytes"), entry.get("sha256")
    return (
        isinstance(size, int)
        and size >= 0
        and entry.get("block") == BLOCK
        and isinstance(digests, list)
        and len(digests) == max(1, -(-size // BLOCK))
        and all(isinstance(digest, str) for digest in digests)
    )


def check_file(folder: Path, name: str, entry: Mapping[str, Any], *, whole: bool = False) -> None:
    """Compare a file with its manifest entry: its length always; its bytes if short or ``whole``, else a fixed sample.

    Raises SpaceError naming the file.
    """
    path = folder / name
    digests: list[str] = entry["sha256"]
    every = whole or entry["bytes"] <= WHOLE_BELOW
    try:
        if path.is_symlink() or not path.is_file():
            reason = "is not an ordinary file" if os.path.lexists(path) else "is missing"
            raise SpaceError(f"cannot open '{folder.name}': {path} {reason}; restore it from a copy")
        with open(path, "rb", buffering=0) as file:
            size = os.fstat(file.fileno()).st_size
            if size != entry["bytes"]:
                raise SpaceError(
                    f"cannot open '{folder.name}': {path} has {size} bytes where the manifest says {entry['bytes']}; "
                    "restore it from a copy"
                )
            for block in range(len(digests)) if every else _sample(len(digests)):
                file.seek(block * BLOCK)
                if hashlib.sha256(file.read(BLOCK)).hexdigest() != digests[block]:
                    raise SpaceError(
                        f"cannot open '{folder.name}': {path} is damaged (its bytes do not match their checksum); "
                        "restore it from a copy"
                    )
    except OSError as error:
        raise SpaceError(f"cannot open '{folder.name}': {path} cannot be read ({error.strerror})") from error


def _sample(blocks: int) -> Iterable[int]:
    """First, last, and evenly between."""
    return sorted({round(i * (blocks - 1) / (SAMPLED - 1)) for i in range(SAMPLED)})
