"""What lies over the map: its density, its regions, where there is data, and how sure the decode is."""

from __future__ import annotations

from deepspace.server.wire.base import Wire

__all__ = ["FieldInfo", "LayersInfo", "PresenceInfo", "RegionInfo", "RegionsInfo", "SurenessInfo", "TraitInfo"]


class GridInfo(Wire):
    """A grid over the map: [x, y] of the middle of its first cell, its cells' side, and how many. The first row lies
    lowest; the bytes are in row order."""

    origin: tuple[float, float]
    cell: float
    columns: int
    rows: int


class FieldInfo(GridInfo):
    """Density, float32 at /api/layers/density.f32. ``levels[i]`` is exceeded by ``shares[i]`` of the ``n`` rows."""

    bandwidth: float
    shares: list[float]
    levels: list[float]
    n: int


class PresenceInfo(GridInfo):
    """Where there is data, one byte a cell at /api/layers/presence.u8: 1 or 0."""


class SurenessInfo(GridInfo):
    """How sure the decode is, float32 at /api/layers/uncertainty.f32: the percentile among the rows' own values, NaN
    where there is no data. ``measured``: cells that were; ``typical``: their median, in ``unit``."""

    measured: int
    typical: float | None
    unit: str


class LayersInfo(Wire):
    """The grids, whose bytes are fetched when they are shown."""

    density: FieldInfo
    presence: PresenceInfo


class TraitInfo(Wire):
    """What is distinctive of a region, in words; ``n`` rows of it have a value, ``q`` is the adjusted p."""

    column: str
    phrase: str
    short: str
    delta: float
    q: float
    n: int


class RegionInfo(Wire):
    """A hill of the map's density; its label stands at (x, y), ``exemplar`` is the row that stands for it."""

    index: int
    n: int
    share: float
    x: float
    y: float
    label: str
    traits: list[TraitInfo]
    exemplar: int


class RegionsInfo(Wire):
    """All of them, largest first. ``without`` rows lie in none; ``tested`` rows gave the names, of which at most a
    share ``fdr`` may be chance. The region of each row, int16 with -1 for none, is at /api/regions.i16."""

    regions: list[RegionInfo]
    n: int
    without: int
    tested: int
    fdr: float
