"""A space beside another one of the same rows, as a rule its principal components."""

from __future__ import annotations

from typing import Literal

from deepspace.server.wire.base import Wire
from deepspace.server.wire.items import Content, NeighbourInfo

__all__ = ["Beside", "Compared", "ComparedCurve", "ComparedGap", "ComparedItem", "Comparing"]


class ComparedGap(Wire):
    """One mean figure of both spaces over the same n rows; the interval is of the difference b - a."""

    part: str
    about: str
    a: float
    b: float
    n: int
    low: float | None
    high: float | None
    winner: Literal["a", "b", ""]


class ComparedCurve(Wire):
    """Error with the strongest dimensions alone, with its interval, for n held-out rows."""

    dims: list[int]
    error: list[float]
    low: list[float]
    high: list[float]
    n: int


class Compared(Wire):
    """Which is better at what, first in words."""

    names: tuple[str, str]
    labels: tuple[str, str]
    dims: tuple[int, int]
    sentences: list[str]
    unit: str
    gaps: list[ComparedGap]
    curves: tuple[ComparedCurve, ComparedCurve]
    kept: float
    kept_interval: tuple[float, float]
    k: int
    n: int
    trustworthiness: tuple[float | None, float | None]


class Comparing(Wire):
    """How far the second space is: not asked for yet (``kept``: it lies on the disk already), under way, or there."""

    state: Literal["none", "making", "ready", "failed"]
    kept: bool = False
    doing: str = ""
    fraction: float = 0.0
    error: str | None = None
    found: Compared | None = None


class ComparedItem(Wire):
    """One row rebuilt by both, with its errors, and its neighbours: in both, only in a, only in b; distances are those
    of the space that has them, of a where both do."""

    index: int
    real: Content
    rebuilt: tuple[Content, Content]
    errors: tuple[float, float]
    both: list[NeighbourInfo]
    only_a: list[NeighbourInfo]
    only_b: list[NeighbourInfo]


class Beside(Wire):
    """What the second space makes of a place on its own map."""

    x: float
    y: float
    content: Content
    nearest: NeighbourInfo
    has_data: bool
