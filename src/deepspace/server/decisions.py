"""Predictors under audit, for the page: what the map shows of each, how far that is true, and single cases."""

from __future__ import annotations

import base64
import threading
from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from deepspace.decisions import Audit
from deepspace.decisions.boundary import Boundary, Doubt, Share, Triangle, triangle
from deepspace.errors import SpaceError
from deepspace.metrics import ood
from deepspace.server import wire
from deepspace.server.cases import Cases, Recourse
from deepspace.server.looks import Look, share_info

if TYPE_CHECKING:
    from deepspace.server.columns import Columns
    from deepspace.server.items import Items

__all__ = ["Decisions", "add_columns"]

_ROWS = 2000
"""Rows on which two predictors disagree that the page is told by number."""
_STEPS = 40
_DECODED = ((1 / 3, 1 / 3, 1 / 3), (0.5, 0.5, 0.0), (0.0, 0.5, 0.5), (0.5, 0.0, 0.5))


class Decisions:
    """What the Decisions tab asks of one space. Safe to call from several threads.

    columns: those of each audit, as ``add_columns`` gives them.
    """

    def __init__(
        self,
        items: Items,
        audits: Sequence[Audit],
        columns: Sequence[tuple[int, int, int | None]],
        recourse: Recourse | None = None,
    ) -> None:
        self.items, self.space, self.audits, self.columns = items, items.space, list(audits), list(columns)
        self.looks = [Look(audit) for audit in self.audits]
        self.cases = Cases(items, recourse or Recourse())
        self._slow = threading.Lock()
        self.likeness = lru_cache(maxsize=512)(self._likeness)
        self.triangle = lru_cache(maxsize=32)(self._triangle)

    def audit(self, number: int) -> Audit:
        """Raises SpaceError for one that is not there."""
        if not 0 <= number < len(self.audits):
            raise SpaceError(f"There is no predictor {number}; this page was started with {len(self.audits)}.")
        return self.audits[number]

    def look(self, number: int) -> Look:
        self.audit(number)
        return self.looks[number]

    def info(self) -> wire.DecisionsInfo:
        target = self.space.schema.target
        asked = "" if target is None else f" --target {target.name}"
        return wire.DecisionsInfo(
            predictors=[self._predictor(i) for i in range(len(self.audits))],
            command=f"deepspace explore {self.space.folder.name} --predictor model.onnx{asked}",
            generative="decoder" not in self.space.lacks,
            margin=self.cases.asked.margin,
            constraints=str(self.cases.asked.constraints) if self.cases.asked.constraints else "",
        )

    def _predictor(self, number: int) -> wire.PredictorInfo:
        audit = self.audits[number]
        decision, score, verdict = self.columns[number]
        options = "" if audit.favourable is None else f", favourable={audit.outcomes[audit.favourable]!r}"
        if audit.threshold not in (None, 0.5):
            options += f", threshold={audit.threshold!r}"
        return wire.PredictorInfo(
            index=number,
            name=_titles(self.audits)[number],
            source=audit.predictor.source,
            outcomes=list(audit.outcomes),
            favourable=audit.favourable,
            threshold=audit.threshold,
            values=audit.predictor.kind == "values",
            target=None if audit.target is None else audit.target.name,
            tested=len(audit.tested),
            tested_known=audit.tested_known,
            notes=list(audit.notes),
            decision=decision,
            score=score,
            verdict=verdict,
            python=f"audit = space.audit(model{options})",
        )

    def drawing(self, number: int, view: str) -> wire.DrawingInfo:
        """Raises SpaceError while there is none."""
        found = self.look(number).drawings.get(view)
        if found is None:
            raise SpaceError(f"The {view} view of predictor {number} is not drawn yet.")
        return _drawing(found)

    def doubt(self, number: int) -> wire.DoubtInfo:
        found = self.look(number).doubt
        if found is None:
            raise SpaceError(f"It is not measured yet where predictor {number} and its picture disagree.")
        return _doubt(found)

    def case(self, number: int, row: int) -> wire.CaseInfo:
        audit = self.audit(number)
        self._check(row)
        return self.cases.of(audit, row)

    def recourse(self, number: int, row: int, margin: float | None = None) -> wire.RecourseInfo:
        """margin: None for the one that the page was started with. Raises SpaceError for one that cannot be."""
        audit = self.audit(number)
        self._check(row)
        return self.cases.recourse(audit, row, margin)

    def reasons(self, number: int, row: int) -> wire.ReasonsInfo:
        audit = self.audit(number)
        self._check(row)
        return self.cases.reasons(audit, row)

    def _check(self, row: int) -> None:
        if row >= len(self.space):
            raise SpaceError(f"There is no row {row}; '{self.space.name}' has {len(self.space)}, counted from 0.")

    def _likeness(self, row: int) -> wire.Likeness:
        """Some seconds at the first ask, which learns what is usual."""
        self._check(row)
        with self._slow:
            found = ood(self.space, self.space.schema.decode(np.asarray(self.space.samples[row : row + 1])))
        return wire.Likeness(
            row=row,
            p=float(found.combined_p[0]),
            n=found.n,
            seen=found.seen,
            parts={name: float(p[0]) for name, p in found.p.items()},
        )

    def pairs(self) -> wire.PredictorsInfo:
        """Of the rows alone: where they disagree on the map is seen by looking from one to the other."""
        from deepspace.decisions.boundary.comparing import pairs_of

        if len(self.audits) < 2:
            return wire.PredictorsInfo(pairs=[])
        return wire.PredictorsInfo(
            pairs=[
                wire.PairInfo(
                    a=pair.a,
                    b=pair.b,
                    agreement=share_info(pair.agreement),
                    rows=pair.rows[:_ROWS].tolist(),
                    apart=len(pair),
                    a_right=_optional(pair.a_right),
                    b_right=_optional(pair.b_right),
                )
                for pair in pairs_of(self.audits)
            ]
        )

    def _triangle(self, number: int, a: int, b: int, c: int) -> wire.TriangleInfo:
        audit = self.audit(number)
        found = triangle(audit, a, b, c, resolution=_STEPS)
        return wire.TriangleInfo(
            rows=found.rows,
            corners=_pairs(found.corners),
            places=_pairs(found.places),
            outcome=found.outcome.tolist(),
            cells=[(int(i), int(j), int(k)) for i, j, k in found.cells],
            lines=[line.ravel().tolist() for line in found.lines],
            own=found.own.tolist(),
            shown=found.shown.tolist(),
            places_decoded=self._between(audit, found),
            lowest=float(found.density_percentile.min()),
        )

    def _between(self, audit: Audit, found: Triangle) -> list[wire.TriangleCell]:
        weights = np.array(_DECODED)
        z = (weights @ np.asarray(self.space.latents.mean[list(found.rows)], np.float64)).astype(np.float32)
        encoded = audit.decoded(z)
        answers = audit.ask_encoded(encoded, like=np.asarray(found.rows)[weights.argmax(1)])
        contents = self.items.inline(encoded, [found.rows[0]] * len(z))
        return [
            wire.TriangleCell(content=content, weights=w, outcome=int(o), score=float(s))
            for content, w, o, s in zip(contents, _DECODED, answers.outcome, answers.score, strict=True)
        ]


