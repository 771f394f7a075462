"""The web application: the HTTP half of the page's interface, the live connection, and the page itself."""

from __future__ import annotations

import gzip
import threading
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Collection
from contextlib import asynccontextmanager
from http import HTTPStatus
from pathlib import Path
from typing import Annotated

import numpy as np
import numpy.typing as npt
from fastapi import FastAPI, HTTPException, Query, Request, WebSocket
from fastapi import Path as InPath
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response, StreamingResponse
from starlette.exceptions import HTTPException as StarletteHTTPException

from deepspace.errors import DeepspaceError
from deepspace.server.guard import Guard
from deepspace.server.live import Hub
from deepspace.server.pages import mount_page
from deepspace.server.session import Session
from deepspace.server.version import version
from deepspace.server.view import View, Views
from deepspace.server.wire import Cells, Content, FactorsInfo, Film, Item, SessionInfo, SpaceInfo

__all__ = ["make_server"]

_CHUNK = 1 << 20
_WORTH_ZIPPING = 64 * 1024
_CACHE_BYTES = 256 << 20

Index = Annotated[int, InPath(ge=0)]
Finite = Annotated[float, Query(allow_inf_nan=False)]
Count = Annotated[int, Query(ge=1, le=200)]


class _Cache:
    """Bytes by key, the least recently used dropped beyond a total size."""

    def __init__(self, most: int = _CACHE_BYTES) -> None:
        self._most = most
        self._size = 0
        self._kept: OrderedDict[str, bytes] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: str, make: Callable[[], bytes]) -> bytes:
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
        made = make()
        with self._lock:
            if key not in self._kept and len(made) <= self._most:
                self._kept[key] = made
                self._size += len(made)
                while self._size > self._most:
                    self._size -= len(self._kept.popitem(last=False)[1])
        return made


def make_server(
    session: Session, *, static: Path | None = None, host: str = "127.0.0.1", origins: Collection[str] = ()
) -> FastAPI:
    """The application that serves one session.

    static: folder of the built page; a page saying how to build it is shown where that is missing. host: the address
    the server will be bound to, for the Host check. origins: further origins whose pages may connect (a development
    server of the page).
    """
    views = Views()
    hub = Hub(session, views)

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
    app.add_middleware(Guard, host=host, origins=origins)
    _add_errors(app)
    view = _viewer(session, views)
    _add_session(app, session, hub, view)
    _add_arrays(app, view)
    _add_items(app, view)
    _add_factors(app, view)
    _add_cells(app, view)
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


def _viewer(session: Session, views: Views) -> Callable[[], View]:
    """A function that gives the view of the space, or answers 409 with the reason why there is none yet."""

    def view() -> View:
        space = session.space
        if space is None:
            info = session.info()
            raise HTTPException(409, info.error or f"The space is not ready yet; it is at '{info.phase}'.")
        return views.of(space)

    return view


def _add_session(app: FastAPI, session: Session, hub: Hub, view: Callable[[], View]) -> None:
    @app.get("/api/session", response_model_exclude_none=True)
    async def read_session() -> SessionInfo:
        return session.info()

    @app.get("/api/space")
    def read_space() -> SpaceInfo:
        return view().info()

    @app.websocket("/api/live")
    async def live(socket: WebSocket) -> None:
        await hub.serve(socket)


