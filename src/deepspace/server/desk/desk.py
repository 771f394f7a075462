"""One session at a time, and the way from one to the next: opened, fitted, cancelled, taken up again."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deepspace.data.files import near
from deepspace.errors import DataError, SpaceError
from deepspace.server.desk.examples import EXAMPLES, write_example
from deepspace.server.desk.looking import look
from deepspace.server.desk.orders import Order, Partial, discard, partials
from deepspace.server.desk.recent import Recent
from deepspace.server.desk.uploads import FOLDER, room, safe_parts
from deepspace.server.listeners import Listeners
from deepspace.server.version import version
from deepspace.server.wire import SessionInfo
from deepspace.server.wire.desk import (
    DeskInfo,
    ExampleInfo,
    FitRequest,
    Look,
    LookRequest,
    PartialInfo,
    RecentInfo,
)

if TYPE_CHECKING:
    from deepspace.server.session import Session
    from deepspace.space import BaseSpace

__all__ = ["Desk"]

_PATIENCE = 30.0
"""Seconds that a cancelled fit has to end; it does at its next step."""

_MOST_HERE = 50
_SERIAL = 1 << 32


class Desk:
    """To the server it looks like a session: the one that is open, or none, in the phase "idle".

    folder: where spaces, uploads and partial fits are looked for and kept.
    open_space: a session over the space at a path, or DeepspaceError.
    fit: a session that fits an order when it is started.
    output_of: the folder in which the space of some data is kept unless a name is given.

    >>> desk = Desk(Path.cwd(), open_space=open_session, fit=order_session, output_of=default_output)
    """

    def __init__(
        self,
        folder: Path,
        *,
        open_space: Callable[[Path], Session],
        fit: Callable[[Order], Session],
        output_of: Callable[[str], Path],
        recent: Recent | None = None,
    ) -> None:
        self.folder = Path(os.path.realpath(folder))
        self.recent = recent or Recent()
        self._open, self._fit, self._output_of = open_space, fit, output_of
        self._lock = threading.Lock()
        self._changing = threading.RLock()
        self._listeners = Listeners()
        self._session: Session | None = None
        self._forget: Callable[[], None] = lambda: None
        self._serial = 0

    # What a server asks of a session

    @property
    def session(self) -> Session | None:
        with self._lock:
            return self._session

    @property
    def serial(self) -> int:
        """Counts the changes of session: a page that knows another number knows another space."""
        with self._lock:
            return self._serial

    @property
    def space(self) -> BaseSpace | None:
        session = self.session
        return None if session is None else session.space

    @property
    def audits(self) -> tuple[()]:
        """Predictors are named on the command line, with the space."""
        return ()

    @property
    def recourse(self) -> None:
        """As ``audits``."""

    @property
    def beside(self) -> None:
        """Spaces that are opened here are compared with their own principal components."""

    @property
    def preview(self) -> tuple[int, bytes] | None:
        with self._lock:
            session, serial = self._session, self._serial
        found = None if session is None else session.preview
        return None if found is None else (serial * _SERIAL + found[0], found[1])

    @property
    def failure(self) -> BaseException | None:
        """None: a fit that failed is the page's to say, and the desk goes on."""
        return None

    def info(self) -> SessionInfo:
        with self._lock:
            session, serial = self._session, self._serial
        if session is None:
            return SessionInfo(phase="idle", name="", version=version(), desk=True, serial=serial)
        return session.info().model_copy(update={"desk": True, "serial": serial})

    def listen(self, listener: Callable[[], None]) -> Callable[[], None]:
        """As ``Session.listen``, across sessions."""
        return self._listeners.listen(listener)

    def stop(self) -> None:
        session = self.session
        if session is not None:
            session.stop()

    # From one session to the next

    def open(self, path: str) -> None:
        """Raises SpaceError for what is no whole space, or while a fit is under way."""
        with self._changing:
            self._refuse_while_fitting()
            session = self._open(self._path(path))
            self._sit(session)

    def begin(self, request: FitRequest) -> None:
        """Starts a fit. Raises DeepspaceError for data that is not there and outputs that are taken."""
        options = {
            "schema": request.corrections or None,
            "epochs": request.epochs,
            "latent_dim": request.latent_dim,
            "model": request.model,
            "overwrite": request.overwrite,
        }
        with self._changing:
            self._refuse_while_fitting()
            data, output = self.source(request.source), self._output(request.output)
            if output.exists() and not request.overwrite:
                raise SpaceError(
                    f"'{output.name}' already exists in {output.parent}; choose another name, or choose to replace it."
                )
            chosen = {k: v for k, v in options.items() if v is not None}
            self._start(Order(str(data), output, chosen))

    def resume(self, path: str) -> None:
        """Takes a fit up that was cut short. Raises DeepspaceError when it cannot go on from here."""
        with self._changing:
            self._refuse_while_fitting()
            partial = self._partial(path)
            blocked = _blocked(partial)
            if blocked or partial.order is None:
                raise SpaceError(f"the fit of '{partial.output.name}' cannot go on from here: {blocked}.")
            self._start(partial.order)

    def discard(self, path: str) -> None:
        """Removes what is left of a fit that was cut short. Raises SpaceError for anything else."""
        with self._changing:
            discard(self._partial(path).output)

    def forget(self, path: str) -> None:
        """Takes a space off the list of recent ones and touches nothing else."""
        self.recent.forget(Path(path))

    def leave(self) -> None:
        """Back to the start page. A fit under way ends at its next step; its checkpoint is kept."""
        with self._changing:
            session = self.session
            if session is None:
                return
            session.cancel()
            if not session.join(_PATIENCE):
                raise SpaceError("the fit is in the middle of a long step; try again in a moment.")
            self._sit(None)

    def close(self, patience: float) -> bool:
        """Ends whatever is under way before the program leaves; whether it has ended."""
        session = self.session
        if session is None:
            return True
        session.cancel()
        return session.join(patience)

    @property
    def fitting(self) -> bool:
        session = self.session
        return session is not None and session.phase not in {"ready", "failed"}

    def _refuse_while_fitting(self) -> None:
        if self.fitting:
            raise SpaceError(f"'{self.info().name}' is being learned; cancel that first, or wait until it is done.")

    def _start(self, order: Order) -> None:
        session = self._fit(order)
        self.recent.begin(order.output)
        self._sit(session)
        session.start()

    def _sit(self, session: Session | None) -> None:
        with self._lock:
            self._forget()
            self._session = session
            self._serial += 1
            self._forget = session.listen(lambda: self._heard(session)) if session is not None else lambda: None
        self._tell()
        if session is not None and session.space is not None:
            self.recent.remember(session.space)

    def _heard(self, session: Session) -> None:
        if self.session is not session:
            return
        if session.phase == "ready" and session.space is not None:
            self.recent.remember(session.space)
        self._tell()

    def _tell(self) -> None:
        self._listeners.tell()

    # What the start page shows

    def offers(self) -> DeskInfo:
        """Recent spaces with those in the work folder, fits to go on with, examples."""
        return DeskInfo(
            folder=str(self.folder),
            room=room(self.folder),
            recent=[*self._remembered(), *self._here()],
            partial=[
                PartialInfo(
                    path=str(p.output),
                    name=p.output.stem,
                    data=Path(p.order.data).name if p.order else None,
                    epochs=p.epochs,
                    elbo=p.elbo,
                    trained=p.trained,
                    changed=p.changed,
                    blocked=_blocked(p),
                )
                for p in self._partials()
            ],
            examples=[
                ExampleInfo(name=e.name, title=e.title, modality=e.modality, rows=e.rows, says=e.says)
                for e in EXAMPLES.values()
            ],
        )

    def look(self, request: LookRequest) -> Look:
        """What some data is taken for, with the user's corrections. Raises DataError."""
        data = self.source(request.source)
        found = look(request.source, data, request.corrections)
        output = self.folder / self._output_of(str(data)).name
        return found.model_copy(update={"output": output.stem, "taken": output.exists()})

    def source(self, text: str) -> Path:
        """ "example:NAME", "upload:NAME", or a path on this machine -> where the data lies. Raises DataError."""
        kind, _, rest = text.partition(":")
        if kind == "example":
            return write_example(rest, self.recent.file.parent / "examples")
        path = self.uploads.joinpath(*safe_parts(rest)) if kind == "upload" else self._path(text)
        if not path.exists():
            raise DataError(f"there is no file or folder '{path}'; {near(path)}check the spelling.")
        return path

    @property
    def uploads(self) -> Path:
        return self.folder / FOLDER

    def _path(self, text: str) -> Path:
        try:
            return Path(os.path.abspath(self.folder / Path(text).expanduser()))
        except (RuntimeError, ValueError) as error:
            raise DataError(f"'{text[:80]}' is no path: {error}.") from None

    def _output(self, name: str) -> Path:
        path = self._path(name.strip())
        if not path.name or path == self.folder:
            raise SpaceError("a space needs a name; give it one.")
        return path if path.suffix == ".space" else path.with_name(path.name + ".space")

    def _partials(self) -> list[Partial]:
        current = self.session
        found = partials(self.folder, self.recent.fits())
        return found if current is None or not self.fitting else [p for p in found if not p.running]

    def _partial(self, path: str) -> Partial:
        """Only what the start page lists may be gone on with or discarded."""
        for partial in self._partials():
            if str(partial.output) == path:
                return partial
        raise SpaceError(f"there is no interrupted fit '{path[:200]}'; it may have been finished or discarded.")

    def _remembered(self) -> list[RecentInfo]:
        return [
            RecentInfo(path=s.path, name=s.name, modality=s.modality, rows=s.rows, opened=s.opened, missing=s.missing)
            for s in self.recent.spaces()
        ]

    def _here(self) -> list[RecentInfo]:
        """Spaces in the work folder that were never opened from a page."""
        known = {s.path for s in self.recent.spaces()}
        found = [p for p in sorted(self.folder.glob("*.space")) if str(p) not in known][:_MOST_HERE]
        infos = [_glance(p) for p in found]
        return [i for i in infos if i is not None]


def _glance(path: Path) -> RecentInfo | None:
    """What a space's manifest says of it; None for what is no space. Its bytes are checked when it is opened."""
    from deepspace.errors import DeepspaceError
    from deepspace.space.manifest import read_manifest

    try:
        manifest: dict[str, Any] = read_manifest(path)
        modality, rows = str(manifest["schema"]["modality"]), _rows(manifest)
    except (DeepspaceError, KeyError, TypeError, ValueError):
        return None
    return RecentInfo(path=str(path), name=path.stem, modality=modality, rows=rows, opened=None, missing=False)


def _rows(manifest: dict[str, Any]) -> int:
    """The number of rows, from the length of their places: two float32 each behind a header of 128 bytes."""
    return int((manifest["files"]["map.npy"]["bytes"] - 128) // 8)


def _blocked(partial: Partial) -> str | None:
    if partial.running:
        return "another process is at it now"
    if partial.order is None:
        return "it was begun from Python; the same call goes on with it"
    if not Path(partial.order.data).exists():
        return f"its data is gone from {partial.order.data}"
    return None
