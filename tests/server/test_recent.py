"""What is remembered of a user: complete, in order, and never in the way."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from deepspace.server.desk.recent import KEPT, Recent, state_folder


def space(folder: Path, name: str = "a", rows: int = 3) -> Any:
    class Space(SimpleNamespace):
        def __len__(self) -> int:
            return rows

    return Space(folder=folder / f"{name}.space", name=name, schema=SimpleNamespace(modality="table"))


@pytest.fixture
def recent(tmp_path: Path) -> Recent:
    return Recent(tmp_path / "state" / "recent.json")


def test_the_last_opened_comes_first_and_once(recent: Recent, tmp_path: Path) -> None:
    for name in "abab":
        recent.remember(space(tmp_path, name))
    assert [s.name for s in recent.spaces()] == ["b", "a"]
    assert [s.rows for s in recent.spaces()] == [3, 3]


def test_only_so_many_are_kept(recent: Recent, tmp_path: Path) -> None:
    for i in range(KEPT + 5):
        recent.remember(space(tmp_path, f"s{i:02d}"))
    names = [s.name for s in recent.spaces()]
    assert len(names) == KEPT
    assert names == sorted(names, reverse=True)


def test_a_space_that_is_gone_is_said_to_be(recent: Recent, tmp_path: Path) -> None:
    (tmp_path / "a.space").mkdir()
    (tmp_path / "a.space" / "manifest.json").write_text("{}")
    recent.remember(space(tmp_path, "a"))
    recent.remember(space(tmp_path, "b"))
    assert {s.name: s.missing for s in recent.spaces()} == {"a": False, "b": True}
    recent.forget(tmp_path / "b.space")
    assert [s.name for s in recent.spaces()] == ["a"]


def test_fits_and_spaces_do_not_disturb_one_another(recent: Recent, tmp_path: Path) -> None:
    recent.begin(tmp_path / "x.space")
    recent.remember(space(tmp_path))
    recent.begin(tmp_path / "y.space")
    recent.begin(tmp_path / "x.space")
    assert recent.fits() == [tmp_path / "x.space", tmp_path / "y.space"]
    assert [s.name for s in recent.spaces()] == ["a"]


ENTRY = {"path": "/a.space", "name": "a", "modality": "table", "rows": 3, "opened": 1.0}


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff\xfe",
        b"[" * 100_000,
        b"null",
        b"[]",
        b'{"spaces": 3, "fits": {}}',
        json.dumps({"spaces": [None, 1, "x", {}, {**ENTRY, "path": 1}, {**ENTRY, "rows": "x"}]}).encode(),
        json.dumps({"spaces": [{**ENTRY, "path": "relative.space"}, {**ENTRY, "opened": None}], "fits": [1]}).encode(),
        b'{"spaces": [{"path": "/a.space", "name": "a", "modality": "table", "rows": 1e999, "opened": 1}]}',
        b" " * (2 << 20),
    ],
)
def test_a_damaged_file_costs_its_memory_and_no_more(recent: Recent, tmp_path: Path, content: bytes) -> None:
    recent.file.parent.mkdir()
    recent.file.write_bytes(content)
    assert recent.spaces() == []
    assert recent.fits() == []
    recent.remember(space(tmp_path))
    assert [s.name for s in recent.spaces()] == ["a"]


def test_a_place_that_cannot_be_written_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    recent = Recent(tmp_path / "file" / "recent.json")
    recent.remember(space(tmp_path))
    assert recent.spaces() == []


def test_many_writers_leave_a_whole_file(recent: Recent, tmp_path: Path) -> None:
    def write(k: int) -> None:
        for i in range(20):
            recent.remember(space(tmp_path, f"{k}-{i}"))

    threads = [threading.Thread(target=write, args=(k,)) for k in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(json.loads(recent.file.read_bytes())) == {"spaces", "fits"}
    assert len(recent.spaces()) > 0
    assert [p.name for p in recent.file.parent.iterdir()] == ["recent.json"]


def test_the_state_folder_follows_the_platform(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("DEEPSPACE_STATE")
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    assert state_folder() == tmp_path / "deepspace"
    monkeypatch.delenv("XDG_STATE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert state_folder() == tmp_path / ".local" / "state" / "deepspace"
