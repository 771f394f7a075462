"""What moved between two reports, against a published interval, brute force, and chance itself."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from deepspace.errors import SpaceError
from deepspace.report import difference
from deepspace.report.audit.difference import _adjusted
from deepspace.results import wilson
from tests.report.audit.conftest import Report


def of(figures: dict[str, tuple[int, int]], **basis: Any) -> dict[str, Any]:
    """A report of shares, each (successes, n)."""
    told = {
        name: {"value": k / n, "n": n, "interval": list(wilson(k, n)), "unit": "%"} for name, (k, n) in figures.items()
    }
    return {
        "format": "deepspace audit report", "version": 1, "basis": {"data": {"fingerprint": "a"}, **basis},
        "settings": {"seed": 0}, "evidence": [{"id": "E1", "key": "performance.shares", "figures": told}],
    }  # fmt: skip


def test_the_interval_of_a_difference_is_newcombes() -> None:
    # Newcombe 1998, Statistics in Medicine 17, table II, method 10: 56/70 against 48/80.
    (move,) = difference(of({"share": (48, 80)}), of({"share": (56, 70)})).moves
    assert move.interval == pytest.approx((0.0524, 0.3339), abs=5e-5)
    assert move.moved
    (move,) = difference(of({"share": (9, 10)}), of({"share": (3, 10)})).moves
    assert move.interval == pytest.approx((-0.8090, -0.1705), abs=5e-5)


def test_a_report_does_not_differ_from_itself(report: Report) -> None:
    found = difference(report.file.with_suffix(".json"), report.told)
    assert (found.inputs, found.moves, found.appeared, found.vanished) == ((), (), (), ())
    assert found.compared > 30
    assert "are the same" in str(found)


def test_what_changed_came_and_went_is_named(report: Report) -> None:
    now = copy.deepcopy(report.told)
    now["basis"]["predictor"]["answers SHA-256"] = "f" * 64
    now["settings"]["seed"] = 9
    entry = next(e for e in now["evidence"] if e["key"] == "performance.accuracy")
    share = entry["figures"]["share"]
    share["value"], share["interval"] = 0.3, [0.25, 0.36]
    entry["figures"]["extra"] = {"value": 1.0}
    del now["evidence"][now["evidence"].index(next(e for e in now["evidence"] if e["key"] == "groups.counted"))]
    found = difference(report.told, now)
    assert [m.key for m in found.moved] == ["performance.accuracy: share"]
    assert found.appeared == ("performance.accuracy: extra",)
    assert {key.split(":")[0] for key in found.vanished} == {"groups.counted"}
    assert [sentence.split(":")[0] for sentence in found.inputs] == ["Changed in predictor", "Changed in settings"]
    assert found.to_arrow().num_rows == len(found.moves)


def test_hardly_anything_moves_by_chance() -> None:
    rng = np.random.default_rng(0)
    called = []
    for _ in range(200):
        first, second = ({f"f{i}": (int(k), 300) for i, k in enumerate(rng.binomial(300, 0.3, 20))} for _ in range(2))
        called.append(bool(difference(of(first), of(second)).moved))
    assert np.mean(called) <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 200)


def test_what_really_moves_is_found_among_others() -> None:
    rng = np.random.default_rng(1)
    right = 0
    for _ in range(50):
        first, second = ({f"f{i}": (int(k), 300) for i, k in enumerate(rng.binomial(300, 0.3, 20))} for _ in range(2))
        second["f3"] = (int(rng.binomial(300, 0.5)), 300)
        right += "performance.shares: f3" in {m.key for m in difference(of(first), of(second)).moved}
    assert right >= 45


def test_false_discovery_is_held_as_by_hand() -> None:
    p = np.random.default_rng(2).uniform(size=17).tolist()
    ranked = sorted(p)
    for value, q in zip(p, _adjusted(p), strict=True):
        rank = ranked.index(value)
        assert q == pytest.approx(min(1.0, *(ranked[i] * len(p) / (i + 1) for i in range(rank, len(p)))))


def test_what_is_no_report_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text("{}")
    (tmp_path / "b.json").write_text("nonsense")
    good = of({"share": (1, 2)})
    for wrong in (tmp_path / "none.json", tmp_path / "a.json", tmp_path / "b.json", {**good, "version": 2}):
        with pytest.raises(SpaceError, match="cannot compare"):
            difference(wrong, good)
