"""What a drift does to the decisions of a predictor."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from deepspace.decisions.drift.columns import Items
from deepspace.decisions.drift.results import DecisionShift
from deepspace.decisions.drift.testing import Labels, p_of, tail_of_number
from deepspace.decisions.inference import share_difference, share_p
from deepspace.decisions.predictors.predictor import outcome_name
from deepspace.errors import SpaceError

if TYPE_CHECKING:
    from deepspace.decisions.audit import Audit
    from deepspace.decisions.predictors import Answers

__all__ = ["decision_shift"]

NEAR = 0.1


def decision_shift(audit: Audit, reference: Items, current: Items, labels: Labels, truth: Any = None) -> DecisionShift:
    """labels: of reference rows and then current ones. truth: (M,) what happened to the current items, where they bring
    no target column."""
    before, after = _answers(audit, reference), _answers(audit, current)
    place = len(audit.outcomes) - 1 if audit.favourable is None else audit.favourable
    n, m = len(before), len(after)
    counts = int((before.outcome == place).sum()), int((after.outcome == place).sum())
    gap, low, high = share_difference(counts[1], m, counts[0], n)
    score = before.scores[:, 0 if before.scores.shape[1] == 1 else place]
    later = after.scores[:, 0 if after.scores.shape[1] == 1 else place]
    edge = float(np.quantile(audit.answers.margin, NEAR))
    near = int((before.margin < edge).sum()), int((after.margin < edge).sum())
    accuracy, always = _accuracy(audit, (reference, before), (current, after), truth)
    return DecisionShift(
        outcome=audit.outcomes[place],
        rates=(counts[0] / n, counts[1] / m),
        difference=gap,
        low=low,
        high=high,
        p=share_p(counts[1], m, counts[0], n),
        score=(float(score.mean()), float(later.mean())),
        score_p=p_of(tail_of_number(np.concatenate([score, later]), labels)),
        near=(near[0] / n, near[1] / m),
        near_difference=share_difference(near[1], m, near[0], n),
        accuracy=accuracy,
        n=n,
        m=m,
        always=always,
    )


def _answers(audit: Audit, items: Items) -> Answers:
    if items.rows is not None:
        return audit.ask_rows(items.rows)
    # The table and not what it came from: rows may have been drawn from it.
    return audit.ask(items.table) if items.table is not None else audit.ask_encoded(items.encoded)


def _accuracy(
    audit: Audit, reference: tuple[Items, Answers], current: tuple[Items, Answers], truth: Any
) -> tuple[tuple[float, float, float, float, float, int, int] | None, tuple[float, float] | None]:
    """(accuracy, always), as ``DecisionShift`` has them."""
    known = [_truth(audit, reference[0], None), _truth(audit, current[0], truth)]
    if any(places is None or not (places >= 0).any() for places in known):
        return None, None
    right = [
        (places == answers.outcome)[places >= 0]
        for places, (_, answers) in zip(known, (reference, current), strict=True)
        if places is not None
    ]
    (n, m), counts = (len(right[0]), len(right[1])), [int(r.sum()) for r in right]
    gap, low, high = share_difference(counts[1], m, counts[0], n)
    before, after = (float(np.bincount(p[p >= 0]).max() / (p >= 0).sum()) for p in known if p is not None)
    return (counts[0] / n, counts[1] / m, gap, low, high, n, m), (before, after)


def _truth(audit: Audit, items: Items, told: Any) -> npt.NDArray[np.int64] | None:
    """Places of what happened, -1 where it is not known; of the reference only rows the predictor was not fitted on."""
    if items.rows is not None and audit.target is not None:
        return np.where(np.isin(items.rows, audit.tested), audit.truth_of(items.rows), -1)
    if told is not None:
        values = list(told)
        if len(values) != len(items):
            raise SpaceError(f"truth has {len(values)} values for {len(items)} current items; give one an item.")
    elif audit.target is not None and items.table is not None and audit.target.name in items.table.column_names:
        values = items.table.column(audit.target.name).to_pylist()
    else:
        return None
    if audit.answers.scores.shape[1] == 1:
        numbers = np.array([np.nan if v is None else float(v) for v in values])
        level = audit.threshold if audit.threshold is not None else 0.0
        return np.where(np.isnan(numbers), -1, (numbers >= level).astype(np.int64))
    places = {name: i for i, name in enumerate(audit.outcomes)}
    return np.array([-1 if v is None else places.get(outcome_name(v), -1) for v in values], np.int64)
