"""Keeps strangers out: Host and Origin checks (DNS rebinding), body limits, and security headers on every answer."""

from __future__ import annotations

import ipaddress
import json
import socket
from collections.abc import Collection
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

__all__ = ["MAX_BODY", "MAX_MESSAGE", "Guard"]

MAX_MESSAGE = 64 * 1024
"""Most bytes in one WebSocket message."""

MAX_BODY = 2 * 1024 * 1024
"""Most bytes in one request body: one bit for each of sixteen million rows."""

_UNKNOWN = 1 << 63
_CHANGING = ("/api/desk", "/api/shared")
_READING = frozenset({"GET", "HEAD", "OPTIONS"})

_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})

# Every script comes from this server and none is made from text; workers made from blobs may index points.
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; font-src 'self' data:; connect-src 'self' ws://{host} wss://{host}; "
    "worker-src 'self' blob:; manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors {frames}"
)


def _hostname(netloc: str) -> str:
    """The name in ``name:port`` or ``[address]:port``, lower case; empty where there is none."""
    try:
        return (urlsplit(f"//{netloc}").hostname or "").rstrip(".")
    except ValueError:
        return ""


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


class Guard:
    """ASGI wrapper. ``host`` is what the server is bound to; ``origins`` are further pages allowed to connect.

    A request is let through when its Host is a loopback name or the bound host (bound to every interface: any literal
    address or this machine's name, since rebinding needs a foreign name), and its Origin, if it has one, is the same
    host and port. One that changes more than what is on the page must be JSON or carry the header X-Deepspace besides:
    neither can come from a form or a foreign page without a preflight, which nobody answers. Only
    ``large`` paths take long bodies. Pages of ``frames`` alone may hold this one in a frame.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        host: str = "127.0.0.1",
        origins: Collection[str] = (),
        large: Collection[str] = (),
        frames: Collection[str] = (),
    ) -> None:
        self.app = app
        self.frames = " ".join(frames) or "'none'"
        self.large = frozenset(large)
        self.host = host.strip("[]").lower()
        self.origins = frozenset(o.rstrip("/").lower() for o in origins)
        self.names = _LOOPBACK | {self.host}
        self.wildcard = self.host in {"0.0.0.0", "::", ""}
        if self.wildcard:
            self.names |= {socket.gethostname().lower(), socket.getfqdn().lower()}

    def refusal(self, headers: Headers) -> str | None:
        """Why a request with these headers is refused, or None."""
        host = headers.get("host", "").lower()
        name = _hostname(host)
        if not name or not (name in self.names or (self.wildcard and _is_address(name))):
            return f"This server does not answer to the host name '{name[:80]}'; open it by its own address."
        if len(headers.getlist("host")) > 1:
            return "This request names more than one host."
        for origin in headers.getlist("origin"):
            parts = urlsplit(origin.lower()) if "://" in origin else None
            same = parts is not None and parts.scheme in {"http", "https"} and parts.netloc == host
            if not same and origin.lower() not in self.origins:
                return f"Pages from '{origin[:80]}' may not read this server."
        return None

    @staticmethod
    def _changes(scope: Scope) -> bool:
        return scope["method"] not in _READING and scope["path"].startswith(_CHANGING)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in {"http", "websocket"}:
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        refusal = self.refusal(headers)
        if scope["type"] == "websocket":
            if refusal is None:
                await self.app(scope, receive, send)
            else:
                await receive()
                await send({"type": "websocket.close", "code": 1008, "reason": "refused"})
            return
        policy = _POLICY.format(host=headers.get("host", "localhost"), frames=self.frames)

        async def secured(message: Message) -> None:
            if message["type"] == "http.response.start":
                out = MutableHeaders(scope=message)
                out["Content-Security-Policy"] = policy
                out["X-Content-Type-Options"] = "nosniff"
                out["Referrer-Policy"] = "no-referrer"
                out["Cross-Origin-Resource-Policy"] = "same-origin"
                out["Cross-Origin-Opener-Policy"] = "same-origin"
            await send(message)

        if refusal is not None:
            policy = "default-src 'none'"
            await _answer(secured, 403, refusal)
        elif self._changes(scope) and not _is_deliberate(headers):
            await _answer(secured, 403, "Only deepspace's own page may change something here.")
        elif scope["path"] in self.large and _body_length(headers) == _UNKNOWN:
            await _answer(secured, 411, "A file must say how long it is.")
        elif scope["path"] not in self.large and _body_length(headers) > MAX_BODY:
            await _answer(secured, 413, f"A request body may hold at most {MAX_BODY} bytes.")
        else:
            await self.app(scope, receive, secured)


def _is_deliberate(headers: Headers) -> bool:
    """Whether a request was made by a script that this server's own page runs."""
    kind = headers.get("content-type", "").split(";")[0].strip().lower()
    return kind == "application/json" or "x-deepspace" in headers


def _body_length(headers: Headers) -> int:
    """Announced bytes of the body. No endpoint takes a body of unknown length, so chunked ones count as too long."""
    if "transfer-encoding" in headers:
        return _UNKNOWN
    try:
        return int(headers.get("content-length", "0"))
    except ValueError:
        return _UNKNOWN


async def _answer(send: Send, status: int, sentence: str) -> None:
    body = json.dumps({"error": sentence}).encode()
    head = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": head})
    await send({"type": "http.response.body", "body": body})
