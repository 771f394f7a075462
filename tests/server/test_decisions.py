"""What the Decisions tab asks: checked against what Python says of the same predictor."""

from __future__ import annotations

import base64
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import deepspace as ds
from deepspace.decisions import Audit, Constraints, case_precedents
from deepspace.decisions.boundary import (
    boundary,
    compare_boundaries,
    doubt,
    map_trust,
    proxy,
    static_boundary,
    triangle,
)
from deepspace.server import Session
from deepspace.server.cases import Recourse
from tests.decisions import planted
from tests.server.conftest import Running


def half(rows: Any) -> np.ndarray:
    """Knows one of the two columns that decide."""
    return np.asarray(1 / (1 + np.exp(-(rows["income"] - planted.FLOOR) / 5)), float)


@pytest.fixture(scope="module")
def space(tmp_path_factory: pytest.TempPathFactory) -> ds.Space:
    return planted.space(tmp_path_factory.mktemp("planted"), 400)


@pytest.fixture(scope="module")
def audits(space: ds.Space) -> list[Audit]:
    held = space.validation_index
    return [Audit(space, p, favourable="yes", held_out=held) for p in (planted.predictor, half)]


@pytest.fixture(scope="module")
def server(space: ds.Space, audits: list[Audit]) -> Iterator[Running]:
    running = Running(Session(space.name, space=space, audits=audits))
    yield running
    running.close()


def ask(server: Running, path: str, **options: Any) -> Any:
    answer = server.http.get(f"/api/decisions{path}", **options)
    assert answer.status_code == 200, answer.text
    return answer.json()


def looked(server: Running, predictor: int, seconds: float = 90) -> Any:
    server.http.post(f"/api/decisions/{predictor}/look")
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        state = ask(server, f"/{predictor}/look")
        if state["state"] != "making":
            return state
        time.sleep(0.05)
    raise AssertionError("it did not end")


def test_every_predictor_is_described_with_the_columns_to_colour_by(server: Running, audits: list[Audit]) -> None:
    info = ask(server, "")
    assert [p["name"] for p in info["predictors"]] == ["predictor", "half"]
    first = info["predictors"][0]
    assert (first["outcomes"], first["favourable"], first["tested"]) == (["no", "yes"], 1, len(audits[0].tested))
    assert info["generative"] is True
    columns = server.http.get("/api/space").json()["columns"]
    raw = {key: server.http.get(f"/api/columns/{first[key]}").content for key in ("decision", "score", "verdict")}
    np.testing.assert_array_equal(np.frombuffer(raw["decision"], np.uint8), audits[0].answers.outcome)
    np.testing.assert_allclose(np.frombuffer(raw["score"], "<f4"), audits[0].answers.score, rtol=1e-6)
    assert columns[first["decision"]]["categories"] == ["no", "yes"]
    assert columns[first["decision"]]["name"] == "decision of predictor"
    second = info["predictors"][1]
    verdict = np.frombuffer(server.http.get(f"/api/columns/{second['verdict']}").content, np.uint8)
    np.testing.assert_array_equal(verdict == 0, audits[1].answers.outcome == audits[1].truth)


def test_what_is_looked_at_is_what_python_says(server: Running, audits: list[Audit]) -> None:
    state = looked(server, 0)
    assert state["state"] == "ready", state["error"]
    found, audit = state["found"], audits[0]
    seen = proxy(audit)
    trust = map_trust(audit, proxy=seen)
    assert found["trust"]["sentence"] == trust.sentence
    assert found["trust"]["agreement"]["value"] == pytest.approx(trust.agreement.value)
    assert found["counts"] == np.bincount(audit.answers.outcome, minlength=2).tolist()
    expected = boundary(audit, proxy=seen)
    drawn = ask(server, "/0/drawing", params={"view": "generative"})
    outcome = np.frombuffer(base64.b64decode(drawn["data"]), np.uint8).astype(np.int16)
    np.testing.assert_array_equal(np.where(outcome == 255, -1, outcome), expected.outcome.ravel())
    assert len(drawn["lines"]) == len(expected.lines)
    np.testing.assert_allclose(np.reshape(drawn["lines"][0], (-1, 2)), expected.lines[0], atol=1e-5)
    assert (found["calls"], found["full"]) == (expected.calls, expected.full)
    hatched = ask(server, "/0/doubt")
    held = np.frombuffer(base64.b64decode(hatched["data"]), np.uint8).reshape(hatched["rows"], hatched["columns"])
    np.testing.assert_array_equal(held, doubt(audit, proxy=seen).doubtful)
    still = static_boundary(audit)
    assert found["still"]["value"] == pytest.approx(still.accuracy)
    assert len(ask(server, "/0/drawing", params={"view": "static"})["lines"]) == len(still.lines)


