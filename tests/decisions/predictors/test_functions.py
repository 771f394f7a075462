"""Predictors named package:function and file.py:function."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from deepspace.decisions import Audit
from deepspace.errors import ModelError
from tests.decisions import planted

CODE = """
import numpy as np

def probability(rows):
    return 1 / (1 + np.exp(-(rows["income"] - rows["debt"] - 20) / 5))

def labels(rows):
    return np.where(rows["income"] > 40, "yes", "no")

def value(rows):
    return rows["debt"]

def both(rows):
    p = probability(rows)
    return [{"yes": float(v), "no": 1 - float(v)} for v in p]

def frame(rows):
    import pandas as pd
    p = probability(rows)
    return pd.DataFrame({"yes": p, "no": 1 - p})

def columns(rows):
    p = probability(rows)
    return {"yes": p, "no": 1 - p}

def coded(rows):
    return (rows["income"] > 40).astype(int)

def wrong(rows):
    return [{"good": 0.5, "bad": 0.5} for _ in range(len(rows))]

class Model:
    def predict(self, rows):
        return value(rows)

model = Model()

class Two:
    classes_ = ["no", "yes"]
    def predict_proba(self, rows):
        p = probability(rows)
        return np.stack([1 - p, p], 1)
    def predict(self, rows):
        return np.where(probability(rows) > 0.8, "yes", "no")

strict = Two()
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "mine.py").write_text(CODE)
    (tmp_path / "broken.py").write_text("raise RuntimeError('no weights here')")
    (tmp_path / "needs.py").write_text("import a_library_that_is_not_there")
    (tmp_path / "quits.py").write_text("raise SystemExit(0)")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    for name in ("mine", "broken", "needs", "quits"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    return tmp_path


def _expected() -> np.ndarray:
    rows = planted.frame()
    return np.asarray(1 / (1 + np.exp(-(rows["income"] - rows["debt"] - 20) / 5)))


@pytest.mark.parametrize("where", ["mine", "mine.py", "file"])
def test_functions_of_a_module_and_of_a_file(planted_space: Any, folder: Path, where: str) -> None:
    where = str(folder / "mine.py") if where == "file" else where
    audit = Audit(planted_space, f"{where}:probability")
    np.testing.assert_allclose(audit.answers.score, _expected(), rtol=1e-12)
    assert audit.predictor.name == "probability"
    assert audit.predictor.source == f"{where}:probability"
    for name in ("both", "frame", "columns"):
        np.testing.assert_allclose(Audit(planted_space, f"{where}:{name}").answers.score, _expected(), rtol=1e-12)
    labels = Audit(planted_space, f"{where}:labels")
    np.testing.assert_array_equal(labels.answers.outcome == 1, planted.frame()["income"] > 40)
    codes = Audit(planted_space, f"{where}:coded", classes=("no", "yes"))
    np.testing.assert_array_equal(codes.answers.scores, labels.answers.scores)
    values = Audit(planted_space, f"{where}:model", threshold=20)
    np.testing.assert_array_equal(values.answers.outcome == 1, planted.frame()["debt"] >= 20)
    np.testing.assert_array_equal(
        Audit(planted_space, f"{where}:value", kind="values", threshold=20).answers.scores, values.answers.scores
    )


def test_a_model_whose_own_decisions_differ_is_said_to(planted_space: Any, folder: Path) -> None:
    audit = Audit(planted_space, "mine:strict")
    assert any("own decisions differ" in note for note in audit.notes)
    assert not Audit(planted_space, "mine:strict", threshold=0.8).notes
    (note,) = Audit(planted_space, "mine:strict", threshold=0.6).notes
    assert "from 0.6 on, are not the predictor's own" in note
    assert "say threshold" not in note


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("nowhere:f", "there is no module 'nowhere'"),
        ("mine:predict", "has no 'predict'; what can be called there: probability, labels"),
        ("mine:Model", "is a class; name a function, or an object"),
        ("mine:np", "A module is no predictor"),
        ("broken:f", "'broken' raised RuntimeError while it was imported: no weights here"),
        ("broken.py:f", "'broken.py' raised RuntimeError while it was imported"),
        ("needs:f", "No module named 'a_library_that_is_not_there'"),
        ("quits:f", "ended the program while it was imported"),
        ("absent.py:f", "there is no file 'absent.py'"),
        ("mine:", "names no predictor"),
        ("mine:coded", "is none of 'no', 'yes'; name them with classes, in the order of its codes"),
        ("mine:wrong", "answered with probabilities of 'good', 'bad', but the classes are 'no', 'yes'"),
    ],
)
def test_names_that_lead_nowhere(planted_space: Any, folder: Path, name: str, words: str) -> None:
    with pytest.raises(ModelError) as caught:
        Audit(planted_space, name)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)
