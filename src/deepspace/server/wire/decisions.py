"""A predictor of the user's on the map: where it changes its mind, how far the picture is true, and single cases."""

from __future__ import annotations

from typing import Literal

from deepspace.server.wire.base import Wire
from deepspace.server.wire.items import Content
from deepspace.server.wire.network import Working

__all__ = [
    "CaseInfo",
    "CaseRow",
    "ChangedCell",
    "DecidedInfo",
    "DecisionsInfo",
    "DoubtInfo",
    "DrawingInfo",
    "Likeness",
    "LookInfo",
    "Looking",
    "PairInfo",
    "PredictorInfo",
    "PredictorsInfo",
    "ReasonInfo",
    "ReasonsInfo",
    "RecourseInfo",
    "RecourseWay",
    "ShareInfo",
    "TriangleCell",
    "TriangleInfo",
    "TrustInfo",
    "WorthInfo",
    "WorthRow",
]


class ShareInfo(Wire):
    """A share of ``n`` rows, with its 95 % interval."""

    value: float
    low: float
    high: float
    n: int


class PredictorInfo(Wire):
    """One predictor; ``decision``, ``score`` and ``verdict``: the columns to colour by, the last where it is known what
    happened. ``favourable``: the place of the outcome that people want. ``values``: it answers values, no
    probabilities. ``tested``: rows that it was not fitted on, as far as is known (``tested_known``: somebody said so).
    ``python``: how a script names it."""

    index: int
    name: str
    source: str
    outcomes: list[str]
    favourable: int | None
    threshold: float | None
    values: bool
    target: str | None
    tested: int
    tested_known: bool
    notes: list[str]
    decision: int
    score: int
    verdict: int | None
    python: str


class DecisionsInfo(Wire):
    """``command``: how to begin with a predictor. ``generative``: whether places decode. ``margin``: how far beyond the
    threshold counterfactuals lie unless the page asks otherwise; ``constraints``: what they keep to, "" for nothing."""

    predictors: list[PredictorInfo]
    command: str
    generative: bool
    margin: float
    constraints: str


class TrustInfo(Wire):
    """As ``deepspace.decisions.MapTrust``."""

    accuracy: ShareInfo | None
    shown_accuracy: ShareInfo | None
    auc: float | None
    auc_low: float | None
    auc_high: float | None
    agreement: ShareInfo
    rebuilt: ShareInfo
    chance: float
    consistency: ShareInfo
    rounds: int
    by_outcome: list[ShareInfo]
    better: bool
    sentence: str


class WorthRow(Wire):
    """``value``: the margin, or how sure the predictor is."""

    row: int
    value: float


class WorthInfo(Wire):
    """Rows worth a look: the closest decisions; the surest that the map decides otherwise; the surest and wrong."""

    closest: list[WorthRow]
    differs: list[WorthRow]
    wrong: list[WorthRow]
    differs_of: int
    wrong_of: int


class LookInfo(Wire):
    """What there is so far. ``counts``: rows by outcome; ``accuracy`` and ``auc`` on the tested rows; ``drawn``: how
    often the generative drawing has changed, ``calls`` items asked for it of ``full`` for a whole lattice; ``doubt``:
    whether the hatching is there."""

    counts: list[int]
    n: int
    accuracy: ShareInfo | None = None
    auc: float | None = None
    auc_low: float | None = None
    auc_high: float | None = None
    drawn: int = 0
    traced: bool = False
    calls: int = 0
    full: int = 0
    still: ShareInfo | None = None
    doubt: bool = False
    trust: TrustInfo | None = None
    worth: WorthInfo | None = None


class Looking(Working):
    """Parts are there as they come, while it is still under way."""

    found: LookInfo | None = None


class DrawingInfo(Wire):
    """Lines on the map, x and y in turn, each between two outcomes; the outcome of each place of a grid, base64 of a
    byte each, 255 for none. The grid as in ``GridInfo``."""

    view: Literal["generative", "static"]
    origin: tuple[float, float]
    cell: float
    columns: int
    rows: int
    data: str
    lines: list[list[float]]
    between: list[tuple[int, int]]


