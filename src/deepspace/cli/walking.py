"""Behind ``deepspace explore``: a session over a space or a fit, served until Ctrl-C."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from deepspace.cli.fitting import RESUME, FitOptions, default_output
from deepspace.cli.predicting import constraints_of, rows_of
from deepspace.cli.progress import FitDisplay
from deepspace.cli.terminal import result, say
from deepspace.errors import DeepspaceError, SpaceError

if TYPE_CHECKING:
    from deepspace.api import Space
    from deepspace.data import Dataset
    from deepspace.decisions import Audit, Constraints
    from deepspace.server import Session
    from deepspace.server.desk.desk import Desk
    from deepspace.server.desk.orders import Order

__all__ = ["desk", "fit_session", "open_session", "walk", "walk_desk"]

_LINGER = 5.0
"""Seconds that a page has to load (or reload) and read why a fit failed, before the server leaves."""

_READING = 10.0
"""Seconds that data may take to be read before the page is served anyway."""

_PATIENCE = 10.0
"""Seconds that a fit has to end by itself after Ctrl-C."""


def open_session(
    path: str | Path,
    beside: Path | None = None,
    predictors: Sequence[str] = (),
    target: str | None = None,
    favourable: str | None = None,
    trust: Sequence[str] = (),
    *,
    threshold: float | None = None,
    held_out: str | None = None,
    constraints: Path | None = None,
    margin: float = 0.0,
) -> Session:
    """A session over a saved space, with another one to compare it with where there is one, and predictors to look at.

    constraints, margin: of the counterfactuals that the page asks for, the margin until it is changed there. The
    space's model and map are loaded now, so what is wrong with them is said at once.
    """
    from deepspace.api import open as open_space
    from deepspace.server import Session
    from deepspace.server.cases import Recourse
    from deepspace.server.desk.recent import Recent

    space = open_space(path)
    _ = space.model, space.map
    limits, held = constraints_of(constraints, space), rows_of(held_out, space)
    options = {
        "target": target, "favourable": favourable, "threshold": threshold, "held_out": held, "trust": tuple(trust)
    }  # fmt: skip
    audits = _audits(space, predictors, options, limits, margin)
    Recent().remember(space)
    other = None if beside is None else open_space(beside)
    return Session(space.name, space=space, beside=other, audits=audits, recourse=Recourse(limits, margin))


def _audits(
    space: Space, predictors: Sequence[str], options: dict[str, Any], limits: Constraints | None, margin: float
) -> list[Audit]:
    """Each predictor, tried on a few rows, so that what is wrong with one is said before the page is served."""
    if not predictors:
        return []
    from deepspace.decisions import Audit
    from deepspace.decisions.counterfactuals.finding import check

    audits = [Audit(space, name, **options) for name in predictors]
    for audit in audits:
        check(audit, limits, margin)
        for note in audit.notes:
            say(f"note: {note}")
    return audits


def fit_session(options: FitOptions, *, named: bool) -> Session:
    """A session that fits when it is started; or over the space that an earlier fit of the same data left.

    named: whether the user chose the output's name; only a name of our own choosing is opened instead of refused.
    """
    if options.output.exists() and not options.overwrite:
        if named:
            options.check_output()
        return _fitted_before(options)
    return _fitting(options)


def desk(folder: Path) -> Desk:
    """The start page's desk: spaces are kept in ``folder`` unless another place is named."""
    from deepspace.server.desk.desk import Desk

    def fit(order: Order) -> Session:
        return _fitting(FitOptions.of(order))

    return Desk(folder, open_space=open_session, fit=fit, output_of=default_output)


def _fitting(options: FitOptions) -> Session:
    """A session that fits when it is started."""
    from deepspace.server import Session
    from deepspace.server.preview import Previews

    def start(on_progress: Any, on_epoch: Any, should_stop: Any) -> Any:
        with FitDisplay() as display:

            def both(progress: Any) -> None:
                display(progress)
                on_progress(progress)

            def read(dataset: Dataset) -> None:
                session.note(*dataset.notes)
                session.preview_with(Previews(dataset), dataset.schema.modality)

            space = options.fit(
                on_progress=both, on_dataset=read, on_epoch=on_epoch, on_places=session.places, should_stop=should_stop
            )
        say(f"saved {space.folder}")
        return space

    session = Session(options.output.stem, start=start)
    return session


def _fitted_before(options: FitOptions) -> Session:
    """The space that is already there, if it was fitted from the same bytes; else a refusal."""
    from deepspace.data import load

    session = open_session(options.output)
    space = session.space
    before = space.manifest.get("provenance", {}).get("source", {}) if space is not None else {}
    now = load(options.data, **options.reading()).source.fingerprint
    if not now or before.get("fingerprint") != now:
        raise SpaceError(
            f"'{options.output}' already exists and was fitted from other data; "
            "choose another name with -o, or replace it with --overwrite."
        )
    say(f"opening {options.output}, fitted from the same data before; --overwrite fits it again.")
    return session


def walk(session: Session, *, host: str, port: int | None, open_browser: bool) -> None:
    """Serves the session until Ctrl-C, or until everyone has read why the fit failed."""
    from deepspace.server import bind, serve

    listener = bind(host, port)
    session.start()
    try:
        if session.wait_for_data(_READING) and session.failure is not None:
            raise session.failure  # nothing was shown yet that would have to say it
        serve(
            session,
            host=host,
            listener=listener,
            open_browser=open_browser,
            on_ready=result,
            leave=_when_failed(session),
        )
    except KeyboardInterrupt:
        pass
    finally:
        listener.close()
    _finish(session)


def walk_desk(desk: Desk, *, port: int | None, open_browser: bool) -> None:
    """Serves the start page until Ctrl-C, to this machine alone: it reads and writes this account's files."""
    from deepspace.server import bind, serve

    host = "127.0.0.1"
    with suppress(KeyboardInterrupt):
        serve(desk, host=host, listener=bind(host, port), open_browser=open_browser, on_ready=result)
    fitting = desk.fitting
    ended = desk.close(_PATIENCE)
    if fitting and desk.space is None:
        say("interrupted; the start page goes on from where this one was saved last.")
        _leave(ended)


def _when_failed(session: Session) -> Callable[[int], bool]:
    """Whether to leave, given the number of pages that are open: only after a failed fit that nobody looks at."""
    alone_since: float | None = None
    told = False

    def leave(pages: int) -> bool:
        nonlocal alone_since, told
        failure = session.failure
        if failure is None:
            return False
        if not told:
            told = True
            say(f"deepspace: {session.info().error}")
        if pages:
            alone_since = None
        elif alone_since is None:
            alone_since = time.monotonic()
        return alone_since is not None and time.monotonic() - alone_since > _LINGER

    return leave


def _finish(session: Session) -> None:
    """Ends a fit that is still under way, and leaves with the exit code that tells how it went."""
    if session.failure is not None:
        raise typer.Exit(2 if isinstance(session.failure, DeepspaceError) else 1)
    if session.space is not None:
        return
    session.cancel()
    ended = session.join(_PATIENCE)
    if session.space is not None:
        return
    say(RESUME)
    _leave(ended)


def _leave(ended: bool) -> None:
    """Leaves as Ctrl-C would, also out of a fit that has not ended."""
    if not ended:
        # The fit is deep inside a library; waiting longer helps nobody, and every file is whole or absent.
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(130)
    raise typer.Exit(130)
