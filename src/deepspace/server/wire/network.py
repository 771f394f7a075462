"""Inside the networks: one item's way through the layers, what can be read off each, and a page for every unit."""

from __future__ import annotations

from typing import Literal

from deepspace.server.wire.base import Wire
from deepspace.server.wire.items import Content

__all__ = [
    "ColumnEffect",
    "ConceptAt",
    "ConceptInfo",
    "DepthColumn",
    "DepthInfo",
    "DepthReading",
    "DimensionReading",
    "DreamInfo",
    "DriverInfo",
    "FindingConcept",
    "LayerMapInfo",
    "LayerMapsInfo",
    "LayerSeparation",
    "LinkInfo",
    "MakingMaps",
    "NamedUnit",
    "NetworkInfo",
    "NetworkLayer",
    "NetworkWork",
    "ReadingDepth",
    "SaliencyInfo",
    "StripInfo",
    "StripLayer",
    "UnitInfo",
    "Working",
]


class NetworkLayer(Wire):
    """One layer as it runs; ``shape``: its output for one row."""

    name: str
    part: str
    kind: str
    shape: list[int]
    units: int
    parameters: int


class NetworkInfo(Wire):
    """The layers in the order they run, encoder first. Where there is nothing to look into, ``reason`` says why."""

    layers: list[NetworkLayer]
    parameters: int
    left_out: list[str]
    reason: str | None = None


class StripLayer(Wire):
    """What one layer answers to one item: maps of its units that matter most, in that order.

    ``data``: base64 of uint8, one map after the other, each ``height`` x ``width``; 0 is ``low``, 255 is ``high``.
    ``shares``: of what all the layer's units matter; ``peaks``: each unit's largest answer; ``count``: all its units;
    ``names``: what each goes with, once that was tested.
    """

    name: str
    part: str
    kind: str
    form: Literal["map", "line", "cell"]
    units: list[int]
    names: list[str | None]
    shares: list[float]
    peaks: list[float]
    count: int
    low: float
    high: float
    height: int
    width: int
    data: str


class StripInfo(Wire):
    """From the input to the latent and back. ``generated``: the input is itself decoded, from a place that no row
    has; ``latent``: the means; ``about``: what mattering was measured by."""

    place: str
    generated: bool
    input: Content
    layers: list[StripLayer]
    latent: list[float]
    output: Content
    about: str


class LinkInfo(Wire):
    """A column that a unit goes with, as ``deepspace.layers.units.Link``."""

    phrase: str
    column: str
    strength: float
    q: float
    area: float | None
    descriptor: bool


class DriverInfo(Wire):
    """A row that drives a unit; ``box``: (first, last + 1) along each axis of the item of what reaches the unit."""

    row: int
    answer: float
    box: list[tuple[int, int]] | None


class NamedUnit(Wire):
    index: int
    name: str
    strength: float


class UnitInfo(Wire):
    """One unit's page. ``n``: rows; ``tested``: pairs of the layer's units and columns; ``named``: the layer's units
    with a name, strongest first."""

    layer: str
    index: int
    count: int
    links: list[LinkInfo]
    mean: float
    deviation: float
    fires: float
    most: list[DriverInfo]
    least: list[DriverInfo]
    named: list[NamedUnit]
    n: int
    tested: int
    level: float


class NetworkWork(Wire):
    """What is under way of what units need: their answers to many rows, then tests. Empty: nothing."""

    doing: str
    fraction: float


class DepthReading(Wire):
    """One column at one layer, as ``deepspace.layers.depth.Reading``."""

    value: float
    low: float
    high: float
    knn: float
    control: float
    untrained: float | None
    gain: float | None
    gain_low: float | None
    gain_high: float | None
    baseline: float
    n: int


class DepthColumn(Wire):
    """Layer by layer, "input" first. ``categories``: of accuracy; without, R^2. ``descriptor``: no column of the
    user's but what can be measured of the item, ``about`` says what. ``sentence``: what one sees."""

    name: str
    descriptor: bool
    categories: int | None
    about: str
    sentence: str
    readings: list[DepthReading]


class DimensionReading(Wire):
    """How many directions a layer's answers vary in; null where too few rows differ."""

    value: float | None
    low: float | None
    high: float | None
    n: int


class DepthInfo(Wire):
    layers: list[str]
    columns: list[DepthColumn]
    dimensions: list[DimensionReading]
    n: int
    note: str


class Working(Wire):
    """How far a piece of work is: not asked for, under way, or there."""

    state: Literal["none", "making", "ready", "failed"]
    doing: str = ""
    fraction: float = 0.0
    error: str | None = None


class ReadingDepth(Working):
    found: DepthInfo | None = None


class LayerSeparation(Wire):
    """How well a column is told by the five nearest rows in a layer: accuracy of categories, else R^2."""

    column: str
    categories: bool
    value: float
    baseline: float
    n: int


class LayerMapInfo(Wire):
    """One layer's map; ``axes``: the name that the main map shows it by. ``moved``: from the map before, in spreads."""

    layer: str
    axes: str
    trustworthiness: float | None
    continuity: float | None
    measured: int
    moved: float | None
    separation: list[LayerSeparation]


class LayerMapsInfo(Wire):
    """In the order of the layers, "input" first; ``placed``: how many rows have a place, of which ``held_out`` were
    not trained on (null: nobody says)."""

    maps: list[LayerMapInfo]
    placed: int
    held_out: int | None


class MakingMaps(Working):
    found: LayerMapsInfo | None = None


class ConceptAt(Wire):
    """A selection at one layer, as ``deepspace.layers.LayerConcept``."""

    layer: str
    accuracy: float
    low: float
    high: float
    chance: float
    chance_low: float
    chance_high: float
    readable: bool


class ConceptInfo(Wire):
    """``size`` rows on each side of a classifier, out of ``selected`` and ``pool`` others; ``left_out``: layers
    without an answer, with the reason; ``sentence``: what one sees."""

    layers: list[ConceptAt]
    selected: int
    size: int
    pool: int
    runs: int
    left_out: list[str]
    sentence: str


class FindingConcept(Working):
    """``key``: of the rows that it is about."""

    key: str = ""
    found: ConceptInfo | None = None


class DreamInfo(Wire):
    """What a unit looks for, made up. ``answer``: the unit's, averaged over positions; ``strongest``: the largest to
    ``n`` real rows, and ``row_percentile`` the share of those below it; ``ratio``: null where that is not above 0.
    ``density_percentile``: how crowded the place is, of a dream through the decoder."""

    layer: str
    index: int
    through: Literal["pixels", "decoder"]
    content: Content
    answer: float
    start: float
    strongest: float
    row_percentile: float
    ratio: float | None
    n: int
    steps: int
    density_percentile: float | None


class ColumnEffect(Wire):
    name: str
    value: float


class SaliencyInfo(Wire):
    """What of a real row a latent rests on, as ``deepspace.layers.Saliency``.

    ``data``: base64 of float32, ``height`` x ``width``: of a picture summed over its channels, of a signal a line a
    channel. ``columns``: of a record or vector, the strongest of ``width``. ``most``: where colours are full.
    ``answer``: the latent's; ``baseline``: that at what the row is compared with; ``completeness``: how far the parts
    are from adding up to their difference. ``passed``, ``verdict``: of the check by redrawn weights; null: untested.
    """

    row: int
    latent: int
    form: Literal["picture", "lines", "columns"]
    method: str
    height: int
    width: int
    data: str
    most: float
    columns: list[ColumnEffect]
    answer: float
    baseline: float
    completeness: float | None
    passed: bool | None
    verdict: str
