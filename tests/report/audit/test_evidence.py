"""No number without evidence: by construction, and as the finished page shows it."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deepspace.report.audit.evidence import Evidence, Figure, plain, share
from deepspace.results import wilson
from tests.report.audit.conftest import Report
from tests.report.audit.reading import Page

CITING = ("sr262", "annex", "regb", "card")
"""Sections that name standards, whose numbers are names."""


def test_a_sentence_cannot_hold_a_number_of_its_own() -> None:
    evidence = Evidence()
    with pytest.raises(ValueError, match="no evidence stands for"):
        evidence.say("It is right in 9 of 10 cases.", key="a", source="here")
    assert evidence.entries == []


def test_a_figure_is_kept_in_full_with_all_that_it_rests_on() -> None:
    evidence = Evidence(seed=3, section="performance")
    said = evidence.say(
        "It is right in {right}, by {column}.", key="accuracy", source="here", right=share(2, 3), column="<b>",
        config={"k": 5},
    )  # fmt: skip
    assert said.text == "It is right in 66.7\N{NO-BREAK SPACE}% [20.8 to 93.9, n = 3], by <b>."
    assert "&lt;b&gt;" in said.html
    assert "<b>" not in said.html
    low, high = wilson(2, 3)
    (entry,) = evidence.entries
    assert entry["figures"] == {"right": {"value": 2 / 3, "n": 3, "interval": [low, high], "unit": "%"}}
    assert (entry["id"], entry["key"], entry["seed"], entry["config"]) == ("E1", "performance.accuracy", 3, {"k": 5})


def test_text_of_the_user_may_hold_braces_and_digits() -> None:
    said = Evidence().say("Column {name} is there.", key="a", source="here", name="{0} 17 {x}")
    assert said.text == "Column {0} 17 {x} is there."
    assert said.number is None


def test_a_table_names_every_figure_once() -> None:
    evidence = Evidence()
    rows = [["a", share(1, 2)], ["a", Figure(3.0)], ["<i>", None]]
    table = evidence.table("Things", ("thing", "value"), rows, key="things", source="here")
    assert table.numeric == (False, True)
    assert str(table.rows[2][0]) == "&lt;i&gt;"
    assert list(evidence.entries[0]["table"]) == ["a", "a (2)", "<i>"]
    assert evidence.entries[0]["table"]["a (2)"] == {"value": {"value": 3.0}}


def test_a_cell_says_its_n_where_no_column_does() -> None:
    rows = [["a", Figure(0.5, 8, unit="%"), share(1, 2), 3]]
    first, second = (
        Evidence().table("Things", header, rows, key="things", source="here").rows[0]
        for header in (("thing", "value", "share", "count"), ("thing", "value", "share", "n"))
    )
    shown = [cell.striptags().replace("\N{NO-BREAK SPACE}", " ") for cell in (*first, *second)]
    assert shown[1:4] == ["50 % n = 8", "50 % 9.45 to 90.5, n = 2", "3"]
    assert shown[5:8] == ["50 %", "50 % 9.45 to 90.5", "3"]


def test_what_is_taken_back_leaves_no_evidence() -> None:
    evidence = Evidence()
    evidence.say("{n} rows.", key="a", source="here", n=1)
    mark = evidence.mark()
    evidence.say("{n} rows.", key="b", source="here", n=2)
    evidence.back_to(mark)
    assert evidence.say("{n} rows.", key="b", source="here", n=3).number == 2
    with pytest.raises(ValueError, match="two pieces of evidence"):
        evidence.say("{n} rows.", key="b", source="here", n=3)


@settings(max_examples=40, deadline=None)
@given(st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=20,
))  # fmt: skip
def test_anything_can_be_put_into_json(value: Any) -> None:
    assert plain(json.loads(json.dumps(plain(value), allow_nan=False))) == plain(value)


def test_every_sentence_with_a_number_leads_to_evidence_that_holds_it(report: Report) -> None:
    page = Page(report.page)
    entries = {entry["id"]: entry for entry in report.told["evidence"]}
    checked = 0
    for sentence in page.sentences:
        numbers = re.findall(r"\d[\d,.]*", sentence.text)
        if not numbers or sentence.section in CITING:
            continue
        assert len(sentence.links) == 1, f"no evidence for {sentence.whole!r}"
        (link,) = sentence.links
        assert link in page.ids
        entry = entries[link]
        assert " ".join(sentence.whole.split()) == " ".join(entry["sentence"].split())
        for number in numbers if "figures" in entry else ():
            shown = " ".join(str(_figure(told)) for told in entry["figures"].values())
            assert number.rstrip(",.") in shown, f"{number} of {sentence.whole!r} is no figure of {link}"
        checked += 1
    assert checked > 30


def _figure(told: dict[str, Any]) -> str:
    interval = None if "interval" not in told else tuple(told["interval"])
    parts = [Figure(told["value"], told.get("n"), interval, told.get("unit", ""), digits) for digits in (3, 2, 0)]
    return " ".join(map(str, parts))


def test_every_piece_of_evidence_says_what_made_it(report: Report) -> None:
    entries = report.told["evidence"]
    assert [entry["id"] for entry in entries] == [f"E{i}" for i in range(1, len(entries) + 1)]
    assert len({entry["key"] for entry in entries}) == len(entries)
    for entry in entries:
        assert entry["source"]
        assert isinstance(entry["seed"], int)
        assert entry["basis"] == "audit" or entry["basis"] in report.told["basis"]
    page = Page(report.page)
    assert [name for name in page.ids if re.fullmatch(r"E\d+", name)] == [entry["id"] for entry in entries]


def test_the_basis_is_the_data_the_predictor_and_the_code(report: Report) -> None:
    import hashlib
    from pathlib import Path

    from tests.decisions import planted

    basis = report.told["basis"]
    source = report.space.manifest["provenance"]["source"]
    assert basis["data"]["fingerprint"] == source["fingerprint"]
    assert basis["predictor"]["file SHA-256"] == hashlib.sha256(Path(planted.__file__).read_bytes()).hexdigest()
    assert len(basis["predictor"]["answers SHA-256"]) == len(basis["code"]["source SHA-256"]) == 64
    current = report.space.folder.parent / "current.csv"
    assert basis["current data"]["SHA-256"] == hashlib.sha256(current.read_bytes()).hexdigest()
