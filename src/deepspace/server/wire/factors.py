"""Latent dimensions: ranked, named, as films, and set together by hand; local factors."""

from __future__ import annotations

from deepspace.server.wire.base import Wire
from deepspace.server.wire.items import Content, NeighbourInfo

__all__ = [
    "Along",
    "Change",
    "FactorInfo",
    "FactorName",
    "FactorNamesInfo",
    "FactorsInfo",
    "Film",
    "Frames",
    "LocalFactorInfo",
    "Mixed",
]


class FactorInfo(Wire):
    """One latent dimension: mean KL in nats, how far the decode moves with it, in encoded units, and mean and deviation
    of the aggregate posterior. KL needs a posterior, the effect a decoder."""

    index: int
    rank: int
    kl: float | None
    effect: float | None
    active: bool
    mean: float
    deviation: float


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


class FactorName(Wire):
    """A dimension follows a column: "petal length, rising", and how sure that is."""

    factor: int
    title: str
    certainty: str


class FactorNamesInfo(Wire):
    """Every name that the tests allow, of ``pairs`` of dimensions and columns looked at, with false discoveries held to
    ``level``."""

    names: list[FactorName]
    pairs: int
    level: float


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
    """One dimension (or local factor) moved in equal steps from ``place``."""

    factor: int
    place: str


class Along(Wire):
    """How much of a direction lies along one dimension, in deviations."""

    dimension: int
    weight: float


class LocalFactorInfo(Wire):
    """A principal direction of the decoder at a place: its share of the local variance, and its heaviest dimensions."""

    share: float
    gain: float
    along: list[Along]
    film: Film


class Mixed(Wire):
    """A place with some dimensions set by hand: all its latents, what it decodes to, where it lies on the map, the
    nearest real rows, how crowded it is there and how sure the decode is."""

    z: list[float]
    content: Content
    place: tuple[float, float]
    has_data: bool
    nearest: list[NeighbourInfo]
    density_percentile: float | None
    uncertainty: float | None
    uncertainty_percentile: float | None
