"""A fit behind the page: progress, previews, stopping, failing, ending."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from deepspace.errors import TrainingError
from deepspace.server import Session
from deepspace.training.events import Progress
from tests.server.conftest import Running, ask, unpack
from tests.server.fakes import FakeFit, image_space

Start = Callable[..., Running]


def fitting(seconds: float = 0.2, **options: Any) -> tuple[Session, FakeFit]:
    session = Session("digits", notes=["one note"])
    fit = FakeFit(session, image_space(300), seconds, **options)
    session._fit = fit
    return session, fit


def messages(live: Any, until: str) -> tuple[list[dict[str, Any]], list[tuple[dict[str, Any], bytes]]]:
    """Session messages and previews up to the session message with this phase."""
    news, previews = [], []
    while True:
        message = live.recv(timeout=20)
        if isinstance(message, bytes):
            previews.append(unpack(message))
            continue
        news.append(json.loads(message))
        if news[-1]["type"] == "session" and news[-1]["phase"] == until:
            return news, previews


def test_the_page_sees_a_fit_from_loading_to_ready(running: Start) -> None:
    session, fit = fitting()
    server = running(session)
    assert server.http.get("/api/session").json()["phase"] == "loading"
    with server.live() as live:
        session.start()
        news, previews = messages(live, "ready")
        phases = list(dict.fromkeys(n["phase"] for n in news))
        order = ["loading", "training", "encoding", "mapping", "measuring", "saving", "ready"]
        assert [order.index(p) for p in phases] == sorted(order.index(p) for p in phases)
        assert phases[-1] == "ready"
        training = [n["progress"] for n in news if n["phase"] == "training"]
        assert training[-1]["elbo"] == pytest.approx(training[-1]["reconstruction"] - training[-1]["kl"])
        assert training[-1]["rowsPerSecond"] == 41_000
        assert news[-1]["notes"] == ["one note"]
        header, payload = previews[-1]
        assert header["n"] == len(fit.space)
        assert header["labels"]["categories"] == [f"digit {c}" for c in range(10)]
        assert len(payload) == 9 * header["n"]
        codes = np.frombuffer(payload[8 * header["n"] :], np.uint8)
        assert [f"digit {c}" for c in codes] == fit.space.rows.column("class").to_pylist()
        assert ask(live, id=1)[0]["type"] == "decoded"
    assert server.http.get("/api/space").json()["n"] == len(fit.space)


def test_a_late_page_is_shown_the_latest_preview(running: Start) -> None:
    session, fit = fitting(epochs=4)
    server = running(session)
    fit.hold.clear()
    session.start()
    session.show(3, *session_preview(fit))
    with server.live() as live:
        kinds = [live.recv(timeout=10) for _ in range(2)]
    assert json.loads(kinds[0])["type"] == "session"
    assert unpack(kinds[1])[0]["epoch"] == 3
    fit.hold.set()


def session_preview(fit: FakeFit) -> Any:
    from deepspace.server.wire import Preview

    points = np.zeros((5, 2), "<f4")
    return Preview(epoch=0, n=5), points.tobytes(), b""


def test_stopping_keeps_the_best_so_far(running: Start) -> None:
    session, fit = fitting(5.0, epochs=500)
    server = running(session)
    session.start()
    with server.live() as live:
        messages(live, "training")
        assert server.http.get("/api/session").json()["canStop"] is True
        live.send(json.dumps({"type": "stop"}))
        messages(live, "ready")
    assert fit.stopped_at is not None
    assert fit.stopped_at < 500
    assert session.space is fit.space


def test_a_failed_fit_shows_its_sentence(running: Start) -> None:
    session, _ = fitting(error="the loss was not finite three times in a row; lower the learning rate.")
    server = running(session)
    session.start()
    with server.live() as live:
        news, _ = messages(live, "failed")
    assert news[-1]["error"] == "the loss was not finite three times in a row; lower the learning rate."
    assert isinstance(session.failure, TrainingError)
    answer = server.http.get("/api/space")
    assert (answer.status_code, answer.json()["error"]) == (409, news[-1]["error"])


def test_an_unexpected_failure_is_named_without_a_traceback() -> None:
    def fit(*_: Any) -> Any:
        raise ZeroDivisionError("division by zero")

    session = Session("digits", start=fit)
    session.start()
    assert session.join(20)
    error = session.info().error
    assert error is not None
    assert "ZeroDivisionError" in error
    assert "Traceback" not in error


def test_cancelling_ends_the_fit_at_its_next_step() -> None:
    session, _ = fitting(60.0, epochs=10_000)
    session.start()
    while session.phase != "training":
        threading.Event().wait(0.005)
    session.cancel()
    assert session.join(20)
    assert session.space is None
    assert session.failure is None


def test_a_fit_starts_once() -> None:
    calls: list[int] = []

    def fit(*_: Any) -> Any:
        calls.append(1)
        return image_space(20)

    session = Session("digits", start=fit)
    session.start()
    session.start()
    assert session.join(20)
    assert calls == [1]
    assert session.phase == "ready"


def test_a_preview_that_fails_does_not_end_the_fit() -> None:
    class Broken:
        def draw(self, model: Any) -> Any:
            raise ValueError("no")

    session = Session("digits")
    session.preview_with(Broken(), "image")  # type: ignore[arg-type]
    session.epoch(None, 1)  # type: ignore[arg-type]
    assert session.preview is None


def test_listeners_are_told_until_they_leave() -> None:
    session = Session("digits")
    told: list[int] = []
    forget = session.listen(lambda: told.append(1))
    session.report(Progress("training", 0.1))
    forget()
    session.report(Progress("training", 0.2))
    assert told == [1]
