"""Counterfactuals of tables against what is known: a planted rule, a full enumeration, the user's own types."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import deepspace as ds
from deepspace.decisions import Audit, Constraints, Counterfactuals, counterfactuals
from deepspace.errors import DataError, ModelError, SpaceError
from tests.decisions import planted


def _typed(n: int = 400) -> pd.DataFrame:
    """Every type: decimals, whole numbers, dates, ordered and plain categories, a boolean, and missing cells."""
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({
        "amount": np.round(rng.gamma(3, 20, n), 2),
        "count": rng.integers(0, 9, n) * 7,
        "start": pd.Timestamp("2020-01-01") + pd.to_timedelta(rng.integers(0, 900, n), unit="D"),
        "grade": rng.choice(["low", "middle", "high"], n),
        "ok": rng.random(n) < 0.4,
        "years": rng.integers(1, 40, n),
        "age": 0,
    })  # fmt: skip
    frame["age"] = frame["years"] + rng.integers(18, 30, n)
    frame["start"] = frame["start"].dt.date
    frame.loc[rng.random(n) < 0.15, "amount"] = np.nan
    frame.loc[rng.random(n) < 0.1, "grade"] = np.nan
    return frame


def _chance(rows: Any) -> np.ndarray:
    """A probability in which all columns have a part, and not additively."""
    amount = pd.to_numeric(rows["amount"]).fillna(30).to_numpy(float)
    start = pd.to_datetime(rows["start"]).dt.year.to_numpy(float) - 2021
    grade = rows["grade"].map({"low": -1.0, "middle": 0.0, "high": 1.5}).fillna(0).to_numpy(float)
    flag = rows["ok"].astype(float).to_numpy()
    score = 0.03 * (amount - 55) + 0.05 * (rows["count"].to_numpy(float) - 30) * flag + grade - 0.8 * start - 1
    return np.asarray(1 / (1 + np.exp(-(score + 0.06 * (rows["years"].to_numpy(float) - 20)))), float)


@pytest.fixture(scope="module")
def typed(tmp_path_factory: pytest.TempPathFactory) -> Audit:
    training = ds.TrainConfig(epochs=4, threads=1, validation_fraction=0.2)
    folder = tmp_path_factory.mktemp("typed") / "typed.space"
    columns = {"grade": {"kind": "ordinal", "categories": ["low", "middle", "high"]}}
    space = ds.fit(_typed(), path=folder, seed=0, training=training, target="none", schema={"columns": columns})
    return Audit(space, _chance, classes=("no", "yes"), favourable="yes", kind="probabilities")


def _adverse(audit: Audit, count: int) -> np.ndarray:
    return audit.rows[audit.answers.outcome == 0][:count]


def test_only_what_decides_is_changed_and_no_further_than_needed(planted_audit: Audit) -> None:
    rows = _adverse(planted_audit, 60)
    found = counterfactuals(planted_audit, rows=rows)
    before = planted.frame().iloc[rows]
    assert found.coverage == (60, 60)
    for case, (_, own) in zip(found, before.iterrows(), strict=True):
        assert case.refused is None
        for each in case:
            assert {change.column for change in each.changes} <= set(planted.DECISIVE)
            assert each.record["income"] == max(own["income"], planted.FLOOR)
            assert each.record["debt"] == min(own["debt"], planted.CEILING)
            assert each.outcome == "yes"
            assert each.score_after == pytest.approx(float(planted.predictor(each.record)))
            assert each.score_before == pytest.approx(float(planted.predictor(own)))
            assert each.sparsity == len(each.changes) == (own["income"] < 40) + (own["debt"] > 20)


def test_what_is_shown_is_what_was_scored_and_where_it_is_on_the_map(planted_audit: Audit) -> None:
    space = planted_audit.space
    for case in counterfactuals(planted_audit, rows=_adverse(planted_audit, 10)):
        for each in case:
            record = pd.DataFrame([each.record])
            assert planted_audit.ask(record).score[0] == pytest.approx(each.score_after)
            np.testing.assert_allclose(space.schema.encode(record)[0], each.encoded, atol=1e-6)
            assert each.latents is not None
            assert each.path is not None
            assert each.path_encoded is not None
            np.testing.assert_allclose(space.encode(record)[0], each.latents, atol=1e-4)
            ends = space.map.transform(space.encode(pd.DataFrame([case.record, each.record])))
            np.testing.assert_allclose(each.path[[0, -1]], ends, atol=1e-3)
            np.testing.assert_array_equal(each.path_encoded[0], case.encoded)
            assert 0 <= each.distance_percentile <= 100
            assert each.confidence.low <= each.confidence.share <= each.confidence.high


def test_where_everything_that_decides_is_immutable_it_is_refused_and_said(planted_audit: Audit) -> None:
    rows = _adverse(planted_audit, 20)
    found = counterfactuals(planted_audit, rows=rows, constraints={"immutable": list(planted.DECISIVE)})
    assert found.coverage == (0, 20)
    for case, (_, own) in zip(found, planted.frame().iloc[rows].iterrows(), strict=True):
        assert case.refused is not None
        assert "immutable" in case.refused
        assert ("'income'" in case.refused) == (own["income"] < planted.FLOOR)
        assert ("'debt'" in case.refused) == (own["debt"] > planted.CEILING)
        assert case.closest is None
        assert "any nearer" in case.refused


def test_the_closest_miss_comes_nearer_but_not_there(planted_audit: Audit) -> None:
    frame = planted.frame()
    rows = np.flatnonzero((frame["income"] < planted.FLOOR) & (frame["debt"] > 30))[:10]
    found = counterfactuals(planted_audit, rows=rows, constraints={"ranges": {"income": [0, 38]}})
    for case in found:
        assert not case.found
        assert case.refused is not None
        assert "must lie in 0 to 38" in case.refused
        assert case.closest is not None
        assert case.score < case.closest.score_after < 0.5
        assert case.closest.outcome == "no"
        assert case.closest.record["income"] <= 38 or case.closest.record["income"] == case.record["income"]
        assert "closest miss" in str(case)


def test_directions_are_kept(planted_audit: Audit) -> None:
    frame = planted.frame()
    poor = np.flatnonzero((frame["income"] < planted.FLOOR) & (frame["debt"] <= planted.CEILING))[:10]
    assert counterfactuals(planted_audit, rows=poor, constraints={"increase": ["income"]}).coverage == (10, 10)
    refused = counterfactuals(planted_audit, rows=poor, constraints={"decrease": ["income"]})
    assert refused.coverage == (0, 10)
    assert all("may only decrease" in str(case.refused) for case in refused)


def test_an_outcome_that_nobody_has_is_refused(planted_space: Any) -> None:
    audit = Audit(planted_space, lambda rows: np.full(len(rows), 0.2), favourable="yes")
    case = counterfactuals(audit, rows=[4])[0]
    assert case.refused is not None
    assert "to none of the 675 training rows" in case.refused
    assert not case.found


def test_refusals_are_true_by_full_enumeration(planted_space: Any) -> None:
    """Three columns of 24 combinations are free, and the decision is a hash: a counterfactual is found exactly where
    one of the other 23 rows is decided otherwise."""

    def rare(rows: Any) -> np.ndarray:
        return planted.random_predictor(rows) ** 8

    audit = Audit(planted_space, rare, favourable="yes")
    frame = planted.frame()[list(planted.LEARNED)]
    free = {name: sorted(frame[name].unique().tolist()) for name in ("region", "job", "owner")}
    rows = _adverse(audit, 80)
    fixed = [name for name in planted.LEARNED if name not in free]
    found = counterfactuals(audit, rows=rows, constraints={"immutable": fixed})
    grid = pd.MultiIndex.from_product(list(free.values()), names=list(free)).to_frame(index=False)
    expected = []
    for row in rows:
        every = grid.assign(**frame.iloc[row][fixed].to_dict())[list(planted.LEARNED)].astype(frame.dtypes)
        expected.append(bool((rare(every) >= 0.5).any()))
    assert [bool(case.found) for case in found] == expected
    assert 0 < sum(expected) < len(rows)
    assert all("all having been tried" in str(case.refused) for case in found if not case.found)


def test_a_random_predictor_is_answered_validly(planted_space: Any) -> None:
    audit = Audit(planted_space, planted.random_predictor, favourable="yes")
    found = counterfactuals(audit, rows=_adverse(audit, 30))
    assert found.coverage[0] == 30
    for case in found:
        for each in case:
            assert planted.random_predictor(pd.DataFrame([each.record])[list(planted.LEARNED)])[0] >= 0.5
            assert each.sparsity <= 2


def test_no_change_can_be_taken_back(typed: Audit) -> None:
    for case in counterfactuals(typed, rows=_adverse(typed, 40)):
        assert case.found
        for each in case:
            for change in each.changes:
                back = pd.DataFrame([each.record | {change.column: change.before}])
                assert len(each.changes) == 1 or typed.ask(back).outcome[0] == 0


def test_several_differ_in_their_columns(typed: Audit) -> None:
    found = counterfactuals(typed, rows=_adverse(typed, 40), k=4)
    assert max(len(case) for case in found) == 4
    for case in found:
        sets = [frozenset(change.column for change in each.changes) for each in case]
        assert len(set(sets)) == len(sets)


NAMES = ("amount", "count", "start", "grade", "ok", "years", "age")
ORDER = {"low": 0, "middle": 1, "high": 2}


@st.composite
def _limits(draw: st.DrawFn) -> dict[str, Any]:
    role = {name: draw(st.sampled_from(["free", "immutable", "increase", "decrease"])) for name in NAMES}
    out: dict[str, Any] = {key: [n for n in NAMES if role[n] == key] for key in ("immutable", "increase", "decrease")}
    ranges: dict[str, Any] = {}
    if role["amount"] != "immutable" and draw(st.booleans()):
        low = draw(st.integers(10, 80))
        ranges["amount"] = [low, low + draw(st.integers(5, 60))]
    if role["start"] != "immutable" and draw(st.booleans()):
        ranges["start"] = ["2020-06-01", draw(st.sampled_from([None, "2021-03-01"]))]
    if role["grade"] != "immutable" and draw(st.booleans()):
        out["allowed"] = {"grade": draw(st.lists(st.sampled_from(sorted(ORDER)), min_size=1, unique=True))}
    if role["years"] == role["age"] == "free" and draw(st.booleans()):
        out["linked"] = [{"columns": ["age", "years"], "rule": draw(st.sampled_from(["same_step", "same_direction"]))}]
    return out | {"ranges": ranges}


def _same(a: Any, b: Any) -> bool:
    return a == b or (_absent(a) and _absent(b))


def _absent(value: Any) -> bool:
    return value is None or value != value


def _check(record: dict[str, Any], own: dict[str, Any], limits: dict[str, Any]) -> None:
    """In the user's units, without any of the code under test."""
    moved = {name for name in NAMES if not _same(record[name], own[name])}
    assert not moved & set(limits["immutable"])
    for name in moved:
        new, old = record[name], own[name]
        assert not _absent(new)
        kinds = {
            "amount": float,
            "count": int,
            "start": datetime.date,
            "grade": str,
            "ok": bool,
            "years": int,
            "age": int,
        }
        assert type(new) is kinds[name]
        up, down = name in limits["increase"], name in limits["decrease"]
        if up or down:
            assert not _absent(old)
            a, b = (ORDER[old], ORDER[new]) if name == "grade" else (old, new)
            assert (b > a) if up else (b < a)
        if name in limits["ranges"]:
            low, high = (datetime.date.fromisoformat(e) if isinstance(e, str) else e for e in limits["ranges"][name])
            assert low <= new
            assert high is None or new <= high
        if name in limits.get("allowed", {}):
            assert new in limits["allowed"][name]
    if "amount" in moved:
        assert round(record["amount"], 2) == record["amount"]
    for link in limits.get("linked", []):
        steps = {name: record[name] - own[name] for name in link["columns"]}
        sides = {int(np.sign(step)) for step in steps.values()}
        assert len(sides) == 1
        assert link["rule"] != "same_step" or len(set(steps.values())) == 1


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(limits=_limits(), start=st.integers(0, 100))
def test_no_constraint_is_ever_broken(typed: Audit, limits: dict[str, Any], start: int) -> None:
    rows = _adverse(typed, 400)[start : start + 6]
    found = counterfactuals(typed, rows=rows, constraints=limits)
    for case in found:
        for each in [*case.found, *([case.closest] if case.closest else [])]:
            _check(each.record, case.record, limits)
        assert (case.refused is None) == bool(case.found)
        for each in case:
            assert typed.ask(pd.DataFrame([each.record])).outcome[0] == 1


