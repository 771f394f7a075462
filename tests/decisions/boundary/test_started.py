"""How a page with predictors is begun: from the command line and from Python."""

from __future__ import annotations

import sys
import types
from pathlib import Path
from typing import Any

import pytest

import deepspace as ds
from deepspace.cli.walking import open_session
from deepspace.decisions import Audit
from deepspace.errors import DeepspaceError
from tests.decisions import planted


@pytest.fixture
def module(monkeypatch: pytest.MonkeyPatch) -> str:
    made = types.ModuleType("their_models")
    made.scores = planted.predictor  # type: ignore[attr-defined]
    made.noise = planted.random_predictor  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "their_models", made)
    return "their_models"


def test_the_command_line_opens_a_space_with_several_predictors(planted_space: ds.Space, module: str) -> None:
    names = [f"{module}:scores", f"{module}:noise"]
    session = open_session(planted_space.folder, None, names, "approved", "yes")
    assert len(session.audits) == 2
    for audit in session.audits:
        assert audit.space is session.space
        assert (audit.outcomes, audit.favourable) == (("no", "yes"), 1)


@pytest.mark.parametrize(
    ("name", "target", "favourable", "words"),
    [
        ("their_models:absent", None, None, "absent"),
        ("their_models:scores", "outcome", None, "has no column 'outcome' to be the target"),
        ("their_models:scores", None, "maybe", "no outcome 'maybe' to be favourable"),
        ("model.pkl", None, None, "there is no file 'model.pkl'"),
    ],
)
def test_what_cannot_be_opened_is_refused(
    planted_space: ds.Space, module: str, name: str, target: str | None, favourable: str | None, words: str
) -> None:
    with pytest.raises(DeepspaceError) as caught:
        open_session(planted_space.folder, None, [name], target, favourable)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_skops_file_opens_once_its_types_are_trusted(planted_space: ds.Space, tmp_path: Path) -> None:
    skops = pytest.importorskip("skops.io")
    from sklearn.neural_network import MLPClassifier

    rows = planted.frame(200)
    model = MLPClassifier((4,), max_iter=5, random_state=0).fit(rows[["income", "debt"]], rows["approved"])
    skops.dump(model, tmp_path / "net.skops")
    asked = (planted_space.folder, None, [str(tmp_path / "net.skops")], "approved", "yes")
    with pytest.raises(DeepspaceError, match="--trust sklearn") as caught:
        open_session(*asked)
    named = str(caught.value).rstrip(".").split("--trust ")[1:]  # what the sentence says to do, done
    assert len(open_session(*asked, [name.strip() for name in named]).audits) == 1


def test_a_predictor_needs_a_saved_space(tmp_path: Path) -> None:
    from typer.testing import CliRunner

    from deepspace.cli.app import app

    planted.frame(60).to_csv(tmp_path / "rows.csv", index=False)
    result = CliRunner().invoke(app, ["explore", str(tmp_path / "rows.csv"), "--predictor", "m.onnx", "--no-browser"])
    assert result.exit_code != 0
    said = f"{result.output} {result.exception}"
    assert "--predictor needs a saved SPACE" in " ".join(said.split())
    assert not list(tmp_path.glob("*.space*")), "nothing was fitted"


def test_python_hands_audits_to_the_page(
    planted_space: ds.Space, planted_audit: Audit, monkeypatch: pytest.MonkeyPatch
) -> None:
    import deepspace.server

    served: list[Any] = []
    monkeypatch.setattr(deepspace.server, "serve", lambda session, **_: served.append(session))
    planted_space.explore(audit=planted_audit)
    planted_space.explore(audit=[planted_audit, planted_audit])
    planted_space.explore()
    assert [len(session.audits) for session in served] == [1, 2, 0]


def test_what_an_audit_may_be_told_the_page_may_be_told(planted_space: ds.Space, module: str, tmp_path: Path) -> None:
    limits = tmp_path / "limits.yaml"
    limits.write_text("immutable: [age]\nrelations: [years <= age - 14]\n", encoding="utf-8")
    (tmp_path / "held.txt").write_text("3\n4\n5\n", encoding="utf-8")
    session = open_session(
        planted_space.folder, None, [f"{module}:scores"], "approved", "yes", threshold=0.7,
        held_out=str(tmp_path / "held.txt"), constraints=limits, margin=0.1,
    )  # fmt: skip
    (audit,) = session.audits
    assert audit.threshold == 0.7
    assert audit.tested.tolist() == [3, 4, 5]
    assert session.recourse is not None
    assert session.recourse.margin == 0.1
    assert str(session.recourse.constraints) == "immutable: age\nrelation: years <= age - 14"


@pytest.mark.parametrize(
    ("option", "words"),
    [
        ({"threshold": 3.0}, "threshold"),
        ({"margin": 0.6}, "margin is how far beyond the threshold scores must be"),
        ({"held_out": "rows.txt"}, "there is no file 'rows.txt' of row numbers"),
        ({"constraints": Path("limits.yaml")}, "cannot read the constraints in limits.yaml"),
    ],
)
def test_what_a_page_cannot_be_told_is_refused_before_it_is_served(
    planted_space: ds.Space, module: str, option: dict[str, Any], words: str
) -> None:
    with pytest.raises(DeepspaceError) as caught:
        open_session(planted_space.folder, None, [f"{module}:scores"], "approved", "yes", **option)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_options_about_a_predictor_need_one(planted_space: ds.Space) -> None:
    from typer.testing import CliRunner

    from deepspace.cli.app import app

    for option in (["--margin", "0.1"], ["--threshold", "0.4"], ["--constraints", "limits.yaml"]):
        answer = CliRunner().invoke(app, ["explore", str(planted_space.folder), *option])
        assert "are about a predictor; name it with --predictor" in f"{answer.output}{answer.exception}"
