"""What every figure of a report rests on: which data, which predictor, which code, as hashes that can be compared."""

from __future__ import annotations

import hashlib
import importlib.util
import inspect
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from deepspace.errors import DeepspaceError

if TYPE_CHECKING:
    from deepspace.decisions import Audit
    from deepspace.space import BaseSpace

__all__ = ["code_basis", "data_basis", "file_hash", "predictor_basis"]

LIBRARIES = ("numpy", "torch", "scikit-learn", "pyarrow", "faiss-cpu", "duckdb")


def data_basis(space: BaseSpace) -> dict[str, Any]:
    """The rows and the space that was learned from them."""
    source = space.manifest.get("provenance", {}).get("source", {})
    return {
        "name": space.name,
        "source": Path(str(source.get("name", "unknown"))).name,
        "fingerprint": str(source.get("fingerprint") or "") or file_hash(space.folder / "rows.parquet"),
        "checksum": str(space.manifest.get("checksum", "")),
        "rows": len(space),
        "rows held out of training": len(space.validation_index),
    }


def predictor_basis(audit: Audit, given: Any) -> dict[str, Any]:
    """The predictor: what it is called, where it came from, and two hashes: of its file, where it has one, and of what
    it answered, which any predictor has."""
    predictor = audit.predictor
    told: dict[str, Any] = {
        "name": predictor.name,
        "source": without_folders(predictor.source) or "given in memory",
        "file SHA-256": _source_hash(given),
        "classes": list(audit.outcomes),
        "threshold": audit.threshold,
    }
    try:
        scores = np.ascontiguousarray(audit.answers.scores, np.float64)
        told["answers SHA-256"] = hashlib.sha256(scores.tobytes()).hexdigest()
    except DeepspaceError:
        told["answers SHA-256"] = ""
    return told


def code_basis() -> dict[str, Any]:
    """This program: its version and the hash of its source, with the libraries under it."""
    from importlib.metadata import PackageNotFoundError, version

    told: dict[str, Any] = {"deepspace": version("deepspace"), "source SHA-256": _code_hash()}
    told["python"] = ".".join(map(str, sys.version_info[:3]))
    for name in LIBRARIES:
        try:
            told[name] = version(name)
        except PackageNotFoundError:
            continue
    return told


def file_hash(path: Path) -> str:
    """SHA-256 of a file, or of a folder's files by name; empty where there is none."""
    digest = hashlib.sha256()
    if path.is_dir():
        for part in sorted(p for p in path.rglob("*") if p.is_file()):
            digest.update(part.relative_to(path).as_posix().encode() + b"\0" + file_hash(part).encode())
        return digest.hexdigest()
    try:
        with path.open("rb") as file:
            while block := file.read(1 << 20):
                digest.update(block)
    except OSError:
        return ""
    return digest.hexdigest()


def without_folders(source: str) -> str:
    """A path as its last part, so that where a file lay on somebody's disk stays out of the report."""
    return " ".join(Path(word).name if word.startswith(("/", "~", "./", "../")) else word for word in source.split())


def _source_hash(given: Any) -> str:
    """Of a file, or of the Python file that a ``package:function`` or a function comes from."""
    if isinstance(given, (str, Path)):
        text = str(given)
        if text.startswith(("http://", "https://")):
            return ""
        if Path(text).exists():
            return file_hash(Path(text))
        module = text.rpartition(":")[0]
        if Path(module).is_file():
            return file_hash(Path(module))
        try:
            spec = importlib.util.find_spec(module)
        except (ImportError, ValueError):
            return ""
        return file_hash(Path(spec.origin)) if spec is not None and spec.origin else ""
    try:
        return file_hash(Path(inspect.getsourcefile(given) or "")) if inspect.isfunction(given) else ""
    except TypeError:
        return ""


def _code_hash() -> str:
    import deepspace

    root = Path(deepspace.__file__).parent
    digest = hashlib.sha256()
    for part in sorted([*root.rglob("*.py"), *root.rglob("*.html")]):
        digest.update(part.relative_to(root).as_posix().encode() + b"\0" + part.read_bytes())
    return digest.hexdigest()