def test_a_cell_becomes_missing_only_where_that_is_allowed(typed: Audit) -> None:
    def unless_known(rows: Any) -> np.ndarray:
        return np.where(pd.isna(rows["amount"]), 0.9, 0.1)

    audit = Audit(typed.space, unless_known, classes=("no", "yes"), favourable="yes", kind="probabilities")
    rows = _adverse(audit, 5)
    assert counterfactuals(audit, rows=rows).coverage == (0, 5)
    for case in counterfactuals(audit, rows=rows, constraints={"missing": ["amount"]}):
        assert [each.changes[0].after for each in case] == [None]


def test_items_of_the_users_and_rows_are_answered_alike(planted_audit: Audit) -> None:
    rows = _adverse(planted_audit, 8)
    by_row = counterfactuals(planted_audit, rows=rows)
    by_item = counterfactuals(planted_audit, x=planted.frame().iloc[rows].reset_index(drop=True))
    assert by_item[0].row is None
    assert by_item[3].item == 3
    for a, b in zip(by_row, by_item, strict=True):
        assert [each.changes for each in a] == [each.changes for each in b]


def test_a_value_that_the_space_never_saw_stays_as_it_is(planted_audit: Audit) -> None:
    item = planted.frame().iloc[[_adverse(planted_audit, 1)[0]]].assign(job="astronaut", income=12.34567)
    case = counterfactuals(planted_audit, x=item)[0]
    assert case.found[0].record["job"] == "astronaut"
    assert case.record["income"] == 12.34567
    assert {change.column for change in case.found[0].changes} <= set(planted.DECISIVE)