def test_places_worth_a_look_are_the_closest_the_surest_and_the_wrong(server: Running, audits: list[Audit]) -> None:
    worth = looked(server, 1)["found"]["worth"]
    answers, truth = audits[1].answers, audits[1].truth
    assert [w["row"] for w in worth["closest"]] == np.argsort(answers.margin, kind="stable")[:12].tolist()
    wrong = np.flatnonzero(truth != answers.outcome)
    assert worth["wrongOf"] == len(wrong)
    assert [w["row"] for w in worth["wrong"]] == wrong[np.argsort(-answers.margin[wrong], kind="stable")][:12].tolist()
    shown = {w["row"] for w in worth["differs"]}
    seen = proxy(audits[1])
    assert shown <= set(seen.rows[seen.differs].tolist())


def test_a_case_is_told_as_python_tells_it(server: Running, space: ds.Space, audits: list[Audit]) -> None:
    row = int(np.flatnonzero(audits[0].answers.outcome == 0)[0])
    case = ask(server, "/0/case", params={"row": row})
    own, shown = audits[0].ask_rows([row]), audits[0].ask_latents(space.latents.mean[[row]])
    assert (case["own"]["outcome"], case["own"]["score"]) == (0, pytest.approx(own.score[0]))
    assert case["shown"]["score"] == pytest.approx(shown.score[0], abs=1e-6)
    assert (case["happened"], case["right"]) == ("no", True)
    found = case_precedents(audits[0], row=row, k=5)
    assert [r["row"] for r in case["same"]] == found.same.index.tolist()
    assert [r["row"] for r in case["opposite"]] == found.opposite.index.tolist()
    assert {r["outcome"] for r in case["opposite"]} == {"yes"}
    like = ask(server, "/likeness", params={"row": row})
    expected = space.ood(planted.frame(400).iloc[[row]])
    assert like["p"] == pytest.approx(expected.combined_p[0], abs=0.02)
    ways = ask(server, "/0/recourse", params={"row": row})
    assert ways["desired"] == "yes"
    assert ways["found"]
    for way in ways["found"]:
        assert {c["column"] for c in way["changes"]} <= set(planted.DECISIVE), "only what decides is changed"
        assert way["scoreAfter"] >= 0.5
        assert len(way["path"]) > 1
    assert (ways["threshold"], ways["margin"]) == (0.5, 0)
    wide = ask(server, "/0/recourse", params={"row": row, "margin": 0.3})
    assert (wide["threshold"], wide["margin"]) == (0.5, 0.3)
    assert min(way["scoreAfter"] for way in wide["found"]) >= 0.8
    refused = server.http.get("/api/decisions/0/recourse", params={"row": row, "margin": 0.5})
    assert refused.status_code == 400
    assert "margin is how far beyond the threshold" in refused.text
    reasons = ask(server, "/0/reasons", params={"row": row})
    assert all(r["text"].split()[0] in planted.DECISIVE for r in reasons["reasons"])


