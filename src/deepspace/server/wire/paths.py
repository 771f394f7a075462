"""Ways through the same places, side by side."""

from __future__ import annotations

from typing import Literal

from deepspace.server.wire.base import Wire
from deepspace.server.wire.factors import Change
from deepspace.server.wire.items import Content

__all__ = ["Way", "Ways"]


class Way(Wire):
    """One kind of path: what it is like, and its steps as a film.

    ``length`` in latent units, ``decoded_length`` in those of ``Ways.unit``; ``shorter`` and ``denser``: the gain over
    the line, a share of the decoded length and percentile points at the emptiest step. ``line``: its course on the map.
    """

    kind: Literal["linear", "spherical", "geodesic", "density"]
    found: str
    length: float
    decoded_length: float
    shorter: float
    denser: float
    lowest: int
    line: list[tuple[float, float]]
    contents: list[Content]
    places: list[tuple[float, float]]
    nearest: list[int]
    density_percentiles: list[float | None]
    changes: list[Change] | None = None


class Ways(Wire):
    """Every kind of path through the places asked for. ``anchors``: the steps at which each kind is at them;
    ``python``: the same places as a script writes them; ``n``: rows that density is measured among."""

    through: list[str]
    steps: int
    anchors: list[int]
    unit: str
    n: int
    python: list[str]
    ways: list[Way]