def test_a_margin_is_kept_and_no_larger_than_asked(planted_audit: Audit) -> None:
    rows = _adverse(planted_audit, 40)
    found = counterfactuals(planted_audit, rows=rows, margin=0.3)
    assert found.coverage == (40, 40)
    scores = [each.score_after for case in found for each in case]
    assert min(scores) >= 0.8
    # The rule's columns are in tenths: one step back would fall short of .8 wherever one column decides.
    plain = counterfactuals(planted_audit, rows=rows)
    assert max(each.score_after for case in plain for each in case.found[:1]) < 0.8
    with pytest.raises(SpaceError, match="margin is how far beyond"):
        counterfactuals(planted_audit, rows=rows[:1], margin=0.5)


def test_a_zero_with_a_sign_is_a_zero(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"a": np.round(rng.normal(size=120), 0), "b": rng.normal(size=120)})
    frame["a"] = frame["a"].where(frame["a"] != 0, -0.0)
    training = ds.TrainConfig(epochs=2, threads=1)
    space = ds.fit(frame, path=tmp_path / "zero.space", seed=0, training=training, target="none")
    seen: list[int] = []

    def positive(rows: Any) -> np.ndarray:
        seen.append(int(rows["a"].isna().sum()))
        return (rows["a"] + rows["b"] > 0.5).to_numpy(float)

    audit = Audit(space, positive, classes=("no", "yes"))
    own = np.flatnonzero((frame["a"] == 0).to_numpy() & (audit.answers.outcome == 0))[:5]
    found = counterfactuals(audit, rows=own)
    assert found.coverage == (len(own), len(own))
    assert not any(seen)


