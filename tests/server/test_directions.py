"""Directions and sums over the wire, against what the space says of itself in Python."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import deepspace as ds
from deepspace.server import Session
from deepspace.server.films import STEPS
from tests.spaces import MODALITIES


def group(space: ds.Space, rows: Any, name: str = "some", columns: tuple[str, ...] = ()) -> dict[str, Any]:
    mask = np.zeros(len(space), bool)
    mask[rows] = True
    packed = np.packbits(mask, bitorder="little").tobytes()
    return {"name": name, "bits": base64.b64encode(packed).decode(), "columns": list(columns)}


@pytest.mark.parametrize("modality", MODALITIES)
def test_a_direction_is_that_of_python(
    fitted: Callable[[str], ds.Space], running: Callable[..., Any], modality: str
) -> None:
    space = fitted(modality)
    http = running(Session(space.name, space=space)).http
    a, b = np.arange(0, 60), np.arange(80, 130)
    answer = http.post("/api/directions", json={"positive": group(space, a), "negative": group(space, b)})
    assert answer.status_code == 200, answer.text
    found, own = answer.json(), space.direction(a, b)
    assert found["auc"] == pytest.approx(own.auc)
    assert found["aucInterval"] == pytest.approx(own.auc_interval)
    assert found["angle"] == pytest.approx(own.angle)
    assert found["p"] == own.p
    assert found["warnings"] == list(own.warnings)
    assert [e["name"] for e in found["effects"]] == [e.name for e in own.effects]
    assert [e["q"] for e in found["effects"]] == pytest.approx([e.q for e in own.effects])
    assert (found["positive"]["n"], found["negative"]["total"]) == (60, 50)

    scores = np.frombuffer(http.get(f"/api/directions/{found['id']}/scores.f32").content, "<f4")
    np.testing.assert_allclose(scores, own.project())
    film = http.get(f"/api/directions/{found['id']}/film", params={"start": "row:3"}).json()
    walk = own.traverse(3, steps=STEPS)
    np.testing.assert_allclose(film["values"], walk.amounts)
    np.testing.assert_allclose(film["places"], space.map.transform(walk.z), atol=1e-5)
    for i, content in enumerate(film["contents"]):
        if content["kind"] == "image":
            pixels = np.frombuffer(base64.b64decode(content["data"]), np.uint8)
            np.testing.assert_array_equal(pixels, walk.content[i].ravel())
        elif content["kind"] == "signal":
            np.testing.assert_allclose(content["data"], walk.content[i], atol=1e-5)


def test_without_a_second_group_it_is_the_rest(fitted: Callable[[str], ds.Space], running: Callable[..., Any]) -> None:
    space = fitted("table")
    http = running(Session(space.name, space=space)).http
    rows = np.flatnonzero(np.array(space.rows.column("species").to_pylist()) == "setosa")
    asked = {"positive": group(space, rows, "setosa", ("species",)), "method": "logistic"}
    found = http.post("/api/directions", json=asked).json()
    own = space.direction({"species": "setosa"}, method="logistic")
    assert found["negative"] == {"name": "the rest", "n": 100, "total": 100}
    assert found["step"] == pytest.approx(own.step)
    assert [e["name"] for e in found["effects"] if e["defines"]] == ["species"]
    assert http.post("/api/directions", json=asked).json()["id"] == found["id"]


def test_what_cannot_be_asked_is_refused(fitted: Callable[[str], ds.Space], running: Callable[..., Any]) -> None:
    space = fitted("vector")
    http = running(Session(space.name, space=space)).http
    some = group(space, [1, 2, 3])
    for asked, status, words in [
        ({"positive": group(space, [])}, 400, "group A has no rows"),
        ({"positive": some, "negative": group(space, [])}, 400, "group B has no rows"),
        ({"positive": some, "negative": group(space, [3, 4])}, 400, "1 rows are in both groups"),
        ({"positive": {**some, "bits": "AAAA"}}, 400, "is chosen with 25 bytes, one bit a row; 3 came"),
        ({"positive": {**some, "bits": "%"}}, 400, "0 came"),
        ({"positive": some, "method": "scenic"}, 404, "method"),
    ]:
        answer = http.post("/api/directions", json=asked)
        assert answer.status_code == status, answer.text
        assert words in answer.json()["error"]
    for path, words in [
        ("/api/directions/0123456789abcdef/film", "find it again"),
        ("/api/directions/0123456789abcdef/scores.f32", "find it again"),
        ("/api/sum?plus=row:999", "is no place"),
    ]:
        answer = http.get(path)
        assert answer.status_code == 400
        assert words in answer.json()["error"]
    known = http.post("/api/directions", json={"positive": some}).json()["id"]
    assert "is no place" in http.get(f"/api/directions/{known}/film?start=row:x").json()["error"]


@pytest.mark.parametrize("modality", MODALITIES)
def test_a_sum_is_that_of_python(fitted: Callable[[str], ds.Space], running: Callable[..., Any], modality: str) -> None:
    space = fitted(modality)
    http = running(Session(space.name, space=space)).http
    found = http.get("/api/sum", params={"plus": ["row:4", "row:9"], "minus": ["row:7"]}).json()
    own = space.arithmetic([4, 9], [7])
    assert found["formula"] == "row 4 - row 7 + row 9"
    assert [n["index"] for n in found["neighbours"]] == own.index.tolist()
    assert not {4, 7, 9} & set(own.index.tolist())
    assert found["densityPercentile"] == pytest.approx(own.density_percentile)
    np.testing.assert_allclose([found["x"], found["y"]], space.map.transform(own.z[None])[0], atol=1e-5)
    if modality == "image":
        pixels = np.frombuffer(base64.b64decode(found["content"]["data"]), np.uint8)
        np.testing.assert_array_equal(pixels, own.content[0].ravel())
    place = space.map.positions[4]
    at = http.get("/api/sum", params={"plus": f"at:{place[0]},{place[1]}"}).json()
    assert at["neighbours"][0]["index"] == 4
