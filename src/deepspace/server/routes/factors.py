"""Latent dimensions: ranked, named, as films, and set together by hand; local factors."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Annotated

from fastapi import FastAPI, Query

from deepspace.errors import SpaceError
from deepspace.server.places import MEAN
from deepspace.server.planes import MAP
from deepspace.server.routes.parameters import AxesName, Index
from deepspace.server.view import View
from deepspace.server.wire import FactorNamesInfo, FactorsInfo, Film, LocalFactorInfo, Mixed

__all__ = ["add"]


def add(app: FastAPI, current: Callable[[], View]) -> None:
    @app.get("/api/factors")
    def read_factors() -> FactorsInfo:
        return current().films.ranked()

    @app.get("/api/factors/names")
    def read_names() -> FactorNamesInfo:
        return current().films.names()

    @app.get("/api/factors/{factor}/film")
    def read_film(factor: Index, place: str = MEAN, axes: AxesName = MAP) -> Film:
        return current().films.film(factor, place, axes)

    @app.get("/api/local")
    def read_local(
        place: str = MEAN, k: Annotated[int, Query(ge=1, le=16)] = 3, axes: AxesName = MAP
    ) -> list[LocalFactorInfo]:
        return current().films.local(place, k, axes)

    @app.get("/api/mix")
    def read_mixed(place: str = MEAN, moves: Annotated[str, Query(alias="set")] = "", axes: AxesName = MAP) -> Mixed:
        return current().films.mixed(place, _moves(moves), axes)


def _moves(text: str) -> dict[int, float]:
    """``3:1.5,7:-0.2`` -> {3: 1.5, 7: -0.2}. Raises SpaceError, in one sentence, for anything else."""
    found: dict[int, float] = {}
    for part in text.split(",") if text else []:
        dimension, _, value = part.partition(":")
        try:
            found[int(dimension)] = float(value)
        except ValueError:
            found[-1] = math.nan
    if not all(math.isfinite(value) for value in found.values()):
        raise SpaceError(
            f"'{text[:80]}' sets no dimensions: write dimension:value with finite numbers, as in 3:1.5,7:-0.2."
        )
    return found
