"""Importing the package, and opening a space, stay cheap: what is heavy comes when it is used."""

from __future__ import annotations

import subprocess
import sys

import pytest

import deepspace
from deepspace.space import BaseSpace

HEAVY = ("torch", "numpy", "pyarrow", "duckdb", "faiss", "sklearn", "scipy", "pandas", "polars", "fastapi", "PIL")


def loaded_after(code: str, among: tuple[str, ...]) -> list[str]:
    code = f"import sys\n{code}\nprint(*(m for m in {among!r} if m in sys.modules))"
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()


def test_import_deepspace_brings_nothing_heavy() -> None:
    assert loaded_after("import deepspace; dir(deepspace)", HEAVY) == []


def test_opening_a_space_needs_neither_torch_nor_a_database(digits: BaseSpace) -> None:
    code = (
        f"import deepspace; s = deepspace.open({str(digits.folder)!r}); len(s); s.figures; s.rows.record(0); s.measures"
    )
    assert loaded_after(code, ("torch", "duckdb", "faiss", "sklearn", "pandas", "polars")) == []


def test_every_public_name_is_there() -> None:
    for name in deepspace.__all__:
        assert getattr(deepspace, name) is not None
        assert name in dir(deepspace)
    assert deepspace.__version__
    with pytest.raises(AttributeError, match="module 'deepspace' has no attribute 'fits'"):
        _ = deepspace.fits  # type: ignore[attr-defined]