def test_the_same_question_has_the_same_answer(typed: Audit) -> None:
    rows = _adverse(typed, 12)
    first, second = (counterfactuals(typed, rows=rows, seed=1).to_arrow() for _ in range(2))
    assert first.equals(second)
    one_by_one = [str(counterfactuals(typed, rows=[row])[0].found[0].changes) for row in rows[:4]]
    assert one_by_one == [str(case.found[0].changes) for case in counterfactuals(typed, rows=rows[:4])]


def test_a_regression_crosses_its_threshold(planted_space: Any) -> None:
    audit = Audit(planted_space, lambda rows: rows["debt"], kind="values", threshold=20, favourable="below")
    rows = audit.rows[audit.answers.outcome == 1][:5]
    for case in counterfactuals(audit, rows=rows, desired="below"):
        assert case.desired == "below 20"
        assert [c.column for c in case.found[0].changes] == ["debt"]
        assert case.found[0].record["debt"] == pytest.approx(19.9)
        assert "value" in str(case.found[0])


def _three(rows: Any) -> np.ndarray:
    raw = np.stack([rows["income"], 2.0 * rows["debt"], rows["age"]], 1) / 10
    return np.exp(raw) / np.exp(raw).sum(1, keepdims=True)


def test_of_three_outcomes_the_second_likeliest_the_favourable_or_the_named_one(planted_space: Any) -> None:
    names = ("no", "yes", "later")
    audit = Audit(planted_space, _three, classes=names)
    rows = audit.rows[:12]
    scores = audit.answers[:12].scores
    for case, own in zip(counterfactuals(audit, rows=rows), scores, strict=True):
        assert case.desired == names[int(np.argsort(-own)[1])]
        assert case.found[0].outcome == case.desired
    named = counterfactuals(audit, rows=rows, desired="later")
    assert all(case.desired == "later" for case in named)
    assert all((case.outcome == "later") == ("already" in str(case.refused)) for case in named)
    kind = Audit(planted_space, _three, classes=names, favourable="no")
    assert {case.desired for case in counterfactuals(kind, rows=rows) if case.outcome != "no"} == {"no"}


