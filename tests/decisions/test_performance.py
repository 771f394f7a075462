"""Performance: each figure by its definition, and what is said where it cannot be had."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, brier_score_loss, r2_score, roc_auc_score

from deepspace.decisions import Audit
from deepspace.decisions.performance import BINS, performance
from deepspace.errors import SpaceError
from deepspace.results import wilson
from tests.decisions import planted


def _half_right(rows: Any) -> np.ndarray:
    """Scores that know the income and not the debt."""
    return np.asarray(1 / (1 + np.exp(-(rows["income"] - planted.FLOOR) / 8)), float)


@pytest.fixture(scope="module")
def audit(planted_space: Any) -> Audit:
    return Audit(planted_space, _half_right, favourable="yes", held_out=planted_space.validation_index)


def test_figures_are_those_of_scikit_learn_on_the_tested_rows(audit: Audit) -> None:
    found = performance(audit)
    rows = planted.frame().iloc[audit.tested]
    score, truth = _half_right(rows), planted.rule(rows)
    assert found.n == len(audit.tested) == 225
    assert found["accuracy"].value == pytest.approx(accuracy_score(truth, score >= 0.5))
    assert (found["accuracy"].low, found["accuracy"].high) == wilson(int(((score >= 0.5) == truth).sum()), 225)
    assert found["accuracy"].baseline == pytest.approx(max(truth.mean(), 1 - truth.mean()))
    assert found["AUC"].value == pytest.approx(roc_auc_score(truth, score))
    assert found["AUC"].low < found["AUC"].value < found["AUC"].high
    assert found["Brier score"].value == pytest.approx(brier_score_loss(truth, score))
    np.testing.assert_array_equal(
        found.confusion,
        [[(~truth & (score < 0.5)).sum(), (~truth & (score >= 0.5)).sum()],
         [(truth & (score < 0.5)).sum(), (truth & (score >= 0.5)).sum()]],
    )  # fmt: skip
    assert found["recall of yes"].value == pytest.approx(found.confusion[1, 1] / found.confusion[1].sum())
    assert found["precision of yes"].value == pytest.approx(found.confusion[1, 1] / found.confusion[:, 1].sum())
    assert found.known
    assert not found.notes
    assert found.to_arrow().num_rows == len(found.measures)
    assert "95 % interval" in str(found)


def test_calibration_error_is_the_mean_gap_over_tenths(audit: Audit) -> None:
    found = performance(audit)
    rows = planted.frame().iloc[audit.tested]
    score, truth = _half_right(rows), planted.rule(rows)
    order = np.argsort(score)
    gaps = [len(p) * abs(score[p].mean() - truth[p].mean()) for p in np.array_split(order, BINS)]
    assert found["calibration error"].value == pytest.approx(sum(gaps) / len(score))
    assert sum(b.n for b in found.bins) == len(score)
    assert all(b.interval[0] <= b.share <= b.interval[1] for b in found.bins)


def test_what_a_calibrated_predictor_has_by_chance_stands_beside_it(planted_space: Any) -> None:
    """Truth drawn by the scores themselves: the error is near its baseline and not near nought."""
    audit = Audit(planted_space, planted.random_predictor, held_out=planted_space.validation_index)
    errors, baselines = [], []
    for seed in range(8):
        score = audit.ask_rows(audit.tested).score
        drawn = (np.random.default_rng(seed).random(len(score)) < score).astype(np.int64)
        audit.truth_of = lambda index, drawn=drawn: drawn  # type: ignore[method-assign]
        measure = performance(audit, seed=seed)["calibration error"]
        errors.append(measure.value)
        baselines.append(measure.baseline)
    assert np.mean(errors) == pytest.approx(np.mean(baselines), rel=0.2)
    assert np.mean(errors) > 0.03


def test_scores_that_run_against_the_target_are_said_to(planted_space: Any) -> None:
    audit = Audit(planted_space, lambda rows: 1 - planted.predictor(rows))
    found = performance(audit)
    assert found["AUC"].value < 0.05
    assert "check classes=" in found.notes[0]
    assert any("less often" in note for note in found.notes)
    assert any("not known which rows the predictor was fitted on" in note for note in found.notes)


def test_a_random_predictor_is_no_better_than_chance(planted_space: Any) -> None:
    found = performance(Audit(planted_space, planted.random_predictor, held_out=np.arange(900)))
    assert found["AUC"].low < 0.5 < found["AUC"].high


def test_several_classes_and_labels(planted_space: Any) -> None:
    jobs = ("clerk", "driver", "engineer", "nurse")
    audit = Audit(planted_space, lambda rows: np.asarray(rows["job"]), target="job", kind="labels", classes=jobs)
    found = performance(audit)
    assert found["accuracy"].value == 1
    assert {f"AUC of {job} against the rest" for job in jobs} <= {m.name for m in found.measures}
    assert any("labels and no probabilities" in note for note in found.notes)
    assert not found.bins


def test_a_regression_has_errors_in_the_targets_units(planted_space: Any) -> None:
    rows = planted.frame()
    audit = Audit(
        planted_space,
        lambda rows: rows["age"] + 3.0,
        kind="values",
        target="age",
        threshold=45,
        held_out=np.arange(300),
    )
    found = performance(audit)
    assert found["mean absolute error"].value == pytest.approx(3)
    assert found["R2"].value == pytest.approx(r2_score(rows["age"][:300], rows["age"][:300] + 3.0))
    assert found["R2"].low <= found["R2"].value <= found["R2"].high
    truth = rows["age"][:300] >= 45
    assert found["accuracy"].value == pytest.approx(accuracy_score(truth, rows["age"][:300] + 3.0 >= 45))
    assert found["mean absolute error"].baseline == pytest.approx(
        np.abs(rows["age"][:300] - rows["age"][300:].median()).mean()
    )


def test_without_a_known_outcome_it_is_refused(planted_space: Any) -> None:
    with pytest.raises(SpaceError, match="name a target column"):
        performance(Audit(planted_space, planted.predictor, target="none", classes=("no", "yes")))
    audit = Audit(planted_space, planted.predictor)
    audit.truth_of = lambda index: np.full(len(index), -1)  # type: ignore[method-assign]
    with pytest.raises(SpaceError, match="none of the 225 rows to test on has a known outcome"):
        performance(audit)


def test_few_rows_are_warned_of(planted_space: Any) -> None:
    found = performance(Audit(planted_space, _half_right, held_out=range(12)))
    assert "only 12 tested rows" in " ".join(found.notes)