def test_what_the_page_was_started_with_is_kept(space: ds.Space, audits: list[Audit]) -> None:
    limits = Constraints.of({"relations": ["income <= 39"]})
    running = Running(Session(space.name, space=space, audits=audits, recourse=Recourse(limits, 0.2)))
    try:
        info = ask(running, "")
        assert (info["margin"], info["constraints"]) == (0.2, "relation: income <= 39")
        poor = int(np.flatnonzero(planted.frame(400)["income"] < 35)[0])
        told = ask(running, "/0/recourse", params={"row": poor})
        assert not told["found"]
        assert "income <= 39 must hold" in told["refused"]
        assert told["margin"] == 0.2
    finally:
        running.close()


def test_pairs_and_triangles(server: Running, audits: list[Audit]) -> None:
    pair = ask(server, "/pairs")["pairs"][0]
    expected = compare_boundaries(audits, resolution=8, depth=0).pairs[0]
    assert pair["rows"] == expected.rows.tolist()
    assert pair["agreement"]["value"] == expected.agreement.value
    plane = ask(server, "/0/triangle", params={"a": 1, "b": 2, "c": 3})
    found = triangle(audits[0], 1, 2, 3, resolution=40)
    assert plane["outcome"] == found.outcome.tolist()
    assert len(plane["placesDecoded"]) == 4


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("/7/look", "There is no predictor 7; this page was started with 2."),
        ("/0/case?row=400", "There is no row 400; 'planted' has 400, counted from 0."),
        ("/0/triangle?a=1&b=1&c=2", "three different rows of 'planted'"),
        ("/0/drawing?view=oblique", "This address is not understood"),
    ],
)
def test_what_is_not_there_is_one_sentence(server: Running, path: str, words: str) -> None:
    answer = server.http.get(f"/api/decisions{path}")
    assert answer.status_code in (400, 404)
    assert words in answer.json()["error"]


def test_a_space_without_predictor_says_how_to_begin(running: Callable[..., Running], space: ds.Space) -> None:
    server = running(Session(space.name, space=space))
    info = ask(server, "")
    assert info["predictors"] == []
    assert info["command"] == "deepspace explore planted.space --predictor model.onnx --target approved"
    assert ask(server, "/pairs") == {"pairs": []}
    names = [c["name"] for c in server.http.get("/api/space").json()["columns"]]
    assert not any("decision of" in name for name in names)


def test_a_predictor_that_fails_and_one_that_is_stopped(running: Callable[..., Running], space: ds.Space) -> None:
    calls: list[int] = []

    def failing(rows: Any) -> np.ndarray:
        calls.append(len(rows))
        if sum(calls) > 300:
            raise ValueError("out of memory")
        return planted.predictor(rows)

    def slow(rows: Any) -> np.ndarray:
        time.sleep(0.2)
        return planted.predictor(rows)

    server = running(Session(space.name, space=space, audits=[Audit(space, failing), Audit(space, slow)]))
    state = looked(server, 0)
    assert state["state"] == "failed"
    assert "raised ValueError" in state["error"]
    assert "out of memory" in state["error"]
    assert server.http.post("/api/decisions/1/look").json()["state"] == "making"
    assert server.http.delete("/api/decisions/1/look").json()["state"] == "none"
    time.sleep(1.0)
    assert ask(server, "/1/look")["state"] == "none"


def test_without_a_decoder_rows_alone_are_shown(running: Callable[..., Running], tmp_path: Any) -> None:
    vectors = np.random.default_rng(0).normal(size=(120, 6)).astype(np.float32)
    bare = ds.attach(latents=vectors[:, :3], data=vectors, modality="vector", path=tmp_path / "bare.space")
    audit = Audit(bare, lambda x: 1 / (1 + np.exp(-np.asarray(x)[:, 0])), target="none", classes=("low", "high"))
    server = running(Session(bare.name, space=bare, audits=[audit]))
    state = looked(server, 0)
    assert state["state"] == "ready", state["error"]
    assert state["found"]["trust"] is None
    assert state["found"]["still"]["n"] == 120
    assert ask(server, "")["generative"] is False
    case = ask(server, "/0/case", params={"row": 3})
    assert case["shown"] is None
    assert case["happened"] is None