def test_a_predictor_that_changes_its_mind_is_told_of(planted_space: Any) -> None:
    state = np.random.default_rng(0)
    audit = Audit(planted_space, lambda rows: state.random(len(rows)), favourable="yes")
    found = counterfactuals(audit, rows=[0, 1, 2, 3])
    assert any("not deterministic" in note for note in found.notes)


def test_without_an_encoder_there_is_no_way_on_the_map(planted_audit: Audit, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(type(planted_audit.space), "lacks", frozenset({"encoder", "decoder"}))
    each = counterfactuals(planted_audit, rows=_adverse(planted_audit, 1))[0].found[0]
    assert each.latents is None
    assert each.path is None
    assert each.outcome == "yes"


def test_progress_is_told_and_results_convert(planted_audit: Audit) -> None:
    told: list[tuple[int, int]] = []
    rows = _adverse(planted_audit, 120)
    found = counterfactuals(planted_audit, rows=rows, tell=lambda done, every: told.append((done, every)))
    assert told == [(100, 120), (120, 120)]
    assert isinstance(found, Counterfactuals)
    assert len(found[:3]) == 3
    assert [case.item for case in found] == list(range(120))
    assert found.to_arrow().num_rows == sum(len(case) for case in found)
    mixed = counterfactuals(planted_audit, rows=rows[:3], constraints=Constraints(immutable=("income", "debt")))
    assert mixed.to_arrow().column("refused").null_count == 0
    assert "120 of 120 items" in str(found)
    assert "110 more" in str(found)
    assert "'yes' would need" in str(found[0])


@pytest.mark.parametrize(
    ("asked", "error", "words"),
    [
        ({}, SpaceError, "need either rows, by number, or x, items"),
        ({"rows": [1], "x": []}, SpaceError, "need either rows, by number, or x, items"),
        ({"rows": [900]}, SpaceError, "has no row 900: it has rows 0 to 899"),
        ({"rows": ["a"]}, SpaceError, "rows are numbers of rows"),
        ({"rows": [1], "k": 0}, SpaceError, "1 or more, got 0"),
        ({"rows": [1], "desired": "maybe"}, ModelError, "no outcome 'maybe' to be desired; there are 'no', 'yes'"),
        ({"x": [{"income": 3.0}]}, DataError, "lack the column 'debt'"),
        ({"rows": [1], "constraints": 7}, DataError, "a file, a mapping or Constraints, got int"),
        ({"rows": [1], "constraints": "nowhere.yaml"}, DataError, "cannot read the constraints in nowhere.yaml"),
    ],
)  # fmt: skip
def test_questions_that_make_no_sense(planted_audit: Audit, asked: dict[str, Any], error: type, words: str) -> None:
    with pytest.raises(error) as caught:
        counterfactuals(planted_audit, **asked)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_audit_has_them_at_hand(planted_audit: Audit, tmp_path: Path) -> None:
    file = tmp_path / "limits.yaml"
    file.write_text("immutable: [age, years]\nranges: {income: [20, null]}\n", encoding="utf-8")
    rows = _adverse(planted_audit, 2)
    assert planted_audit.counterfactuals(rows=rows, constraints=file, k=1).coverage == (2, 2)
