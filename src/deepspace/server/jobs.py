"""Work that takes some seconds, for the page: begun when asked for, in the background, stopped at will, then kept."""

from __future__ import annotations

import logging
import re
import threading
from typing import Any, Generic, TypeVar

from deepspace.errors import DeepspaceError
from deepspace.server import wire

__all__ = ["Job", "running", "share_of"]

log = logging.getLogger("deepspace.server")

State = TypeVar("State", bound=wire.Working)


class _Stopped(BaseException):
    """Raised into the work when the page asked it to end; no error of its own."""


def share_of(said: str) -> float:
    """How far what is told is: "512 of 4,000 rows" is 0.128."""
    found = re.search(r"([\d,]+) of ([\d,]+)(?!.*[\d,]+ of [\d,]+)", said)
    if not found:
        return 0.0
    done, of = (int(part.replace(",", "") or 0) for part in found.groups())
    return min(1.0, done / max(1, of))


class Job(Generic[State]):
    """One piece of work and how far it is. Safe to call from several threads.

    what: as a sentence about its failure begins.
    """

    def __init__(self, kind: type[State], what: str) -> None:
        self._kind, self._what = kind, what
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._state = kind(state="none")

    def work(self) -> Any:
        """What is found, as ``found`` of the state. Calls ``_tell`` now and then, which may raise to end it."""
        raise NotImplementedError

    def state(self) -> State:
        """How far it is."""
        with self._lock:
            return self._state

    def start(self) -> State:
        """Begin, unless it is under way or done."""
        with self._lock:
            if self._state.state in ("none", "failed"):
                # A stopped run may still be on its last step: each hears an event of its own.
                self._stop = threading.Event()
                self._state = self._kind(state="making", doing="beginning")
                self._thread = threading.Thread(target=self._run, args=(self._stop,), name="deepspace-job", daemon=True)
                self._thread.start()
            return self._state

    def stop(self) -> State:
        """End what is under way, at its next step."""
        with self._lock:
            self._stop.set()
            if self._state.state == "making":
                self._state = self._kind(state="none")
            return self._state

    def _tell(self, doing: str, fraction: float) -> None:
        _running.check()
        self.show(self._kind(state="making", doing=doing, fraction=fraction))

    def show(self, state: State) -> None:
        """From within the work: this is how far it is, with what there is so far."""
        self._end(_running.stop, state)

    def _run(self, stop: threading.Event) -> None:
        _running.stop = stop
        try:
            self._end(stop, self._kind.model_validate({"state": "ready", "fraction": 1.0, "found": self.work()}))
        except _Stopped:
            self._end(stop, self._kind(state="none"))
        except DeepspaceError as error:
            self._end(stop, self._kind(state="failed", error=str(error)))
        except Exception as error:
            log.exception("%s failed", self._what)
            said = f"{self._what} failed unexpectedly ({type(error).__name__}); the terminal shows where."
            self._end(stop, self._kind(state="failed", error=said))

    def _end(self, stop: threading.Event, state: State) -> None:
        with self._lock:
            if self._stop is stop and not stop.is_set():
                self._state = state
            elif self._stop is stop:
                self._state = self._kind(state="none")


class _Running(threading.local):
    """The event that the run in this thread hears."""

    stop: threading.Event

    def check(self) -> None:
        """Raises, into the work, when the page asked it to end."""
        if self.stop.is_set():
            raise _Stopped


_running = _Running()


def running() -> _Running:
    """The run in this thread."""
    return _running
