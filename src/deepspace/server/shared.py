"""What a page and Python may both change, kept the same on both sides: the selected rows and the pinned one."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from deepspace.errors import SpaceError
from deepspace.server.listeners import Listeners
from deepspace.server.wire.shared import SharedInfo

__all__ = ["Rows", "Shared"]

Rows = npt.NDArray[np.int64]


class Shared:
    """Thread-safe. ``selection`` is None while nothing is selected, else row numbers, ascending and each once."""

    def __init__(self, name: str, n: int) -> None:
        self.name, self.n = name, n
        self._lock = threading.Lock()
        self._selection: Rows | None = None
        self._pinned: int | None = None
        self._serial = 0
        self._listeners = Listeners()

    @property
    def selection(self) -> Rows | None:
        with self._lock:
            return self._selection

    @property
    def pinned(self) -> int | None:
        with self._lock:
            return self._pinned

    def info(self) -> SharedInfo:
        with self._lock:
            selected = None if self._selection is None else len(self._selection)
            return SharedInfo(serial=self._serial, selected=selected, pinned=self._pinned)

    def select(self, rows: Any) -> None:
        """rows: row numbers in any order, a boolean of each row, or None. Raises SpaceError for anything else."""
        checked = self.checked(rows)
        with self._lock:
            if same(checked, self._selection):
                return
            self._selection = checked
            self._serial += 1
        self._tell()

    def pin(self, row: int | None) -> None:
        """Raises SpaceError for a row that does not exist."""
        if row is not None and not 0 <= int(row) < self.n:
            raise SpaceError(f"there is no row {row}; '{self.name}' has {self.n}, counted from 0.")
        with self._lock:
            if row == self._pinned:
                return
            self._pinned = None if row is None else int(row)
            self._serial += 1
        self._tell()

    def checked(self, rows: Any) -> Rows | None:
        """As ``selection`` is kept, read-only. No row at all is no selection, as on the map, where all count then."""
        if rows is None:
            return None
        try:
            found = np.asarray(rows)
            if found.dtype == bool:
                if found.shape != (self.n,):
                    raise SpaceError(f"a mask needs one truth for each of the {self.n} rows; this has {found.size}.")
                found = np.flatnonzero(found)
            with np.errstate(invalid="ignore"):
                whole = found.astype(np.int64)
            exact = found.ndim == 1 and (found.size == 0 or bool(np.all(whole == found)))
        except (TypeError, ValueError, OverflowError):
            exact = False
        if not exact:
            raise SpaceError(f"rows are chosen by their numbers or by a mask of truths, not by {str(rows)[:60]!r}.")
        kept = np.unique(whole)
        if not len(kept):
            return None
        if not 0 <= kept[0] <= kept[-1] < self.n:
            wrong = int(kept[0] if kept[0] < 0 else kept[-1])
            raise SpaceError(f"there is no row {wrong}; '{self.name}' has {self.n}, counted from 0.")
        kept.flags.writeable = False
        return kept

    def listen(self, listener: Callable[[], None]) -> Callable[[], None]:
        """Calls ``listener`` (from any thread) whenever something changed; the answer ends that."""
        return self._listeners.listen(listener)

    def _tell(self) -> None:
        self._listeners.tell()


def same(a: Rows | None, b: Rows | None) -> bool:
    return a is b or (a is not None and b is not None and np.array_equal(a, b))
