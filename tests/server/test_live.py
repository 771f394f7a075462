"""The live connection: decodes of every modality, the latest first, many clients in one batch."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import numpy as np
import pytest

from deepspace.server import Session
from deepspace.server.wire import Decoded
from tests.server.conftest import Running, ask, unpack
from tests.server.fakes import FakeSpace, image_space

Start = Callable[..., Running]
Spaces = Callable[[str], FakeSpace]


def place(space: FakeSpace, row: int) -> dict[str, float]:
    return dict(zip("xy", map(float, space.map.positions[row]), strict=True))


def test_a_place_decodes_in_every_modality(running: Start, space: FakeSpace) -> None:
    server = running(Session(space.name, space=space))  # type: ignore[arg-type]
    with server.live() as live:
        header, payload = ask(live, id=7, **place(space, 11))
    answer = Decoded.model_validate(header)
    p = np.array([[answer.x, answer.y]], np.float32)
    z = space.map.inverse_transform(p)
    encoded = space.decode_encoded(z)
    assert answer.id == 7
    assert answer.has_data
    nearest = ((space.latents.mean - z) ** 2).sum(1)
    assert nearest[answer.nearest.index] == pytest.approx(nearest.min(), abs=1e-4)
    assert answer.density_percentile == pytest.approx(float(space.density_percentile(z)[0]), abs=0.1)
    assert answer.neighbours is None
    kind = header["content"]["kind"]
    if kind == "image":
        shape = tuple(header["content"][side] for side in ("height", "width", "channels"))
        want = np.moveaxis(np.rint(encoded[0]), 0, 2)
        np.testing.assert_allclose(np.frombuffer(payload, np.uint8).reshape(shape).astype(float), want, atol=1)
    elif kind == "signal":
        want = space.schema.decode(encoded)[0]
        np.testing.assert_allclose(np.frombuffer(payload, "<f4").reshape(2, 64), want, rtol=1e-4, atol=1e-4)
    else:
        assert payload == b""
    assert (answer.differs is not None) == (kind == "table")


def test_details_bring_the_neighbours(running: Start, spaces: Spaces) -> None:
    space = spaces("image")
    with running(Session("digits", space=space)).live() as live:  # type: ignore[arg-type]
        header, _ = ask(live, detail=True, **place(space, 4))
    distances = [n["distance"] for n in header["neighbours"]]
    assert len(distances) == 3
    assert distances == sorted(distances)
    assert header["nearest"] == header["neighbours"][0]
    assert header["uncertainty"] == pytest.approx(float(space.uncertainty(space.map.inverse_transform(
        np.array([[header["x"], header["y"]]], np.float32)))[0]), rel=1e-5)  # fmt: skip


def test_only_a_resting_cursor_asks_how_sure_the_decode_is(running: Start, spaces: Spaces) -> None:
    space = spaces("image")
    asked: list[int] = []
    own = space.uncertainty
    space.uncertainty = lambda z: asked.append(len(z)) or own(z)
    try:
        with running(Session("digits", space=space)).live() as live:  # type: ignore[arg-type]
            asked.clear()
            header, _ = ask(live, **place(space, 4))
            assert "uncertainty" not in header
    finally:
        del space.uncertainty


def test_places_far_from_all_data_decode_and_say_so(running: Start, space: FakeSpace) -> None:
    with running(Session(space.name, space=space)).live() as live:  # type: ignore[arg-type]
        header, _ = ask(live, x=1e6, y=-1e6)
    assert header["hasData"] is False
    assert header["content"]["kind"] in {"image", "signal", "table", "vector"}


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "null", '{"type":"decode"}', '{"type":"other"}', '{"type":"decode","id":1,"x":"a","y":0}',
     '{"type":"decode","id":-1,"x":0,"y":0}', '{"type":"decode","id":1,"x":1e999,"y":0}',
     '{"type":"decode","id":1,"x":NaN,"y":0}', '{"type":"decode","id":1,"x":0,"y":0,"more":1}', "[" * 5000],
)  # fmt: skip
def test_messages_that_make_no_sense_are_answered_and_forgiven(running: Start, spaces: Spaces, text: str) -> None:
    space = spaces("image")
    with running(Session("digits", space=space)).live() as live:  # type: ignore[arg-type]
        live.send(text)
        answers = [json.loads(live.recv(timeout=10)) for _ in range(2)]
        assert sorted(a["type"] for a in answers) == ["error", "session"]
        assert ask(live, id=3, **place(space, 0))[0]["id"] == 3


class SlowSpace(FakeSpace):
    """After the two decodes that warm it up, its decoder waits until it is let go."""

    def __init__(self) -> None:
        grey = image_space(200)
        super().__init__("slow", grey.schema, grey.samples, grey.rows._table)
        self.go, self.began = threading.Event(), threading.Event()

    def decode_encoded(self, z: np.ndarray) -> np.ndarray:
        if len(self.decodes) >= 2:
            self.began.set()
            assert self.go.wait(20)
        return super().decode_encoded(z)


def _until(condition: Callable[[], bool]) -> None:
    for _ in range(2000):
        if condition():
            return
        threading.Event().wait(0.005)
    raise AssertionError("it never happened")


def test_a_newer_request_replaces_one_that_has_not_begun(running: Start) -> None:
    space = SlowSpace()
    server = running(Session("slow", space=space))  # type: ignore[arg-type]
    with server.live() as live:
        live.send(json.dumps({"type": "decode", "id": 0, "x": 0.0, "y": 0.0}))
        assert space.began.wait(20)
        for n in range(1, 50):
            live.send(json.dumps({"type": "decode", "id": n, "x": 0.0, "y": 0.0}))
        live.send("not a message")  # once this is answered, all before it has been read
        while True:
            message = live.recv(timeout=10)
            if isinstance(message, str) and json.loads(message)["type"] == "error":
                break
        space.go.set()
        ids = [unpack(live.recv(timeout=10))[0]["id"] for _ in range(2)]
    assert ids == [0, 49]
    assert space.decodes[2:] == [1, 1]


def test_requests_of_several_clients_are_one_batch(running: Start) -> None:
    space = SlowSpace()
    server = running(Session("slow", space=space))  # type: ignore[arg-type]
    with ExitStack() as stack:
        clients = [stack.enter_context(server.live()) for _ in range(9)]
        for client in clients:
            client.recv(timeout=10)
        clients[0].send(json.dumps({"type": "decode", "id": 100, "x": 0.0, "y": 0.0}))
        assert space.began.wait(20)
        for n, client in enumerate(clients[1:]):
            client.send(json.dumps({"type": "decode", "id": n, **place(space, n)}))
            client.send("?")
            assert json.loads(client.recv(timeout=10))["type"] == "error"
        space.go.set()
        answers = [unpack(client.recv(timeout=10)) for client in clients]
    assert space.decodes[2:] == [1, 8]
    assert [header["id"] for header, _ in answers] == [100, *range(8)]
    for n, (header, payload) in enumerate(answers[1:]):
        alone = space._flat(space.map.inverse_transform(space.map.positions[n : n + 1])).reshape(16, 16)
        got = np.frombuffer(payload, np.uint8).reshape(16, 16)
        np.testing.assert_allclose(got.astype(float), np.clip(np.rint(alone), 0, 255), atol=1)
        assert header["x"] == pytest.approx(float(space.map.positions[n, 0]))


def test_a_client_that_leaves_does_not_disturb_the_others(running: Start) -> None:
    space = SlowSpace()
    server = running(Session("slow", space=space))  # type: ignore[arg-type]
    with server.live() as stays:
        with server.live() as leaves:
            leaves.send(json.dumps({"type": "decode", "id": 1, "x": 0.0, "y": 0.0}))
            assert space.began.wait(20)
        space.go.set()
        assert ask(stays, id=2)[0]["id"] == 2


def test_a_decode_that_fails_is_said_and_the_next_one_works(running: Start) -> None:
    space = image_space(100)
    works = space.decode_encoded
    with running(Session("digits", space=space)).live() as live:  # type: ignore[arg-type]

        def fails(z: Any) -> Any:
            raise RuntimeError("no")

        space.decode_encoded = fails  # type: ignore[method-assign]
        header, _ = ask(live, id=5)
        assert (header["type"], header["id"]) == ("error", 5)
        space.decode_encoded = works  # type: ignore[method-assign]
        assert ask(live, id=6)[0]["id"] == 6


def test_before_ready_a_decode_is_refused_with_its_id(running: Start) -> None:
    session = Session("digits", start=lambda *_: None)  # type: ignore[arg-type, return-value]
    with running(session).live() as live:
        header, _ = ask(live, id=9)
    assert (header["type"], header["id"]) == ("error", 9)
    assert "not ready" in header["error"]


def test_connections_are_forgotten(running: Start, spaces: Spaces) -> None:
    server = running(Session("digits", space=spaces("image")))  # type: ignore[arg-type]
    for _ in range(3):
        with server.live() as live:
            live.recv(timeout=10)
            _until(lambda: server.pages == 1)
    _until(lambda: server.pages == 0)
