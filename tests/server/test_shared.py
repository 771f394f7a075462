"""The selection and the pin that pages share with a program: the same on both sides, whatever either sends."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.sync.client import connect

from deepspace.errors import SpaceError
from deepspace.server import Session
from deepspace.server.background import Background
from deepspace.server.shared import Shared
from tests.server.fakes import FakeSpace

OWN = {"X-Deepspace": "1", "Content-Type": "application/octet-stream"}


@given(st.sets(st.integers(0, 49)), st.randoms())
def test_rows_are_kept_ascending_and_once_however_they_are_given(rows: set[int], random: Any) -> None:
    expected = sorted(rows) or None
    mixed = [*rows, *rows]
    random.shuffle(mixed)
    mask = np.isin(np.arange(50), list(rows))
    shared = Shared("a", 50)
    for given_ in (mixed, np.array(mixed, np.uint8), np.array(mixed, float), mask, mask.tolist(), tuple(mixed)):
        shared.select(given_)
        found = shared.selection
        assert (None if found is None else found.tolist()) == expected
    assert shared.info().serial == (1 if rows else 0)


@pytest.mark.parametrize(
    ("rows", "sentence"),
    [
        ([50], "there is no row 50; 'a' has 50, counted from 0"),
        ([-1], "there is no row -1"),
        ([1.5], "by their numbers or by a mask"),
        ([[1, 2]], "by their numbers or by a mask"),
        ("all", "by their numbers or by a mask"),
        ([float("nan")], "by their numbers or by a mask"),
        (7, "by their numbers or by a mask"),
        (np.ones(49, bool), "one truth for each of the 50 rows; this has 49"),
    ],
)
def test_what_chooses_no_rows_is_refused(rows: Any, sentence: str) -> None:
    shared = Shared("a", 50)
    shared.select([3])
    with pytest.raises(SpaceError, match=sentence.replace("(", r"\(")):
        shared.select(rows)
    assert shared.selection is not None
    assert shared.selection.tolist() == [3]


def test_a_listener_hears_of_changes_only() -> None:
    shared, told = Shared("a", 50), []
    forget = shared.listen(lambda: told.append(shared.info()))
    shared.select([1])
    shared.select(np.array([1, 1]))
    shared.pin(4)
    shared.pin(4)
    shared.select([])
    assert [(t.serial, t.selected, t.pinned) for t in told] == [(1, 1, None), (2, 1, 4), (3, None, 4)]
    forget()
    shared.pin(None)
    assert len(told) == 3
    with pytest.raises(SpaceError, match="there is no row 50"):
        shared.pin(50)


@pytest.fixture
def served(spaces: Callable[[str], FakeSpace]) -> Any:
    space = spaces("vector")
    shared = Shared(space.name, len(space))
    server = Background(Session(space.name, space=space), shared=shared, static=None, frames=["http://localhost:*"])
    yield server, shared
    server.close()


def test_bits_go_both_ways(served: Any) -> None:
    import httpx

    server, shared = served
    rows = np.flatnonzero(np.random.default_rng(0).random(shared.n) < 0.3)
    bits = np.zeros(shared.n, np.uint8)
    bits[rows] = 1
    with httpx.Client(base_url=server.address) as http:
        body = np.packbits(bits, bitorder="little").tobytes()
        answer = http.put("/api/shared/selection", content=body, headers=OWN).json()
        assert answer == {"type": "shared", "serial": 1, "selected": len(rows), "pinned": None}
        np.testing.assert_array_equal(shared.selection, rows)
        assert http.get("/api/shared/selection").content == body
        shared.select(None)
        assert http.get("/api/shared/selection").content == b""
        assert http.put("/api/shared/selection", content=b"x", headers=OWN).status_code == 400
        assert http.put("/api/shared/pin", json={"row": 7}).json()["pinned"] == 7
        assert http.put("/api/shared/pin", json={"row": shared.n}).status_code == 400
        assert shared.pinned == 7
        foreign = http.put("/api/shared/selection", content=body, headers={"Content-Type": "text/plain"})
        assert foreign.status_code == 403
        foreign = http.put("/api/shared/pin", json={"row": 1}, headers={"Origin": "http://localhost:1"})
        assert foreign.status_code == 403
        policy = http.get("/").headers["content-security-policy"]
        assert policy.endswith("frame-ancestors http://localhost:*")


def test_every_page_is_told(served: Any) -> None:
    server, shared = served
    with connect(f"ws://127.0.0.1:{server.port}/api/live", max_size=None) as live:

        def until_told(serial: int) -> dict[str, Any]:
            while True:
                message = live.recv(timeout=20)
                read = json.loads(message) if isinstance(message, str) else {}
                if read.get("type") == "shared" and read["serial"] == serial:
                    return dict(read)

        assert until_told(0) == {"type": "shared", "serial": 0, "selected": None, "pinned": None}
        shared.select([1, 2, 3])
        assert until_told(1)["selected"] == 3
        shared.pin(2)
        assert until_told(2)["pinned"] == 2
