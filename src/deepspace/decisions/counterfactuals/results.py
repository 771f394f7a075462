"""What a search for counterfactuals answers: of one factual, and of many."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from deepspace.decisions.cases import CaseSequence
from deepspace.results import Tabular, figure

if TYPE_CHECKING:
    import pyarrow as pa

    from deepspace.decisions.counterfactuals.visible import Visible

__all__ = ["CaseCounterfactuals", "Change", "Counterfactual", "Counterfactuals", "Support"]


class Change(NamedTuple):
    """One cell, in the user's units; None where missing."""

    column: str
    before: Any
    after: Any

    def __str__(self) -> str:
        return f"{self.column} from {_cell(self.before)} to {_cell(self.after)}"


class Support(NamedTuple):
    """Of the ``n`` real rows nearest to a counterfactual, the ``share`` that the predictor decides as it, with its 95 %
    interval (Wilson). It says whether the counterfactual is among such cases, not that the change would work."""

    share: float
    low: float
    high: float
    n: int


@dataclass(frozen=True, eq=False)
class Counterfactual:
    """One way to another decision, as the predictor itself scored it.

    ``encoded``: (*shape); ``record``: a table's row in the user's units, else empty; ``content``: the item in the
    user's units where it is no table, marked as ``generated``. ``changes``: what differs from the factual.
    ``score_before``, ``score_after``: the probability of the desired outcome, or a regression's value. ``sparsity``:
    columns changed (L0). ``proximity``: L1, for tables the summed shift of ordered columns as shares of the training
    rows passed and 1 for any other cell that changed; else the root mean square of the difference, encoded.
    ``distance``: mean distance to the 5 nearest training rows; ``distance_percentile``: the share of training rows
    that are farther from theirs, 0 as odd as the oddest. ``confidence``: see ``Support``. ``latents``: (D,) or None.
    ``path``: (n, 2) places on the map on the way from the factual, and ``path_encoded`` (n, *shape) what is there;
    None without an encoder. ``visible``: of pictures and signals, what a person can see of the change.
    """

    encoded: npt.NDArray[Any]
    record: dict[str, Any]
    content: Any
    changes: tuple[Change, ...]
    score_before: float
    score_after: float
    outcome: str
    sparsity: int
    proximity: float
    distance: float
    distance_percentile: float
    confidence: Support
    latents: npt.NDArray[np.float32] | None
    path: npt.NDArray[np.float32] | None
    path_encoded: npt.NDArray[Any] | None
    generated: bool
    noun: str = "probability"
    visible: Visible | None = None

    def __str__(self) -> str:
        made = "the generated item" if self.visible is None else f"the generated item: {self.visible}"
        what = ", ".join(map(str, self.changes)) if self.changes else made
        return (
            f"{what} ({self.noun} {figure(self.score_before)} -> {figure(self.score_after)}; "
            f"{100 * self.confidence.share:.0f} % of the {self.confidence.n} most similar real rows are decided so)"
        )


@dataclass(frozen=True, eq=False)
class CaseCounterfactuals:
    """Of one factual. ``item``: its place among those asked about; ``row``: its number in the space, or None;
    ``outcome``, ``desired``: names; ``found``: best first, empty where ``refused`` says why; ``closest``: then the
    permitted item that came nearest, which is *not* decided as desired, or None where nothing may change."""

    item: int
    row: int | None
    encoded: npt.NDArray[Any]
    record: dict[str, Any]
    outcome: str
    desired: str
    score: float
    found: tuple[Counterfactual, ...]
    refused: str | None
    closest: Counterfactual | None
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.found)

    def __iter__(self) -> Iterator[Counterfactual]:
        return iter(self.found)

    @property
    def name(self) -> str:
        return f"item {self.item}" if self.row is None else f"row {self.row}"

    def __str__(self) -> str:
        head = f"{self.name}: decided '{self.outcome}'"
        if self.refused is not None:
            lines = [f"{head}; no counterfactual: {self.refused}"]
            if self.closest is not None:
                lines.append(f"  closest miss: {self.closest}")
        else:
            count = "one of these" if len(self.found) > 1 else "this"
            lines = [f"{head}; '{self.desired}' would need {count}:"]
            lines += [f"  {i}. {found}" for i, found in enumerate(self.found, 1)]
        return "\n".join([*lines, *(f"  note: {note}" for note in self.notes)])


@dataclass(frozen=True, eq=False)
class Counterfactuals(Tabular, CaseSequence[CaseCounterfactuals]):
    """Of every factual, in the order asked. ``k``: at most that many each; ``seed``; ``predictor``: its name."""

    cases: tuple[CaseCounterfactuals, ...]
    predictor: str
    constraints: Any
    k: int
    seed: int
    notes: tuple[str, ...] = ()

    @property
    def coverage(self) -> tuple[int, int]:
        """(factuals with a counterfactual, factuals)."""
        return sum(bool(case.found) for case in self.cases), len(self.cases)

    def to_arrow(self) -> pa.Table:
        """One line a counterfactual, and one for each factual without any, with the reason."""
        import pyarrow as pa

        lines = [_line(case, rank, found) for case in self.cases for rank, found in enumerate(case.found, 1)]
        lines += [_line(case, None, None) for case in self.cases if not case.found]
        lines.sort(key=lambda line: (line["item"], line["rank"] or 0))
        return pa.Table.from_pylist(lines, schema=_schema())

    def __str__(self) -> str:
        some, every = self.coverage
        head = f"counterfactuals for {some:,} of {every:,} items, as {self.predictor} itself scored them"
        shown = [str(case) for case in self.cases[:10]]
        if every > 10:
            shown.append(f"... and {every - 10:,} more")
        return "\n".join([head, *(f"note: {note}" for note in self.notes), *shown])


def _cell(value: Any) -> str:
    if value is None:
        return "missing"
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return str(value)
    return f"{value:,}" if isinstance(value, int) else f"{value:,.6g}"


def _schema() -> pa.Schema:
    import pyarrow as pa

    return pa.schema({
        "item": pa.int64(), "row": pa.int64(), "outcome": pa.string(), "desired": pa.string(), "rank": pa.int64(),
        "changes": pa.string(), "score_before": pa.float64(), "score_after": pa.float64(), "sparsity": pa.int64(),
        "proximity": pa.float64(), "distance": pa.float64(), "distance_percentile": pa.float64(),
        "confidence": pa.float64(), "refused": pa.string(),
    })  # fmt: skip


def _line(case: CaseCounterfactuals, rank: int | None, found: Counterfactual | None) -> dict[str, Any]:
    line: dict[str, Any] = {
        "item": case.item, "row": case.row, "outcome": case.outcome, "desired": case.desired, "rank": rank,
        "score_before": case.score, "refused": case.refused,
    }  # fmt: skip
    if found is not None:
        line |= {
            "changes": "; ".join(map(str, found.changes)) or str(found.visible or ""), "score_after": found.score_after,
            "sparsity": found.sparsity, "proximity": found.proximity, "distance": found.distance,
            "distance_percentile": found.distance_percentile, "confidence": found.confidence.share,
        }  # fmt: skip
    return line