def _titles(audits: Sequence[Audit]) -> list[str]:
    """Each predictor's name; with its number where two have the same."""
    names = [a.predictor.name for a in audits]
    return [n if names.count(n) == 1 else f"{n} {i + 1}" for i, n in enumerate(names)]


def add_columns(columns: Columns, audits: Sequence[Audit]) -> list[tuple[int, int, int | None]]:
    """Adds the decision of each predictor, its score, and whether it was right, to what the map can be coloured by; the
    predictor is asked when one is first looked at. Gives the numbers of the three, the last None without a target."""
    found = []
    for name, audit in zip(_titles(audits), audits, strict=True):
        decision = columns.add_named(f"decision of {name}", list(audit.outcomes), _decision_of(audit))
        bounds = (None, None) if audit.predictor.kind == "values" else (0.0, 1.0)
        score = columns.add_figure(f"score of {name}", bounds, _score_of(audit))
        verdict = None
        if audit.target is not None:
            verdict = columns.add_named(f"{name} against what happened", ["right", "wrong"], _verdict_of(audit))
        found.append((decision, score, verdict))
    return found


def _decision_of(audit: Audit) -> Any:
    return lambda: _laid(audit, audit.answers.outcome, -1)


def _verdict_of(audit: Audit) -> Any:
    def read() -> npt.NDArray[np.int64]:
        truth = audit.truth
        return _laid(audit, np.where(truth < 0, -1, (truth != audit.answers.outcome).astype(np.int64)), -1)

    return read


def _score_of(audit: Audit) -> Any:
    return lambda: _laid(audit, audit.answers.score, np.nan)


def _laid(audit: Audit, values: npt.NDArray[Any], none: float) -> npt.NDArray[Any]:
    """(N,): of all rows of the space, ``none`` for those that the audit is not about."""
    every = np.full(len(audit.space), none, values.dtype)
    every[audit.rows] = values
    return every


def _optional(share: Share | None) -> wire.ShareInfo | None:
    return None if share is None else share_info(share)


def _pairs(values: npt.NDArray[Any]) -> list[tuple[float, float]]:
    return [(float(x), float(y)) for x, y in values]


def _drawing(found: Boundary) -> wire.DrawingInfo:
    outcome = np.where(found.outcome < 0, 255, found.outcome).astype(np.uint8)
    digits = 5  # a hundred thousandth of the map's side
    return wire.DrawingInfo(
        view=found.view,
        origin=found.origin,
        cell=found.cell,
        columns=outcome.shape[1],
        rows=outcome.shape[0],
        data=base64.b64encode(outcome.tobytes()).decode(),
        lines=[np.round(line, digits).ravel().tolist() for line in found.lines],
        between=list(found.between),
    )


def _doubt(found: Doubt) -> wire.DoubtInfo:
    held = found.doubtful.astype(np.uint8)
    return wire.DoubtInfo(
        origin=found.origin,
        cell=found.cell,
        columns=held.shape[1],
        rows=held.shape[0],
        data=base64.b64encode(held.tobytes()).decode(),
        k=found.k,
        level=found.level,
        n=found.n,
        share=found.share,
        hatched=found.hatched,
    )
