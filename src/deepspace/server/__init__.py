"""The page's server: one session, an HTTP interface for what is fetched once, a live connection for what is walked.

Nothing here is imported before a page is served: FastAPI and pydantic cost more than the rest of the command line.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from deepspace.server.app import make_server
    from deepspace.server.run import bind, serve
    from deepspace.server.session import Session

__all__ = ["Session", "bind", "make_server", "serve"]

_HOMES = {"Session": "session", "bind": "run", "make_server": "app", "serve": "run"}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        from importlib import import_module

        return getattr(import_module(f"deepspace.server.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
