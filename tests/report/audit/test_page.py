"""The report as a document: it stands alone, says failures first, is the same each time, and what is true is in it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import deepspace as ds
from deepspace.decisions import Audit
from deepspace.report.audit import Options, render_audit, writing
from deepspace.report.audit.chapters import CHAPTERS
from deepspace.report.audit.page import FIRST, GAPS
from tests.decisions import planted
from tests.report.audit.conftest import PREDICTOR, Report
from tests.report.audit.reading import Page

HOSTILE = (
    "<script>alert(1)</script>",
    '"; } body { display: none } /*',
    "{{ 7 * 7 }}",
    "a' onmouseover='x",
    "{n} 1 %s",
)


def only(monkeypatch: pytest.MonkeyPatch, *keys: str) -> None:
    """Reports of some sections, for tests of others' speed."""
    monkeypatch.setattr(writing, "CHAPTERS", tuple(c for c in CHAPTERS if c.key in keys))


def test_it_stands_alone(report: Report) -> None:
    page = Page(report.page)
    assert page.open == []
    assert not re.search(r"(?i)https?://|@import|url\(|javascript:", report.page)
    assert not [tag for tag, _ in page.tags if tag in ("script", "link", "iframe", "object", "base", "form")]
    assert not [told for _, told in page.tags if any(name.startswith("on") for name in told)]
    sources = [told.get("src") or told.get("href") or "" for tag, told in page.tags if tag in ("img", "image")]
    assert sources
    assert all(source.startswith("data:image/png;base64,") for source in sources)
    assert list(report.file.parent.glob("*.partial")) == []


def test_every_link_leads_somewhere(report: Report) -> None:
    page = Page(report.page)
    assert len(set(page.ids)) == len(page.ids)
    links = [str(told["href"]).removeprefix("#") for tag, told in page.tags if tag == "a"]
    assert links
    assert set(links) <= set(page.ids)


def test_every_section_of_the_registry_is_there_and_numbered(report: Report) -> None:
    keys = [section["key"] for section in report.told["sections"]]
    assert keys == [chapter.key for chapter in CHAPTERS]
    heads = re.findall(r'<h2 id="([a-z0-9]+)"[^>]*>(\d+)&ensp;', report.page)
    assert [int(number) for _, number in heads] == list(range(1, len(keys) + 3))
    assert [key for key, _ in heads] == ["summary", *keys, "manifest"]


def test_failures_come_before_all_else(report: Report) -> None:
    text = " ".join(Page(report.page).text.split())
    assert text.index("What stands against relying on it") < text.index("Key figures") < text.index("Contents")
    for failure in report.told["summary"]["failures"]:
        assert failure["sentence"] in text  # at the head or, where that has no room for it, in its section


def test_the_summary_is_short_and_says_how_much_more_there_is(report: Report) -> None:
    head = report.page[report.page.index('<section class="summary">') : report.page.index("<nav>")]
    summary = report.told["summary"]
    against = head[: head.index("Key figures")]
    shown = Page(against).sentences
    more = [int(n) for n in re.findall(r"</a> \((\d+)\)", against)]
    assert 0 < len(shown) <= FIRST + GAPS
    assert len(shown) + sum(more) == len(summary["failures"]) + len(summary["gaps"])
    assert len(Page(head).text.split()) < 330  # half a page of print


def test_the_key_figures_are_those_of_their_sections(report: Report) -> None:
    entries = {entry["id"]: entry for entry in report.told["evidence"]}
    figures = report.told["summary"]["figures"]
    assert {key["section"] for key in figures} == {"performance", "reasons", "recourse", "groups", "drift"}
    for key in figures:
        held = entries[key["evidence"]]
        assert held["key"].startswith(key["section"])
        told = {name: key[name] for name in ("value", "n", "interval", "unit") if name in key}
        assert told in held["figures"].values()


LENDING = re.compile(r"(?i)\b(accept(ed|ance)?|deni(ed|al)s?|applicants?|loans?|creditors?|lend(er|ing)|recourse)\b")


