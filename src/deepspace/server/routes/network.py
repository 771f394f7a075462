"""Inside the networks: their layers, one item's way through them, units, and what each layer tells."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

from fastapi import FastAPI, HTTPException, Query, Request
from fastapi.responses import Response

from deepspace.server.answers import RAW
from deepspace.server.concepts import LEAST
from deepspace.server.dreams import Through
from deepspace.server.routes.rows import unpacked
from deepspace.server.view import View
from deepspace.server.wire import (
    DreamInfo,
    FindingConcept,
    MakingMaps,
    NetworkInfo,
    NetworkWork,
    ReadingDepth,
    SaliencyInfo,
    StripInfo,
    UnitInfo,
)

__all__ = ["add"]

Place = Annotated[str, Query(max_length=4000)]
LayerName = Annotated[str, Query(max_length=300)]
UnitIndex = Annotated[int, Query(ge=0)]
Row = Annotated[int, Query(ge=0)]


def add(app: FastAPI, current: Callable[[], View]) -> None:
    _at_once(app, current)
    _depth(app, current)
    _maps(app, current)
    _concept(app, current)


def _at_once(app: FastAPI, current: Callable[[], View]) -> None:
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

    @app.get("/api/network/dream")
    def read_dream(layer: LayerName, unit: UnitIndex, through: Through) -> DreamInfo:
        return current().network.dreams.of(layer, unit, through)

    @app.get("/api/network/saliency")
    def read_saliency(row: Row, latent: UnitIndex) -> SaliencyInfo:
        return current().network.saliencies.of(row, latent)


def _depth(app: FastAPI, current: Callable[[], View]) -> None:
    @app.get("/api/network/depth")
    def read_depth() -> ReadingDepth:
        return current().network.depths.state()

    @app.post("/api/network/depth")
    def start_depth() -> ReadingDepth:
        return current().network.depths.start()

    @app.delete("/api/network/depth")
    def stop_depth() -> ReadingDepth:
        return current().network.depths.stop()


def _maps(app: FastAPI, current: Callable[[], View]) -> None:
    @app.get("/api/network/maps")
    def read_maps() -> MakingMaps:
        return current().network.maps.state()

    @app.post("/api/network/maps")
    def start_maps() -> MakingMaps:
        return current().network.maps.start()

    @app.delete("/api/network/maps")
    def stop_maps() -> MakingMaps:
        return current().network.maps.stop()

    @app.get("/api/network/maps.f32", response_class=Response)
    def read_map_places() -> Response:
        return Response(current().network.maps.places(), media_type=RAW)


def _concept(app: FastAPI, current: Callable[[], View]) -> None:
    @app.get("/api/network/concept")
    def read_concept() -> FindingConcept:
        return current().network.concepts.state()

    @app.post("/api/network/concept")
    async def start_concept(request: Request) -> FindingConcept:
        """The body: one bit a row, as for rows.csv."""
        view = current()
        rows = unpacked(await request.body(), len(view.space))
        if len(rows) < LEAST:
            raise HTTPException(400, f"A concept needs at least {LEAST} rows that show it; {len(rows)} came.")
        return view.network.concepts.start(rows)

    @app.delete("/api/network/concept")
    def stop_concept() -> FindingConcept:
        return current().network.concepts.stop()
