"""One case as a predictor decides it, for the page: its decode, the cases near it, what would change it, and why."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from deepspace.decisions import case_precedents
from deepspace.decisions.counterfactuals import counterfactuals
from deepspace.decisions.reasons import reasons
from deepspace.server import wire
from deepspace.server.formatting import cell

if TYPE_CHECKING:
    from deepspace.decisions import Answers, Audit
    from deepspace.decisions.case_precedents import Side
    from deepspace.decisions.counterfactuals import Constraints, Counterfactual
    from deepspace.server.items import Items

__all__ = ["Cases", "Recourse"]

PRECEDENTS = 5
WAYS = 3
_FRAMES = 7
_DIGITS = 6


class Recourse(NamedTuple):
    """How counterfactuals are asked for where the page says nothing else."""

    constraints: Constraints | None = None
    margin: float = 0.0


class Cases:
    """Of the rows of one space."""

    def __init__(self, items: Items, asked: Recourse) -> None:
        self.items, self.space, self.asked = items, items.space, asked

    def of(self, audit: Audit, row: int) -> wire.CaseInfo:
        own = audit.ask_rows([row])
        shown = None
        if "decoder" not in self.space.lacks:
            shown = audit.ask_latents(self.space.latents.mean[row : row + 1], like=[row])
        found = case_precedents(audit, row=row, k=PRECEDENTS)
        return wire.CaseInfo(
            row=row,
            own=_decided(own),
            shown=None if shown is None else _decided(shown),
            happened=None if found.truth < 0 else audit.outcomes[found.truth],
            right=None if found.truth < 0 else found.truth == found.decision,
            tested=bool(np.isin(row, audit.tested)),
            same=_side(found.same),
            opposite=_side(found.opposite),
            notes=list(found.notes),
        )

    def recourse(self, audit: Audit, row: int, margin: float | None = None) -> wire.RecourseInfo:
        """What would change the decision on a row."""
        margin = self.asked.margin if margin is None else margin
        found = counterfactuals(audit, rows=[row], k=WAYS, constraints=self.asked.constraints, margin=margin)
        case = found[0]
        level = audit.threshold
        if level is not None and audit.predictor.kind != "values" and case.desired == audit.outcomes[0]:
            level = 1 - level  # of the first outcome's probability
        return wire.RecourseInfo(
            row=row,
            outcome=case.outcome,
            desired=case.desired,
            threshold=level,
            margin=margin,
            found=[self._way(one, row) for one in case.found],
            refused=case.refused,
            closest=None if case.closest is None else self._way(case.closest, row),
            notes=[*found.notes, *case.notes],
        )

    def _way(self, found: Counterfactual, row: int) -> wire.RecourseWay:
        kinds, contents = self.items.kinds, []
        if self.space.schema.form != "table":
            steps = found.encoded[None] if found.path_encoded is None else np.asarray(found.path_encoded)
            chosen = np.unique(np.linspace(0, len(steps) - 1, _FRAMES).round().astype(np.int64))
            contents = self.items.small(np.asarray(steps[chosen], np.float32), [row] * len(chosen))
        return wire.RecourseWay(
            changes=[
                wire.ChangedCell(
                    column=c.column,
                    before=cell(c.before, kinds.get(c.column, ""), digits=_DIGITS),
                    after=cell(c.after, kinds.get(c.column, ""), digits=_DIGITS),
                )
                for c in found.changes
            ],
            contents=contents,
            visible="" if found.visible is None else found.visible.text,
            more="" if found.visible is None else found.visible.more,
            score_before=found.score_before,
            score_after=found.score_after,
            outcome=found.outcome,
            support=wire.ShareInfo(
                value=found.confidence.share, low=found.confidence.low, high=found.confidence.high, n=found.confidence.n
            ),
            distance_percentile=found.distance_percentile,
            path=[] if found.path is None else [(float(x), float(y)) for x, y in found.path],
        )

    def reasons(self, audit: Audit, row: int) -> wire.ReasonsInfo:
        """Raises ModelError or SpaceError, with what to do, where there can be none."""
        found = reasons(audit, rows=[row])
        case = found[0]
        return wire.ReasonsInfo(
            row=row,
            reasons=[
                wire.ReasonInfo(
                    text=r.text,
                    code=r.code,
                    stability=r.stability,
                    contribution=r.contribution,
                    low=r.interval[0],
                    high=r.interval[1],
                )
                for r in case.reasons
            ],
            unstable=[f"{r.column} ({100 * r.stability:.0f} %)" for r in case.unstable],
            nothing=case.nothing,
            share_explained=case.share_explained,
            flips=case.flips,
            flips_real=case.flips_real,
            n=case.n,
            notes=list(found.notes),
        )


def _side(side: Side) -> list[wire.CaseRow]:
    rows = zip(side.index, side.distance, side.decision, side.score, side.truth, strict=True)
    return [
        wire.CaseRow(
            row=int(row),
            distance=float(distance),
            outcome=side.outcomes[decision],
            score=float(score),
            happened=None if truth < 0 else side.outcomes[truth],
            right=None if truth < 0 else bool(truth == decision),
            differs=[str(d) for d in side.differs[i] if d.given is not False] if side.differs else [],
            beside=[str(d) for d in side.differs[i] if d.given is False] if side.differs else [],
        )
        for i, (row, distance, decision, score, truth) in enumerate(rows)
    ]


def _decided(answers: Answers) -> wire.DecidedInfo:
    return wire.DecidedInfo(
        outcome=int(answers.outcome[0]),
        score=float(answers.score[0]),
        margin=float(answers.margin[0]),
        scores=[float(s) for s in answers.scores[0]],
    )
