"""The real rows that the model generates nothing like."""

from __future__ import annotations

from deepspace.server.wire.base import Wire

__all__ = ["LeftOutGroup", "UncoveredInfo"]


class LeftOutGroup(Wire):
    """A value whose rows are left out more often than the others': ``missed`` of ``rows``; ``q`` of the test."""

    column: str
    value: str
    missed: int
    rows: int
    q: float


class UncoveredInfo(Wire):
    """``rows``: all that were left out of ``n`` looked at, the most forsaken first, with ``distances`` to the nearest
    of ``made`` generated rows in radii of their own ball; ``expected``: how many chance would leave out."""

    rows: list[int]
    distances: list[float]
    n: int
    made: int
    k: int
    features: str
    expected: float
    groups: list[LeftOutGroup]
    tested: int
