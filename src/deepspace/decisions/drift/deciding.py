"""What a drift does to the decisions of a predictor."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from deepspace.decisions.drift.columns import Items
from deepspace.decisions.drift.results import DecisionShift, OutcomeShift
from deepspace.decisions.drift.testing import Labels, stepped, tail_of_category, tail_of_number
from deepspace.decisions.inference import share_difference
from deepspace.decisions.predictors.predictor import outcome_name
from deepspace.errors import SpaceError

if TYPE_CHECKING:
    from deepspace.decisions.audit import Audit
    from deepspace.decisions.predictors import Answers

__all__ = ["decision_shift"]

Floats = npt.NDArray[np.float64]
Index = npt.NDArray[np.int64]

NEAR = 0.1


def decision_shift(
    audit: Audit, reference: Items, current: Items, labels: Labels, truth: Any = None
) -> tuple[DecisionShift, Floats]:
    """And the largest statistic (B,) of all its tests, as one. labels: of reference rows and then current ones. truth:
    (M,) what happened to the current items, where they bring no target column."""
    before, after = _answers(audit, reference), _answers(audit, current)
    decided = np.concatenate([before.outcome, after.outcome])
    scores = np.concatenate([before.scores, after.scores])
    edge = float(np.quantile(audit.answers.margin, NEAR))
    close = np.concatenate([before.margin, after.margin]) < edge
    last = len(audit.outcomes) - 1 if audit.favourable is None else audit.favourable
    places = [last] if len(audit.outcomes) == 2 else list(range(len(audit.outcomes)))
    of_scores = [scores[:, 0 if scores.shape[1] == 1 else place] for place in places]
    happened = _happened(audit, reference, current, truth)
    tails = [tail_of_category((decided == place).astype(np.int64), labels) for place in places]
    tails += [tail_of_number(score, labels) for score in of_scores]
    tails.append(tail_of_category(close.astype(np.int64), labels))
    if happened is not None:
        known = happened >= 0
        tails.append(tail_of_category((happened == decided)[known].astype(np.int64), labels[known]))
    p, raised = stepped(np.stack(tails))
    n, k = len(before), len(places)
    outcomes = [
        _outcome(audit.outcomes[place], decided == place, score, n, (p[i], p[k + i], min(raised[i], raised[k + i])))
        for i, (place, score) in enumerate(zip(places, of_scores, strict=True))
    ]
    strength = [max(tails[i][0], tails[k + i][0]) for i in range(k)]
    order = sorted(range(k), key=lambda i: (outcomes[i].adjusted, -strength[i], i))
    accuracy, always = (None, None) if happened is None else _accuracy(happened, decided, n)
    shift = DecisionShift(
        outcomes=tuple(outcomes[i] for i in order),
        near=(float(close[:n].mean()), float(close[n:].mean())),
        near_difference=share_difference(int(close[n:].sum()), len(after), int(close[:n].sum()), n),
        near_p=float(raised[2 * k]),
        accuracy=accuracy,
        accuracy_p=float(raised[2 * k + 1]) if accuracy else float("nan"),
        n=n,
        m=len(after),
        always=always,
    )
    return shift, np.asarray(np.max(tails, axis=0))


def _outcome(
    name: str, decided: npt.NDArray[np.bool_], score: Floats, n: int, p: tuple[float, float, float]
) -> OutcomeShift:
    """n: reference rows, which come first. p: of the rate, of the scores, and adjusted."""
    counts, m = (int(decided[:n].sum()), int(decided[n:].sum())), len(decided) - n
    gap, low, high = share_difference(counts[1], m, counts[0], n)
    means = float(score[:n].mean()), float(score[n:].mean())
    rate_p, score_p, adjusted = map(float, p)
    return OutcomeShift(name, (counts[0] / n, counts[1] / m), gap, low, high, rate_p, means, score_p, adjusted)


def _answers(audit: Audit, items: Items) -> Answers:
    if items.rows is not None:
        return audit.ask_rows(items.rows)
    # The table and not what it came from: rows may have been drawn from it.
    return audit.ask(items.table) if items.table is not None else audit.ask_encoded(items.encoded)


def _happened(audit: Audit, reference: Items, current: Items, truth: Any) -> Index | None:
    """(N,): places of what happened, -1 where it is not known; None where one side has no row of which it is."""
    known = [_truth(audit, reference, None), _truth(audit, current, truth)]
    if any(places is None or not (places >= 0).any() for places in known):
        return None
    return np.concatenate([places for places in known if places is not None])


def _accuracy(
    happened: Index, decided: Index, n: int
) -> tuple[tuple[float, float, float, float, float, int, int], tuple[float, float]]:
    """(accuracy, always), as ``DecisionShift`` has them. n: reference rows, which come first."""
    sides = [(happened[part], decided[part]) for part in (slice(None, n), slice(n, None))]
    right = [(places == answers)[places >= 0] for places, answers in sides]
    (n, m), counts = (len(right[0]), len(right[1])), [int(r.sum()) for r in right]
    gap, low, high = share_difference(counts[1], m, counts[0], n)
    before, after = (float(np.bincount(p[p >= 0]).max() / (p >= 0).sum()) for p, _ in sides)
    return (counts[0] / n, counts[1] / m, gap, low, high, n, m), (before, after)


def _truth(audit: Audit, items: Items, told: Any) -> Index | None:
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
