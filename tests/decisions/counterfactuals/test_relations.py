"""Relations between columns: what may be written, what it means, and that no counterfactual ever breaks one."""

from __future__ import annotations

import datetime
import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import deepspace as ds
from deepspace.decisions import Audit, Constraints, counterfactuals
from deepspace.decisions.counterfactuals.relations import Relation
from deepspace.errors import DataError
from tests.decisions import planted

NUMBERS = st.floats(-50, 50, allow_nan=False).map(lambda x: round(x, 2))


@st.composite
def _expressions(draw: st.DrawFn, depth: int = 3) -> str:
    """Text that Python and we read alike."""
    if depth == 0 or draw(st.integers(0, 3)) == 0:
        return draw(st.sampled_from(["a", "b", "c", "'d e'", "2", "0.5", "1e1"]))
    left, right = draw(_expressions(depth=depth - 1)), draw(_expressions(depth=depth - 1))
    made = f"{left} {draw(st.sampled_from(list('+-*/')))} {right}"
    return draw(st.sampled_from([made, f"({made})", f"-({made})"]))


@given(text=_expressions(), cells=st.fixed_dictionaries(dict.fromkeys(("a", "b", "c", "d e"), NUMBERS)))
def test_arithmetic_is_pythons(text: str, cells: dict[str, float]) -> None:
    """Beside an independent reading: Python's own, of a text that this test wrote."""
    relation = Relation.of(f"{text} <= a")
    names = {"a": cells["a"], "b": cells["b"], "c": cells["c"], "d_e": cells["d e"]}
    columns = {name: np.array([value]) for name, value in cells.items()}
    found = float(relation.left.work(columns, 1).value[0])
    try:
        expected = float(eval(text.replace("'d e'", "d_e"), {}, names))
    except ZeroDivisionError:
        assert not np.isfinite(found)
        return
    assert found == expected
    if abs(expected - cells["a"]) > 1e-9 * (1 + abs(expected)) * 1e3:
        assert bool(relation.holds(columns, columns, 1e-12)[0]) == (expected <= cells["a"])


@given(text=_expressions(), sign=st.sampled_from(["<=", ">=", "="]), cells=st.data())
def test_the_edge_of_a_column_makes_both_sides_equal(text: str, sign: str, cells: st.DataObject) -> None:
    relation = Relation.of(f"{text} {sign} a * 3 - c")
    columns = {n: np.array([cells.draw(NUMBERS)]) for n in ("a", "b", "c", "d e")}
    for name in relation.names:
        edge = relation.edge(name, columns, columns)
        once = [*relation.left.names, *relation.right.names].count(name) == 1  # type: ignore[union-attr]
        assert (edge is not None) == once
        if edge is None or not np.isfinite(edge[0]) or abs(edge[0]) > 1e9:
            continue
        moved = columns | {name: edge}
        left, right = (side.work(moved, 1) for side in (relation.left, relation.right))  # type: ignore[union-attr]
        if np.isfinite(left.value[0]) and np.isfinite(right.value[0]):
            size = max(left.scale[0], right.scale[0], abs(edge[0]))
            assert left.value[0] == pytest.approx(right.value[0], abs=1e-6 * (1 + size))


@pytest.mark.parametrize(
    ("given_", "words"),
    [
        ("years + age", "which compares nothing; write <=, >= or = in it, or {down: years + age}"),
        ("years < age", "compare once, by <=, >= or ="),
        ("1 <= years <= age", "compare once, by <=, >= or ="),
        ("years <= ", "cannot be read; write + - * /"),
        ("years age", "cannot be read"),
        ("years = = age", "cannot be read"),
        ("(" * 300 + "years" + ")" * 300 + " <= 1", "relation of 610 characters; 500 are the most"),
        ("(" * 240 + "years" + ")" * 240 + " <= 1", "cannot be read"),
        ("years ** 2 <= 9", "'years ** 2' is neither a column, nor a number, nor + - * / of those"),
        ("__import__('os').system('true') <= 1", "is neither a column, nor a number"),
        ("age.real <= 1", "'age.real' is neither"),
        ("[years for years in age] <= 1", "is neither"),
        ("years <= True", "'True' is neither"),
        ("years <= 1j", "is neither"),
        ("years <= 1e999", "is neither"),
        ("1 <= 2", "which names no column"),
        ({"down": "2 + 3"}, "which names no column"),
        ({"up": "years <= 3"}, "which compares; write a quantity after up"),
        ({"sideways": "years"}, "write it as text, 'a <= b + 1', or as {up: a / b}"),
        (7, "have the relation 7; write it as text"),
        ("yeers <= 3", "name the column 'yeers', which the space did not learn; did you mean 'years'?"),
        ("job <= 3", "relate columns by 'job <= 3', but 'job' holds no numbers or dates"),
    ],
)  # fmt: skip
def test_what_is_malformed_is_refused_in_one_sentence(planted_audit: Audit, given_: Any, words: str) -> None:
    with pytest.raises(DataError) as caught:
        counterfactuals(planted_audit, rows=[0], constraints={"relations": [given_]})
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)
    assert str(caught.value).endswith((".", "?"))


