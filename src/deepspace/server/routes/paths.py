"""Paths through places of the space, and the same as files."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

from fastapi import FastAPI, Path, Query
from fastapi.responses import Response

from deepspace.explore.paths import Kind
from deepspace.server.planes import MAP
from deepspace.server.routes.parameters import AxesName
from deepspace.server.view import View
from deepspace.server.walks import MOST_STEPS, Form
from deepspace.server.wire import Ways

__all__ = ["add"]

Through = Annotated[str, Query(max_length=4000)]
Steps = Annotated[int, Query(ge=2, le=MOST_STEPS)]

_TYPES: dict[str, str] = {"gif": "image/gif", "png": "image/png", "csv": "text/csv; charset=utf-8"}


def add(app: FastAPI, current: Callable[[], View]) -> None:
    @app.get("/api/paths")
    def read_paths(through: Through, steps: Steps = 11, axes: AxesName = MAP) -> Ways:
        return current().walks.ways(through, steps, axes)

    @app.get("/api/paths/{kind}.{form}", response_class=Response)
    def write_path(kind: Annotated[Kind, Path()], form: Form, through: Through, steps: Steps = 11) -> Response:
        view = current()
        name = f"{view.space.name}-{kind}-path.{form}".replace('"', "").encode("ascii", "replace").decode()
        headers = {"Content-Disposition": f'attachment; filename="{name}"'}
        return Response(view.walks.file(through, steps, kind, form), media_type=_TYPES[form], headers=headers)
