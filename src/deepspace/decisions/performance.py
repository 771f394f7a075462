"""How good a predictor is on rows whose outcome is known: how often right, how well ranked, how well calibrated."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from deepspace.decisions.inference import mean_with_interval
from deepspace.errors import SpaceError
from deepspace.metrics import auroc
from deepspace.results import Tabular, figure, text_table, wilson

if TYPE_CHECKING:
    import pyarrow as pa

    from deepspace.decisions.audit import Audit
    from deepspace.decisions.predictors import Answers

__all__ = ["Bin", "Measure", "Performance", "performance"]

Floats = npt.NDArray[np.float64]
Places = npt.NDArray[np.int64]

BINS = 10
FEW = 30
"""Fewer tested rows are warned of."""
RESAMPLES, MANY = 1000, 5000
"""Of a bootstrap; a fifth of them beyond so many rows."""


@dataclass(frozen=True)
class Measure:
    """``value`` over ``n`` rows with its 95 % interval; ``baseline``: what one gets without the predictor (accuracy of
    the commonest class, error of the median), or by chance where it were perfect (calibration error); None where none
    is of use."""

    name: str
    value: float
    low: float
    high: float
    n: int
    baseline: float | None = None


@dataclass(frozen=True)
class Bin:
    """Rows whose score lies between ``low`` and ``high``: the mean of it, and the share that really had the outcome."""

    low: float
    high: float
    n: int
    score: float
    share: float
    interval: tuple[float, float]


@dataclass(frozen=True, eq=False)
class Performance(Tabular):
    """Over ``n`` rows of known outcome.

    ``measures``: in the order they are shown. ``confusion``: (K, K) counts, what happened by what was decided.
    ``bins``: calibration of the probability of the second of two outcomes, or of the decided one of more; tenths of the
    rows. ``known``: the user said that the predictor had not seen these rows. ``notes``: what is wrong, first.
    """

    outcomes: tuple[str, ...]
    n: int
    measures: tuple[Measure, ...]
    confusion: Places
    bins: tuple[Bin, ...]
    known: bool
    notes: tuple[str, ...]

    def __getitem__(self, name: str) -> Measure:
        found = next((m for m in self.measures if m.name == name), None)
        if found is None:
            raise KeyError(f"no measure {name!r}; there are {', '.join(m.name for m in self.measures)}")
        return found

    def to_arrow(self) -> pa.Table:
        import pyarrow as pa

        names = ("name", "value", "low", "high", "n", "baseline")
        columns = {name: [getattr(m, name) for m in self.measures] for name in names}
        return pa.table(columns | {"baseline": pa.array(columns["baseline"], pa.float64())})

    def __str__(self) -> str:
        rows = [
            (m.name, figure(m.value), f"[{figure(m.low)}, {figure(m.high)}]", f"{m.n:,}", figure(m.baseline))
            for m in self.measures
        ]
        counts = text_table(
            ("really \\ decided", *self.outcomes),
            [(name, *(f"{v:,}" for v in line)) for name, line in zip(self.outcomes, self.confusion, strict=True)],
        )
        measured = text_table((f"on {self.n:,} rows", "", "95 % interval", "n", "without"), rows)
        return "\n".join([*self.notes, measured, "", counts])


def performance(audit: Audit, *, seed: int = 0) -> Performance:
    """How good the predictor of an audit is, on those of ``audit.tested`` whose outcome is known.

    Shares have Wilson's interval, areas under the ROC curve DeLong's (1988), means Student's, R2 and the calibration
    error a bootstrap of 1,000. Calibration error: the mean over tenths of the rows of |share - mean score|,
    weighed by rows (Naeini 2015); it is above nought by noise alone, and its baseline says by how much.
    Raises SpaceError without a target, and where no tested row has a known outcome.
    """
    truth = audit.truth_of(audit.tested)
    known = truth >= 0
    rows, truth = audit.tested[known], truth[known]
    if not len(rows):
        raise SpaceError(
            f"none of the {len(audit.tested):,} rows to test on has a known outcome in '{audit.space.name}'; "
            "say other rows with held_out, or another target."
        )
    answers, rng = audit.ask_rows(rows), np.random.default_rng(seed)
    measures = [_accuracy(answers, truth)]
    bins: tuple[Bin, ...] = ()
    if answers.scores.shape[1] == 1:
        measures += _errors(audit, rows, answers.score, rng)
    else:
        measures += _ranking(answers, truth)
        if not _labels(answers):
            found, bins = _calibration(answers, truth, rng)
            measures += found
    measures += _by_class(answers, truth)
    confusion = np.zeros((len(answers.outcomes), len(answers.outcomes)), np.int64)
    np.add.at(confusion, (truth, answers.outcome), 1)
    notes = _notes(audit, answers, measures, len(rows))
    return Performance(answers.outcomes, len(rows), tuple(measures), confusion, bins, audit.tested_known, notes)


def _share(name: str, right: npt.NDArray[np.bool_], baseline: float | None = None) -> Measure:
    count, n = int(right.sum()), len(right)
    low, high = wilson(count, n)
    return Measure(name, count / n if n else float("nan"), low, high, n, baseline)


def _accuracy(answers: Answers, truth: Places) -> Measure:
    commonest = float(np.bincount(truth).max() / len(truth))
    return _share("accuracy", answers.outcome == truth, commonest)


def _ranking(answers: Answers, truth: Places) -> list[Measure]:
    """Area under the ROC curve: of the second of two outcomes, or of each of more against the rest."""
    found = []
    pair = len(answers.outcomes) == 2
    for place in (1,) if pair else range(len(answers.outcomes)):
        of = truth == place
        if 0 < of.sum() < len(of):
            score = answers.scores[:, place]
            area, (low, high) = auroc(score[~of], score[of])
            name = "AUC" if pair else f"AUC of {answers.outcomes[place]} against the rest"
            found.append(Measure(name, area, low, high, len(truth), 0.5))
    return found


def _by_class(answers: Answers, truth: Places) -> list[Measure]:
    found = []
    for place, name in enumerate(answers.outcomes):
        decided, really = answers.outcome == place, truth == place
        for what, among, right in (("precision", decided, really), ("recall", really, decided)):
            if among.any():
                found.append(_share(f"{what} of {name}", right[among]))
    return found


def _calibration(answers: Answers, truth: Places, rng: np.random.Generator) -> tuple[list[Measure], tuple[Bin, ...]]:
    scores, n = answers.scores, len(truth)
    happened = np.eye(scores.shape[1])[truth]
    two = scores.shape[1] == 2
    each = ((scores - happened) ** 2).sum(1) / (2 if two else 1)
    shares = happened.mean(0)
    baseline = float(((shares - happened) ** 2).sum(1).mean()) / (2 if two else 1)
    brier = Measure("Brier score", *mean_with_interval(each), n, baseline)
    score = scores[:, 1] if two else scores[np.arange(n), answers.outcome]
    right = (truth == 1 if two else truth == answers.outcome).astype(np.float64)
    order = np.argsort(score, kind="stable")
    score, right = score[order], right[order]
    parts = [part for part in np.array_split(np.arange(n), BINS) if len(part)]
    draws = RESAMPLES if n <= MANY else RESAMPLES // 5
    again = []
    for _ in range(draws):
        some = np.sort(rng.integers(0, n, n))
        again.append(_gap(score[some], right[some], parts))
    perfect = [_gap(score, (rng.random(n) < score).astype(np.float64), parts) for _ in range(RESAMPLES // 5)]
    low, high = np.percentile(again, [2.5, 97.5])
    found = _gap(score, right, parts)
    # Drawing rows again adds their noise to a figure that has it once already: the interval is laid about the figure.
    low, high = 2 * found - high, 2 * found - low
    error = Measure(
        "calibration error", found, max(0.0, min(float(low), found)), max(float(high), found), n,
        float(np.mean(perfect)),
    )  # fmt: skip
    bins = tuple(
        Bin(
            float(score[part[0]]), float(score[part[-1]]), len(part), float(score[part].mean()),
            float(right[part].mean()), wilson(int(right[part].sum()), len(part)),
        )
        for part in parts
    )  # fmt: skip
    return [brier, error], bins


def _gap(score: Floats, right: Floats, parts: list[Places]) -> float:
    """Expected calibration error. score: ascending."""
    return sum(len(p) * abs(float(score[p].mean() - right[p].mean())) for p in parts) / len(score)


def _errors(audit: Audit, rows: Places, score: Floats, rng: np.random.Generator) -> list[Measure]:
    """Of a regression, against the numbers of the target."""
    values = _numbers(audit, rows)
    away = np.abs(score - values)
    others = np.setdiff1d(audit.rows, rows)
    rest = _numbers(audit, others) if len(others) else values
    rest = rest[~np.isnan(rest)]
    middle, mean = (float(np.median(rest)), float(rest.mean())) if len(rest) else (0.0, 0.0)
    mae = Measure("mean absolute error", *mean_with_interval(away), len(rows), float(np.abs(values - middle).mean()))
    total = float(((values - values.mean()) ** 2).sum())
    if len(rows) < 3 or total == 0:
        return [mae]

    def r2(some: Places) -> float:
        deviation = ((values[some] - values[some].mean()) ** 2).sum()
        return float(1 - ((values[some] - score[some]) ** 2).sum() / deviation) if deviation > 0 else float("nan")

    low, high = np.nanpercentile([r2(rng.integers(0, len(rows), len(rows))) for _ in range(RESAMPLES)], [2.5, 97.5])
    without = float(1 - ((values - mean) ** 2).sum() / total)
    return [mae, Measure("R2", r2(np.arange(len(rows))), float(low), float(high), len(rows), without)]


def _numbers(audit: Audit, rows: Places) -> Floats:
    assert audit.target is not None
    values = audit.space.rows.table([audit.target.name], rows).column(0).to_pylist()
    return np.array([np.nan if v is None else float(v) for v in values])


def _labels(answers: Answers) -> bool:
    """Whether the predictor gives labels and no probabilities."""
    return bool(np.isin(answers.scores, (0.0, 1.0)).all())


def _notes(audit: Audit, answers: Answers, measures: list[Measure], n: int) -> tuple[str, ...]:
    notes: list[str] = []
    area: Any = next((m for m in measures if m.name == "AUC"), None)
    if area is not None and area.high < 0.5:
        notes.append(
            f"the scores run against the target (AUC {figure(area.value)}): check classes=, the predictor's order."
        )
    accuracy = measures[0]
    if accuracy.baseline is not None and accuracy.high < accuracy.baseline:
        notes.append(
            f"the predictor is right less often ({figure(accuracy.value)}) than who always says the commonest "
            f"outcome ({figure(accuracy.baseline)})."
        )
    if n < FEW:
        notes.append(f"only {n} tested rows have a known outcome: the figures may be chance.")
    if not audit.tested_known:
        if len(audit.space.validation_index):
            notes.append(
                "it is not known which rows the predictor was fitted on: these are rows that the space held out, and "
                "if the predictor saw them every figure flatters it; say held_out."
            )
        else:
            notes.append(
                "it is not known which rows the predictor was fitted on, and the space held out none: "
                "every figure may flatter it; say held_out."
            )
    if answers.scores.shape[1] > 1 and _labels(answers):
        notes.append("the predictor gives labels and no probabilities: calibration cannot be measured.")
    return tuple(notes)
