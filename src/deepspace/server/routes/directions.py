"""Directions between groups of rows, walks along them, and sums of places."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

from fastapi import FastAPI, Path, Query, Request
from fastapi.responses import Response

from deepspace.server.answers import not_modified, raw
from deepspace.server.planes import MAP
from deepspace.server.routes.parameters import AxesName
from deepspace.server.view import View
from deepspace.server.wire import DirectionFilm, DirectionInfo, DirectionRequest, SumInfo

__all__ = ["add"]

Key = Annotated[str, Path(pattern="^[0-9a-f]{16}$")]
Place = Annotated[str, Query(max_length=4000)]
Places = Annotated[list[str], Query(max_length=20)]


def add(app: FastAPI, current: Callable[[], View]) -> None:
    @app.post("/api/directions")
    def find_direction(asked: DirectionRequest) -> DirectionInfo:
        return current().directions.find(asked)

    @app.get("/api/directions/{key}/film")
    def read_direction_film(key: Key, start: Place = "mean", axes: AxesName = MAP) -> DirectionFilm:
        return current().directions.film(key, start, axes)

    @app.get("/api/directions/{key}/scores.f32", response_class=Response)
    def read_scores(request: Request, key: Key) -> Response:
        view = current()
        tag = f"{view.tag}-d{key}"
        return not_modified(request, tag) or raw(view.directions.scores(key), tag)

    @app.get("/api/sum")
    def read_sum(plus: Places, minus: Places = []) -> SumInfo:  # noqa: B006 (FastAPI copies it)
        return current().directions.sum(plus, minus)
