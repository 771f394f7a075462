"""The rows that the model leaves out, for the page: looked for when first asked, then kept."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from deepspace.metrics import uncovered
from deepspace.server.wire import LeftOutGroup, UncoveredInfo

if TYPE_CHECKING:
    from deepspace.space import BaseSpace

__all__ = ["LeftOut"]

_FARTHEST = 1e6  # radii: where a ball has no width, which JSON has no word for


class LeftOut:
    """``deepspace.metrics.uncovered`` of a space, taken once."""

    def __init__(self, space: BaseSpace) -> None:
        self.space = space
        self._lock = threading.Lock()
        self._info: UncoveredInfo | None = None

    def info(self) -> UncoveredInfo:
        """Takes a second or two at the first ask. Raises SpaceError where it cannot be looked for."""
        with self._lock:
            if self._info is None:
                self._info = self._look()
            return self._info

    def _look(self) -> UncoveredInfo:
        found = uncovered(self.space)
        return UncoveredInfo(
            rows=found.rows.tolist(),
            distances=found.distances.clip(max=_FARTHEST).tolist(),
            n=found.n,
            made=found.made,
            k=found.k,
            features=found.features,
            expected=found.expected,
            groups=[
                LeftOutGroup(column=g.column, value=g.value, missed=g.missed, rows=g.rows, q=g.q) for g in found.groups
            ],
            tested=found.tested,
        )
