"""What a predictor is asked, and what is refused."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pytest

from deepspace.decisions import Audit
from deepspace.errors import DeepspaceError
from tests.decisions import planted


def test_answers_are_those_of_the_predictor_on_the_rows_as_they_came(planted_audit: Audit) -> None:
    rows = planted.frame()
    assert planted_audit.outcomes == ("no", "yes")
    np.testing.assert_allclose(planted_audit.answers.score, planted.predictor(rows), rtol=1e-12)
    np.testing.assert_array_equal(planted_audit.answers.outcome == 1, planted.rule(rows))
    np.testing.assert_array_equal(planted_audit.truth, planted_audit.answers.outcome)
    assert planted_audit.adverse == 0
    assert not planted_audit.notes


def test_encoded_rows_and_frames_are_answered_like_the_rows_themselves(planted_audit: Audit) -> None:
    own = planted_audit.answers.scores
    encoded = planted_audit.ask_encoded(planted_audit.space.samples[:])
    np.testing.assert_allclose(encoded.scores, own, atol=1e-4)
    np.testing.assert_allclose(planted_audit.ask(planted.frame()).scores, own, rtol=1e-12)


def test_toward_is_positive_exactly_where_that_is_the_decision(planted_audit: Audit) -> None:
    answers = planted_audit.answers
    for outcome in (0, 1):
        np.testing.assert_array_equal(answers.toward(outcome) >= 0, answers.outcome == outcome)
    many = Audit(planted_audit.space, lambda rows: np.full((len(rows), 3), 1 / 3), classes=("no", "yes", "later"))
    assert (many.answers.toward(0) >= 0).all()
    assert (many.answers.toward(1) < 0).all()


def test_a_regression_is_decided_by_its_threshold(planted_space: Any) -> None:
    audit = Audit(planted_space, lambda rows: rows["debt"], kind="values", threshold=20, favourable="below")
    assert audit.outcomes == ("below 20", "at least 20")
    assert audit.favourable == 0
    np.testing.assert_array_equal(audit.answers.outcome == 1, planted.frame()["debt"] >= 20)
    middle = Audit(planted_space, lambda rows: rows["debt"], kind="values")
    assert "no threshold was given" in middle.notes[0]


def _noisy(rows: Any) -> np.ndarray:
    return np.random.default_rng(time.perf_counter_ns()).random(len(rows))


def test_a_predictor_that_changes_its_mind_is_said_to(planted_space: Any) -> None:
    audit = Audit(planted_space, _noisy)
    assert audit.repeatable > 0
    assert "not deterministic" in audit.notes[0]


def _raises(rows: Any) -> Any:
    raise ValueError("the model is not loaded")


def _sleeps(rows: Any) -> Any:
    time.sleep(30)


@pytest.mark.parametrize(
    ("predictor", "options", "words"),
    [
        (_raises, {}, "raised ValueError on items 0 to 63: the model is not loaded"),
        (lambda rows: np.full(len(rows), np.nan), {}, "64 of 64 items with NaN or infinity, first item 0"),
        (lambda rows: np.zeros(3), {}, "with an array of shape (3,); it must give one answer an item"),
        (lambda rows: np.full(len(rows), 1.7), {}, "probabilities from 0 to 1.7"),
        (lambda rows: np.full((len(rows), 2), 0.7), {}, "add up to 1.4"),
        (lambda rows: np.full((len(rows), 3), 1 / 3), {}, "3 probabilities an item, but there are 2 classes"),
        (lambda rows: np.full(len(rows), "maybe"), {}, "with 'maybe', which is none of 'no', 'yes'"),
        (lambda rows: rows["debt"], {"columns": ["salary"]}, "the column 'salary', which 'planted' does not have"),
        (lambda rows: rows["debt"], {"classes": ("good", "bad")}, "holds 'yes', 'no'"),
        (_sleeps, {"time_limit": 0.2}, "answered 0 of 64 items in 0.200 s, its time limit"),
        (planted.predictor, {"target": "outcome"}, "has no column 'outcome' to be the target"),
        (planted.predictor, {"favourable": "maybe"}, "no outcome 'maybe' to be favourable"),
        (planted.predictor, {"held_out": [5000]}, "row 5000 is none of them"),
        (planted.predictor, {"threshold": 3}, "between 0 and 1"),
        (7, {}, "A int is no predictor"),
    ],
)  # fmt: skip
def test_what_cannot_be_audited_is_refused_in_one_sentence(
    planted_space: Any, predictor: Any, options: dict[str, Any], words: str
) -> None:
    with pytest.raises(DeepspaceError) as caught:
        Audit(planted_space, predictor, **options)
    message = str(caught.value)
    assert words in message
    assert "\n" not in message
    assert message.endswith((".", "loaded"))


def test_estimators_and_modules_are_handed_what_they_were_fitted_on(any_space: Any) -> None:
    import torch
    from sklearn.linear_model import LogisticRegression

    encoded = np.nan_to_num(np.asarray(any_space.samples[:], np.float32)).reshape(len(any_space), -1)
    column = int(encoded.var(0).argmax())
    label = (encoded[:, column] > np.median(encoded[:, column])).astype(int)
    if any_space.schema.form != "table":
        given = np.asarray(any_space.schema.decode(any_space.samples[:])).reshape(len(any_space), -1)
        estimator = LogisticRegression(max_iter=50).fit(given, label)
        audit = Audit(any_space, estimator, target="none")
        assert audit.outcomes == ("0", "1")
        np.testing.assert_allclose(audit.answers.scores, estimator.predict_proba(given), atol=1e-9)
    net = torch.nn.Sequential(torch.nn.Flatten(), _Finite(), torch.nn.Linear(encoded.shape[1], 2))
    scale = 255.0 if any_space.schema.form == "image" else 1.0
    with torch.no_grad():
        expected = net(torch.from_numpy(encoded / np.float32(scale))).softmax(1).numpy()
    answers = Audit(any_space, net, target="none", classes=("a", "b")).answers
    np.testing.assert_allclose(answers.scores, expected, atol=1e-5)


def _Finite() -> Any:  # noqa: N802 - reads as the layer it is
    import torch

    class Finite(torch.nn.Module):
        def forward(self, x: Any) -> Any:
            return torch.nan_to_num(x)

    return Finite()
