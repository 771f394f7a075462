"""Public data sets: fetched, checked, tidied, or refused in a sentence."""

from __future__ import annotations

import gzip
import http.server
import importlib.util
import io
import sys
import threading
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "examples" / "public.py"
GERMAN = (
    b"A11 6 A34 A43 1169 A65 A75 4 A93 A101 4 A121 67 A143 A152 2 A173 1 A192 A201 1\n"
    b"A12 48 A32 A43 5951 A61 A73 2 A92 A101 2 A121 22 A143 A152 1 A173 1 A191 A201 2\n"
)
CREDIT = b"ID," + b",".join(b"X%d" % i for i in range(1, 24)) + b",Y\n1,20000,2,2,1,24" + b",0" * 18 + b",1\n"


@pytest.fixture(scope="module")
def public() -> Any:
    spec = importlib.util.spec_from_file_location("public", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["public"] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A local stand-in for the sets' homes."""
    monkeypatch.setenv("DEEPSPACE_CACHE", str(tmp_path / "cache"))
    files = tmp_path / "home"
    files.mkdir()
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("folder/german.data", GERMAN)
    (files / "statlog+german+credit+data.zip").write_bytes(packed.getvalue())
    (files / "data.csv").write_bytes(CREDIT)
    (files / "heart+disease.zip").write_bytes(b"a page that says sorry")

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *args: Any) -> None:
            super().__init__(*args, directory=str(files))

        def log_message(self, *_: Any) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Quiet) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


def test_a_set_is_fetched_tidied_and_kept(public: Any, home: str, tmp_path: Path) -> None:
    frame = pd.read_csv(public.fetch("credit", tmp_path, base=home))
    assert frame.loc[0, ["limit", "sex", "education", "default"]].tolist() == [20000, "woman", "university", "yes"]
    assert len(frame.columns) == 24
    (tmp_path / "home" / "data.csv").unlink()
    assert pd.read_csv(public.fetch("credit", tmp_path, base=home)).equals(frame)
    assert not list(tmp_path.rglob("*.partial"))


def test_other_bytes_than_the_known_ones_are_refused(public: Any, home: str, tmp_path: Path) -> None:
    with pytest.raises(public.FetchError, match="its SHA-256 is"):
        public.fetch("german", tmp_path, base=home)
    known = public.SETS["german"]
    free = replace(known, originals=(replace(known.originals[0], sha256=""),))
    public.SETS["german"] = free
    try:
        frame = pd.read_csv(public.fetch("german", tmp_path, base=home))
    finally:
        public.SETS["german"] = known
    assert frame["checking account"].tolist() == ["below 0 DM", "0 to 200 DM"]
    assert frame["credit"].tolist() == ["good", "bad"]


def test_what_cannot_be_had_is_said(public: Any, home: str, tmp_path: Path) -> None:
    said = {"heart": "is not a zip archive", "fashion": "cannot be fetched", "penguins": "there is no set"}
    for name, words in said.items():
        with pytest.raises(public.FetchError, match=words):
            public.fetch(name, tmp_path, base=home)
    with pytest.raises(public.FetchError, match="pass its folder with --from"):
        public.fetch("compas", tmp_path, base="http://127.0.0.1:9")
    with pytest.raises(public.FetchError, match=r"holds no copy of german\.data"):
        public.fetch("german", tmp_path, source=tmp_path)


def test_copies_are_found_below_a_folder_packed_or_not(public: Any, tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "german.data.gz").write_bytes(gzip.compress(GERMAN))
    assert len(pd.read_csv(public.fetch("german", tmp_path, source=tmp_path))) == 2


@pytest.mark.parametrize(
    ("name", "rows", "target", "missing"),
    [
        ("german", 1000, {"good": 700, "bad": 300}, 0),
        ("credit", 30000, {"no": 23364, "yes": 6636}, 0),
        ("compas", 7214, {"no": 3963, "yes": 3251}, 0),
        ("heart", 920, {"no": 411, "yes": 509}, 1932),
        ("diabetic", 71518, None, None),
    ],
)
def test_the_real_sets_have_the_published_counts(
    public: Any, shared: Path, tmp_path: Path, name: str, rows: int, target: dict[str, int] | None, missing: int | None
) -> None:
    frame = pd.read_csv(public.fetch(name, tmp_path, source=shared / "data"), low_memory=False)
    assert len(frame) == rows
    if target is not None:
        assert frame.iloc[:, -1].value_counts().to_dict() == target
    if missing is not None:
        assert int(frame.isna().sum().sum()) == missing


def test_heart_disease_is_the_same_from_four_clinics_files_as_joined(public: Any, shared: Path, tmp_path: Path) -> None:
    joined = pd.read_csv(shared / "data" / "tables" / "heart_disease_uci.csv.gz")
    for site, part in joined.groupby("site"):
        part.drop(columns="site").to_csv(
            tmp_path / f"processed.{site}.data", header=False, index=False, na_rep="?"
        )  # fmt: skip
    apart = pd.read_csv(public.fetch("heart", tmp_path, source=tmp_path))
    whole = pd.read_csv(public.fetch("heart", tmp_path / "whole", source=shared / "data"))
    key = list(whole.columns)
    assert apart.sort_values(key, ignore_index=True).equals(whole.sort_values(key, ignore_index=True))
