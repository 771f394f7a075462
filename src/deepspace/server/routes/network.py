"""Inside the networks: their layers, one item's way through them, units, and what each layer tells."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

from fastapi import FastAPI, Query

from deepspace.server.view import View
from deepspace.server.wire import NetworkInfo, NetworkWork, ReadingDepth, StripInfo, UnitInfo

__all__ = ["add"]

Place = Annotated[str, Query(max_length=4000)]
LayerName = Annotated[str, Query(max_length=300)]
UnitIndex = Annotated[int, Query(ge=0)]


def add(app: FastAPI, current: Callable[[], View]) -> None:
    @app.get("/api/network")
    def read_network() -> NetworkInfo:
        return current().network.info()

    @app.get("/api/network/strip")
    def read_strip(place: Place) -> StripInfo:
        return current().network.strip(place)

    @app.get("/api/network/unit")
    def read_unit(layer: LayerName, unit: UnitIndex) -> UnitInfo:
        return current().network.unit(layer, unit)

    @app.get("/api/network/work")
    def read_work() -> NetworkWork:
        return current().network.work()

    @app.get("/api/network/depth")
    def read_depth() -> ReadingDepth:
        return current().network.depths.state()

    @app.post("/api/network/depth")
    def start_depth() -> ReadingDepth:
        return current().network.depths.start()

    @app.delete("/api/network/depth")
    def stop_depth() -> ReadingDepth:
        return current().network.depths.stop()
