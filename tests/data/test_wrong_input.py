"""Input that cannot be used is refused in one sentence, or used in part with a note. Nothing else ever escapes."""

from __future__ import annotations

import gzip
import io
import os
import pickle
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from deepspace.data import files, load
from deepspace.errors import DataError

GOOD = "a,b\n" + "\n".join(f"{i * 7 % 13}.5,{i * 5 % 11}" for i in range(40)) + "\n"


def refused(source: Any, *words: str, **options: Any) -> str:
    """The sentence of the refusal, which must hold ``words`` and be one line that ends as a sentence."""
    with pytest.raises(DataError) as caught:
        load(source, **options)
    text = str(caught.value)
    assert "\n" not in text
    assert text.endswith((".", "?"))
    assert "Traceback" not in text
    for word in words:
        assert word in text, text
    return text


def only_sentences(source: Any) -> None:
    """Loads, or is refused in one line; any other exception fails the test."""
    try:
        load(source)
    except DataError as error:
        message = str(error)
    else:
        return
    assert "\n" not in message


def write(path: Path, data: str | bytes) -> Path:
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    return path


def test_no_such_path(tmp_path: Path):
    refused(tmp_path / "nothing.csv", "there is no file or folder", "nothing.csv")
    (tmp_path / "adult.data.gz").write_bytes(b"x")
    refused(tmp_path / "adult.data", "did you mean 'adult.data.gz'?")
    refused(tmp_path / "adlt.data.gz", "did you mean 'adult.data.gz'?")
    assert "did you mean" not in refused(tmp_path / "credit.csv", "check the spelling")


@pytest.mark.parametrize(
    "name", ["e.csv", "e.npz", "e.npy", "e.parquet", "e.zip", "e.csv.gz", "train-images-idx3-ubyte"]
)
def test_empty_file(tmp_path: Path, name: str):
    refused(write(tmp_path / name, b""), f"'{name}' is empty")


def test_blank_or_header_only_text(tmp_path: Path):
    refused(write(tmp_path / "t.csv", "\n \n\n"), "no text but blanks")
    refused(write(tmp_path / "u.csv", "a,b,c\n"), "has no rows")
    refused(write(tmp_path / "v.csv.gz", gzip.compress(b"")), "empty")


def test_empty_folder_and_folder_of_text(tmp_path: Path):
    refused(tmp_path, "is empty")
    for i in range(3):
        write(tmp_path / f"{i}.txt", "some words\nand more\n")
    refused(tmp_path, "no pictures and no data file", "3 of .txt")


def test_folder_of_several_tables_and_of_one(tmp_path: Path):
    write(tmp_path / "a.csv", GOOD)
    assert load(tmp_path).schema.modality == "table"
    write(tmp_path / "b.csv", GOOD)
    refused(tmp_path, "2 data files", "'a.csv', 'b.csv'", "name one")


def test_prose_is_no_table(tmp_path: Path):
    refused(
        write(tmp_path / "a.txt", "It was a dark night.\nThe wind blew, and the rain fell hard.\nEnd\n"),
        "not look like",
    )


def test_a_few_ragged_rows_are_left_out(tmp_path: Path):
    lines = GOOD.splitlines()
    lines[17] = "1,2,3"
    dataset = load(write(tmp_path / "t.csv", "\n".join(lines)), target="none")
    assert len(dataset) == 39
    assert any("1 of 40 rows do not have 2 cells; line 18 has 3" in note for note in dataset.notes)


def test_many_ragged_rows_are_refused(tmp_path: Path):
    text = "a,b,c\n" + "\n".join(",".join("1" * (3 if i % 3 else 2)) for i in range(60))
    refused(write(tmp_path / "t.csv", text), "is ragged: 20 of 60 rows do not have 3 cells; line 2 has 2")


def test_only_constants(tmp_path: Path):
    text = refused(write(tmp_path / "t.csv", "a,b\n" + "1,x\n" * 30), "has no column to learn from", "'a': always 1")
    assert "'b': always x" in text


