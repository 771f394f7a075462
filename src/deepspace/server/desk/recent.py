"""Spaces that were opened lately, and fits begun elsewhere: one small JSON file in the user's state folder."""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from deepspace.space import BaseSpace

__all__ = ["Recent", "RecentSpace", "state_folder"]

KEPT = 30
"""Spaces, and fits, that are remembered; the oldest are forgotten first."""

_LONGEST = 1 << 20
_STEP = 1e-3


def state_folder() -> Path:
    """Where programs keep what they remember of a user: DEEPSPACE_STATE, else what the platform says.

    XDG_STATE_HOME on Linux (XDG base directory specification 0.8), Application Support on macOS, LOCALAPPDATA on
    Windows.
    """
    chosen = os.environ.get("DEEPSPACE_STATE")
    if chosen:
        return Path(chosen)
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support" / "deepspace"
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local") / "deepspace"
    return Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state") / "deepspace"


@dataclass(frozen=True)
class RecentSpace:
    """A space as it was when it was last opened. ``opened`` is in seconds since 1970."""

    path: str
    name: str
    modality: str
    rows: int
    opened: float

    @property
    def missing(self) -> bool:
        """Whether the folder is gone, or no space any more."""
        return not (Path(self.path) / "manifest.json").is_file()


class Recent:
    """The list on disk. A file that is damaged or cannot be written costs the memory of it, never more.

    Every change reads the file again and replaces it as a whole, so that two programs lose at worst an entry.
    """

    def __init__(self, file: Path | None = None) -> None:
        self.file = file or state_folder() / "recent.json"

    def spaces(self) -> list[RecentSpace]:
        """The last opened first."""
        found = {s.path: s for s in map(_space, self._read().get("spaces", [])) if s is not None}
        return sorted(found.values(), key=lambda s: -s.opened)

    def fits(self) -> list[Path]:
        """Outputs of fits that were begun and may not be done."""
        return [Path(p) for p in self._read().get("fits", []) if isinstance(p, str) and os.path.isabs(p)]

    def remember(self, space: BaseSpace) -> None:
        """Puts a space first."""
        spaces = self.spaces()
        now = max([time.time(), *(s.opened + _STEP for s in spaces)])
        entry = RecentSpace(str(Path(space.folder).resolve()), space.name, space.schema.modality, len(space), now)
        self._write([entry, *(s for s in spaces if s.path != entry.path)], self.fits())

    def forget(self, path: Path) -> None:
        """Takes a space off the list; the space itself is not touched."""
        self._write([s for s in self.spaces() if s.path != str(path)], self.fits())

    def begin(self, output: Path) -> None:
        """A fit into ``output`` begins; its partial folder may have to be found again."""
        self._write(self.spaces(), [output, *(f for f in self.fits() if f != output)])

    def _read(self) -> dict[str, Any]:
        try:
            if self.file.stat().st_size > _LONGEST:
                return {}
            read = json.loads(self.file.read_bytes())
        except (OSError, ValueError, RecursionError):
            return {}
        return {k: v for k, v in read.items() if isinstance(v, list)} if isinstance(read, dict) else {}

    def _write(self, spaces: list[RecentSpace], fits: list[Path]) -> None:
        content = {"spaces": [asdict(s) for s in spaces[:KEPT]], "fits": [str(f) for f in fits[:KEPT]]}
        with suppress(OSError):
            self.file.parent.mkdir(parents=True, exist_ok=True)
            handle, aside = tempfile.mkstemp(dir=self.file.parent, prefix=".recent-")
            try:
                with os.fdopen(handle, "w", encoding="utf-8") as file:
                    json.dump(content, file, indent=1)
                os.replace(aside, self.file)
            except OSError:
                os.unlink(aside)
                raise


def _space(entry: Any) -> RecentSpace | None:
    """An entry of the file, or None for anything that is not one."""
    if not isinstance(entry, Mapping):
        return None
    try:
        space = RecentSpace(**{k: entry[k] for k in ("path", "name", "modality", "rows", "opened")})
        whole = replace(space, rows=int(space.rows), opened=float(space.opened))
    except (KeyError, TypeError, ValueError, OverflowError):
        return None
    texts = all(isinstance(t, str) for t in (space.path, space.name, space.modality))
    return whole if texts and os.path.isabs(space.path) else None
