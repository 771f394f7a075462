"""Latent dimensions, ranked, and as films."""

from __future__ import annotations

from collections.abc import Callable

from fastapi import FastAPI

from deepspace.server.planes import MAP
from deepspace.server.routes.parameters import AxesName, Index
from deepspace.server.view import View
from deepspace.server.wire import FactorsInfo, Film

__all__ = ["add"]


def add(app: FastAPI, current: Callable[[], View]) -> None:
    @app.get("/api/factors")
    def read_factors() -> FactorsInfo:
        return current().films.ranked()

    @app.get("/api/factors/{factor}/film")
    def read_film(factor: Index, row: int | None = None, axes: AxesName = MAP) -> Film:
        return current().films.film(factor, row, axes)
