"""Fake spaces and a real server on loopback."""

from __future__ import annotations

import json
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest
from websockets.sync.client import ClientConnection, connect

import deepspace as ds
from deepspace.server import Session, bind, serve
from tests.server.fakes import MODALITIES, FakeSpace, make
from tests.spaces import fit


class Running:
    """A server in a thread: ``http`` is a client for it, ``live`` opens a live connection."""

    def __init__(self, session: Session, **options: Any) -> None:
        self.session = session
        self.pages = 0
        self._left = threading.Event()
        self._ready = threading.Event()
        listener = bind(options.get("host", "127.0.0.1"), 0)
        self.port = listener.getsockname()[1]
        options = {"static": None, **options}

        def run() -> None:
            serve(session, listener=listener, on_ready=self._started, leave=self._leave, **options)

        self._thread = threading.Thread(target=run, daemon=True)
        self._thread.start()
        assert self._ready.wait(30)
        self.http = httpx.Client(base_url=self.address, timeout=30)

    def _leave(self, pages: int) -> bool:
        self.pages = pages
        return self._left.is_set()

    def _started(self, address: str) -> None:
        self.address = address
        self._ready.set()

    @contextmanager
    def live(self, **options: Any) -> Iterator[ClientConnection]:
        with connect(f"ws://127.0.0.1:{self.port}/api/live", max_size=None, **options) as socket:
            yield socket

    def close(self) -> None:
        self.http.close()
        self._left.set()
        self._thread.join(20)
        assert not self._thread.is_alive()


def unpack(message: bytes) -> tuple[dict[str, Any], bytes]:
    """Header and payload of a binary message, read as the protocol says and not as the server writes."""
    (length,) = struct.unpack_from("<I", message)
    return json.loads(message[4 : 4 + length]), message[4 + length :]


def ask(socket: ClientConnection, **request: Any) -> tuple[dict[str, Any], bytes]:
    """Sends one decode and waits for its answer, passing over news of the session."""
    socket.send(json.dumps({"type": "decode", "id": 1, "x": 0.0, "y": 0.0, **request}))
    while True:
        message = socket.recv(timeout=20)
        if isinstance(message, bytes):
            return unpack(message)
        if json.loads(message)["type"] == "error":
            return json.loads(message), b""


@pytest.fixture(scope="session")
def spaces() -> Callable[[str], FakeSpace]:
    """The fake space of a modality, made once; tests that change one make their own."""
    made: dict[str, FakeSpace] = {}

    def of(modality: str) -> FakeSpace:
        if modality not in made:
            made[modality] = make(modality)
        return made[modality]

    return of


@pytest.fixture(scope="module")
def fitted(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], ds.Space]:
    """The small real space of a modality, fitted once a file; tests may leave things beside it."""
    made: dict[str, ds.Space] = {}

    def of(modality: str) -> ds.Space:
        if modality not in made:
            made[modality] = fit(modality, tmp_path_factory.mktemp(modality), epochs=3)
        return made[modality]

    return of


@pytest.fixture(params=MODALITIES)
def space(request: pytest.FixtureRequest, spaces: Callable[[str], FakeSpace]) -> FakeSpace:
    return spaces(request.param)


@pytest.fixture
def running() -> Iterator[Callable[..., Running]]:
    """Starts servers that stop with the test."""
    started: list[Running] = []

    def start(session: Session, **options: Any) -> Running:
        started.append(Running(session, **options))
        return started[-1]

    yield start
    for server in started:
        server.close()