def test_a_file_holds_them(tmp_path: Path) -> None:
    file = tmp_path / "limits.yaml"
    file.write_text("relations:\n  - years <= age - 14\n  - down: \"'credit amount' / duration\"\n", encoding="utf-8")
    read = Constraints.from_file(file)
    assert read.names == ("years", "age", "credit amount", "duration")
    assert [r.sign for r in read.relations] == ["<=", "down"]
    assert str(read) == "relation: years <= age - 14\nrelation: down: 'credit amount' / duration"
    file.write_text("relations: years <= age", encoding="utf-8")
    with pytest.raises(DataError, match="need a list under relations"):
        Constraints.from_file(file)


def _adverse(audit: Audit, count: int) -> np.ndarray:
    return audit.rows[audit.answers.outcome == 0][:count]


def test_a_planted_rule_is_met_through_the_column_that_follows(planted_audit: Audit) -> None:
    """Income must reach 40 and debt fall to 20. Where their ratio may not fall, and income is what is missing, nothing
    is in the way; where it may not rise, debt must follow, by just as much."""
    frame = planted.frame()
    poor = np.flatnonzero((frame["income"] < 36) & (frame["debt"] <= 14) & (frame["debt"] > 2))[:12]
    up = counterfactuals(planted_audit, rows=poor, constraints={"relations": [{"up": "income / debt"}]}, k=1)
    assert all([c.column for c in case.found[0].changes] == ["income"] for case in up)
    down = counterfactuals(planted_audit, rows=poor, constraints={"relations": [{"down": "income / debt"}]}, k=1)
    assert down.coverage == (12, 12)
    for case, (_, own) in zip(down, frame.iloc[poor].iterrows(), strict=True):
        found = case.found[0].record
        assert {c.column for c in case.found[0].changes} == {"income", "debt"}
        assert found["income"] == planted.FLOOR
        least = own["debt"] * found["income"] / own["income"]
        assert least <= found["debt"] <= least + 0.1 + 1e-9


def test_where_none_may_follow_the_relation_is_named(planted_audit: Audit) -> None:
    frame = planted.frame()
    poor = np.flatnonzero((frame["income"] < 36) & (frame["debt"] <= 14) & (frame["debt"] > 2))[:6]
    for rule, said in [
        ({"down": "income / debt"}, "income / debt must not rise"),
        ("income <= 39", "income <= 39 must hold"),
    ]:
        limits = {"relations": [rule], "immutable": ["debt"]}
        for case in counterfactuals(planted_audit, rows=poor, constraints=limits):
            assert not case.found
            assert f"but {said}." in str(case.refused)
            assert "it would take income from" in str(case.refused)


def test_real_rows_that_break_a_relation_are_counted_and_not_proposed(planted_audit: Audit) -> None:
    rows = _adverse(planted_audit, 30)
    found = counterfactuals(planted_audit, rows=rows, constraints={"relations": ["income + debt <= 45"]})
    training = planted.frame().iloc[np.setdiff1d(np.arange(900), planted_audit.space.validation_index)]
    broken = int((training["income"] + training["debt"] > 45 + 1e-9).sum())
    assert found.notes == (
        f"'income + debt <= 45' does not hold in {broken:,} of 675 training rows, which are not proposed as they are.",
    )
    assert found.coverage[0] > 20
    assert all(each.record["income"] + each.record["debt"] <= 45 + 1e-9 for case in found for each in case)


