"""Reasons name the columns that decide, find nothing where nothing does, and refuse what they cannot answer."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import deepspace as ds
from deepspace.decisions import Audit
from deepspace.decisions.reasons import Reasons, Wording, overall, reasons
from deepspace.decisions.reasons.wording import shown
from deepspace.errors import DataError, DeepspaceError
from tests.decisions import planted


@pytest.fixture(scope="module")
def found(planted_audit: Audit) -> Reasons:
    """All denied rows that the space has not learned."""
    return reasons(planted_audit)


@pytest.fixture(scope="module")
def twin_space(tmp_path_factory: pytest.TempPathFactory) -> ds.Space:
    """The planted table with income twice (the second a little rounded), and cells that are missing."""
    rows = planted.frame(600)
    rows.insert(1, "salary", rows["income"].round())
    rows["since"] = pd.Timestamp("2020-01-01") + pd.to_timedelta(np.arange(600) % 365, unit="D")
    rows.loc[::6, "job"] = None
    training = ds.TrainConfig(epochs=15, threads=1, validation_fraction=0.25)
    path = tmp_path_factory.mktemp("twins") / "twins.space"
    return ds.fit(rows, path=path, target="approved", seed=0, training=training)


def failing(row: Any) -> set[str]:
    return {name for name, bad in (("income", row.income < 40), ("debt", row.debt > 20)) if bad}


def sure(distance: float) -> Callable[[Any], np.ndarray]:
    """The planted rule where a column near its edge does not yet weigh."""

    def predictor(rows: Any) -> np.ndarray:
        margin = np.minimum((rows["income"] - planted.FLOOR) / distance, (planted.CEILING - rows["debt"]) / distance)
        return np.asarray(1 / (1 + np.exp(-20 * np.clip(np.where(margin >= 0, margin + 0.5, margin), -9, 9))), float)

    return predictor


def test_reasons_are_the_deciding_columns_and_never_others(found: Reasons) -> None:
    rows, exact = planted.frame(), 0
    assert len(found) > 80
    for case in found:
        names = {reason.column for reason in case.reasons}
        assert names <= set(planted.DECISIVE)
        assert failing(rows.iloc[case.row]) <= names
        exact += names == failing(rows.iloc[case.row])
        assert case.flips
        assert case.share_explained == 1
    # The predictor is a soft one: beside a column that fails, one that nearly does costs score as well.
    assert exact / len(found) >= 0.9


def test_with_a_hard_edge_they_are_exactly_the_columns_that_fail(planted_space: ds.Space) -> None:
    audit = Audit(planted_space, sure(1.0), favourable="yes", held_out=planted_space.validation_index)
    rows = planted.frame()
    for case in reasons(audit):
        assert {reason.column for reason in case.reasons} == failing(rows.iloc[case.row])


def test_what_a_reason_says_is_true_of_the_rows(found: Reasons) -> None:
    rows = planted.frame()
    for case in found:
        for reason in case.reasons:
            assert reason.value == rows.iloc[case.row][reason.column]
            higher = reason.column == "debt"
            assert (reason.value > reason.reference) == higher
            assert f"{reason.column} is {'higher' if higher else 'lower'} than where decided otherwise" in reason.text
            assert reason.usual is not None
            assert reason.usual[0] <= reason.reference <= reason.usual[1]
            assert reason.interval[0] <= reason.contribution <= reason.interval[1]
            assert reason.stability >= found.stable
    weights = [[reason.contribution for reason in case.reasons] for case in found]
    assert all(own == sorted(own, reverse=True) for own in weights)


def test_contributions_add_up_to_the_gap(found: Reasons) -> None:
    for case in found:
        assert case.contributions is not None
        assert case.contributions.sum() == pytest.approx(case.gap, abs=1e-9)


def test_a_logistic_predictor_has_the_closed_form_on_its_logits(planted_space: ds.Space) -> None:
    """w (mean of the reference - x), whatever the reference is: two columns share one reference in the same ratio."""

    def logistic(rows: Any) -> np.ndarray:
        return np.asarray(1 / (1 + np.exp(-(0.2 * rows["income"] - 0.3 * rows["debt"] - 5))), float)

    audit = Audit(planted_space, logistic, favourable="yes", held_out=planted_space.validation_index)
    told = reasons(audit, scale="logit", cases=30)
    rows = planted.frame()
    places = [told[0].players.index(name) for name in ("income", "debt")]
    for case in told:
        assert case.contributions is not None
        own = rows.iloc[case.row]
        logit = 0.2 * own["income"] - 0.3 * own["debt"] - 5
        others = np.delete(case.contributions, places)
        np.testing.assert_allclose(others, 0, atol=1e-6)
        means = case.contributions[places] / np.array([0.2, -0.3]) + own[["income", "debt"]].to_numpy(float)
        assert 0.2 * means[0] - 0.3 * means[1] - 5 == pytest.approx(logit + case.gap, abs=1e-4)
        assert rows["income"].min() <= means[0] <= rows["income"].max()


def test_a_random_predictor_gives_nothing(planted_space: ds.Space) -> None:
    def random(rows: Any) -> np.ndarray:
        # Rounded, so that a row has the same score before and after it is encoded as float32.
        return planted.random_predictor(rows.round(1))

    audit = Audit(planted_space, random, favourable="yes", held_out=planted_space.validation_index)
    told = reasons(audit, rows=audit.rows[audit.answers.outcome == 0][:250])
    assert sum(bool(case.reasons) for case in told) <= 0.01 * len(told) + 3 * np.sqrt(0.01 * 0.99 * len(told))
    assert all("Nothing stable was found" in case.nothing for case in told if not case.reasons)
    assert str(overall(told)).startswith("Nothing stable was found: ")


def test_the_seed_decides_and_company_does_not(planted_audit: Audit, found: Reasons) -> None:
    some = [case.row for case in found[20:23]]
    alone = reasons(planted_audit, rows=some)
    assert [str(case) for case in alone] == [str(case) for case in found[20:23]]
    other = reasons(planted_audit, rows=some, seed=1)
    assert [r.interval for case in other for r in case.reasons] != [r.interval for case in alone for r in case.reasons]


def test_items_are_told_as_rows_are(planted_audit: Audit, found: Reasons) -> None:
    index = [case.row for case in found[:12]]
    told = reasons(planted_audit, x=planted.frame().iloc[index])
    assert [{r.column for r in case.reasons} for case in told] == [{r.column for r in c.reasons} for c in found[:12]]
    assert [case.row for case in told] == [None] * 12


def test_a_case_that_is_not_adverse_gets_a_sentence(planted_audit: Audit) -> None:
    good = int(planted_audit.rows[planted_audit.answers.outcome == 1][0])
    (case,) = reasons(planted_audit, rows=[good])
    assert not case.adverse
    assert case.nothing == "The case is not adverse: the predictor decides 'yes', so that there is nothing to explain."
    with pytest.raises(DeepspaceError, match="none of the 1 cases is adverse"):
        overall(reasons(planted_audit, rows=[good]))


def test_a_double_does_not_hide_a_reason(twin_space: ds.Space) -> None:
    def mean(rows: Any) -> np.ndarray:
        return np.asarray(1 / (1 + np.exp(-2 * ((rows["income"] + rows["salary"]) / 2 - planted.FLOOR))), float)

    audit = Audit(twin_space, mean, favourable="yes", held_out=twin_space.validation_index)
    told = reasons(audit, cases=40)
    for case in told:
        assert {"income", "salary"} >= {reason.column for reason in case.reasons} != set()
        assert case.flips
    for together in ([["income", "salary"]], 0.95):
        for case in reasons(audit, cases=15, together=together):
            (reason,) = case.reasons
            assert reason.columns == ("income", "salary")
            assert "income is lower" in reason.text
            assert "salary is lower" in reason.text


def test_columns_taken_together_have_words_of_their_own(twin_space: ds.Space) -> None:
    def mean(rows: Any) -> np.ndarray:
        return np.asarray(1 / (1 + np.exp(-2 * ((rows["income"] + rows["salary"]) / 2 - planted.FLOOR))), float)

    audit = Audit(twin_space, mean, favourable="yes", held_out=twin_space.validation_index)
    pair = {"together": [["income", "salary"]], "cases": 8}
    plain = reasons(audit, **pair)
    rows = [case.row for case in plain]
    own = {
        "salary, income": {"low": "Earns too little ({value}; accepted {low} to {high})", "code": "J1"},
        "income": {"text": "Income", "code": "A1"},
    }
    told = reasons(audit, rows=rows, together=pair["together"], wording=own)
    alone = reasons(audit, rows=rows, wording=own)
    assert [str(case) for case in told] == [str(case) for case in alone]  # one text for both takes them together
    for case, before in zip(told, plain, strict=True):
        (reason,), (ruled,) = case.reasons, before.reasons
        cells = {name: twin_space.rows.table([name], [case.row]).column(0)[0].as_py() for name in ("income", "salary")}
        assert str(reason).startswith(f"J1: Earns too little (income {shown(cells['income'])}, salary ")
        assert f"salary {shown(cells['salary'])}; accepted income {shown(ruled.usual[0])}, salary " in reason.text
        assert (reason.value, reason.usual) == (ruled.value, ruled.usual)
    # A side without a text of its own falls back on the columns' own words; the code of both is kept.
    high = {"income, salary": {"high": "Earns too much", "code": "J1"}, "income": {"text": "Income", "code": "A1"}}
    (case,) = reasons(audit, rows=rows[:1], together=pair["together"], wording=high)
    assert str(case.reasons[0]).startswith("J1: Income; salary is lower than")
    # Apart again, each has its own.
    (case,) = reasons(audit, rows=rows[:1], wording={"income": own["income"], "salary": "Salary"})
    assert {str(reason) for reason in case.reasons} <= {"A1: Income", "Salary"}


@pytest.mark.parametrize(
    ("wording", "together", "words"),
    [
        ({"income, debt": "x"}, [["income", "salary"]], "those taken together are 'income, salary, debt'; write them"),
        ({"income, salary": "x", "salary, debt": "x"}, None, "taken together are 'income, salary, debt'; write them"),
        ({"income, salry": "x"}, [["income", "salary"]], "did you mean 'income, salary'?"),
        ({"income, salary": {"category": "x"}}, [["income", "salary"]], "'category' for 'income, salary', which are"),
        ({"job, income": {"low": "x"}}, [["income", "job"]], "some of which hold categories; write text or code"),
        ({"income, salary": "is {amount}"}, [["income", "salary"]], "the place '{amount}'"),
    ],
)  # fmt: skip
def test_mistakes_in_words_for_joined_columns(twin_space: ds.Space, wording: Any, together: Any, words: str) -> None:
    audit = Audit(twin_space, planted.predictor, favourable="yes", held_out=twin_space.validation_index)
    with pytest.raises(DataError) as caught:
        reasons(audit, cases=1, together=together, wording=wording)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_missing_cells_categories_and_dates_are_reasons_too(twin_space: ds.Space) -> None:
    def missing(rows: Any) -> np.ndarray:
        return np.where(rows["job"].isna(), 0.1, 0.9)

    audit = Audit(twin_space, missing, favourable="yes", held_out=twin_space.validation_index)
    told = reasons(audit, cases=10)
    assert all(case.reasons[0].text.startswith("job is missing; where decided otherwise most often ") for case in told)
    assert all(len(case) == 1 and case.reasons[0].value is None for case in told)

    def early(rows: Any) -> np.ndarray:
        return np.where(rows["since"] < pd.Timestamp("2020-05-01"), 0.2, 0.8)

    audit = Audit(twin_space, early, favourable="no", held_out=twin_space.validation_index)
    (case,) = reasons(audit, cases=1)
    assert [reason.column for reason in case.reasons] == ["since"]
    assert "since is later than where decided otherwise: 2020-" in case.reasons[0].text

    def regions(rows: Any) -> np.ndarray:
        return np.where(rows["region"] == "north", 0.9, 0.1)

    audit = Audit(twin_space, regions, favourable="yes", held_out=twin_space.validation_index)
    told = reasons(audit, cases=10)
    assert all("; where decided otherwise most often north (100 %)" in case.reasons[0].text for case in told)
    assert all(case.reasons[0].share == 1 for case in told)


def test_values_and_their_threshold(planted_space: ds.Space) -> None:
    audit = Audit(planted_space, lambda rows: rows["debt"], kind="values", threshold=20, favourable="below")
    told = reasons(audit, cases=20)
    assert all([reason.column for reason in case.reasons] == ["debt"] for case in told)
    assert overall(told).counts == (len(told),)


def test_of_three_outcomes_all_but_one_are_adverse(planted_space: ds.Space) -> None:
    def three(rows: Any) -> np.ndarray:
        share = np.clip(0.5 + (planted.CEILING - rows["debt"].to_numpy(float)) / 40, 0.05, 0.95)
        return np.stack([(1 - share) * 0.7, share, (1 - share) * 0.3], 1)

    audit = Audit(planted_space, three, classes=("no", "yes", "later"), favourable="yes")
    for scale in ("score", "logit"):
        told = reasons(audit, cases=10, scale=scale)
        assert {case.decision for case in told} == {"no"}
        assert all([reason.column for reason in case.reasons] == ["debt"] for case in told)


def test_they_print_and_convert(found: Reasons) -> None:
    table = found.to_arrow()
    assert table.num_rows == sum(len(case.reasons) + len(case.unstable) for case in found)
    assert set(table.column("column").to_pylist()) == set(planted.DECISIVE)
    text = str(found)
    assert text.startswith(f"{len(found)} adverse decisions (not 'yes'); 0 of them without a stable reason.")
    assert "turn the decision and close 100 % of the way to it" in text
    summed = overall(found)
    assert summed.to_pandas()["column"].tolist() == list(summed.columns)
    assert sum(summed.counts) == sum(len(case.reasons) for case in found)
    assert all(low <= share <= high for share, (low, high) in zip(summed.shares, summed.intervals, strict=True))


def test_an_even_spread_of_the_adverse_is_said(planted_audit: Audit) -> None:
    told = reasons(planted_audit, cases=5)
    assert len(told) == 5
    assert told.notes[0].endswith("an even spread of 5 was looked at.")
    heard: list[tuple[int, int]] = []
    reasons(planted_audit, cases=20, tell=lambda done, of: heard.append((done, of)))
    assert heard == [(16, 20), (20, 20)]


def test_a_case_that_turns_when_encoded_gets_no_reason(planted_audit: Audit) -> None:
    odd = planted.frame().iloc[[0]].assign(income=-500.0, debt=5.0)
    audit = Audit(planted_audit.space, lambda rows: np.where(rows["income"] < -100, 0.1, 0.9), favourable="yes")
    (case,) = reasons(audit, x=odd)
    assert case.adverse
    assert "once the case is read as the space encodes it" in case.nothing


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"rows": [5000]}, "has no row 5000: it has rows 0 to 899"),
        ({"rows": [1], "x": planted.frame(3)}, "of rows or of items x, not of both"),
        ({"most": 9}, "most is 1 to 8 reasons a case, got 9"),
        ({"bootstraps": 3}, "bootstraps must be at least 20"),
        ({"stable": 0.2}, "stable is a share of resamples, .5 to 1, got 0.2"),
        ({"scale": "odds"}, "scale is 'score' or 'logit', got 'odds'"),
        ({"together": [["income", "wage"]]}, "'wage' is none; there are income"),
        ({"together": ["income"]}, "'income' is none"),
        ({"together": 3.0}, "together is a rank correlation"),
        ({"wording": Wording({"incme": {"text": "x"}})}, "did you mean 'income'?"),
        ({"wording": Wording({"income": {"category": "x"}})}, "holds numbers; write high and low"),
        ({"wording": Wording({"job": {"high": "x"}})}, "holds categories; write category"),
        ({"wording": {"job": {"high": "x"}}}, "holds categories; write category"),
        ({"wording": 3}, "wording is a file, a mapping or Wording, got int"),
    ],
)  # fmt: skip
def test_questions_that_make_no_sense(planted_audit: Audit, options: dict[str, Any], words: str) -> None:
    with pytest.raises(DeepspaceError) as caught:
        reasons(planted_audit, **options)
    message = str(caught.value)
    assert words in message
    assert "\n" not in message
    assert message.endswith((".", "?"))


def test_audits_that_cannot_be_explained(planted_space: ds.Space, any_space: Any) -> None:
    with pytest.raises(DeepspaceError, match="say favourable= to the audit, one of 'no', 'yes'"):
        reasons(Audit(planted_space, planted.predictor))
    none = Audit(planted_space, lambda rows: np.full(len(rows), 0.1), favourable="yes")
    with pytest.raises(DeepspaceError, match="only 0 of the 900 rows"):
        reasons(none)
    values = Audit(planted_space, lambda rows: rows["debt"], kind="values", threshold=20, favourable="below")
    with pytest.raises(DeepspaceError, match="which have no log odds"):
        reasons(values, scale="logit")
    if any_space.schema.form != "table":
        audit = Audit(any_space, lambda x: np.zeros(len(x)), target="none", kind="values", threshold=1)
        with pytest.raises(DeepspaceError, match="ask for counterfactuals"):
            reasons(audit)


def test_the_users_own_words(planted_audit: Audit, tmp_path: Path, found: Reasons) -> None:
    file = tmp_path / "wording.yaml"
    file.write_text(
        "income: {low: 'Income too low ({value}; usually {typical}, {low} to {high})', code: AA02}\n"
        "debt: Too much debt\n"
    )
    told = reasons(planted_audit, rows=[case.row for case in found], wording=Wording.from_file(file))
    texts = {reason.column: str(reason) for case in told for reason in case.reasons}
    assert texts["debt"] == "Too much debt"
    assert texts["income"].startswith("AA02: Income too low (")
    assert "{" not in texts["income"]
    # As the command line hands it over, and as a notebook may.
    for given in (str(file), file, {"debt": "Too much debt", "income": Wording.from_file(file).texts["income"]}):
        (again,) = reasons(planted_audit, rows=[told[0].row], wording=given)
        assert [str(reason) for reason in again.reasons] == [str(reason) for reason in told[0].reasons]


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("none.yaml", None, "cannot read the wording file"),
        ("w.yaml", "a: [1, 2", "line 2 cannot be read|line 1 cannot be read"),
        ("w.json", "{'a': 1}", "line 1 cannot be read"),
        ("w.yaml", "- a\n- b", "holds no columns"),
        ("w.yaml", "income: 3", "must give 'income' a text or high, low"),
        ("w.yaml", "income: {higher: x}", "has 'higher' for 'income'; it may have high, low"),
        ("w.yaml", "income: {high: 3}", "a text for 'high', got 3"),
        ("w.yaml", "income: {high: ''}", "a text for 'high', got ''"),
        ("w.yaml", "income: 'is {amount}'", "the place '{amount}' in the text for 'income'"),
        ("w.yaml", "income: 'is {value'", "a brace that is not closed for 'income'"),
    ],
)  # fmt: skip
def test_mistakes_in_a_wording_file(tmp_path: Path, name: str, content: str | None, words: str) -> None:
    file = tmp_path / name
    if content is not None:
        file.write_text(content)
    with pytest.raises(DeepspaceError) as caught:
        Wording.from_file(file)
    message = str(caught.value)
    assert any(word in message for word in words.split("|"))
    assert "\n" not in message
    assert message.endswith(".")
