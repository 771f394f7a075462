"""Uploads: names that cannot leave the folder, bytes that arrive whole or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepspace.errors import DataError
from deepspace.server.desk import uploads
from deepspace.server.desk.uploads import Upload, room, safe_parts


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("iris.csv", ("iris.csv",)),
        ("../../etc/passwd", ("etc", "passwd")),
        ("C:\\Users\\me\\data.csv", ("C_", "Users", "me", "data.csv")),
        ("/pets/dog/1.png", ("pets", "dog", "1.png")),
        (".hidden", ("hidden",)),
        ("a\0b\n.csv", ("ab.csv",)),
        ("con.csv", ("_con.csv",)),
        ("Äpfel und Birnen.csv", ("Äpfel und Birnen.csv",)),
        ("trailing. ", ("trailing",)),
        ("x" * 300 + ".parquet", ("x" * 112 + ".parquet",)),
    ],
)
def test_names_become_harmless(name: str, expected: tuple[str, ...]) -> None:
    assert safe_parts(name) == expected


@given(st.text(max_size=200))
def test_no_name_leaves_the_folder(name: str) -> None:
    folder = Path("/work/uploads")
    try:
        parts = safe_parts(name)
    except DataError:
        return
    path = folder.joinpath(*parts)
    assert path.is_relative_to(folder)
    assert path != folder
    assert ".." not in path.parts
    assert all(p and not p.startswith(".") and "\0" not in p and len(p.encode()) <= 200 for p in parts)
    assert safe_parts("/".join(parts)) == parts


@pytest.mark.parametrize("name", ["", "/", "..", " . ", "\0", "a/" * 20])
def test_names_of_nothing_are_refused(name: str) -> None:
    with pytest.raises(DataError, match="give it another"):
        safe_parts(name)


def test_a_file_arrives_whole_and_replaces_an_older_one(tmp_path: Path) -> None:
    for content in (b"one", b"another"):
        with Upload(tmp_path, "pets/dog.png", len(content)) as upload:
            upload.write(content[:2])
            upload.write(content[2:])
            assert upload.finish() == tmp_path / "pets" / "dog.png"
        assert upload.path.read_bytes() == content
    assert [p.name for p in (tmp_path / "pets").iterdir()] == ["dog.png"]


def test_what_breaks_off_leaves_the_older_file(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b"old")
    with Upload(tmp_path, "a.csv", 10) as upload:
        upload.write(b"new")
        with pytest.raises(DataError, match="broke off with 7 bytes missing"):
            upload.finish()
    with Upload(tmp_path, "a.csv", 2) as upload, pytest.raises(DataError, match="more bytes than were announced"):
        upload.write(b"new")
    with pytest.raises(ZeroDivisionError), Upload(tmp_path, "a.csv", 2) as upload:
        raise ZeroDivisionError
    assert [(p.name, p.read_bytes()) for p in tmp_path.iterdir()] == [("a.csv", b"old")]


def test_an_empty_file_and_one_too_large_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"'a.csv' is empty"):
        Upload(tmp_path, "a.csv", 0)
    with pytest.raises(DataError, match="free some space"):
        Upload(tmp_path, "a.csv", room(tmp_path) + (1 << 40))
    assert list(tmp_path.iterdir()) == []


def test_room_is_what_is_free_less_a_reserve(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Usage:
        free = (512 << 20) + 123

    monkeypatch.setattr(uploads.shutil, "disk_usage", lambda _: Usage)
    assert room(tmp_path / "not" / "yet") == 123
    Usage.free = 5
    assert room(tmp_path) == 0
