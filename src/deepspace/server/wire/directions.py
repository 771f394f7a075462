"""Directions between two groups of rows, walks along them, and sums of places."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from deepspace.server.wire.base import Wire
from deepspace.server.wire.factors import Frames
from deepspace.server.wire.items import Content, NeighbourInfo

__all__ = ["DirectionFilm", "DirectionInfo", "DirectionRequest", "EffectInfo", "GroupInfo", "GroupRequest", "SumInfo"]


class GroupRequest(Wire):
    """Rows by name: one bit a row in base64, the first in the lowest bit of the first byte; ``columns``: those that the
    rows were chosen by."""

    name: str = Field(max_length=2000)
    bits: str
    columns: list[str] = Field(default=[], max_length=1000)


class DirectionRequest(Wire):
    """From ``negative`` (all other rows, where it is null) to ``positive``."""

    positive: GroupRequest
    negative: GroupRequest | None = None
    method: Literal["means", "logistic"] = "means"


class GroupInfo(Wire):
    """A group, the rows that were used of it and how many it has."""

    name: str
    n: int
    total: int


class EffectInfo(Wire):
    """A column that goes with the direction, as ``deepspace.explore.SideEffect``."""

    name: str
    kind: str
    role: str
    strength: float
    p: float
    q: float
    n: int
    toward: str
    away: str
    within: float | None
    defines: bool
    moves: bool


class DirectionInfo(Wire):
    """A direction and how sure it is, as ``deepspace.explore.Direction``; ``null``: mean AUC of ``pairs`` random pairs
    of groups."""

    id: str
    positive: GroupInfo
    negative: GroupInfo
    method: Literal["means", "logistic"]
    angle: float
    step: float
    step_interval: tuple[float, float]
    auc: float | None
    auc_interval: tuple[float, float] | None
    held_out: int
    null: float | None
    pairs: int
    p: float | None
    effects: list[EffectInfo]
    effects_n: int
    warnings: list[str]


class DirectionFilm(Frames):
    """A place moved along a direction; ``values``: amounts, 1 is the way from the average of B to that of A."""

    start: str


class SumInfo(Wire):
    """A sum of places, generated: where it lies on the map and the real rows nearest to it, without those summed."""

    formula: str
    content: Content
    x: float
    y: float
    density_percentile: float | None
    neighbours: list[NeighbourInfo]
    warnings: list[str]
