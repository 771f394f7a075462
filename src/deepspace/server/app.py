"""The web application: the HTTP half of the page's interface, the live connection, and the page itself."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Collection
from contextlib import asynccontextmanager
from http import HTTPStatus
from pathlib import Path

from fastapi import FastAPI, HTTPException, Request, WebSocket
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException as StarletteHTTPException

from deepspace.errors import DeepspaceError
from deepspace.server.desk.desk import Desk
from deepspace.server.guard import Guard
from deepspace.server.live import Hub
from deepspace.server.pages import mount_page
from deepspace.server.routes import add_all
from deepspace.server.routes import desk as desk_routes
from deepspace.server.routes import shared as shared_routes
from deepspace.server.session import Session
from deepspace.server.shared import Shared
from deepspace.server.version import version
from deepspace.server.view import View, Views
from deepspace.server.wire import SessionInfo, SpaceInfo

__all__ = ["make_server"]


def make_server(
    session: Session | Desk,
    *,
    static: Path | None = None,
    host: str = "127.0.0.1",
    origins: Collection[str] = (),
    shared: Shared | None = None,
    frames: Collection[str] = (),
) -> FastAPI:
    """The application that serves one session, or a desk that changes it.

    static: folder of the built page; a page saying how to build it is shown where that is missing. host: the address
    the server will be bound to, for the Host check. origins: further origins whose pages may connect (a development
    server of the page). shared: the selection and the pin, for a program that reads and sets them. frames: origins
    whose pages may hold this one in a frame.
    """
    views = Views(session.beside, session.audits, session.recourse)
    hub = Hub(session, views, shared)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        hub.open()
        yield
        await hub.close()

    app = FastAPI(
        title="deepspace",
        version=version(),
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        openapi_url="/api/openapi.json",
    )
    app.state.hub = hub
    if isinstance(session, Desk):
        app.add_middleware(desk_routes.OneSpace, desk=session)
    app.add_middleware(Guard, host=host, origins=origins, large=[desk_routes.UPLOADS], frames=frames)
    _add_errors(app)
    view = _viewer(session, views)
    _add_session(app, session, hub, view)
    add_all(app, view)
    if isinstance(session, Desk):
        desk_routes.add(app, session)
    if shared is not None:
        shared_routes.add(app, shared)
    mount_page(app, static)
    return app


def _add_errors(app: FastAPI) -> None:
    """Every refusal is {"error": one sentence}."""

    async def refused(request: Request, error: Exception) -> Response:
        if not isinstance(error, StarletteHTTPException):
            return JSONResponse({"error": str(error)}, 400)
        plain = {
            404: f"There is nothing at {request.url.path[:200]}.",
            405: f"{request.url.path[:200]} does not take {request.method}.",
        }
        own = error.detail != HTTPStatus(error.status_code).phrase
        sentence = error.detail if own else plain.get(error.status_code, f"{error.detail}.")
        return JSONResponse({"error": sentence}, error.status_code, headers=error.headers)

    async def misread(_: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        first = error.errors()[0]
        sentence = f"This address is not understood: {first['loc'][-1]}: {first['msg']}."
        return JSONResponse({"error": sentence}, 404)

    app.add_exception_handler(StarletteHTTPException, refused)
    app.add_exception_handler(DeepspaceError, refused)
    app.add_exception_handler(RequestValidationError, misread)


def _viewer(session: Session | Desk, views: Views) -> Callable[[], View]:
    """A function that gives the view of the space, or answers 409 with the reason why there is none yet."""

    def view() -> View:
        space = session.space
        if space is None:
            info = session.info()
            raise HTTPException(409, info.error or f"The space is not ready yet; it is at '{info.phase}'.")
        return views.of(space)

    return view


def _add_session(app: FastAPI, session: Session | Desk, hub: Hub, view: Callable[[], View]) -> None:
    @app.get("/api/session", response_model_exclude_none=True)
    async def read_session() -> SessionInfo:
        return session.info()

    @app.get("/api/space")
    def read_space() -> SpaceInfo:
        return view().info()

    @app.websocket("/api/live")
    async def live(socket: WebSocket) -> None:
        await hub.serve(socket)
