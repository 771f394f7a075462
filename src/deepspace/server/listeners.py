"""Whoever wants to hear that something changed."""

from __future__ import annotations

import threading
from collections.abc import Callable

__all__ = ["Listeners"]


class Listeners:
    """Thread-safe. ``tell`` calls each one in the caller's thread, with no lock held: a listener may add or forget."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._all: set[Callable[[], None]] = set()

    def listen(self, listener: Callable[[], None]) -> Callable[[], None]:
        """Calls ``listener`` (from any thread) whenever something changed; the answer ends that."""
        with self._lock:
            self._all.add(listener)

        def forget() -> None:
            with self._lock:
                self._all.discard(listener)

        return forget

    def tell(self) -> None:
        with self._lock:
            listeners = list(self._all)
        for listener in listeners:
            listener()
