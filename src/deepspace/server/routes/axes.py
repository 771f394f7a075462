"""Other two dimensions than the map's: what they are, and where each row lies on them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

import numpy as np
from fastapi import FastAPI, Request
from fastapi.responses import Response

from deepspace.explore import Axes
from deepspace.server.answers import not_modified, raw
from deepspace.server.planes import LAYER, plane
from deepspace.server.routes.parameters import AxesName
from deepspace.server.view import View
from deepspace.server.wire import AxesInfo, AxisInfo

__all__ = ["add"]


def add(app: FastAPI, current: Callable[[], View]) -> None:
    @app.get("/api/axes")
    def read_axes(axes: AxesName) -> AxesInfo:
        return _described(plane(current().space, axes))

    @app.get("/api/axes.f32", response_class=Response)
    def read_places(request: Request, axes: AxesName) -> Response:
        view = current()
        tag = f"{view.tag}-{hashlib.blake2b(axes.encode(), digest_size=8).hexdigest()}"
        found = plane(view.space, axes)
        return not_modified(request, tag) or raw(np.ascontiguousarray(found.positions, "<f4"), tag)


def _described(found: Axes) -> AxesInfo:
    shares = found.explained or (None, None)
    x, y = (
        AxisInfo(label=found.labels[i], kind=found.kinds[i], origin=found.origin[i], unit=found.unit[i], explained=s)
        for i, s in enumerate(shares)
    )
    trust: dict[str, Any] = {name: found.trust.get(name) for name in ("trustworthiness", "continuity", "n", "k")}
    return AxesInfo(
        name=found.name,
        kind="layer" if found.name.startswith(LAYER) else found.kind,
        axes=(x, y),
        exact=found.exact,
        placed=len(found.placed),
        bounds=found.bounds,
        **trust,
    )
