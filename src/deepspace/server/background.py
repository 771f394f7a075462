"""A server in a thread of its own, for programs that go on: a notebook, a test."""

from __future__ import annotations

import threading
from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING

from deepspace.errors import ServerError
from deepspace.server.guard import MAX_MESSAGE
from deepspace.server.pages import STATIC
from deepspace.server.run import bind

if TYPE_CHECKING:
    from deepspace.server.session import Session
    from deepspace.server.shared import Shared

__all__ = ["Background"]

_PATIENCE = 20.0


class Background:
    """Serves a session on a free loopback port until ``close``, or until the program ends.

    shared: what pages and the program may both change. frames: origins whose pages may hold this one in a frame.
    """

    def __init__(
        self,
        session: Session,
        *,
        shared: Shared | None = None,
        frames: Collection[str] = (),
        static: Path | None = STATIC,
    ) -> None:
        import uvicorn

        from deepspace.server.app import make_server

        self._listener = bind("127.0.0.1", 0)
        self.port: int = self._listener.getsockname()[1]
        config = uvicorn.Config(
            make_server(session, static=static, shared=shared, frames=frames),
            log_level="critical",
            ws_max_size=MAX_MESSAGE,
            ws_per_message_deflate=False,
            timeout_graceful_shutdown=1,
            server_header=False,
        )
        self._server = uvicorn.Server(config)
        self._started = threading.Event()
        self._thread = threading.Thread(target=self._run, name="deepspace-server", daemon=True)
        self._thread.start()
        for _ in range(int(_PATIENCE * 50)):
            if self._server.started or not self._thread.is_alive():
                break
            self._started.wait(0.02)
        if not self._server.started:
            self.close()
            raise ServerError("the page's server did not start; try again, or run `deepspace explore` in a terminal.")

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}/"

    def _run(self) -> None:
        self._server.run(sockets=[self._listener])

    def close(self) -> None:
        """Ends the server and every page's connection. Safe to call twice."""
        self._server.should_exit = True
        if threading.current_thread() is not self._thread:
            self._thread.join(_PATIENCE)
        self._listener.close()
