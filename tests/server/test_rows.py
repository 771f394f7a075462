"""Rows found, selected and taken along: against the space and plain Python."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import deepspace as ds
from deepspace.server import Session
from tests.spaces import fit

NAMES = ["Ada Lovelace", "Alan Turing", 'O\'Neil, "Bob"', None]


@pytest.fixture(scope="module")
def space(tmp_path_factory: pytest.TempPathFactory) -> ds.Space:
    """A table with an identifier, free text, and a column that is called row."""
    random = np.random.default_rng(0)
    n = 203
    frame = pd.DataFrame(
        {
            "id": [f"C-{i:05d}" for i in range(n)],
            "row": random.integers(0, 9, n),
            "size": random.normal(size=n).round(3),
            "name": [NAMES[i % 4] for i in range(n)],
        }
    )
    training = ds.TrainConfig(epochs=2, threads=1)
    return ds.fit(frame, path=tmp_path_factory.mktemp("rows") / "people.space", training=training)


@pytest.fixture
def http(running: Any, space: ds.Space) -> Any:
    return running(Session("people", space=space)).http


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("c-00017", [17]),
        ("TURING", list(range(1, 203, 4))),
        ("o'neil", list(range(2, 203, 4))),
        ('"bob"', list(range(2, 203, 4))),
        ("12", [12, *(i for i in range(203) if i != 12 and "12" in f"{i:05d}")]),
        ("row 202", [202]),
        ("203", []),
        ("100%", []),
        ("", []),
        ("   ", []),
    ],
)
def test_what_is_found_is_what_is_written(http: Any, space: ds.Space, text: str, rows: list[int]) -> None:
    found = http.get("/api/search", params={"q": text}).json()
    assert found["count"] == len(rows)
    assert [r["index"] for r in found["first"]] == sorted(rows)[:8]
    whole = http.get("/api/search/rows", params={"q": text}).content
    assert np.frombuffer(whole, "<u4").tolist() == sorted(rows)
    for row in found["first"]:
        if row["column"]:
            assert text.strip().lower() in row["value"].lower()
    # The condition is one that a script can use.
    own = space.rows.select(found["where"])
    assert set(own.tolist()) <= set(rows)
    assert len(set(rows) - set(own.tolist())) <= 1  # the row of that number


def test_a_text_that_is_too_long_is_refused(http: Any) -> None:
    answer = http.get("/api/search", params={"q": "x" * 201})
    assert answer.status_code == 404
    assert "q" in answer.json()["error"]


def bits(rows: list[int], n: int) -> bytes:
    chosen = np.zeros(n, bool)
    chosen[rows] = True
    return np.packbits(chosen, bitorder="little").tobytes()


@pytest.mark.parametrize("rows", [[0, 7, 8, 202], [], list(range(203))])
def test_the_rows_come_as_they_were_given(http: Any, space: ds.Space, rows: list[int]) -> None:
    answer = http.post("/api/rows.csv", content=bits(rows, 203))
    assert answer.headers["content-type"].startswith("text/csv")
    assert f"people-{len(rows)}-rows.csv" in answer.headers["content-disposition"]
    read = list(csv.DictReader(io.StringIO(answer.text)))
    assert [int(r["row_"]) for r in read] == rows
    for line in read:
        record = space.rows.record(int(line["row_"]))
        assert line["id"] == record["id"]
        assert int(line["row"]) == record["row"]
        assert float(line["size"]) == record["size"]
        assert line["name"] == (record["name"] or "")


def test_blocks_are_joined_without_a_second_header(http: Any, monkeypatch: pytest.MonkeyPatch, space: ds.Space) -> None:
    from deepspace.server.routes import rows as module

    whole = http.post("/api/rows.csv", content=bits(list(range(203)), 203)).text
    monkeypatch.setattr(module, "_BLOCK", 50)
    assert http.post("/api/rows.csv", content=bits(list(range(203)), 203)).text == whole


def test_bits_of_another_number_of_rows_are_refused(http: Any) -> None:
    answer = http.post("/api/rows.csv", content=b"\0" * 25)
    assert answer.status_code == 400
    assert answer.json()["error"] == "Rows are chosen with 26 bytes, one bit a row; 25 came."


@pytest.mark.parametrize("modality", ["image", "vector"])
def test_rows_without_columns_of_their_own_are_their_numbers(running: Any, tmp_path: Path, modality: str) -> None:
    space = fit(modality, tmp_path, epochs=1)
    http = running(Session("x", space=space)).http
    read = list(csv.DictReader(io.StringIO(http.post("/api/rows.csv", content=bits([3, 11], len(space))).text)))
    assert [int(r["row"]) for r in read] == [3, 11]