def test_words_of_lending_stand_in_the_chapter_on_lending_alone(report: Report) -> None:
    page = report.page.replace("To decide on loans.", "")  # the owner's own words
    sections = re.split(r'(?=<h2 id=")', page[page.index("<body>") : page.index('<h2 id="manifest"')])
    (about,) = [part for part in sections if part.startswith('<h2 id="regb"')]
    assert LENDING.search(about)
    for part in sections:
        text = re.sub(r"<[^>]+>", " ", part)
        assert part is about or not LENDING.search(text), LENDING.search(text)


def test_it_says_which_outcome_counts_as_positive(report: Report) -> None:
    entries = {entry["key"]: entry for entry in report.told["evidence"]}
    said = {s.whole.strip() for s in Page(report.page).sentences if s.section == "performance"}
    assert "AUC, Brier score and calibration are of the probability of yes." in said
    assert set(entries["performance.by-outcome"]["table"]) == {"no", "yes"}
    assert set(entries["performance.by-outcome"]["table"]["no"]) == {"precision (95 %)", "recall (95 %)"}


def test_it_claims_no_compliance_and_says_what_it_has_not_read(report: Report) -> None:
    text = " ".join(Page(report.page).text.split())
    assert "Nothing here is a statement of compliance" in text
    assert text.count("Second-hand") == 3  # SR 26-2, the AI Act, Regulation B
    assert "not the paper itself" in text
    assert "A reason is not recourse" in text
    assert not re.search(r"(?i)\b(is|fully|are) compliant|complies with", text)


def test_what_only_the_owner_knows_is_a_box_or_what_the_owner_said(report: Report) -> None:
    assert "STATED BY THE OWNER" in report.page
    assert "To decide on loans." in report.page
    assert report.page.count("FOR THE OWNER TO FILL IN") > 10
    assert report.page.count('<span class="key">intended-use</span>') == 1


def test_the_planted_columns_are_the_reasons_and_the_recourse(report: Report) -> None:
    entries = {entry["key"]: entry for entry in report.told["evidence"]}
    reasons = entries["reasons.columns"]["table"]
    assert set(list(reasons)[:2]) == set(planted.DECISIVE)
    assert set(entries["recourse.columns"]["table"]) <= set(planted.DECISIVE)
    found = " ".join(s["sentence"] for s in report.told["summary"]["findings"])
    assert all(name in found for name in planted.DECISIVE)


def test_the_same_question_gives_the_same_bytes_in_another_process(report: Report, tmp_path: Path) -> None:
    folder = report.space.folder.parent
    (tmp_path / "limits.yaml").write_text("immutable: [age]\n")
    np.savetxt(tmp_path / "held.txt", report.space.validation_index, "%d")
    (tmp_path / "said.yaml").write_text("intended-use: To decide on loans.\n")
    root = Path(__file__).parents[3]
    for seed in ("7", "11"):  # of hashes: no order of a set may show; one thread each, as sums hang on their number
        file = tmp_path / seed / "again.html"
        command = [
            sys.executable, "-m", "deepspace.cli", "audit", folder / "planted.space", "--predictor", PREDICTOR,
            "--favourable", "yes", "--held-out", tmp_path / "held.txt", "--groups", "owner", "--current",
            folder / "current.csv", "--constraints", tmp_path / "limits.yaml", "--statements", tmp_path / "said.yaml",
            "-o", file,
        ]  # fmt: skip
        run = subprocess.run(
            list(map(str, command)), capture_output=True, text=True, timeout=600, cwd=root,
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(root), "OMP_NUM_THREADS": "1"},
        )  # fmt: skip
        assert run.returncode == 0, run.stderr
        assert run.stdout == f"{file}\n"
    for name in ("again.html", "again.json"):
        assert (tmp_path / "7" / name).read_bytes() == (tmp_path / "11" / name).read_bytes()
    told = json.loads((tmp_path / "7" / "again.json").read_text(encoding="utf-8"))
    assert told["settings"]["constraints"]["file"] == "limits.yaml"
    assert [e["key"] for e in told["evidence"]] == [e["key"] for e in report.told["evidence"]]


