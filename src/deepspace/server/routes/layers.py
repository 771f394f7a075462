"""What lies over the map: density, where there is data, uncertainty, and regions with their names."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy.typing as npt
from fastapi import FastAPI, Request
from fastapi.responses import Response

from deepspace.server.answers import not_modified, raw
from deepspace.server.layers import MapLayers
from deepspace.server.view import View
from deepspace.server.wire import LayersInfo, RegionsInfo, SurenessInfo

__all__ = ["add"]


def add(app: FastAPI, current: Callable[[], View]) -> None:
    def bytes_of(request: Request, name: str, make: Callable[[MapLayers], npt.NDArray[Any]]) -> Response:
        view = current()
        tag = f"{view.tag}-{name}"
        return not_modified(request, tag) or raw(make(view.layers), tag)

    @app.get("/api/layers")
    def read_layers() -> LayersInfo:
        return current().layers.info()

    @app.get("/api/layers/density.f32", response_class=Response)
    def read_density(request: Request) -> Response:
        return bytes_of(request, "density", MapLayers.density)

    @app.get("/api/layers/presence.u8", response_class=Response)
    def read_presence(request: Request) -> Response:
        return bytes_of(request, "presence", MapLayers.presence)

    @app.get("/api/layers/uncertainty")
    def read_sureness() -> SurenessInfo:
        return current().layers.sureness()

    @app.get("/api/layers/uncertainty.f32", response_class=Response)
    def read_percentiles(request: Request) -> Response:
        return bytes_of(request, "uncertainty", MapLayers.percentiles)

    @app.get("/api/regions")
    def read_regions() -> RegionsInfo:
        return current().layers.regions()

    @app.get("/api/regions.i16", response_class=Response)
    def read_region_of(request: Request) -> Response:
        return bytes_of(request, "regions", MapLayers.region_of)