def test_all_missing_column_is_left_out(tmp_path: Path):
    text = "c,a,b\n" + "\n".join(f"?,{i * 7 % 13}.5,{i * 5 % 11}.5" for i in range(40))
    dataset = load(write(tmp_path / "t.csv", text))
    assert [c.name for c in dataset.schema.features] == ["a", "b"]
    assert any("'c' (has no value in any row)" in note for note in dataset.notes)


@pytest.mark.parametrize("rows", [1, 2])
def test_too_few_rows(tmp_path: Path, rows: int):
    refused(write(tmp_path / "t.csv", "a,b\n" + "1.5,2\n" * rows), f"has {rows} row", "at least 5")
    refused(np.ones((rows, 4)), f"has {rows} vectors")
    refused(np.zeros((rows, 8, 8), np.uint8), f"has {rows} picture")


def test_infinite_cells_of_a_table_are_missing():
    x = np.random.default_rng(0).normal(size=50)
    x[[3, 9]] = np.inf, np.nan
    dataset = load(pa.table({"x": x, "z": x[::-1] * 2}), target="none")
    assert np.isnan(dataset.array[[3, 9], 0]).all()
    assert any("column 'x' holds 1 infinite" in note and "first in row 3" in note for note in dataset.notes)
    assert dataset.schema.columns[0].missing == 2


def test_nan_in_vectors_and_pictures_is_counted_and_placed():
    x = np.random.default_rng(0).normal(size=(50, 6))
    x[4, 2], x[9, 1] = np.nan, -np.inf
    dataset = load(x)
    assert len(dataset) == 48
    assert any("1 NaN and 1 infinite values in 2 of 50 rows, first in row 4 at (2,)" in note for note in dataset.notes)
    pictures = np.random.default_rng(0).random((20, 8, 8))
    pictures[3, 1, 1] = np.nan
    assert len(load(pictures)) == 19


def test_truncated_and_damaged_gzip(tmp_path: Path):
    data = gzip.compress((GOOD * 50).encode())
    refused(write(tmp_path / "t.csv.gz", data[:-20]), "is a truncated gzip file")
    refused(write(tmp_path / "u.csv.gz", data[:30] + b"\xff\x00\xff" * 9 + data[60:]), "gzip")


