"""A second space of the same rows beside the first: asked for, watched, and then walked."""

from __future__ import annotations

from collections.abc import Callable

from fastapi import FastAPI, Request
from fastapi.responses import Response

from deepspace.server.answers import not_modified, raw
from deepspace.server.routes.parameters import Finite, Index
from deepspace.server.view import View
from deepspace.server.wire import Beside, ComparedItem, Comparing

__all__ = ["add"]


def add(app: FastAPI, current: Callable[[], View]) -> None:
    @app.get("/api/compare")
    def read_comparing() -> Comparing:
        return current().comparisons.state()

    @app.post("/api/compare")
    def start_comparing() -> Comparing:
        return current().comparisons.start()

    @app.delete("/api/compare")
    def stop_comparing() -> Comparing:
        return current().comparisons.stop()

    @app.get("/api/compare/map.f32", response_class=Response)
    def read_other_map(request: Request) -> Response:
        view = current()
        positions, tag = view.comparisons.positions(), f"{view.tag}-compare"
        return not_modified(request, tag) or raw(positions, tag)

    @app.get("/api/compare/items/{index}")
    def read_compared(index: Index) -> ComparedItem:
        return current().comparisons.item(index)

    @app.get("/api/compare/decode")
    def read_beside(x: Finite, y: Finite) -> Beside:
        return current().comparisons.decode(x, y)
