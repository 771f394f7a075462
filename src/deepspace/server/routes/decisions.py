"""Predictors under audit: what the map shows of each, and single cases."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Literal

from fastapi import FastAPI, Query

from deepspace.server.routes.parameters import Index
from deepspace.server.view import View
from deepspace.server.wire import (
    CaseInfo,
    DecisionsInfo,
    DoubtInfo,
    DrawingInfo,
    Likeness,
    Looking,
    PredictorsInfo,
    ReasonsInfo,
    RecourseInfo,
    TriangleInfo,
)

__all__ = ["add"]

Row = Annotated[int, Query(ge=0)]
Margin = Annotated[float | None, Query(ge=0)]


def add(app: FastAPI, current: Callable[[], View]) -> None:
    @app.get("/api/decisions")
    def read_decisions() -> DecisionsInfo:
        return current().decisions.info()

    @app.get("/api/decisions/pairs")
    def read_pairs() -> PredictorsInfo:
        return current().decisions.pairs()

    @app.get("/api/decisions/likeness")
    def read_likeness(row: Row) -> Likeness:
        return current().decisions.likeness(row)

    @app.get("/api/decisions/{index}/look")
    def read_look(index: Index) -> Looking:
        return current().decisions.look(index).state()

    @app.post("/api/decisions/{index}/look")
    def start_look(index: Index) -> Looking:
        return current().decisions.look(index).start()

    @app.delete("/api/decisions/{index}/look")
    def stop_look(index: Index) -> Looking:
        return current().decisions.look(index).stop()

    @app.get("/api/decisions/{index}/drawing")
    def read_drawing(index: Index, view: Literal["generative", "static"]) -> DrawingInfo:
        return current().decisions.drawing(index, view)

    @app.get("/api/decisions/{index}/doubt")
    def read_doubt(index: Index) -> DoubtInfo:
        return current().decisions.doubt(index)

    @app.get("/api/decisions/{index}/case")
    def read_case(index: Index, row: Row) -> CaseInfo:
        return current().decisions.case(index, row)

    @app.get("/api/decisions/{index}/recourse")
    def read_recourse(index: Index, row: Row, margin: Margin = None) -> RecourseInfo:
        return current().decisions.recourse(index, row, margin)

    @app.get("/api/decisions/{index}/reasons")
    def read_reasons(index: Index, row: Row) -> ReasonsInfo:
        return current().decisions.reasons(index, row)

    @app.get("/api/decisions/{index}/triangle")
    def read_triangle(index: Index, a: Row, b: Row, c: Row) -> TriangleInfo:
        return current().decisions.triangle(index, a, b, c)