def test_bombs_in_gzip_and_npz(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(files, "FREE_BYTES", 1 << 20)  # a gigabyte otherwise, too much for a test
    bomb = b"1\n" * (8 << 20)
    refused(write(tmp_path / "b.csv.gz", gzip.compress(bomb)), "more than 200 times", "bomb")
    refused(archive(tmp_path / "n.npz", {"X.npy": bomb}), "refused as a possible archive bomb")


def test_a_single_picture_and_foreign_files(tmp_path: Path):
    refused(write(tmp_path / "a.png", b"\x89PNG\r\n\x1a\n" + b"0" * 99), "is one picture")
    refused(write(tmp_path / "m.pkl", pickle.dumps({"a": 1})), "is a pickle")
    refused(write(tmp_path / "x.bin", bytes(range(256)) * 9), "is not a text file")
    refused(write(tmp_path / "x.h5", b"\x89HDF\r\n\x1a\n" + b"0" * 99), "save it as")


def test_only_corrupt_pictures(tmp_path: Path):
    for i in range(6):
        write(tmp_path / f"{i}.jpg", b"\xff\xd8\xff broken")
    refused(tmp_path, "no picture can be read")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_unreadable_file(tmp_path: Path):
    path = write(tmp_path / "t.csv", GOOD)
    path.chmod(0)
    refused(path, "permission denied")


def test_permission_errors_become_sentences(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    path = write(tmp_path / "t.csv", GOOD)

    def deny(self: Path, *_: object, **__: object) -> Any:
        raise PermissionError(13, "Permission denied", str(self))

    monkeypatch.setattr(Path, "open", deny)
    refused(path, "cannot be read: permission denied")


class _Evil:
    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (os.environ["EVIL_PATH"],)


def test_pickles_are_never_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("EVIL_PATH", str(tmp_path / "owned"))
    np.save(tmp_path / "o.npy", np.array([_Evil()] * 9, dtype=object), allow_pickle=True)
    np.savez(tmp_path / "o.npz", X=np.array([[_Evil()] * 2] * 9, dtype=object))
    for name in ("o.npy", "o.npz"):
        refused(tmp_path / name, "Python objects", "numpy.save")
    refused(np.array([[object()] * 3] * 9, dtype=object), "Python objects")
    assert not (tmp_path / "owned").exists()


def test_damaged_numpy_and_parquet(tmp_path: Path):
    buffer = io.BytesIO()
    np.savez(buffer, X=np.random.default_rng(0).normal(size=(50, 30)))
    refused(write(tmp_path / "a.npz", buffer.getvalue()[:-200]), "not a readable")
    np.save(tmp_path / "b.npy", np.ones((50, 30)))
    refused(write(tmp_path / "b.npy", (tmp_path / "b.npy").read_bytes()[:-500]), "not a readable NumPy file")
    pq.write_table(pa.table({"a": np.random.default_rng(0).normal(size=500)}), tmp_path / "c.parquet")
    refused(write(tmp_path / "c.parquet", (tmp_path / "c.parquet").read_bytes()[:-40]), "not a readable Parquet file")
    refused(write(tmp_path / "d.arrow", b"ARROW1\0\0" + b"1234" * 20), "not a readable Arrow file")


def test_arrays_that_are_no_rows():
    refused(np.ones(50), "at least two dimensions")
    refused({"X": np.array([["a", "b"]] * 9)}, "no array of rows")
    refused([[1, 2], [3]], "not of one length")
    refused(3.5, "cannot read data from a float")
    refused({"a": [1, 2], "b": [1, 2, 3]}, "different lengths: 2, 3")


def test_duplicate_names_in_frames():
    g = np.random.default_rng(0)
    frame = pd.DataFrame(g.normal(size=(40, 3)), columns=["a", "b", "a"])
    dataset = load(frame, target="none")
    assert [c.name for c in dataset.schema.columns] == ["a", "b", "a.1"]
    assert any("occurs more than once" in note for note in dataset.notes)


def test_frames_with_mixed_objects_and_nested_cells():
    g = np.random.default_rng(0)
    frame = pd.DataFrame({"x": g.normal(size=40), "m": [1, "a"] * 20, "d": [{"k": 1}] * 40})
    dataset = load(frame, target="none")
    assert [c.name for c in dataset.schema.features] == ["x", "m"]
    assert dataset.schema.columns[2].role != "feature"


def archive(path: Path, entries: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", method) as out:
        for name, data in entries.items():
            out.writestr(name, data)
    return path


def test_zip_bombs_and_unsafe_names(tmp_path: Path):
    refused(archive(tmp_path / "b.zip", {"a.png": b"\0" * (64 << 20)}), "refused as a possible archive bomb")
    refused(archive(tmp_path / "u.zip", {"../../a.png": b"x"}), "unsafe name")
    refused(archive(tmp_path / "v.zip", {"/etc/a.png": b"x"}), "unsafe name")
    refused(archive(tmp_path / "w.zip", {"a.txt": b"x"}), "holds no pictures")
    refused(archive(tmp_path / "x.zip", {}), "holds")


def test_unknown_columns_targets_and_modalities(tmp_path: Path):
    path = write(tmp_path / "t.csv", GOOD)
    refused(path, "there is no column 'aa'", "did you mean 'a'", target="aa")
    refused(path, "there is no modality 'video'", modality="video")
    refused(path, "holds no pictures", modality="image")
    refused(path, "holds no vectors", modality="vector")
    refused(np.ones((9, 4)), "is not a table", modality="table")
    refused(path, "image_size is 2", image_size=2)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    data=st.binary(min_size=1, max_size=400),
    name=st.sampled_from(["a.csv", "a.npy", "a.npz", "a.zip", "a.parquet", "a"]),
)
def test_random_bytes_never_crash(tmp_path: Path, data: bytes, name: str):
    only_sentences(write(tmp_path / name, data))


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(alphabet=st.sampled_from("ab1.,;\"'\t -?\n\r|:"), min_size=1, max_size=200))
def test_random_text_never_crashes(tmp_path: Path, text: str):
    only_sentences(write(tmp_path / "t.csv", text))
