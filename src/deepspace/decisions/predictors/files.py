"""Predictors by name: a skops or ONNX file, a function, an address. What is unsafe is refused."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from deepspace.errors import ModelError

if TYPE_CHECKING:
    from deepspace.decisions.predictors.predictor import Predictor
    from deepspace.space import BaseSpace

__all__ = ["from_file"]

_SAFE = (
    "save it with skops (skops.io.dump) or as ONNX, or load it in a Python file of yours and name that, file.py:model"
)
_PICKLED = (".pkl", ".pickle", ".joblib", ".dill", ".cloudpickle")
_TORCH = (".pt", ".pth", ".ckpt", ".bin")
_OTHERS = {
    ".h5": "Keras", ".hdf5": "Keras", ".keras": "Keras", ".ubj": "XGBoost", ".cbm": "CatBoost", ".pmml": "PMML",
    ".safetensors": "safetensors", ".pb": "TensorFlow", ".tflite": "TensorFlow", ".rds": "R", ".json": "JSON",
    ".txt": "text",
}  # fmt: skip


def from_file(
    name: str,
    space: BaseSpace,
    *,
    trust: tuple[str, ...] = (),
    body: str | None = None,
    headers: Mapping[str, str] | None = None,
) -> Predictor:
    """See ``recognise``."""
    if name.startswith(("http://", "https://")):
        from deepspace.decisions.predictors.endpoints import from_address

        return from_address(name, body=body, headers=headers)
    path = Path(name)
    if path.is_file():
        return _opened(path, space, trust)
    _of_no_file(path)
    if ":" in name:
        from deepspace.decisions.predictors.functions import from_function

        return from_function(name, space)
    raise ModelError(
        f"'{name}' is no predictor: there is no such file; give a .skops or .onnx file, package:function, "
        "file.py:function or an http(s):// address."
    )


def _opened(path: Path, space: BaseSpace, trust: tuple[str, ...]) -> Predictor:
    """What a file holds is told by its first bytes: a name says nothing of what opening it would run."""
    content = _content(path)
    if content in ("pickle", "torch"):
        raise ModelError(_unsafe(path, content))
    if path.suffix == ".skops" or content == "skops":
        from deepspace.decisions.predictors.skops_files import from_skops

        if content != "skops":
            raise ModelError(f"'{path}' is called a skops file, but holds none; write it with skops.io.dump.")
        return from_skops(path, space, trust=trust)
    if path.suffix == ".onnx":
        from deepspace.decisions.predictors.onnx_files import from_onnx

        return from_onnx(path, space)
    if path.suffix in (*_PICKLED, *_TORCH):
        raise ModelError(_unsafe(path, "torch" if path.suffix in _TORCH else "pickle"))
    if path.suffix == ".py":
        raise ModelError(f"'{path}' is Python code; say which name in it is the predictor: '{path}:predict'.")
    kind = _OTHERS.get(path.suffix)
    raise ModelError(
        f"'{path}' is {'a ' + kind + ' file' if kind else 'of an unknown kind'}, which is not read here; save the "
        "model as ONNX, or load it in a Python file of yours and name that, file.py:function."
    )


def _unsafe(path: Path, content: str) -> str:
    what = "a torch file, whose model is pickled" if content == "torch" else "a pickle"
    other = ", whatever its name says" if path.suffix in (".skops", ".onnx") else ""
    return f"'{path}' is {what}{other}; opening it would run any code that it holds, so that it is refused: {_SAFE}."


def _content(path: Path) -> str | None:
    import zipfile

    try:
        with path.open("rb") as file:
            head = file.read(16)
    except OSError as error:
        raise ModelError(f"'{path}' cannot be read: {error.strerror or error}.") from error
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
        if "schema.json" in names:
            return "skops"
        return "torch" if any(name.endswith("data.pkl") for name in names) else None
    # Protocols 2 to 5 begin so; 0 and 1 with an opcode of text, an import among the first; joblib compresses with any.
    if (head[:1] == b"\x80" and head[1:2] in b"\x02\x03\x04\x05") or head[:2] in (b"ZF", b"\x78\x9c", b"\x78\x5e"):
        return "pickle"
    compressed = (b"\x1f\x8b", b"BZ", b"\xfd7", b"\x04\x22", b"\x5d\x00")
    protocol_0 = head[:1] in (b"c", b"(", b"]", b"}") and path.suffix != ".json" and b"\n" in head
    return "pickle" if head[:2] in compressed or protocol_0 else None


def _of_no_file(path: Path) -> None:
    if path.suffix in (".skops", ".onnx", *_PICKLED, *_TORCH, *_OTHERS) and ":" not in path.suffix:
        raise ModelError(f"there is no file '{path}'; check the path, seen from {Path.cwd()}.")
