"""What the page fetches once: the places of all rows, columns, and sheets of thumbnails."""

from __future__ import annotations

import gzip
from collections.abc import Callable

from fastapi import FastAPI, HTTPException, Request
from fastapi.responses import Response

from deepspace.server.answers import RAW, Cache, not_modified, raw, tagged
from deepspace.server.routes.parameters import Index
from deepspace.server.view import View

__all__ = ["add"]

_WORTH_ZIPPING = 64 * 1024


def add(app: FastAPI, current: Callable[[], View]) -> None:
    cache = Cache()

    @app.get("/api/map.f32", response_class=Response)
    def read_map(request: Request) -> Response:
        view = current()
        return not_modified(request, f"{view.tag}-map") or raw(view.positions(), f"{view.tag}-map")

    @app.get("/api/columns/{index}", response_class=Response)
    def read_column(request: Request, index: Index) -> Response:
        view = current()
        if index >= len(view.columns):
            raise HTTPException(404, f"There is no column {index}; this space has {len(view.columns)}.")
        tag = f"{view.tag}-{index}"
        unchanged = not_modified(request, tag)
        if unchanged is not None:
            return unchanged
        info = view.columns.infos[index]
        small = info.encoding != "f32" and len(view.space) >= _WORTH_ZIPPING
        if small and "gzip" in request.headers.get("accept-encoding", ""):
            zipped = cache.get(tag, lambda: gzip.compress(view.columns.read(index).tobytes(), 1, mtime=0))
            return Response(zipped, media_type=RAW, headers={**tagged(tag), "Content-Encoding": "gzip"})
        return raw(view.columns.read(index), tag)

    @app.get("/api/sprites/{sheet}.png", response_class=Response)
    def read_sprites(request: Request, sheet: Index) -> Response:
        view = current()
        if view.sprites is None or sheet >= view.sprites.info.sheets:
            count = view.sprites.info.sheets if view.sprites else 0
            raise HTTPException(404, f"There is no sheet {sheet}; this space has {count}.")
        tag = f"{view.tag}-s{sheet}"
        return not_modified(request, tag) or Response(
            view.sprites.sheet(sheet), media_type="image/png", headers=tagged(tag)
        )