class DoubtInfo(Wire):
    """Where at least ``level`` of the ``k`` measured rows around are decided otherwise than their places: base64 of a
    byte a cell, 1 or 0. ``share``: of all ``n`` rows; ``hatched``: of the places."""

    origin: tuple[float, float]
    cell: float
    columns: int
    rows: int
    data: str
    k: int
    level: float
    n: int
    share: float
    hatched: float


class DecidedInfo(Wire):
    """``outcome``: its place; ``score``: what it hangs on; ``scores``: of every outcome, or the one value."""

    outcome: int
    score: float
    margin: float
    scores: list[float]


class CaseRow(Wire):
    """A precedent. ``happened``: its known outcome; ``differs``: what is unlike the case, from the case to the row, the
    most unlike first; ``beside``: the same in columns that the predictor is not given."""

    row: int
    distance: float
    outcome: str
    score: float
    happened: str | None
    right: bool | None
    differs: list[str]
    beside: list[str]


class CaseInfo(Wire):
    """One row as the predictor decides it. ``shown``: as its place on the map decodes, null without a decoder.
    ``same``, ``opposite``: the real rows nearest to it with its decision and with another; ``notes``: what to know of
    them, what is wrong first."""

    row: int
    own: DecidedInfo
    shown: DecidedInfo | None
    happened: str | None
    right: bool | None
    tested: bool
    same: list[CaseRow]
    opposite: list[CaseRow]
    notes: list[str]


class ChangedCell(Wire):
    column: str
    before: str
    after: str


class RecourseWay(Wire):
    """One counterfactual, re-scored by the predictor. ``changes``: of a record; ``contents``: else the way there in
    generated items, the last one is the counterfactual; ``visible``: what a person can see of that, ``more``: how far
    it goes, both "" of a record. ``score_before``, ``score_after``: towards what is desired. ``support``: of the real
    rows nearest to it, how many are decided so. ``path``: places on the map."""

    changes: list[ChangedCell]
    contents: list[Content]
    visible: str
    more: str
    score_before: float
    score_after: float
    outcome: str
    support: ShareInfo
    distance_percentile: float
    path: list[tuple[float, float]]


class RecourseInfo(Wire):
    """What would change a decision. ``threshold``: from which score on it is ``desired``, None of many outcomes, and
    ``margin`` how far beyond. Where nothing was found ``refused`` says why, and ``closest`` came nearest."""

    row: int
    outcome: str
    desired: str
    threshold: float | None
    margin: float
    found: list[RecourseWay]
    refused: str | None
    closest: RecourseWay | None
    notes: list[str]


class ReasonInfo(Wire):
    """``stability``: the share of resamples of the accepted cases in which it is a principal reason."""

    text: str
    code: str
    stability: float
    contribution: float
    low: float
    high: float


class ReasonsInfo(Wire):
    """The principal reasons of an adverse decision relative to accepted cases; where there are none ``nothing`` says
    why. ``flips_real``: the share of ``n`` real accepted cases whose values in these columns turn the decision."""

    row: int
    reasons: list[ReasonInfo]
    unstable: list[str]
    nothing: str
    share_explained: float | None
    flips: bool | None
    flips_real: float | None
    n: int
    notes: list[str]


class Likeness(Wire):
    """How like anything seen: the combined p-value against ``n`` held-out rows. ``seen``: no row was held out."""

    row: int
    p: float
    n: int
    seen: bool
    parts: dict[str, float]


class PairInfo(Wire):
    """Two predictors: agreement on held-out rows, the rows (of all) on which they disagree, and who is right there."""

    a: int
    b: int
    agreement: ShareInfo
    rows: list[int]
    apart: int
    a_right: ShareInfo | None
    b_right: ShareInfo | None


class PredictorsInfo(Wire):
    pairs: list[PairInfo]


class TriangleCell(Wire):
    content: Content
    weights: tuple[float, float, float]
    outcome: int
    score: float


class TriangleInfo(Wire):
    """The plane through three rows: ``corners`` in the plane, small triangles as x, y of three corners each with their
    commonest outcome (-1: all differ), lines as in ``DrawingInfo``; ``films``: the middle and the corners, decoded."""

    rows: tuple[int, int, int]
    corners: list[tuple[float, float]]
    places: list[tuple[float, float]]
    outcome: list[int]
    cells: list[tuple[int, int, int]]
    lines: list[list[float]]
    own: list[int]
    shown: list[int]
    places_decoded: list[TriangleCell]
    lowest: float
