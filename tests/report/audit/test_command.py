"""``deepspace audit`` as a person uses it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import deepspace as ds
from deepspace.cli import main
from deepspace.decisions import Audit
from tests.report.audit.conftest import PREDICTOR
from tests.report.audit.test_page import only


def run(capfd: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    """Exit code, what stands on stdout and on stderr."""
    capfd.readouterr()
    with pytest.raises(SystemExit) as left:
        main([str(a) for a in ("audit", *arguments)])
    out, said = capfd.readouterr()
    return int(left.value.code or 0), out, said


def test_it_writes_page_and_json_and_prints_the_page(
    space: ds.Space, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    only(monkeypatch, "predictor", "performance", "sr262")
    rows = tmp_path / "rows.txt"
    np.savetxt(rows, space.validation_index, "%d")
    common = (space.folder, "--predictor", PREDICTOR, "--favourable", "yes")
    code, out, _ = run(capfd, *common, "--held-out", rows, "-o", tmp_path / "a.html")
    assert (code, out) == (0, f"{tmp_path / 'a.html'}\n")
    told = json.loads((tmp_path / "a.json").read_text())
    assert told["settings"]["rows for testing"] == len(space.validation_index)
    assert told["settings"]["rows for testing were named by the user"] is True
    code, _, _ = run(
        capfd, *common, "--held-out", "age > 40", "--against", tmp_path / "a.json", "-o", tmp_path / "b.html"
    )
    assert code == 0
    told = json.loads((tmp_path / "b.json").read_text())
    assert told["sections"][0]["key"] == "changes"
    assert "rows for testing" in next(e["sentence"] for e in told["evidence"] if e["key"] == "changes.input-0")
    assert told["settings"]["rows for testing"] == space.rows.count("age > 40")


def test_a_margin_is_kept_in_every_counterfactual(
    space: ds.Space, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    only(monkeypatch, "recourse", "cases")
    common = (space.folder, "--predictor", PREDICTOR, "--favourable", "yes")
    for margin, least in (("0", 0.5), ("0.3", 0.8)):
        assert run(capfd, *common, "--margin", margin, "-o", tmp_path / "a.html")[0] == 0
        told = json.loads((tmp_path / "a.json").read_text())
        assert told["settings"]["margin"] == float(margin)
        page = (tmp_path / "a.html").read_text(encoding="utf-8")
        assert ("a margin was not asked for" in page) == (margin == "0")
        tables = [e["table"] for e in told["evidence"] if e["key"].endswith("-ways")]
        after = [row["after"]["value"] for table in tables for row in table.values() if row["after"]["value"] >= 0.5]
        assert after
        assert least <= min(after) < least + 0.2
    run(capfd, *common, "--margin", "0.6", "-o", tmp_path / "b.html")
    assert "margin is how far beyond" in (tmp_path / "b.html").read_text(encoding="utf-8")


def test_without_a_name_the_file_lies_beside_the_space(
    space: ds.Space, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    only(monkeypatch, "predictor")
    code, out, _ = run(capfd, space.folder, "--predictor", PREDICTOR)
    assert (code, out) == (0, f"{space.folder.with_name('planted.audit.html')}\n")
    assert space.folder.with_name("planted.audit.json").is_file()


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--predictor", "tests.report.audit.test_bad_input:raises"], "raised RuntimeError"),
        (["--predictor", "nowhere.onnx"], "nowhere.onnx"),
        (["--predictor", PREDICTOR, "--target", "salary", "--classes", "no,yes"], "has no column 'salary'"),
        (["--predictor", PREDICTOR, "--favourable", "maybe"], "'maybe'"),
    ],
)
def test_what_cannot_be_asked_is_said_and_the_rest_is_written(
    space: ds.Space, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capfd: pytest.CaptureFixture[str],
    options: list[str], sentence: str,
) -> None:  # fmt: skip
    only(monkeypatch, "predictor", "card")
    code, out, said = run(capfd, space.folder, *options, "-o", tmp_path / "a.html")
    assert (code, out) == (2, f"{tmp_path / 'a.html'}\n")
    assert sentence in said
    assert "Traceback" not in said
    assert said.count("deepspace: ") == 1
    assert sentence in json.loads((tmp_path / "a.json").read_text())["summary"]["failures"][0]["sentence"]


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--held-out", "rows.txt"], "'seven', which is no row number"),
        (["--held-out", "salary > 3"], "salary"),
        (["--statements", "list.yaml"], "must hold names and texts"),
        (["--statements", "unknown.yaml"], "asks for a statement 'motto'"),
        (["--against", "rows.txt"], "cannot compare with"),
        (["--held-out", "nowhere.txt"], "there is no file 'nowhere.txt' of row numbers"),
        (["--constraints", "nowhere.yaml"], "nowhere.yaml"),
        (["--constraints", "tied.yaml"], "the column 'salary', which the space did not learn"),
        (["--wording", "list.yaml"], "list.yaml"),
        (["--wording", "words.yaml"], "a text for the column 'income, dept', which there is not"),
        (["--current", "nowhere.csv"], "there is no file 'nowhere.csv' to compare with"),
    ],
)
def test_a_file_that_is_not_what_it_should_be_is_refused_before_the_work(
    space: ds.Space, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capfd: pytest.CaptureFixture[str],
    options: list[str], sentence: str,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    (tmp_path / "rows.txt").write_text("1\nseven\n")
    (tmp_path / "list.yaml").write_text("- a\n")
    (tmp_path / "unknown.yaml").write_text("motto: x\n")
    (tmp_path / "words.yaml").write_text("income, dept: x\n")
    (tmp_path / "tied.yaml").write_text("immutable: [salary]\n")
    code, out, said = run(capfd, space.folder, "--predictor", PREDICTOR, *options, "-o", tmp_path / "a.html")
    assert (code, out) == (2, "")
    assert sentence in said
    assert not (tmp_path / "a.html").exists()


def test_a_space_audits_and_reports(space: ds.Space, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    only(monkeypatch, "predictor")
    audit = space.audit(PREDICTOR, favourable="yes", held_out=space.validation_index)
    assert isinstance(audit, Audit)
    written = space.report(tmp_path / "a.html", audit=audit, given=PREDICTOR)
    assert "Audit of predictor on planted" in written.read_text(encoding="utf-8")
