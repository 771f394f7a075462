"""Counterfactuals of pictures, signals, vectors and counts: what is shown is what was scored, and it is generated."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from deepspace.decisions import Audit, counterfactuals
from deepspace.errors import DataError, SpaceError


def _audit(space: Any, **options: Any) -> Audit:
    """Decided by whether the element that varies most is above its median."""
    encoded = np.nan_to_num(np.asarray(space.samples[:], np.float32)).reshape(len(space), -1)
    column = int(encoded.var(0).argmax())
    middle, spread = float(np.median(encoded[:, column])), float(encoded[:, column].std())

    def chance(x: Any) -> np.ndarray:
        values = np.nan_to_num(np.asarray(x, np.float32)).reshape(len(x), -1)[:, column]
        return np.asarray(1 / (1 + np.exp(-4 * (values - middle) / spread)), float)

    common: dict[str, Any] = {"classes": ("low", "high"), "kind": "probabilities", "inputs": "encoded"}
    return Audit(space, chance, target="none", favourable="high", **common | options)


def test_what_is_shown_was_scored_and_lies_on_its_path(any_space: Any) -> None:
    audit = _audit(any_space)
    rows = audit.rows[audit.answers.outcome == 0][:12]
    found = counterfactuals(audit, rows=rows)
    assert found.coverage[0] >= 6
    for case in found:
        assert (case.refused is None) == bool(case.found)
        for each in case:
            answer = audit.ask_encoded(each.encoded[None])
            assert answer.outcome[0] == 1
            assert each.outcome == "high"
            assert answer.scores[0, 1] == pytest.approx(each.score_after)
            assert each.path is not None
            assert each.path_encoded is not None
            assert each.latents is not None
            np.testing.assert_allclose(any_space.map.transform(each.latents[None])[0], each.path[-1], atol=1e-3)
            np.testing.assert_allclose(each.path_encoded[-1], each.encoded, atol=1e-3)
            if any_space.schema.form == "table":
                continue
            assert each.generated
            assert not each.changes
            own = np.asarray(any_space.latents.mean[case.row])
            np.testing.assert_allclose(each.path_encoded[0], _decode(any_space, own), atol=1.0)
            assert np.array_equal(each.content, any_space.schema.decode(each.encoded[None])[0])


def _decode(space: Any, z: np.ndarray) -> np.ndarray:
    decoded = space.decode_encoded(z[None])[0]
    return np.rint(decoded) if space.schema.form == "image" else decoded


def test_no_step_before_the_end_of_the_bisection_would_do(any_space: Any) -> None:
    """A shorter walk in the same direction is decided otherwise: the item is as near as its direction allows."""
    audit = _audit(any_space)
    if any_space.schema.form == "table":
        pytest.skip("tables do not walk")
    rows = audit.rows[audit.answers.outcome == 0][:12]
    for case in counterfactuals(audit, rows=rows):
        if case.notes:
            continue
        for each in case:
            own = np.asarray(any_space.latents.mean[case.row], np.float64)
            shorter = own + 0.97 * (np.asarray(each.latents, np.float64) - own)
            before = audit.ask_encoded(_decode(any_space, shorter.astype(np.float32))[None])
            assert before.score[0] <= each.score_after + 1e-6


def test_seeds_and_items(any_space: Any) -> None:
    audit = _audit(any_space)
    rows = audit.rows[audit.answers.outcome == 0][:4]
    first, second = (counterfactuals(audit, rows=rows, seed=3).to_arrow() for _ in range(2))
    assert first.equals(second)
    if any_space.schema.form == "table":
        return
    given = any_space.schema.decode(any_space.samples[rows])
    by_item = counterfactuals(audit, x=given, seed=3)
    assert [case.row for case in by_item] == [None] * 4
    assert [bool(case.found) for case in by_item] == [
        bool(case.found) for case in counterfactuals(audit, rows=rows, seed=3)
    ]


def test_what_no_decode_reaches_is_refused_with_the_closest_miss(any_space: Any) -> None:
    """Real rows whose hash is lucky are decided "high"; what is decoded never is."""
    if any_space.schema.form == "table":
        pytest.skip("tables do not walk")
    real = np.asarray(any_space.samples[:], np.float32).reshape(len(any_space), -1)
    lucky = {row.tobytes() for row in real[::3]}

    def chance(x: Any) -> np.ndarray:
        flat = np.asarray(x, np.float32).reshape(len(x), -1)
        return np.array([0.9 if row.tobytes() in lucky else 0.1 + 1e-3 * float(np.tanh(row.mean())) for row in flat])

    audit = Audit(any_space, chance, target="none", classes=("low", "high"), inputs="encoded", kind="probabilities")
    rows = audit.rows[audit.answers.outcome == 0][:3]
    for case in counterfactuals(audit, rows=rows, desired="high"):
        assert not case.found
        assert case.refused is not None
        assert "decode" in case.refused
        assert case.closest is not None
        assert case.closest.outcome == "low"
    nobody = Audit(
        any_space, lambda x: np.full(len(x), 0.1), target="none", classes=("low", "high"), kind="probabilities"
    )
    case = counterfactuals(nobody, rows=[0])[0]
    assert case.refused is not None
    assert "to none of the" in case.refused
    assert case.closest is None


def test_a_reconstruction_that_is_decided_otherwise_is_told_of(any_space: Any) -> None:
    if any_space.schema.form == "table":
        pytest.skip("tables do not walk")
    real = {row.tobytes() for row in np.asarray(any_space.samples[:], np.float32).reshape(len(any_space), -1)[::2]}

    def chance(x: Any) -> np.ndarray:
        flat = np.asarray(x, np.float32).reshape(len(x), -1)
        return np.array([0.2 if row.tobytes() in real else 0.8 for row in flat])

    audit = Audit(any_space, chance, target="none", classes=("low", "high"), inputs="encoded", kind="probabilities")
    case = counterfactuals(audit, rows=[0], desired="high")[0]
    assert case.found
    assert "reconstruction already" in case.notes[0]


def test_what_cannot_be_had_is_refused(any_space: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    if any_space.schema.form == "table":
        pytest.skip("tables need neither")
    audit = _audit(any_space)
    with pytest.raises(DataError, match="constraints are on the columns of a table"):
        counterfactuals(audit, rows=[0], constraints={"immutable": ["a"]})
    for part in ("decoder", "encoder"):
        monkeypatch.setattr(type(any_space), "lacks", frozenset({part}))
        with pytest.raises(SpaceError, match=f"{part}, but '.*' has none; attach the model with"):
            counterfactuals(audit, x=any_space.schema.decode(any_space.samples[:1]))
