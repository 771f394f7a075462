"""Ways through places over HTTP, against the space's own paths."""

from __future__ import annotations

import base64
import csv
import io
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import numpy as np
import pytest
from PIL import Image

import deepspace as ds
from deepspace.explore import KINDS
from deepspace.server import Session
from deepspace.server.films import Films
from deepspace.server.items import Items
from deepspace.server.walks import Walks
from tests.spaces import MODALITIES


@pytest.mark.parametrize("modality", MODALITIES)
def test_all_ways_are_the_spaces_own(fitted: Callable[[str], ds.Space], modality: str) -> None:
    space = fitted(modality)
    found = Walks(Films(Items(space))).ways("row:3;row:90;at:0.5,-0.25", 9)
    place = space.map.inverse_transform([[0.5, -0.25]])[0]
    walks = space.paths(3, 90, place, steps=9)
    assert found.python == ["3", "90", "space.map.inverse_transform([[0.5, -0.25]])[0]"]
    assert found.anchors == list(walks["linear"].anchors)
    assert found.n == len(space)
    assert [way.kind for way in found.ways] == list(KINDS)
    for way, walk in zip(found.ways, walks, strict=True):
        assert (way.length, way.decoded_length) == (walk.length, walk.decoded_length)
        assert (way.shorter, way.denser) == walk.gain
        assert way.lowest == walk.lowest
        assert way.density_percentiles == pytest.approx(walk.density_percentile.tolist())
        assert way.nearest == space.neighbors(z=walk.z, k=1).index[:, 0].tolist()
        expected = space.map.transform(walk.z)
        expected[list(walk.anchors)] = [*space.map.positions[[3, 90]], (0.5, -0.25)]
        np.testing.assert_allclose(way.places, expected, atol=1e-5)
        # The course goes through every step, with as many places between each two.
        each = (len(way.line) - 1) // 8
        assert len(way.line) == 8 * each + 1
        np.testing.assert_allclose(way.line[::each], way.places, atol=1e-4)
        for i, content in enumerate(way.contents):
            if content.kind == "image":
                pixels = np.frombuffer(base64.b64decode(content.data or ""), np.uint8)
                np.testing.assert_array_equal(pixels, walk.content[i].ravel())
            elif content.kind == "signal":
                np.testing.assert_allclose(content.data, walk.content[i], atol=1e-5)
        if modality == "table":
            for change in way.changes or []:
                if change.numbers is None:
                    assert change.texts == [str(v) for v in walk.content[change.name]]


def test_the_last_ones_are_kept(fitted: Callable[[str], ds.Space], monkeypatch: pytest.MonkeyPatch) -> None:
    walks = Walks(Films(Items(fitted("vector"))))
    first = walks.ways("row:0;row:1", 5)
    monkeypatch.setattr("deepspace.server.walks._KEPT", 2)
    assert walks.ways("row:0;row:1", 5) is first
    walks.ways("row:0;row:2", 5)
    assert walks.ways("row:0;row:1", 5) is first  # used again, so not the one to go
    walks.ways("row:0;row:3", 5)
    assert walks.ways("row:0;row:1", 5) is first
    walks.ways("row:0;row:4", 5)
    walks.ways("row:0;row:5", 5)
    assert walks.ways("row:0;row:1", 5) is not first


def test_files_over_the_wire(fitted: Callable[[str], ds.Space], running: Callable[..., Any]) -> None:
    space = fitted("image")
    http = running(Session(space.name, space=space)).http
    asked = f"through={quote('row:3;row:90')}&steps=7"
    answer = http.get(f"/api/paths/geodesic.csv?{asked}")
    assert answer.headers["content-disposition"] == 'attachment; filename="image-geodesic-path.csv"'
    z = [[line[f"z{d}"] for d in range(space.latent_dim)] for line in csv.DictReader(io.StringIO(answer.text))]
    np.testing.assert_array_equal(np.array(z, np.float32), space.path(3, 90, kind="geodesic", steps=7).z)
    for form in ("gif", "png"):
        answer = http.get(f"/api/paths/density.{form}?{asked}")
        assert answer.headers["content-type"] == f"image/{form}"
        assert Image.open(io.BytesIO(answer.content)).format == form.upper()
    assert http.get(f"/api/paths?{asked}").json()["steps"] == 7


@pytest.mark.parametrize(
    ("address", "status", "words"),
    [
        ("/api/paths?through=row:1", 400, "needs 2 or more places, got 1"),
        ("/api/paths?through=row:1;row:9999", 400, "'row:9999' is no place of 'table'"),
        ("/api/paths?through=row:1;somewhere", 400, "'somewhere' is no place"),
        ("/api/paths?through=" + ";".join(f"row:{i}" for i in range(13)), 400, "through 12 places at most, got 13"),
        ("/api/paths?through=row:1;row:2;row:3&steps=2", 400, "as many steps or more, got steps=2"),
        ("/api/paths?through=row:1;row:2&steps=1", 404, "steps"),
        ("/api/paths?through=row:1;row:2&steps=66", 404, "steps"),
        ("/api/paths/scenic.csv?through=row:1;row:2", 404, "kind"),
        ("/api/paths/linear.mp4?through=row:1;row:2", 404, "form"),
        ("/api/paths/linear.gif?through=row:1;row:2", 400, "cannot draw a path of table rows as .gif"),
    ],
)
def test_what_cannot_be_answered_is_refused_in_a_sentence(
    fitted: Callable[[str], ds.Space], running: Callable[..., Any], address: str, status: int, words: str
) -> None:
    space = fitted("table")
    answer = running(Session(space.name, space=space)).http.get(address)
    assert answer.status_code == status
    assert words in answer.json()["error"]