def test_all_permitted_rows_are_tried_where_they_are_few(planted_space: Any) -> None:
    """A hash decides; all 15 x 2 rows are looked at here, one by one, and those that break the relation passed over."""
    audit = Audit(planted_space, lambda rows: planted.random_predictor(rows) ** 6, favourable="yes")
    frame = planted.frame()[list(planted.LEARNED)]
    rows = _adverse(audit, 40)
    fixed = [name for name in planted.LEARNED if name not in ("age", "owner")]
    limits = {"immutable": fixed, "ranges": {"age": [30, 44]}, "relations": ["years <= age - 20", "age / 2 >= 17"]}
    found = counterfactuals(audit, rows=rows, constraints=limits)
    expected = []
    for row in rows:
        own = frame.iloc[row]
        grid = pd.MultiIndex.from_product([[*range(30, 45), own["age"]], [False, True]], names=["age", "owner"])
        every = grid.to_frame(index=False).assign(**own[fixed].to_dict())[list(planted.LEARNED)].astype(frame.dtypes)
        kept = (every["years"] <= every["age"] - 20) & (every["age"] >= 34) | (every["age"] == own["age"])
        expected.append(bool((planted.random_predictor(every[kept]) ** 6 >= 0.5).any()))
    assert [bool(case.found) for case in found] == expected
    assert 0 < sum(expected) < len(rows)


def _parts(n: int = 400) -> pd.DataFrame:
    """Sums, a quotient, dates, single precision, a number that is a category, missing cells."""
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({
        "rent": np.round(rng.gamma(4, 150, n)), "food": np.round(rng.gamma(3, 80, n)), "total": 0.0,
        "credit amount": rng.integers(500, 9000, n), "duration": rng.choice([6, 12, 18, 24, 36, 48], n),
        "ratio": rng.gamma(3, 1, n).astype(np.float32),
        "start": pd.Timestamp("2020-01-01") + pd.to_timedelta(rng.integers(0, 500, n), unit="D"),
        "rooms": rng.choice([1, 2, 3], n),
    })  # fmt: skip
    frame["total"] = frame["rent"] + frame["food"]
    frame["end"] = frame["start"] + pd.to_timedelta(rng.integers(1, 300, n), unit="D")
    for name in ("start", "end"):
        frame[name] = frame[name].dt.date
    frame.loc[rng.random(n) < 0.12, "food"] = np.nan
    frame.loc[rng.random(n) < 0.05, "duration"] = np.nan
    return frame


def _solvent(rows: Any) -> np.ndarray:
    def number(name: str, usual: float) -> np.ndarray:
        return np.asarray(pd.to_numeric(rows[name]).fillna(usual), float)

    days = (pd.to_datetime(rows["end"]) - pd.to_datetime(rows["start"])).dt.days.to_numpy(float)
    score = (
        (number("total", 800) - 1000) / 200 + (number("duration", 18) - 28) / 10
        - (number("credit amount", 0) - 3000) / 2000 + (days - 150) / 100 + number("ratio", 3) - 3
        + number("rooms", 2) - 2
    )  # fmt: skip
    return np.asarray(1 / (1 + np.exp(-score)), float)


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory) -> Audit:
    training = ds.TrainConfig(epochs=4, threads=1, validation_fraction=0.2)
    folder = tmp_path_factory.mktemp("parts") / "parts.space"
    space = ds.fit(_parts(), path=folder, seed=0, training=training, target="none")
    return Audit(space, _solvent, classes=("no", "yes"), favourable="yes", kind="probabilities")


RULES: list[Any] = [
    "total = rent + food",
    {"down": "'credit amount' / duration"},
    {"up": "ratio * duration - rooms"},
    "end - start >= 30",
    "start <= end - 10 * rooms",
    "food / total <= 0.4",
    "2 * rooms <= ratio + 1",
    "rent <= 'credit amount' / 3",
    {"down": "rent / (rent + food)"},
    "rooms * duration * ratio <= 90",
    "ratio / rooms >= 1.5",
]


