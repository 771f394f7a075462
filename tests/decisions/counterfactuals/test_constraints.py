"""The file of constraints: what it may say, and each mistake in it as one sentence."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from deepspace.decisions import Audit, Constraints, counterfactuals
from deepspace.errors import DataError

FULL = """
immutable: [region]
increase: [years]
decrease: [debt]
ranges:
  income: [20, 90.5]
allowed:
  job: [clerk, nurse]
linked:
  - {columns: [age, years], rule: same_step}
missing: [owner]
"""


def test_yaml_json_and_a_mapping_say_the_same(tmp_path: Path) -> None:
    import yaml

    content = yaml.safe_load(FULL)
    (tmp_path / "a.yaml").write_text(FULL, encoding="utf-8")
    (tmp_path / "a.json").write_text(json.dumps(content), encoding="utf-8")
    read = [
        Constraints.from_file(tmp_path / "a.yaml"),
        Constraints.of(str(tmp_path / "a.json")),
        Constraints.of(content),
    ]
    assert str(read[0]) == str(read[1]) == str(read[2])
    assert read[0].ranges == {"income": (20, 90.5)}
    assert read[0].linked[0].columns == ("age", "years")
    assert read[0].names == ("region", "years", "debt", "income", "job", "age", "owner")
    assert Constraints.of(read[0]) is read[0]
    assert str(Constraints.of(None)) == "no constraints"


def test_an_empty_file_constrains_nothing(tmp_path: Path) -> None:
    (tmp_path / "none.yml").write_text("# nothing yet\n", encoding="utf-8")
    assert Constraints.from_file(tmp_path / "none.yml").names == ()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("immutable: [a\n", "are not YAML"),
        ("- age\n", "must be a mapping with keys immutable"),
        ("imutable: [age]", "have the key 'imutable', which says nothing; did you mean 'immutable'?"),
        ("immutable: age", "need a list under immutable, got 'age'"),
        ("ranges: [income]", "need columns and their values under ranges"),
        ("ranges: {income: 20}", "need a range [lowest, highest] for 'income', got 20"),
        ("ranges: {income: [1, 2, 3]}", "need a range [lowest, highest] for 'income'"),
        ("allowed: {job: []}", "allow no value for 'job'"),
        ("linked: [{columns: [age, years]}]", "need columns and rule in each entry under linked"),
        ("linked: [{columns: [age], rule: same_step}]", "needs two or more different columns"),
        ("linked: [{columns: [age, years], rule: equal}]", "by 'equal'; the rules are same_direction, same_step"),
    ],
)  # fmt: skip
def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path, text: str, words: str) -> None:
    file = tmp_path / "limits.yaml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(DataError) as caught:
        Constraints.from_file(file)
    assert words in str(caught.value)
    assert str(file) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_json_that_is_none(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text("{", encoding="utf-8")
    with pytest.raises(DataError, match="are not JSON"):
        Constraints.from_file(tmp_path / "a.json")
    with pytest.raises(DataError, match="cannot read the constraints in"):
        Constraints.from_file(tmp_path)


@pytest.mark.parametrize(
    ("limits", "words"),
    [
        ({"immutable": ["incom"]}, "name the column 'incom', which the space did not learn; did you mean 'income'?"),
        ({"immutable": ["approved"]}, "'approved', which the space did not learn; the columns are income, debt"),
        ({"increase": ["age"], "decrease": ["age"]}, "let 'age' only increase and only decrease"),
        ({"immutable": ["age"], "increase": ["age"]}, "list 'age' as immutable and under increase"),
        ({"immutable": ["debt"], "ranges": {"debt": [1, 2]}}, "list 'debt' as immutable and under ranges"),
        ({"increase": ["job"]}, "'job' under increase, but its categories have no order"),
        ({"ranges": {"income": [50, 20]}}, "the range 50 to 20, which is empty"),
        ({"ranges": {"income": [1000, 2000]}}, "in which no value lies; the space knows"),
        ({"ranges": {"income": ["much", None]}}, "the edge 'much', which is no numeric value"),
        ({"ranges": {"job": [1, 2]}}, "a range for 'job', which holds no numbers or dates"),
        ({"allowed": {"job": ["pilot"]}}, "to be 'pilot'; its categories are 'clerk', 'driver', 'engineer', 'nurse'"),
        ({"allowed": {"income": [-3]}}, "to be -3, which no row has"),
        ({"linked": [{"columns": ["age", "job"], "rule": "same_step"}]}, "'job' under linked, but its categories"),
        ({"linked": [{"columns": ["age", "years"], "rule": "same_step"}], "immutable": ["age"]}, "'age' is immutable"),
        ({"linked": [{"columns": ["age", "years"], "rule": "same_step"}], "increase": ["age"], "decrease": ["years"]},
         "let one only increase and another only decrease"),
        ({"linked": [{"columns": ["age", name], "rule": "same_step"} for name in ("years", "debt")]},
         "link 'age' twice"),
    ],
)  # fmt: skip
def test_rules_that_do_not_fit_the_table_are_refused(planted_audit: Audit, limits: dict[str, Any], words: str) -> None:
    with pytest.raises(DataError) as caught:
        counterfactuals(planted_audit, rows=[0], constraints=limits)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)
    assert str(caught.value).endswith((".", "?"))
