"""Precedents of one case: the nearest real cases that were decided alike and otherwise, how they ended, what differs.

Which rows are near is said in ``nearness``. Precedents are evidence and no proof: that near cases ended well says how
such cases end, not that the predictor is right.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from deepspace.decisions.differences import Difference, Differences, given_to, told
from deepspace.decisions.nearness import Metric, Nearness, nearness
from deepspace.errors import DataError, SpaceError
from deepspace.results import Tabular, figure, text_table, wilson

if TYPE_CHECKING:
    import pyarrow as pa

    from deepspace.decisions.audit import Audit
    from deepspace.decisions.predictors.predictor import Answers

__all__ = ["CasePrecedents", "Ended", "Side", "case_precedents"]

MOST_DIFFERENCES = 4
FAR = 99.0
"""Percentile of how far rows are from their nearest row, above which a case is far from all of them."""
THIN = 1.0
"""Percentile of density below which hardly any row lies as lonely."""

Index = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Ended:
    """How many of ``n`` precedents whose outcome is known had one outcome: a share with its 95 % interval (Wilson)."""

    outcome: str
    count: int
    n: int

    @property
    def share(self) -> float:
        return self.count / self.n if self.n else float("nan")

    @property
    def interval(self) -> tuple[float, float]:
        return wilson(self.count, self.n)


@dataclass(frozen=True, eq=False)
class Side(Tabular):
    """Real rows, nearest first. index: (k,) row numbers of the space; distance: (k,); decision, truth: (k,) places in
    ``outcomes``, truth -1 where it is not known; score: (k,). differs: for each the columns in which it is most unlike
    the case, in the user's units, the most unlike first and those that the predictor is not given last; empty but for
    tables. ended: how those of known truth ended."""

    outcomes: tuple[str, ...]
    index: Index
    distance: npt.NDArray[np.float32]
    decision: Index
    score: npt.NDArray[np.float64]
    truth: Index
    differs: tuple[tuple[Difference, ...], ...]
    ended: tuple[Ended, ...]

    def __len__(self) -> int:
        return len(self.index)

    def to_arrow(self) -> pa.Table:
        import pyarrow as pa

        differs = [told(row) for row in self.differs] or [("", "")] * len(self)
        return pa.table({
            "row": self.index, "distance": self.distance, "score": self.score,
            "decision": pa.array([self.outcomes[i] for i in self.decision], pa.string()),
            "truth": pa.array([None if i < 0 else self.outcomes[i] for i in self.truth], pa.string()),
            "differs": pa.array([given for given, _ in differs], pa.string()),
            "differs_not_given": pa.array([beside for _, beside in differs], pa.string()),
        })  # fmt: skip

    def __str__(self) -> str:
        if not len(self):
            return "none"
        rows = [
            (str(i), figure(float(d)), self.outcomes[o], figure(float(s)), "-" if t < 0 else self.outcomes[t])
            for i, d, o, s, t in zip(self.index, self.distance, self.decision, self.score, self.truth, strict=True)
        ]
        lines = text_table(("row", "distance", "decision", "score", "ended"), rows).split("\n")
        for i, differences in enumerate(self.differs, 1):
            given, beside = told(differences)
            lines[i] += "  " + "; ".join(filter(None, (given, beside and f"not given to the predictor: {beside}")))
        return "\n".join([*lines, *self._shares()])

    def _shares(self) -> list[str]:
        out = []
        for ended in self.ended:
            low, high = ended.interval
            out.append(
                f"{ended.outcome}: {ended.count} of {ended.n}, {100 * ended.share:.0f} % "
                f"[{100 * low:.0f} %, {100 * high:.0f} %]"
            )
        return ["ended  " + "; ".join(out)] if out else []


@dataclass(frozen=True, eq=False)
class CasePrecedents(Tabular):
    """One case beside the real cases near it.

    decision: its place in ``outcomes``; score; truth: -1 where not known. same, opposite: the nearest rows of that
    decision and of all others; nearest: the nearest rows whatever their decision. metric: see ``nearness``.
    density_percentile: 0 to 100, the share of the space's rows that lie lonelier in latent space; distance_percentile:
    the share of rows whose nearest other row is nearer than this case's. opposite_nearer: in latent space the nearest
    row was decided otherwise. far: the case is unlike all rows. fitted: how many of the rows named the predictor may
    have been fitted on. notes: sentences, what is wrong first.
    """

    outcomes: tuple[str, ...]
    decision: int
    score: float
    truth: int
    same: Side
    opposite: Side
    nearest: Side
    metric: str
    density_percentile: float
    distance_percentile: float
    opposite_nearer: bool
    far: bool
    fitted: int
    notes: tuple[str, ...]

    def to_arrow(self) -> pa.Table:
        """Both sides as one table; ``side`` is "same" or "opposite"."""
        import pyarrow as pa

        tables = []
        for name, side in (("same", self.same), ("opposite", self.opposite)):
            table = side.to_arrow()
            tables.append(table.add_column(0, "side", pa.array([name] * len(side), pa.string())))
        return pa.concat_tables(tables)

    def __str__(self) -> str:
        ended = "" if self.truth < 0 else f", ended: {self.outcomes[self.truth]}"
        head = f"decision: {self.outcomes[self.decision]} (score {figure(self.score)}){ended}"
        parts = [*self.notes, head, "decided alike", str(self.same), "decided otherwise", str(self.opposite)]
        return "\n".join(parts)


def case_precedents(
    audit: Audit, *, row: int | None = None, x: Any = None, k: int = 5, metric: Metric = "decision"
) -> CasePrecedents:
    """The k nearest real cases on either side of the decision, for row number ``row`` of the space (itself left out)
    or for one item x in the user's units.

    metric: "decision" (what it is and what is said of it), "latent" or "input". Precedents are among ``audit.rows``;
    where a side has fewer than k, all of it is given. Of a space fitted with groups, rows of the row's own are left
    out: another visit of the same patient is no precedent. Raises SpaceError unless exactly one case is given.
    """
    if (row is None) == (x is None):
        raise SpaceError("precedents of a decision need one case: a row number, or an item x.")
    if row is not None and not 0 <= row < len(audit.space):
        raise SpaceError(f"'{audit.space.name}' has no row {row}: it has rows 0 to {len(audit.space) - 1}.")
    if k < 1:
        raise SpaceError(f"k is how many precedents there are on each side, at least 1, got {k}.")
    near = nearness(audit, metric)
    case = _row(audit, near, row) if row is not None else _item(audit, near, x)
    decision = int(case.answers.outcome[0])
    decided, everyone = audit.answers.outcome, _others(audit, row)
    alike = decided[everyone] == decision
    found = [near.nearest(case.point, k, among=places) for places in (everyone[alike], everyone[~alike], everyone)]
    differences = Differences.of(audit)
    same, opposite, nearest = (_side(audit, *pair, case, differences) for pair in found)
    truth = int(audit.truth_of([row])[0]) if row is not None and audit.target is not None else -1
    percentile = float(audit.space.density_percentile(case.z)[0])
    closest = near.percentile(float(found[2][1][0])) if len(nearest) else 100.0
    result = CasePrecedents(
        audit.outcomes, decision, float(case.answers.score[0]), truth, same, opposite, nearest, metric, percentile,
        closest, _opposite_nearer(audit, case, everyone, decision), closest >= FAR or percentile < THIN,
        int((~np.isin(np.concatenate([same.index, opposite.index]), audit.tested)).sum()), (),
    )  # fmt: skip
    return replace(result, notes=tuple(_notes(audit, result, k)))


def _others(audit: Audit, row: int | None) -> Index:
    """Places in ``audit.rows`` of the rows that are neither the case nor of its group."""
    if row is None:
        return np.arange(len(audit.rows), dtype=np.int64)
    groups = audit.space.groups
    own = audit.rows == row if groups is None else groups.codes[audit.rows] == groups.codes[row]
    return np.flatnonzero(~own)


@dataclass(frozen=True)
class _Case:
    """Each with one row: the place in the metric, latents, answers; and the cells and the encoded row of a table."""

    point: npt.NDArray[np.float32]
    z: npt.NDArray[np.float32]
    answers: Answers
    encoded: npt.NDArray[Any]
    cells: Mapping[str, Any]


def _row(audit: Audit, near: Nearness, row: int) -> _Case:
    space = audit.space
    z, encoded = np.array(space.latents.mean[[row]]), np.asarray(space.samples[[row]])
    place = int(np.searchsorted(audit.rows, row))
    if place < len(audit.rows) and audit.rows[place] == row:
        answers = audit.answers[place]
        point = near.points[place]
    else:
        answers = audit.ask_rows([row])
        point = near.placed(encoded, z, answers)[0]
    return _Case(point, z, answers, encoded, _cells_of_row(audit, row))


def _cells_of_row(audit: Audit, row: int) -> Mapping[str, Any]:
    if audit.space.schema.form != "table":
        return {}
    names = [c.name for c in audit.space.schema.features]
    cells: dict[str, Any] = audit.space.rows.table(names, [row]).to_pylist()[0]
    return cells


def _item(audit: Audit, near: Nearness, x: Any) -> _Case:
    schema: Any = audit.space.schema
    if schema.form == "table" and isinstance(x, dict) and not any(hasattr(v, "__array__") for v in x.values()):
        x = [x] if not any(isinstance(v, (list, tuple)) for v in x.values()) else x
    try:
        encoded = schema.encode(x)
    except DataError as error:
        raise SpaceError(f"this case cannot be read: {error}") from error
    if len(encoded) != 1:
        raise SpaceError(f"precedents are of one case at a time, got {len(encoded)}.")
    z, answers = np.asarray(audit.space.encode(x), np.float32), audit.ask(x)
    cells: Mapping[str, Any] = {}
    if schema.form == "table":
        table = schema._table(x) if hasattr(schema, "_table") else schema.decode(encoded)
        cells = table.select([c.name for c in schema.features]).to_pylist()[0]
    return _Case(near.placed(encoded, z, answers)[0], z, answers, encoded, cells)


def _side(
    audit: Audit, places: Index, distance: npt.NDArray[np.float32], case: _Case, differences: Differences | None
) -> Side:
    index = audit.rows[places]
    answers = audit.answers[places] if len(places) else None
    truth = np.full(len(index), -1, np.int64) if audit.target is None else audit.truth_of(index)
    differs: tuple[tuple[Difference, ...], ...] = ()
    if differences is not None:
        differs = differences.between(case.encoded[0], case.cells, index, MOST_DIFFERENCES, given_to(audit))
    known = truth[truth >= 0]
    ended = tuple(
        Ended(name, int((known == i).sum()), len(known))
        for i, name in enumerate(audit.outcomes)
        if len(known) and (len(audit.outcomes) == 2 or (known == i).any())
    )
    empty = np.empty(0)
    return Side(
        audit.outcomes, index, distance, empty.astype(np.int64) if answers is None else answers.outcome,
        empty if answers is None else answers.score, truth, differs, ended,
    )  # fmt: skip


def _opposite_nearer(audit: Audit, case: _Case, everyone: Index, decision: int) -> bool:
    """By latents alone: with the score in it, a row of the same decision is nearer by construction."""
    latent = nearness(audit, "latent")
    place = latent.placed(case.encoded, case.z, case.answers)[0]
    alike = audit.answers.outcome[everyone] == decision
    same, other = (latent.nearest(place, 1, among=everyone[mask])[1] for mask in (alike, ~alike))
    return bool(len(other) and (not len(same) or other[0] < same[0]))


def _notes(audit: Audit, found: CasePrecedents, k: int) -> list[str]:
    out = []
    if found.far:
        why = f"{figure(found.distance_percentile)} % of rows have a nearer neighbour"
        if found.density_percentile < THIN:
            why = f"{figure(found.density_percentile)} % of rows lie as lonely"
        out.append(f"this case is unlike all rows ({why}): its precedents are the nearest there are, and not near.")
    if found.opposite_nearer:
        out.append("the row most like this case was decided otherwise.")
    for name, side in (("alike", found.same), ("otherwise", found.opposite)):
        if len(side) < k:
            out.append(f"only {len(side)} rows were decided {name}; {k} were asked for.")
    if audit.target is None:
        out.append("it is not known how the precedents ended: there is no target.")
    elif found.fitted:
        total = len(found.same) + len(found.opposite)
        out.append(
            f"{found.fitted} of the {total} precedents may be rows that the predictor was fitted on: that it agrees "
            "with how they ended says little of it."
        )
    return out