def test_thirty_columns_with_hostile_names_fit_into_a_megabyte(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    n = 400
    data = {f"number {i}": rng.normal(size=n).round(2) for i in range(15)}
    data |= {f"kind {i}": rng.choice(["a", "b", "<i>c</i>"], n) for i in range(10)}
    data |= {name: rng.normal(size=n).round(2) for name in HOSTILE}
    frame = pd.DataFrame(data)
    first = HOSTILE[0]
    frame["</style><b>y"] = np.where(frame[first] + frame["number 0"] > 0, "<u>yes</u>", "no")
    space = ds.fit(
        frame, path=tmp_path / "wide.space", target="</style><b>y", seed=0,
        training=ds.TrainConfig(epochs=3, threads=1, validation_fraction=0.25),
    )  # fmt: skip

    def rule(rows: pd.DataFrame) -> np.ndarray:
        return np.asarray(1 / (1 + np.exp(-3 * (rows[first].fillna(0) + rows["number 0"].fillna(0)))), float)

    audit = Audit(space, rule, favourable="<u>yes</u>", held_out=space.validation_index)
    page, told = render_audit(audit, options=Options(groups=("kind 0",)))
    assert len(page.encode()) <= 1_000_000
    assert len(told["sections"]) == len(CHAPTERS) - 1  # no current data, no drift
    read = Page(page)
    assert not [tag for tag, _ in read.tags if tag in ("script", "u", "i")]
    assert page.count("<style>") == page.count("</style>") == 1
    assert "49" not in {s.text for s in read.sentences}
    assert "body { display: none }" not in page.split("</style>")[0]
    assert first in read.text
    assert not told["summary"]["gaps"], told["summary"]["gaps"]


def test_of_a_random_predictor_it_says_that_nothing_stable_was_found(
    space: ds.Space, monkeypatch: pytest.MonkeyPatch
) -> None:
    only(monkeypatch, "performance", "boundary", "reasons")
    audit = Audit(space, planted.random_predictor, favourable="yes", held_out=space.validation_index)
    _, told = render_audit(audit)
    failures = " ".join(s["sentence"] for s in told["summary"]["failures"])
    assert "Nothing stable was found" in failures
    assert "Nothing shows that its score tells the outcomes apart" in failures
    entries = {entry["id"]: entry["key"] for entry in told["evidence"]}
    assert "boundary.trust" in {entries[s["evidence"]] for s in told["summary"]["failures"]}


def test_an_outcome_that_is_never_found_stands_among_what_is_wrong(
    space: ds.Space, monkeypatch: pytest.MonkeyPatch
) -> None:
    only(monkeypatch, "performance", "drift")
    audit = Audit(space, lambda rows: 0.4 * planted.predictor(rows), favourable="yes", held_out=space.validation_index)
    denied = planted.frame(200, seed=8)
    denied = denied[~planted.rule(denied)].drop(columns="approved").assign(approved="yes")
    _, told = render_audit(audit, options=Options(current=denied))
    failures = " ".join(s["sentence"] for s in told["summary"]["failures"]).replace("\xa0", " ")
    assert "Of the rows that really were yes, the outcome that it misses most, it decides 0 %" in failures
    assert "in 100 % [n = " in failures
    assert "more often than the predictor is" in failures


def test_other_rows_are_named_and_looked_into(space: ds.Space, monkeypatch: pytest.MonkeyPatch) -> None:
    only(monkeypatch, "cases")
    audit = Audit(space, PREDICTOR, favourable="yes", held_out=space.validation_index)
    page, told = render_audit(audit, options=Options(cases=(5,)))
    assert "Row 5: named" in page
    keys = {entry["key"] for entry in told["evidence"]}
    assert {"cases.5-decided", "cases.5-precedents", "cases.5-values"} <= keys
    _, told = render_audit(audit, options=Options(cases=(10_000,)))
    assert "has no row 10000" in told["summary"]["gaps"][0]["sentence"]