def _add_arrays(app: FastAPI, current: Callable[[], View]) -> None:
    cache = _Cache()

    @app.get("/api/map.f32", response_class=Response)
    def read_map(request: Request) -> Response:
        view = current()
        return _not_modified(request, f"{view.tag}-map") or _raw(view.positions(), f"{view.tag}-map")

    @app.get("/api/columns/{index}", response_class=Response)
    def read_column(request: Request, index: Index) -> Response:
        view = current()
        if index >= len(view.columns):
            raise HTTPException(404, f"There is no column {index}; this space has {len(view.columns)}.")
        tag = f"{view.tag}-{index}"
        unchanged = _not_modified(request, tag)
        if unchanged is not None:
            return unchanged
        info = view.columns.infos[index]
        small = info.encoding != "f32" and len(view.space) >= _WORTH_ZIPPING
        if small and "gzip" in request.headers.get("accept-encoding", ""):
            zipped = cache.get(tag, lambda: gzip.compress(view.columns.read(index).tobytes(), 1, mtime=0))
            return Response(zipped, media_type=_RAW, headers={**_tagged(tag), "Content-Encoding": "gzip"})
        return _raw(view.columns.read(index), tag)

    @app.get("/api/sprites/{sheet}.png", response_class=Response)
    def read_sprites(request: Request, sheet: Index) -> Response:
        view = current()
        if view.sprites is None or sheet >= view.sprites.info.sheets:
            count = view.sprites.info.sheets if view.sprites else 0
            raise HTTPException(404, f"There is no sheet {sheet}; this space has {count}.")
        tag = f"{view.tag}-s{sheet}"
        return _not_modified(request, tag) or Response(
            view.sprites.sheet(sheet), media_type="image/png", headers=_tagged(tag)
        )


def _add_items(app: FastAPI, current: Callable[[], View]) -> None:
    def view_with(index: int) -> View:
        view = current()
        if index >= len(view.space):
            raise HTTPException(404, f"There is no item {index}; this space has {len(view.space)}, counted from 0.")
        return view

    @app.get("/api/items/{index}")
    def read_item(index: Index) -> Item:
        return view_with(index).items.item(index)

    @app.get("/api/items/{index}/content")
    def read_content(index: Index) -> Content:
        return view_with(index).items.real(index)


def _add_factors(app: FastAPI, current: Callable[[], View]) -> None:
    @app.get("/api/factors")
    def read_factors() -> FactorsInfo:
        return current().films.ranked()

    @app.get("/api/factors/{factor}/film")
    def read_film(factor: Index, row: int | None = None) -> Film:
        return current().films.film(factor, row)


def _add_cells(app: FastAPI, current: Callable[[], View]) -> None:
    @app.get("/api/cells")
    def read_cells(
        x: Finite, y: Finite, step: Annotated[float, Query(gt=0, allow_inf_nan=False)], columns: Count, rows: Count
    ) -> Cells:
        if columns * rows > _MOST_CELLS:
            raise HTTPException(400, f"{columns} x {rows} places are too many at once; ask for {_MOST_CELLS} at most.")
        space, items = current().space, current().items
        across, down = np.meshgrid(x + step * np.arange(columns), y - step * np.arange(rows))
        places = np.stack([across.ravel(), down.ravel()], 1).astype(np.float32)
        there = np.flatnonzero(space.map.has_data(places))
        contents: list[Content | None] = [None] * len(places)
        if len(there):
            z = space.map.inverse_transform(places[there])
            # Vectors are shown by their nearest rows, which nothing else here needs.
            nearest = space.neighbors(z=z, k=1).index[:, 0] if items.modality == "vector" else there
            made = items.small(np.asarray(space.decode_encoded(z)), [int(i) for i in nearest])
            for i, content in zip(there, made, strict=True):
                contents[i] = content
        return Cells(contents=contents)


_MOST_CELLS = 1200
_RAW = "application/octet-stream"


def _tagged(tag: str) -> dict[str, str]:
    # Another space may be served from this address tomorrow, so browsers ask each time and mostly get a 304.
    return {"ETag": f'"{tag}"', "Cache-Control": "no-cache", "Vary": "Accept-Encoding"}


def _not_modified(request: Request, tag: str) -> Response | None:
    known = [t.strip().removeprefix("W/") for t in request.headers.get("if-none-match", "").split(",")]
    return Response(status_code=304, headers=_tagged(tag)) if f'"{tag}"' in known else None


def _raw(values: npt.NDArray[np.generic], tag: str) -> Response:
    """An array's bytes, in pieces, so that no second copy of a large one is made."""
    view = memoryview(values.reshape(-1).view(np.uint8))  # type: ignore[arg-type]
    pieces = (bytes(view[i : i + _CHUNK]) for i in range(0, len(view), _CHUNK))
    headers = {**_tagged(tag), "Content-Length": str(len(view))}
    return StreamingResponse(pieces, media_type=_RAW, headers=headers)
