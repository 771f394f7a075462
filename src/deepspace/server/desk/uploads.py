"""Files from the browser: names made harmless, bytes written as they come, no more of them than the disk holds."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
import unicodedata
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from deepspace.errors import DataError
from deepspace.space.files import readable_bytes

__all__ = ["FOLDER", "Upload", "room", "safe_parts"]

FOLDER = "deepspace-uploads"
"""Uploads lie in this folder of the work folder, under their own names, where the user finds them again."""

_RESERVE = 512 << 20
"""Bytes of the disk that uploads leave free, for the checkpoint and the space."""

_DEEPEST, _LONGEST = 8, 120
_RESERVED = frozenset(["con", "prn", "aux", "nul", *(f"{n}{i}" for n in ("com", "lpt") for i in range(1, 10))])


def room(folder: Path) -> int:
    """Bytes that an upload into ``folder`` may have at most."""
    existing = next(p for p in (folder, *folder.parents) if p.exists())
    try:
        return max(0, shutil.disk_usage(existing).free - _RESERVE)
    except OSError:
        return 0


def safe_parts(name: str) -> tuple[str, ...]:
    """The folders and the file of an uploaded name, each harmless: no way up, no hidden or reserved name, no control.

    >>> safe_parts("../pets/dog 1.png")
    ('pets', 'dog 1.png')

    Raises DataError where nothing is left.
    """
    parts = [_harmless(part) for part in re.split(r"[/\\]+", name)]
    kept = [part for part in parts if part]
    if not kept or len(kept) > _DEEPEST:
        raise DataError(f"a file cannot be kept under the name {name[:80]!r}; give it another and upload it again.")
    return tuple(kept)


def _harmless(part: str) -> str:
    text = unicodedata.normalize("NFC", part)
    text = re.sub(r'[\x00-\x1f\x7f<>:"|?*]', "_", "".join(c for c in text if c.isprintable()))
    text = text.strip(" .")
    stem, dot, ending = text.partition(".")
    if stem.lower() in _RESERVED:
        text = f"_{text}"
    while len(text.encode()) > _LONGEST:  # cut the stem, so that the ending goes on telling what it is
        stem, dot, ending = text.rpartition(".")
        text = stem[:-1] + dot + ending if len(stem) > 1 else text[:-1]
    return text.strip(" .")


class Upload:
    """One file on its way: written beside its place, put there once whole. An existing file of that name is replaced.

    A context manager; leaving it without ``finish`` leaves nothing behind.
    """

    def __init__(self, folder: Path, name: str, size: int) -> None:
        """size: the bytes announced. Raises DataError when the disk cannot take them."""
        self.parts = safe_parts(name)
        self.path = folder.joinpath(*self.parts)
        self.size = size
        self._left = size
        most = room(folder)
        if size > most:
            raise DataError(
                f"'{self.parts[-1]}' has {readable_bytes(size)} and the disk has room for {readable_bytes(most)}; "
                "free some space, or run `deepspace fit` where the file lies."
            )
        if size == 0:
            raise DataError(f"'{self.parts[-1]}' is empty.")
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            handle, aside = tempfile.mkstemp(dir=self.path.parent, prefix=".upload-")
        except OSError as error:
            raise DataError(f"'{self.parts[-1]}' cannot be kept in '{folder}': {error.strerror or error}.") from None
        self._file: BinaryIO = os.fdopen(handle, "wb")
        self._aside: Path | None = Path(aside)

    def write(self, block: bytes) -> None:
        """Raises DataError for more bytes than were announced, or when the disk is full after all."""
        self._left -= len(block)
        if self._left < 0:
            raise DataError(f"'{self.parts[-1]}' has more bytes than were announced; upload it again.")
        try:
            self._file.write(block)
        except OSError as error:
            raise DataError(f"'{self.parts[-1]}' cannot be kept: {error.strerror or error}.") from None

    def finish(self) -> Path:
        """The file in its place."""
        if self._left > 0:
            raise DataError(f"'{self.parts[-1]}' broke off with {readable_bytes(self._left)} missing; upload it again.")
        assert self._aside is not None
        try:
            self._file.close()
            if self.path.is_dir():
                raise DataError(f"there is a folder '{self.path}' already; rename the file and upload it again.")
            os.chmod(self._aside, 0o644)  # mkstemp's are the owner's alone
            os.replace(self._aside, self.path)
        except OSError as error:
            raise DataError(f"'{self.parts[-1]}' cannot be kept: {error.strerror or error}.") from None
        self._aside = None
        return self.path

    def __enter__(self) -> Upload:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()
        if self._aside is not None:
            with suppress(OSError):
                self._aside.unlink()
