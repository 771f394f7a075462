"""Whatever is wrong with a predictor or a question is one sentence, and the rest of the report stands."""

from __future__ import annotations

import time
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import deepspace as ds
from deepspace.decisions import Audit
from deepspace.errors import DataError, SpaceError
from deepspace.report.audit import Options, Unaudited, audit_report, audited, render_audit
from tests.decisions import planted
from tests.report.audit.conftest import PREDICTOR
from tests.report.audit.reading import Page
from tests.report.audit.test_page import only


def raises(rows: Any) -> Any:
    raise RuntimeError("no such table: /home/somebody/secret")


def late_nan(rows: Any) -> Any:
    answers = planted.predictor(rows)
    return np.where(np.asarray(rows["income"]) == SENTINEL, np.nan, answers)


def slow(rows: Any) -> Any:
    time.sleep(0.4)
    return planted.predictor(rows)


SENTINEL = -1.0
BROKEN: dict[str, tuple[Any, str]] = {
    "raises": (raises, "raised RuntimeError"),
    "nan": (lambda rows: np.full(len(rows), np.nan), "with NaN or infinity"),
    "shape": (lambda rows: np.zeros((len(rows), 2, 2)), "array of shape"),
    "short": (lambda rows: np.zeros(3), "array of shape"),
    "over one": (lambda rows: np.full((len(rows), 2), 0.9), "add up to"),
    "over 1": (lambda rows: np.full((len(rows), 2), [-0.5, 1.5]), "probabilities from"),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_a_broken_predictor_leaves_the_rest(kind: str, space: ds.Space, monkeypatch: pytest.MonkeyPatch) -> None:
    only(monkeypatch, "data", "predictor", "performance", "cases", "sr262", "card")
    predictor, words = BROKEN[kind]
    found = audited(space, predictor, favourable="yes")
    assert isinstance(found, Unaudited)
    page, told = render_audit(found)
    (failure,) = [s["sentence"] for s in told["summary"]["failures"] if words in s["sentence"]]
    assert "Traceback" not in page
    assert "\n" not in failure
    assert [s["key"] for s in told["sections"]] == ["data", "predictor", "sr262", "card"]
    (gap,) = (s["sentence"] for s in told["summary"]["gaps"])
    assert gap == "Since the predictor could not be asked, these are not here: performance, single cases."
    Page(page)


def test_a_predictor_that_fails_on_a_late_row_leaves_the_rest(space: ds.Space, monkeypatch: pytest.MonkeyPatch) -> None:
    only(monkeypatch, "predictor", "performance", "card")
    tried = set(np.linspace(0, len(space) - 1, 64).round().astype(int).tolist())
    row = next(i for i in range(100, len(space)) if i not in tried)
    monkeypatch.setattr("tests.report.audit.test_bad_input.SENTINEL", space.rows.record(row)["income"])
    incomes = np.asarray(space.rows.column("income").to_pylist())
    if set(np.flatnonzero(incomes == incomes[row]).tolist()) & tried:
        pytest.skip("another of the rows tried first has the same income")
    found = audited(space, late_nan, favourable="yes")
    assert isinstance(found, Audit)
    _, told = render_audit(found)
    assert "NaN" in told["summary"]["failures"][0]["sentence"]
    assert [s["key"] for s in told["sections"]] == ["predictor", "card"]
    assert told["basis"]["predictor"]["answers SHA-256"] == ""


def test_a_slow_predictor_is_left_behind_and_progress_is_told(space: ds.Space, monkeypatch: pytest.MonkeyPatch) -> None:
    only(monkeypatch, "predictor", "card")
    found = audited(space, slow, favourable="yes", time_limit=0.1)
    _, told = render_audit(found)
    assert "its time limit" in told["summary"]["failures"][0]["sentence"]
    heard: list[str] = []
    asked: list[tuple[int, int]] = []
    audit = Audit(space, PREDICTOR, favourable="yes", tell=lambda done, of: asked.append((done, of)))
    render_audit(audit, tell=heard.append)
    assert asked[-1] == (len(space), len(space))
    assert "the predictor" in heard


def test_a_predictor_that_is_not_deterministic_is_told_of(space: ds.Space, monkeypatch: pytest.MonkeyPatch) -> None:
    only(monkeypatch, "predictor", "performance")
    rng = np.random.default_rng(0)

    def loose(rows: Any) -> Any:
        return np.clip(planted.predictor(rows) + rng.normal(0, 0.2, len(rows)), 0, 1)

    _, told = render_audit(audited(space, loose, favourable="yes", held_out=space.validation_index))
    assert any("not deterministic" in s["sentence"] for s in told["summary"]["failures"])
    assert [s["key"] for s in told["sections"]] == ["predictor", "performance"]


def test_constraints_that_leave_no_way_out_are_said(space: ds.Space, monkeypatch: pytest.MonkeyPatch) -> None:
    only(monkeypatch, "recourse", "cases")
    audit = Audit(space, PREDICTOR, favourable="yes", held_out=space.validation_index)
    page, told = render_audit(audit, options=Options(constraints={"immutable": list(planted.DECISIVE)}))
    assert (
        "as far as was searched, no permitted change alters the decision" in told["summary"]["failures"][0]["sentence"]
    )
    assert "No counterfactual:" in page
    assert told["summary"]["gaps"] == []


def test_constraints_that_cannot_be_read_cost_their_sections_alone(
    space: ds.Space, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    only(monkeypatch, "performance", "recourse")
    (tmp_path / "limits.yaml").write_text("immutable: [salary]\n")
    audit = Audit(space, PREDICTOR, favourable="yes", held_out=space.validation_index)
    page, told = render_audit(audit, options=Options(constraints=tmp_path / "limits.yaml"))
    (gap,) = (s["sentence"] for s in told["summary"]["gaps"])
    assert "salary" in gap
    assert str(tmp_path) not in page
    assert told["sections"][0]["key"] == "performance"


def test_a_target_that_is_not_there_is_said_and_decisions_are_told_all_the_same(
    space: ds.Space, monkeypatch: pytest.MonkeyPatch
) -> None:
    only(monkeypatch, "predictor", "performance", "cases")
    found = audited(space, PREDICTOR, target="salary", classes=["no", "yes"], favourable="yes")
    _, told = render_audit(found)
    assert "has no column 'salary' to be the target" in told["summary"]["failures"][0]["sentence"]
    assert any("it is not known what happened" in s["sentence"] for s in told["summary"]["gaps"])
    assert "predictor.decisions" in {entry["key"] for entry in told["evidence"]}


def test_a_group_of_three_rows_is_named_and_nothing_is_said_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    only(monkeypatch, "groups")
    frame = planted.frame(300)
    frame["rare"] = np.where(np.arange(300) < 3, "three", np.where(frame["age"] < 45, "young", "old"))
    space = ds.fit(
        frame, path=tmp_path / "rare.space", target="approved", seed=0,
        training=ds.TrainConfig(epochs=2, threads=1, validation_fraction=0.25),
    )  # fmt: skip
    audit = Audit(space, planted.predictor, favourable="yes", held_out=space.validation_index)
    page, told = render_audit(audit, options=Options(groups=("rare", "nowhere")))
    assert "nowhere" in told["summary"]["gaps"][0]["sentence"]
    page, told = render_audit(audit, options=Options(groups=("rare",)))
    table = next(e["table"] for e in told["evidence"] if e["key"] == "groups.by-rare-0")
    assert set(table["three"]) == {"rows"}
    assert set(table["old"]) > {"rows", "error rate"}
    told_of = " ".join(s.whole for s in Page(page).sentences)
    assert "Decided yes, really no: of the rows that really were no, those decided yes" in told_of
    assert {"decided yes, really no", "decided no, really yes"} <= set(table["old"])
    tested = table["old"]["error rate"]["n"]
    assert 0 < tested < table["old"]["rows"]["value"]  # of those held out, not of all
    assert f"n\N{NO-BREAK SPACE}=\N{NO-BREAK SPACE}{tested}" in page
    assert "groups of fewer than" in page.lower()


def test_a_fault_of_ours_is_named_without_its_insides(space: ds.Space, monkeypatch: pytest.MonkeyPatch) -> None:
    only(monkeypatch, "performance", "card")

    def broken(*_: Any, **__: Any) -> Any:
        raise KeyError("/home/somebody/secret")

    monkeypatch.setattr(import_module("deepspace.decisions.performance"), "performance", broken)
    audit = Audit(space, PREDICTOR, favourable="yes", held_out=space.validation_index)
    page, told = render_audit(audit)
    (gap,) = (s["sentence"] for s in told["summary"]["gaps"])
    assert "a fault of deepspace (KeyError)" in gap
    assert "secret" not in page
    assert [s["key"] for s in told["sections"]] == ["performance", "card"]


def test_files_are_written_whole_or_not_at_all(
    space: ds.Space, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    only(monkeypatch, "card")
    audit = Audit(space, PREDICTOR, favourable="yes")
    with pytest.raises(SpaceError, match=r"end the name in \.html"):
        audit_report(audit, tmp_path / "report.json")
    with pytest.raises(DataError, match="asks for a statement 'purpose'"):
        audit_report(audit, tmp_path / "report.html", options=Options(statements={"purpose": "x"}))
    assert list(tmp_path.iterdir()) == []
    audit_report(audit, tmp_path / "report.html")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["report.html", "report.json"]
    with pytest.raises(SpaceError, match="exists"):
        audit_report(audit, tmp_path / "report.html", overwrite=False)
    (tmp_path / "file").touch()
    with pytest.raises(SpaceError, match="cannot write the report"):
        audit_report(audit, tmp_path / "file" / "report.html")


def test_a_frame_of_current_rows_is_looked_at(space: ds.Space, monkeypatch: pytest.MonkeyPatch) -> None:
    only(monkeypatch, "familiarity", "drift")
    moved = pd.DataFrame(planted.frame(200, seed=8))
    moved["income"] = moved["income"] + 60
    audit = Audit(space, PREDICTOR, favourable="yes", held_out=space.validation_index)
    _, told = render_audit(audit, options=Options(current=moved))
    failures = " ".join(s["sentence"] for s in told["summary"]["failures"])
    assert "The data has moved" in failures
    assert "income" in failures
    assert "of a kind that its data did not hold" in failures
