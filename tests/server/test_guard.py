"""Who is let in: Host and Origin, body and message sizes, and the headers on every answer."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from typing import Any

import pytest
from starlette.datastructures import Headers
from websockets.exceptions import ConnectionClosed, InvalidStatus

from deepspace.server import Session
from deepspace.server.guard import MAX_BODY, MAX_MESSAGE, Guard
from tests.server.conftest import Running
from tests.server.fakes import FakeSpace

Start = Callable[..., Running]


async def _nothing(*_: Any) -> None:
    return None


def refused(host: str | None, origin: str | None = None, *, bound: str = "127.0.0.1", **options: Any) -> bool:
    headers = {k: v for k, v in (("host", host), ("origin", origin)) if v is not None}
    return Guard(_nothing, host=bound, **options).refusal(Headers(headers)) is not None


@pytest.mark.parametrize("host", ["127.0.0.1:8765", "localhost:8765", "LOCALHOST", "[::1]:8765", "localhost.:1"])
def test_loopback_names_are_let_in(host: str) -> None:
    assert not refused(host)


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:8765",
        "localhost.evil.example",
        "127.0.0.1.evil.example",
        "192.168.1.5",
        "",
        None,
        "[::",
        "a b",
    ],
)
def test_other_hosts_are_refused(host: str | None) -> None:
    assert refused(host)


@pytest.mark.parametrize(
    ("origin", "expected"),
    [
        ("http://localhost:8765", False),
        ("http://localhost:8766", True),
        ("http://127.0.0.1:8765", True),  # another host than the request's own
        ("https://evil.example", True),
        ("null", True),
        ("", True),
        ("file://localhost:8765", True),
        ("http://localhost:8765.evil.example", True),
    ],
)
def test_an_origin_must_be_the_host_itself(origin: str, expected: bool) -> None:
    assert refused("localhost:8765", origin) is expected


def test_further_origins_are_named_one_by_one() -> None:
    assert not refused("localhost:8765", "http://localhost:5173", origins=["http://localhost:5173/"])
    assert refused("localhost:8765", "http://localhost:5174", origins=["http://localhost:5173"])


def test_bound_to_all_interfaces_addresses_are_let_in_but_names_are_not() -> None:
    assert not refused("192.168.1.5:8765", bound="0.0.0.0")
    assert not refused(socket.gethostname(), bound="0.0.0.0")
    assert refused("evil.example", bound="0.0.0.0")


def test_bound_to_one_address_that_address_is_let_in() -> None:
    assert not refused("192.168.1.5:8765", bound="192.168.1.5")
    assert refused("192.168.1.6:8765", bound="192.168.1.5")


def test_two_hosts_are_refused() -> None:
    headers = Headers(raw=[(b"host", b"localhost"), (b"host", b"evil.example")])
    assert Guard(_nothing).refusal(headers) is not None


def test_what_is_neither_http_nor_websocket_passes() -> None:
    seen: list[str] = []

    async def app(scope: Any, *_: Any) -> None:
        seen.append(scope["type"])

    asyncio.run(Guard(app)({"type": "lifespan"}, _nothing, _nothing))  # type: ignore[arg-type]
    assert seen == ["lifespan"]


def test_a_real_server_refuses_strangers(running: Start, spaces: Callable[[str], FakeSpace]) -> None:
    server = running(Session("digits", space=spaces("image")))
    for path in ("/", "/api/session", "/api/map.f32"):
        for headers in ({"Host": "evil.example"}, {"Origin": "https://evil.example"}):
            answer = server.http.get(path, headers=headers)
            assert answer.status_code == 403
            assert set(answer.json()) == {"error"}
    with pytest.raises(InvalidStatus) as refusal, server.live(origin="https://evil.example"):  # type: ignore[arg-type]
        pass
    assert refusal.value.response.status_code == 403
    with server.live(origin=server.address.rstrip("/")) as live:
        assert live.recv(timeout=10)


def test_every_answer_carries_the_security_headers(running: Start, spaces: Callable[[str], FakeSpace]) -> None:
    server = running(Session("digits", space=spaces("image")))
    for path in ("/", "/api/session", "/api/nothing", "/api/columns/99"):
        headers = server.http.get(path).headers
        policy = dict(part.strip().split(" ", 1) for part in headers["content-security-policy"].split(";"))
        assert policy["default-src"] == "'none'"
        assert policy["script-src"] == "'self'"
        assert policy["frame-ancestors"] == "'none'"
        assert headers["x-content-type-options"] == "nosniff"
        assert "server" not in headers


def test_bodies_are_limited(running: Start, spaces: Callable[[str], FakeSpace]) -> None:
    server = running(Session("digits", space=spaces("image")))
    assert server.http.post("/api/session", content=b"x" * (MAX_BODY + 1)).status_code == 413
    assert server.http.post("/api/session", content=iter([b"x"] * 10)).status_code == 413
    assert server.http.post("/api/session", content=b"x").status_code == 405


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_what_a_foreign_form_can_send_changes_nothing(
    running: Start, spaces: Callable[[str], FakeSpace], method: str
) -> None:
    """The content types that a page may send anywhere without asking (Fetch standard, CORS-safelisted) are refused."""
    server = running(Session("digits", space=spaces("image")))
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", ""):
        answer = server.http.request(method, "/api/desk/x", content=b"x", headers={"Content-Type": kind})
        assert answer.status_code == 403
        assert answer.json() == {"error": "Only deepspace's own page may change something here."}
    for headers in ({"Content-Type": "application/json; charset=utf-8"}, {"X-Deepspace": "1"}):
        assert server.http.request(method, "/api/desk/x", content=b"{}", headers=headers).status_code in {404, 405}
    asked = {"Origin": "https://evil.example", "Access-Control-Request-Method": method}
    preflight = server.http.options("/api/desk/x", headers=asked)
    assert preflight.status_code == 403
    assert "access-control-allow-origin" not in preflight.headers


@pytest.mark.parametrize("payload", ["x" * (MAX_MESSAGE + 1), b"\0" * (MAX_MESSAGE + 1)])
def test_long_messages_close_the_connection(running: Start, spaces: Callable[[str], FakeSpace], payload: Any) -> None:
    server = running(Session("digits", space=spaces("image")))
    with server.live() as live:
        live.send(payload)
        live.recv(timeout=10)  # the session, sent on arrival
        with pytest.raises(ConnectionClosed):
            live.recv(timeout=10)
    assert server.http.get("/api/session").status_code == 200
