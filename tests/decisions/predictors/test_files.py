"""Files: the same model answers the same from Python, skops and ONNX, and what is unsafe or damaged is refused."""

from __future__ import annotations

import pickle
import zipfile
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest
import skops.io
import torch

from deepspace.decisions import Audit
from deepspace.decisions.predictors.onnx_files import _class_names
from deepspace.errors import DeepspaceError, ModelError
from tests.decisions.predictors import tables


def plain(error: Any) -> str:
    """A message, after a look that it is one sentence on one line."""
    message = str(error.value)
    assert "\n" not in message
    assert message.endswith(".")
    return message


@pytest.mark.parametrize("kind", tables.MODELS)
def test_a_pipeline_a_skops_file_and_an_onnx_file_answer_alike(wines: Any, tmp_path: Path, kind: str) -> None:
    model = tables.pipeline(kind)
    rows = tables.frame()
    assert rows.isna().any(axis=1).sum() > 20
    skops.io.dump(model, tmp_path / "model.skops")
    target = "none" if kind == "two" else None
    own = Audit(wines, model, target=target)
    np.testing.assert_allclose(own.answers.scores, model.predict_proba(rows[tables.FEATURES]), rtol=1e-12)
    trust = skops.io.get_untrusted_types(file=tmp_path / "model.skops")
    assert trust == {"linear": ["numpy.dtype"], "two": ["numpy.dtype"]}.get(kind, trust)
    kept = Audit(wines, str(tmp_path / "model.skops"), target=target, trust=trust if kind == "forest" else ())
    np.testing.assert_array_equal(kept.answers.scores, own.answers.scores)
    for zipmap in (True, False):
        file = tables.to_file(model, tmp_path / f"model{zipmap}.onnx", zipmap=zipmap)
        other = Audit(wines, file, target=target)
        assert other.outcomes == own.outcomes == tuple(model.classes_)
        np.testing.assert_allclose(other.answers.scores, own.answers.scores, atol=2e-5)
        np.testing.assert_allclose(other.ask(rows).scores, own.answers.scores, atol=2e-5)
    made_up = wines.samples[:20]
    np.testing.assert_allclose(other.ask_encoded(made_up).scores, own.ask_encoded(made_up).scores, atol=2e-5)
    assert not own.notes


def test_numbers_alone_go_in_as_one_tensor(planted_space: Any, tmp_path: Path) -> None:
    from skl2onnx import to_onnx
    from sklearn.linear_model import LinearRegression, LogisticRegression

    from tests.decisions import planted

    rows = planted.frame()
    names = ["income", "debt", "age", "years", "owner"]  # in the order of the features
    x = rows[names].to_numpy(np.float32)
    model = LogisticRegression(max_iter=2000).fit(x, rows["approved"])
    (tmp_path / "a.onnx").write_bytes(to_onnx(model, x[:1]).SerializeToString())
    audit = Audit(planted_space, tmp_path / "a.onnx")
    np.testing.assert_allclose(audit.answers.scores, model.predict_proba(x), atol=1e-4)
    line = LinearRegression().fit(x[:, [1, 0]], rows["age"])
    (tmp_path / "b.onnx").write_bytes(to_onnx(line, x[:1, [1, 0]]).SerializeToString())
    audit = Audit(planted_space, tmp_path / "b.onnx", columns=["debt", "income"], kind="values", threshold=45)
    np.testing.assert_allclose(audit.answers.score, line.predict(x[:, [1, 0]]), rtol=1e-4)
    with pytest.raises(ModelError) as caught:
        Audit(planted_space, tmp_path / "b.onnx", kind="values", threshold=45)
    assert "wants 2 numbers an item, but has 5 columns" in plain(caught)


