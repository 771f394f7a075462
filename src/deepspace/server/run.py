"""Puts a session on a port: picks the port, opens the browser, stops on Ctrl-C."""

from __future__ import annotations

import errno
import socket
import threading
import webbrowser
from collections.abc import Callable, Collection
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deepspace.errors import ServerError
from deepspace.server.guard import MAX_MESSAGE
from deepspace.server.pages import STATIC
from deepspace.server.session import Session

if TYPE_CHECKING:
    from deepspace.server.desk.desk import Desk

__all__ = ["DEFAULT_PORT", "bind", "serve"]

DEFAULT_PORT = 8765
_TRIED = 50


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # Only for a socket that is said to be TCP does asyncio switch Nagle's delay off, which costs 40 ms an answer.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(128)
    except BaseException:
        listener.close()
        raise
    return listener


def bind(host: str = "127.0.0.1", port: int | None = None) -> socket.socket:
    """A listening socket on ``port``; without one, on 8765 or the next that is free. Port 0 is any free one.

    Raises ServerError when the port is taken or may not be used.
    """
    host = host.strip("[]")
    ports = [port] if port is not None else list(range(DEFAULT_PORT, DEFAULT_PORT + _TRIED))
    for candidate in ports:
        try:
            return _listen(host, candidate)
        except OSError as error:
            if error.errno == errno.EADDRINUSE and port is None:
                continue
            raise ServerError(_why(host, candidate, error)) from error
        except OverflowError as error:
            raise ServerError(f"port {candidate} does not exist: ports go from 0 to 65535.") from error
    raise ServerError(
        f"ports {ports[0]} to {ports[-1]} on {host} are all in use; free one or choose another with --port."
    )


def _why(host: str, port: int, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"port {port} on {host} is already in use; choose another with --port, or leave --port out."
    if error.errno in {errno.EACCES, errno.EPERM}:
        return f"port {port} on {host} may not be used by this account; choose one above 1023 with --port."
    return f"cannot listen on {host} port {port}: {error.strerror or error}; check --host and --port."


def _address(host: str, listener: socket.socket) -> str:
    port = listener.getsockname()[1]
    shown = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)
    return f"http://{shown}:{port}/"


def serve(
    session: Session | Desk,
    *,
    host: str = "127.0.0.1",
    port: int | None = None,
    open_browser: bool = False,
    static: Path | None = STATIC,
    origins: Collection[str] = (),
    listener: socket.socket | None = None,
    on_ready: Callable[[str], None] | None = None,
    leave: Callable[[int], bool] | None = None,
) -> None:
    """Serves until Ctrl-C. ``on_ready`` is told the address once requests are answered.

    leave: asked every tenth of a second, with the number of pages open, whether to stop by itself.
    listener: a socket from ``bind``, for callers who want to know that the port is theirs before they begin long work.
    """
    import uvicorn

    from deepspace.server.app import make_server

    listener = listener or bind(host, port)
    address = _address(host.strip("[]"), listener)
    app = make_server(session, static=static, host=host, origins=origins)
    config = uvicorn.Config(
        app,
        log_level="warning",
        ws_max_size=MAX_MESSAGE,
        ws_per_message_deflate=False,
        timeout_graceful_shutdown=1,
        server_header=False,
    )

    class Server(uvicorn.Server):
        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            if self.started:
                _announce(address, open_browser, on_ready)

        async def on_tick(self, counter: int) -> bool:
            return await super().on_tick(counter) or (leave is not None and leave(len(app.state.hub.connections)))

    server: Any = Server(config)
    try:
        server.run(sockets=[listener])
    finally:
        listener.close()


def _announce(address: str, open_browser: bool, on_ready: Callable[[str], None] | None) -> None:
    if on_ready is not None:
        on_ready(address)
    if open_browser:
        # Some browsers' launchers block until the window is closed.
        threading.Thread(target=webbrowser.open, args=(address,), daemon=True).start()
