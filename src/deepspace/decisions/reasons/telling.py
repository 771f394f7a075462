"""What was found of a case, in the user's units and words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from deepspace.data.frames import as_table
from deepspace.decisions.reasons.case import LEVEL, Found
from deepspace.decisions.reasons.results import CaseReasons, Reason
from deepspace.decisions.reasons.shapley import Rows
from deepspace.decisions.reasons.wording import Wording, shown
from deepspace.results import figure

if TYPE_CHECKING:
    from deepspace.data.tables import TableSchema

__all__ = ["Case", "Teller"]


@dataclass(frozen=True)
class Case:
    """One case as it was asked about. cells: its columns in the user's units; encoded: (F,); z: (D,)."""

    item: int
    row: int | None
    cells: Mapping[str, Any]
    encoded: Rows
    z: npt.NDArray[np.float32]
    decision: str
    score: float
    adverse: bool


@dataclass(frozen=True)
class _Clause:
    """One column. side, places: as ``Wording.text`` wants them; usual: the range of a number; share: of the accepted
    cases with the reference of a category."""

    side: str
    places: Mapping[str, str]
    usual: tuple[Any, Any] | None
    share: float | None


@dataclass(frozen=True)
class Teller:
    """players: the columns of each player, as places among the schema's features."""

    schema: TableSchema
    wording: Wording
    players: tuple[tuple[int, ...], ...]
    favourable: str
    stable: float

    def names(self) -> tuple[str, ...]:
        return tuple(", ".join(self.schema.features[j].name for j in player) for player in self.players)

    def not_adverse(self, case: Case) -> CaseReasons:
        nothing = (
            f"The case is not adverse: the predictor decides {case.decision!r}, so that there is nothing to explain."
        )
        return CaseReasons(case.item, case.row, case.decision, case.score, nothing=nothing, adverse=False)

    def told(self, case: Case, found: Found) -> CaseReasons:
        if found.shapley is None or found.refs is None or found.interval is None or found.typical is None:
            nothing = (
                f"The predictor decides {self.favourable!r} once the case is read as the space encodes it (values "
                "beyond what it has seen, categories that it does not know), so that no reason would be true of it."
            )
            return CaseReasons(case.item, case.row, case.decision, case.score, nothing=nothing)
        cells = _cells(self.schema, np.concatenate([found.typical[None], found.refs]))
        values = found.shapley.values.mean(0)

        def reason(j: int, stability: float) -> Reason:
            assert found.interval is not None
            low, high = found.interval[:, j]
            return self._reason(case, cells, self.players[j], float(values[j]), (float(low), float(high)), stability)

        return CaseReasons(
            case.item, case.row, case.decision, case.score,
            tuple(reason(*pair) for pair in found.stated), tuple(reason(*pair) for pair in found.unstable),
            "" if found.stated else self._nothing(found), found.share, found.flips, found.real, found.n, self.names(),
            values, float(found.shapley.ends.mean() - found.shapley.start), found.p_value,
        )  # fmt: skip

    def _nothing(self, found: Found) -> str:
        if found.p_value > LEVEL:
            return (
                "Nothing stable was found: near this case the predictor's answers to made-up rows hang together with "
                f"those to the rows that they are made of no more than by chance (p = {figure(found.p_value)})."
            )
        return (
            f"Nothing stable was found: no column is among the principal reasons in {100 * self.stable:.0f} % of the "
            "resamples of the cases decided otherwise."
        )

    def _reason(
        self,
        case: Case,
        cells: Mapping[str, Sequence[Any]],
        player: tuple[int, ...],
        weight: float,
        interval: tuple[float, float],
        stability: float,
    ) -> Reason:
        columns = [self.schema.features[j] for j in player]
        told = [self._clause(c.name, bool(c.categories), case.cells.get(c.name), cells[c.name]) for c in columns]
        apart = [i for i, c in enumerate(columns) if not _equal(case.cells.get(c.name), cells[c.name][0])] or [0]
        lead, names = columns[apart[0]].name, tuple(c.name for c in columns)
        first, shown_of = told[apart[0]], [told[i] for i in apart]
        text = self.wording.joined(names, [c.side for c in shown_of], [c.places for c in shown_of])
        if text is None:
            text = "; ".join(self.wording.text(c.side, c.places) for c in shown_of)
        return Reason(
            lead, names, text, _plain(case.cells.get(lead)), _plain(cells[lead][0]), first.usual, first.share, weight,
            interval, stability, self.wording.code(lead, names),
        )  # fmt: skip

    def _clause(self, name: str, category: bool, value: Any, reference: Sequence[Any]) -> _Clause:
        typical, others = reference[0], list(reference[1:])
        known = sorted(v for v in others if not _missing(v)) if not category else []
        usual = (_at(known, 0.1), _at(known, 0.9)) if known and not _missing(typical) else None
        share = None if usual is not None else sum(_equal(v, typical) for v in others) / len(others)
        side = "category"
        if _missing(value):
            side = "missing"
        elif usual is not None:
            later = isinstance(typical, (int, float)) and not isinstance(typical, bool)
            side = ("high" if later else "late") if value > typical else ("low" if later else "early")
        places = {
            "column": name, "value": shown(value), "typical": shown(typical),
            "low": "" if usual is None else shown(usual[0]), "high": "" if usual is None else shown(usual[1]),
            "share": "" if share is None else f"{100 * share:.0f} %",
        }  # fmt: skip
        return _Clause(side, places, usual, share)


def _cells(schema: TableSchema, encoded: Rows) -> dict[str, list[Any]]:
    table = as_table(schema.decode(encoded))
    assert table is not None
    return {name: [_plain(v) for v in table.column(name).to_pylist()] for name in table.column_names}


def _plain(value: Any) -> Any:
    """Without the digits that an encoded row, which is float32, adds."""
    return float(f"{value:.6g}") if isinstance(value, float) and value == value else value


def _missing(value: Any) -> bool:
    return value is None or value != value


def _equal(one: Any, other: Any) -> bool:
    if _missing(one) or _missing(other):
        return _missing(one) and _missing(other)
    return bool(_plain(one) == _plain(other))


def _at(ordered: Sequence[Any], quantile: float) -> Any:
    return ordered[round(quantile * (len(ordered) - 1))]