@pytest.mark.parametrize("layout", ["chw", "hwc", "hw", "flat"])
def test_pictures_go_in_as_the_tensor_lies(fitted_images: Any, tmp_path: Path, layout: str) -> None:
    space = fitted_images
    rng = np.random.default_rng(0)
    weights = rng.normal(size=(64, 10)).astype(np.float32) / 8
    shape = {"chw": [1, 8, 8], "hwc": [8, 8, 1], "hw": [8, 8], "flat": [64]}[layout]
    path = tmp_path / "net.onnx"
    write_linear(path, weights, shape)
    pixels = np.asarray(space.samples[:], np.float32).reshape(len(space), -1)
    logits = pixels / 255 @ weights
    expected = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    audit = Audit(space, path)
    assert audit.predictor.kind == "logits"
    np.testing.assert_allclose(audit.answers.scores, expected, rtol=1e-3)
    raw = pixels @ (weights / 255)
    np.testing.assert_allclose(Audit(space, path, inputs="raw", kind="logits").ask_rows([0, 5]).outcome,
                               (raw * 255).argmax(1)[[0, 5]])  # fmt: skip
    write_linear(path, weights[:60], [60] if layout == "flat" else [6, 10])
    with pytest.raises(ModelError, match="wants items of shape"):
        Audit(space, path)


