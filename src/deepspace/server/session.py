"""What is going on behind the page: a fit under way, a space ready to be walked, or a sentence saying what failed."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Protocol

from deepspace.errors import DeepspaceError
from deepspace.metrics.comparing import check_same_rows
from deepspace.server.listeners import Listeners
from deepspace.server.wire import Preview, ProgressInfo, SessionInfo, frame
from deepspace.training.events import Phase, Progress

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from deepspace.decisions import Audit
    from deepspace.models.base import LatentModel
    from deepspace.server.cases import Recourse
    from deepspace.server.preview import Previews
    from deepspace.space import BaseSpace

__all__ = ["Fit", "Session"]

log = logging.getLogger("deepspace.server")


class Fit(Protocol):
    """Whatever makes a space while it reports how far it is. Runs in a thread of its own."""

    def __call__(
        self,
        on_progress: Callable[[Progress], None],
        on_epoch: Callable[[LatentModel, int], None],
        should_stop: Callable[[], bool],
    ) -> BaseSpace: ...


class Session:
    """Thread-safe holder of one space, or of the fit that will become one. ``beside``: another space of the same rows
    to compare it with, instead of its principal components. ``audits``: predictors of the space to be looked at,
    ``recourse`` how counterfactuals are asked for.

    >>> session = Session("digits.space", space=space)        # ready at once
    >>> session = Session("digits", start=fit); session.start()   # serves previews until the space is there
    """

    def __init__(
        self,
        name: str,
        *,
        space: BaseSpace | None = None,
        start: Fit | None = None,
        notes: Sequence[str] = (),
        beside: BaseSpace | None = None,
        audits: Sequence[Audit] = (),
        recourse: Recourse | None = None,
    ) -> None:
        if space is not None and beside is not None:
            check_same_rows(space, beside)
        self.beside, self.audits, self.recourse = beside, tuple(audits), recourse
        self._lock = threading.Lock()
        self._fit = start
        self._thread: threading.Thread | None = None
        self._stop = threading.Event()
        self._cancelled = threading.Event()
        self._read = threading.Event()
        self._listeners = Listeners()
        self._name = name
        self._phase: Phase = "ready" if space is not None else "loading"
        self._modality = space.schema.modality if space is not None else None
        self._progress: Progress | None = None
        self._error: str | None = None
        self._notes = list(notes)
        self._space = space
        self._previews: Previews | None = None
        self._preview: tuple[int, bytes] | None = None
        self._epoch = 0
        self.failure: BaseException | None = None

    # Reading

    @property
    def space(self) -> BaseSpace | None:
        with self._lock:
            return self._space

    @property
    def phase(self) -> Phase:
        with self._lock:
            return self._phase

    @property
    def preview(self) -> tuple[int, bytes] | None:
        """(serial number, binary message) of the latest preview, until the space is ready."""
        with self._lock:
            return self._preview

    @property
    def stopping(self) -> bool:
        return self._stop.is_set()

    def info(self) -> SessionInfo:
        """The state as the page is told it."""
        from deepspace.server.version import version

        with self._lock:
            running = self._thread is not None and self._thread.is_alive() and self._phase not in {"ready", "failed"}
            return SessionInfo(
                phase=self._phase,
                name=self._name,
                modality=self._modality,
                progress=ProgressInfo.of(self._progress) if self._progress else None,
                error=self._error,
                version=version(),
                notes=list(self._notes),
                can_stop=running and self._phase == "training" and not self._stop.is_set(),
            )

    def listen(self, listener: Callable[[], None]) -> Callable[[], None]:
        """Calls ``listener`` (from any thread) whenever something changed; the answer ends that."""
        return self._listeners.listen(listener)

    # Changing

    def start(self) -> None:
        """Begins the fit in a background thread."""
        if self._fit is None or self._thread is not None:
            return
        self._thread = threading.Thread(target=self._run, name="deepspace-fit", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Asks the fit to end at the next epoch and keep the best so far."""
        self._stop.set()
        self._tell()

    def cancel(self) -> None:
        """Ends the fit at its next step with nothing kept but its checkpoint, as Ctrl-C would."""
        self._cancelled.set()
        self._stop.set()

    def join(self, timeout: float | None = None) -> bool:
        """Waits for the fit; whether it has ended."""
        if self._thread is None:
            return True
        self._thread.join(timeout)
        return not self._thread.is_alive()

    def note(self, *notes: str) -> None:
        """Adds sentences for the user: what was inferred, left out or repaired."""
        with self._lock:
            self._notes += [n for n in notes if n not in self._notes]
        self._tell()

    def wait_for_data(self, timeout: float) -> bool:
        """Waits until the data has been read (or could not be); whether that is so."""
        return self._read.wait(timeout) if self._thread is not None else True

    def preview_with(self, previews: Previews, modality: str) -> None:
        """From now on every epoch shows where these rows lie."""
        with self._lock:
            self._previews = previews
            self._modality = modality
        self._read.set()
        self._tell()

    def report(self, progress: Progress) -> None:
        """A step of the fit. "ready" is left to the session: a space is ready when it is here.

        Raises KeyboardInterrupt, into the fit, when the session was cancelled.
        """
        if self._cancelled.is_set():
            raise KeyboardInterrupt
        with self._lock:
            if self._phase in {"ready", "failed"}:
                return
            self._progress = progress
            if progress.phase not in {"ready", "failed"}:
                self._phase = progress.phase
        self._tell()

    def epoch(self, model: LatentModel, epoch: int) -> None:
        """After an epoch: shows the space as it is now. A preview that fails is left out, the fit goes on."""
        with self._lock:
            previews, self._epoch = self._previews, epoch
        if previews is None:
            return
        try:
            drawn = previews.draw(model)
        except Exception:
            log.exception("a preview could not be drawn")
            return
        if drawn is not None:
            self.show(epoch, *drawn)

    def places(self, rows: npt.NDArray[np.int64], places: npt.NDArray[np.float32]) -> None:
        """While the map takes shape: where rows (m,) lie now, (m, 2)."""
        with self._lock:
            previews = self._previews
        drawn = previews.lay(rows, places) if previews is not None else None
        if drawn is not None:
            self.show(self._epoch, *drawn)

    def show(self, epoch: int, header: Preview, *payload: bytes) -> None:
        """Publishes a preview."""
        message = frame(header.model_copy(update={"epoch": epoch}), *payload)
        with self._lock:
            self._preview = ((self._preview[0] if self._preview else 0) + 1, message)
        self._tell()

    def ready(self, space: BaseSpace) -> None:
        with self._lock:
            self._space = space
            self._name = space.name
            self._modality = space.schema.modality
            self._phase = "ready"
            self._preview = None
            self._previews = None
        self._tell()

    def fail(self, error: BaseException) -> None:
        """The page shows a sentence; for anything that is not the user's to mend, the log has the rest."""
        if isinstance(error, DeepspaceError):
            sentence = str(error)
        else:
            log.error("the fit failed", exc_info=error)
            sentence = f"The fit failed unexpectedly ({type(error).__name__}: {error}); the terminal shows where."
        with self._lock:
            self.failure = error
            self._error = sentence
            self._phase = "failed"
        self._tell()

    def _should_stop(self) -> bool:
        """Raises KeyboardInterrupt, into the fit, when the session was cancelled: a checkpoint is all that is kept."""
        if self._cancelled.is_set():
            raise KeyboardInterrupt
        return self._stop.is_set()

    def _run(self) -> None:
        assert self._fit is not None
        try:
            self.ready(self._fit(self.report, self.epoch, self._should_stop))
        except KeyboardInterrupt:
            return
        except BaseException as error:
            self.fail(error)
        finally:
            self._read.set()

    def _tell(self) -> None:
        self._listeners.tell()
