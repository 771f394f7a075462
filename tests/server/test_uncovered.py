"""The rows that nobody generates, on the wire, against the space's own answer."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from deepspace.server import Session
from tests.spaces import fit


def test_what_the_page_gets_is_what_the_space_says(running: Callable[..., Any], tmp_path: Path) -> None:
    space = fit("table", tmp_path, epochs=2)
    http = running(Session(space.name, space=space)).http
    shown, own = http.get("/api/uncovered").json(), space.uncovered()
    assert shown["rows"] == own.rows.tolist()
    np.testing.assert_allclose(shown["distances"], own.distances.clip(max=1e6), rtol=1e-6)
    assert (shown["n"], shown["made"], shown["k"], shown["tested"]) == (own.n, own.made, own.k, own.tested)
    assert [(g["column"], g["value"], g["missed"]) for g in shown["groups"]] == [
        (g.column, g.value, g.missed) for g in own.groups
    ]
    assert http.get("/api/uncovered").json() == shown