def _worked(text: str, record: dict[str, Any]) -> float | None:
    """Python's arithmetic, dates as ordinals; None where it cannot be worked out."""
    names = {}
    for name, value in record.items():
        day = isinstance(value, datetime.date)
        names[name.replace(" ", "_")] = float("nan") if value is None else value.toordinal() if day else float(value)
    try:
        value = float(eval(text.replace("'credit amount'", "credit_amount"), {}, names))
    except ZeroDivisionError:
        return None
    return value if np.isfinite(value) else None


def _kept(rule: Any, record: dict[str, Any], own: dict[str, Any]) -> bool:
    """In the user's units, without any of the code under test."""
    text = rule if isinstance(rule, str) else next(iter(rule.values()))
    names = re.findall(r"[a-z]+ amount|[a-z]+", text)
    if all(record[name] == own[name] or (record[name] is None and own[name] is None) for name in names):
        return True
    if isinstance(rule, dict):
        new, old = _worked(text, record), _worked(text, own)
        if new is None or old is None:
            return False
        return new >= old - 1e-5 if "up" in rule else new <= old + 1e-5
    left, sign, right = re.split(r"(<=|>=|=)", text)
    a, b = _worked(left, record), _worked(right, record)
    if a is None or b is None:
        return False
    return a <= b + 1e-5 if sign == "<=" else a >= b - 1e-5 if sign == ">=" else abs(a - b) < 1e-5


@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rules=st.lists(st.sampled_from(RULES), min_size=1, max_size=4, unique_by=str), start=st.integers(0, 150),
    fixed=st.sampled_from([[], ["rent"], ["total", "end"]]), up=st.sampled_from([[], ["duration"], ["food"]]),
    margin=st.sampled_from([0.0, 0.1]), empties=st.booleans(),
)  # fmt: skip
def test_no_relation_is_ever_broken(
    parts: Audit, rules: list[Any], start: int, fixed: list[str], up: list[str], margin: float, empties: bool
) -> None:
    rows = _adverse(parts, 400)[start : start + 5]
    limits = {"relations": rules, "immutable": fixed, "increase": up, "missing": ["food"] if empties else []}
    for case in counterfactuals(parts, rows=rows, constraints=limits, margin=margin):
        assert bool(case.found) == (case.refused is None)
        for each in [*case.found, *([case.closest] if case.closest else [])]:
            for rule in rules:
                assert _kept(rule, each.record, case.record), (rule, each.changes, case.record)
            assert not {change.column for change in each.changes} & set(fixed)
            for change in each.changes:
                assert change.column not in up or change.after >= change.before
        for each in case:
            assert parts.ask(pd.DataFrame([each.record])).scores[0, 1] >= 0.5 + margin


def test_a_sum_is_kept_by_its_parts_and_drawn_back_to_what_is_needed(parts: Audit) -> None:
    """Only the total decides here, and rent follows it, to the unit."""

    def wants(rows: Any) -> np.ndarray:
        return np.asarray(1 / (1 + np.exp(-(pd.to_numeric(rows["total"]).to_numpy(float) - 900) / 100)))

    audit = Audit(parts.space, wants, classes=("no", "yes"), favourable="yes", kind="probabilities")
    frame = _parts()
    rows = np.flatnonzero((frame["total"] < 880) & (frame["total"] > 300))[:30]
    found = counterfactuals(audit, rows=rows, constraints={"relations": ["total = rent + food"], "immutable": ["food"]})
    for case in found:
        if case.record["food"] is None:
            assert not case.found
            assert "total = rent + food must hold" in str(case.refused)
            continue
        assert {c.column for c in case.found[0].changes} == {"rent", "total"}
        record = case.found[0].record
        assert record["total"] == pytest.approx(record["rent"] + record["food"], abs=1e-9)
        assert record["total"] == 900
    assert 15 < found.coverage[0] < 30


def test_a_missing_cell_may_be_filled_and_a_relation_may_not_be_emptied_away(parts: Audit) -> None:
    frame = _parts()
    rows = [*np.flatnonzero(frame["food"].isna())[:4], *np.flatnonzero(frame["food"].notna())[:4]]
    limits = {"relations": ["total = rent + food"], "missing": ["food"]}
    seen = 0
    for case in counterfactuals(parts, rows=rows, constraints=limits, desired="yes"):
        for each in case:
            changed = {c.column for c in each.changes} & {"total", "rent", "food"}
            assert not changed or _kept("total = rent + food", each.record, case.record)
            seen += bool(changed)
    assert seen