def test_logits_are_told_from_probabilities_once_for_all_rows(fitted_images: Any) -> None:
    """A batch whose logits happen to look like probabilities is still read as logits."""
    space = fitted_images

    class Net(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            dark = (x.flatten(1).mean(1) < 0.3).float()
            share = torch.stack([dark, 1 - dark], 1) * 0.5 + 0.25
            return torch.where(x.flatten(1).mean(1)[:, None] < 0.31, share, share * 9)

    audit = Audit(space, Net(), target="none", classes=("a", "b"))
    assert audit.predictor.kind == "logits"
    mean = np.asarray(space.samples[:]).reshape(len(space), -1).mean(1) / 255
    row = int(np.flatnonzero(mean < 0.29)[0])
    alone = audit.ask_rows([row]).scores[0]
    np.testing.assert_allclose(alone, np.exp([0.75, 0.25]) / np.exp([0.75, 0.25]).sum(), rtol=1e-6)
    one = Audit(space, torch.nn.Sequential(Net(), torch.nn.Softmax(1)), target="none", classes=("a", "b"))
    assert one.predictor.kind == "probabilities"
    np.testing.assert_allclose(one.ask_rows([row]).scores[0], alone, rtol=1e-6)


def test_untrusted_types_are_named_with_the_way_to_trust_them(wines: Any, tmp_path: Path) -> None:
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import FunctionTransformer

    rows = tables.frame()
    model = make_pipeline(FunctionTransformer(_identity), tables.pipeline("linear")).fit(rows, rows["grower"])
    path = tmp_path / "own.skops"
    skops.io.dump(model, path)
    unknown = skops.io.get_untrusted_types(file=path)
    assert unknown.pop(0) == "numpy.dtype"  # harmless, and never asked about
    with pytest.raises(ModelError) as caught:
        Audit(wines, path)
    message = plain(caught)
    assert f"trust={unknown!r}" in message
    assert f"--trust {unknown[0]}" in message
    trusted = Audit(wines, path, trust=unknown, columns=tables.FEATURES)
    np.testing.assert_allclose(trusted.answers.scores, model.predict_proba(rows[tables.FEATURES]))


def _identity(x: Any) -> Any:
    return x


def _torch_file(path: Path) -> None:
    torch.save(torch.nn.Linear(2, 2), path)


@pytest.mark.parametrize(
    ("name", "write", "words"),
    [
        ("model.pkl", lambda p: p.write_bytes(pickle.dumps({})), "is a pickle; opening it would run any code"),
        ("model.pkl", lambda p: p.write_bytes(pickle.dumps(np.arange, protocol=0)), "is a pickle"),
        ("model.joblib", lambda p: joblib.dump({"a": np.ones(9)}, p), "is a pickle"),
        ("model.gz", lambda p: joblib.dump({"a": np.ones(9)}, p, compress=("gzip", 3)), "is a pickle"),
        ("model.skops", lambda p: p.write_bytes(pickle.dumps({})), "is a pickle, whatever its name says"),
        ("model.onnx", lambda p: p.write_bytes(pickle.dumps({})), "is a pickle, whatever its name says"),
        ("model.skops", _torch_file, "is a torch file, whose model is pickled, whatever its name says"),
        ("model.pt", _torch_file, "is a torch file"),
        ("model.pth", lambda p: p.write_bytes(b"?"), "is a torch file"),
        ("model.h5", lambda p: p.write_bytes(b"\x89HDF\r\n"), "is a Keras file, which is not read here"),
        ("model.ubj", lambda p: p.write_bytes(b"{L"), "is a XGBoost file"),
        ("model.xyz", lambda p: p.write_bytes(b"hello"), "is of an unknown kind"),
        ("model.skops", lambda p: p.write_bytes(b"hello"), "called a skops file, but holds none"),
        ("model.onnx", lambda p: p.write_bytes(b"hello"), "cannot be opened as ONNX"),
        ("model.py", lambda p: p.write_text("x = 1"), "is Python code; say which name in it"),
        ("model.skops", lambda p: zipfile.ZipFile(p, "w").writestr("schema.json", "{}"), "cannot be read as a skops"),
    ],
)  # fmt: skip
def test_what_is_unsafe_or_unknown_is_refused(wines: Any, tmp_path: Path, name: str, write: Any, words: str) -> None:
    write(tmp_path / name)
    with pytest.raises(DeepspaceError) as caught:
        Audit(wines, str(tmp_path / name))
    message = plain(caught)
    assert words in message
    if "pickle" in words or "torch" in words:
        assert "skops.io.dump" in message
        assert "ONNX" in message


@pytest.mark.parametrize("name", ["absent.skops", "absent.onnx", "absent", "absent.pkl", "absent.py:f"])
def test_a_file_that_is_not_there(wines: Any, name: str) -> None:
    with pytest.raises(ModelError, match=r"there is no (such )?file"):
        Audit(wines, name)


def test_a_missing_library_is_one_sentence(wines: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = tables.pipeline("linear")
    skops.io.dump(model, tmp_path / "m.skops")
    tables.to_file(model, tmp_path / "m.onnx")
    for library, name in (("onnxruntime", "m.onnx"), ("skops", "m.skops")):
        monkeypatch.setitem(__import__("sys").modules, library, None)
        monkeypatch.setitem(__import__("sys").modules, f"{library}.io", None)
        with pytest.raises(ModelError) as caught:
            Audit(wines, tmp_path / name)
        assert f"pip install 'deepspace[{Path(name).suffix[1:]}]'" in plain(caught)


def test_names_of_classes_are_read_as_onnx_reads_them(tmp_path: Path) -> None:
    import onnx

    for kind in tables.MODELS:
        file = tables.to_file(tables.pipeline(kind), tmp_path / "m.onnx")
        graph = onnx.load(file).graph
        wanted = [
            tuple(s.decode() for s in a.strings)
            for node in graph.node
            for a in node.attribute
            if a.name == "classlabels_strings"
        ]
        assert _class_names(file.read_bytes()) == wanted[-1]
    assert _class_names(b"\xff\xff\x01no protobuf at all" * 9) is None


def test_an_input_that_is_no_column_is_named(planted_space: Any, tmp_path: Path) -> None:
    file = tables.to_file(tables.pipeline("linear"), tmp_path / "m.onnx")
    with pytest.raises(ModelError) as caught:
        Audit(planted_space, file)
    assert "wants an input 'alcohol', but 'planted' has no such column" in plain(caught)


def write_linear(path: Path, weights: np.ndarray, shape: list[int]) -> None:
    """Logits = flat(x) @ weights, for x (N, *shape)."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", *shape])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", weights.shape[1]])
    nodes = [helper.make_node("Flatten", ["x"], ["f"]), helper.make_node("MatMul", ["f", "w"], ["y"])]
    graph = helper.make_graph(nodes, "g", [x], [y], [numpy_helper.from_array(weights, "w")])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, str(path))
