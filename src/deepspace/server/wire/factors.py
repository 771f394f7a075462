"""Latent dimensions, ranked, and as films."""

from __future__ import annotations

from deepspace.server.wire.base import Wire
from deepspace.server.wire.items import Content

__all__ = ["Change", "FactorInfo", "FactorsInfo", "Film", "Frames"]


class FactorInfo(Wire):
    """One latent dimension: mean KL in nats, and how far the decode moves with it, in encoded units."""

    index: int
    rank: int
    kl: float
    effect: float
    active: bool


class FactorsInfo(Wire):
    """All of them, strongest first; KL from ``n`` rows, effects from ``sample`` of them."""

    factors: list[FactorInfo]
    n: int
    sample: int


class Change(Wire):
    """A column of a table along a film; ``numbers`` where it is one."""

    name: str
    kind: str
    texts: list[str]
    numbers: list[float | None] | None = None


class Frames(Wire):
    """Generated places in turn: how far each was moved, what it decodes to, where that lies on the map, the nearest
    real row, and how crowded it is there."""

    values: list[float]
    contents: list[Content]
    places: list[tuple[float, float]]
    nearest: list[int]
    density_percentiles: list[float | None]
    changes: list[Change] | None = None


class Film(Frames):
    """One dimension moved in equal steps from ``row`` (or the mean)."""

    factor: int
    row: int | None
