"""Films of latent dimensions and grids of places, against what the space says of itself in Python."""

from __future__ import annotations

import base64
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import deepspace as ds
from deepspace.server import Session
from deepspace.server.films import STEPS, Films
from deepspace.server.items import Items
from tests.spaces import MODALITIES


@pytest.mark.parametrize("modality", MODALITIES)
def test_the_ranking_is_the_spaces_own(fitted: Callable[[str], ds.Space], modality: str) -> None:
    space = fitted(modality)
    films = Films(Items(space))
    shown = films.ranked()
    own = space.factors()
    assert [f.index for f in shown.factors] == [f.index for f in own]
    np.testing.assert_allclose([f.kl for f in shown.factors], [f.kl for f in own])
    assert [f.active for f in shown.factors] == [f.active for f in own]
    assert shown.n == len(space)
    np.testing.assert_allclose(
        [f.mean for f in shown.factors], [space.latents.mean[:, f.index].mean() for f in own], atol=1e-5
    )
    np.testing.assert_allclose([f.deviation for f in shown.factors], [f.deviation for f in own])
    assert films.ranked() is shown


@pytest.mark.parametrize("row", [None, 11])
@pytest.mark.parametrize("modality", MODALITIES)
def test_a_film_is_a_traversal(fitted: Callable[[str], ds.Space], modality: str, row: int | None) -> None:
    space = fitted(modality)
    film = Films(Items(space)).film(1, "mean" if row is None else f"row:{row}")
    walk = space.traverse(1, start=row, steps=STEPS)
    np.testing.assert_allclose(film.values, walk.positions)
    np.testing.assert_allclose(film.places, space.map.transform(walk.z), atol=1e-5)
    assert film.nearest == space.neighbors(z=walk.z, k=1).index[:, 0].tolist()
    for i, content in enumerate(film.contents):
        if content.kind == "image":
            pixels = np.frombuffer(base64.b64decode(content.data or ""), np.uint8)
            np.testing.assert_array_equal(pixels, walk.content[i].ravel())
        elif content.kind == "signal":
            np.testing.assert_allclose(content.data, walk.content[i], atol=1e-5)
    if row is not None:  # held but for the one dimension
        z = np.asarray(space.latents.mean[row])
        assert np.all(np.delete(walk.z, 1, 1) == np.delete(z, 1))


def test_only_columns_that_change_are_told(fitted: Callable[[str], ds.Space]) -> None:
    space = fitted("table")
    film = Films(Items(space)).film(space.factors()[0].index)
    assert film.changes
    shown = space.traverse(film.factor, steps=STEPS).content
    for change in film.changes:
        assert len(set(change.texts)) > 1
        values = list(shown[change.name])
        if change.numbers is None:
            assert [text.lower() for text in change.texts] == [str(v).lower() for v in values]
        else:
            np.testing.assert_allclose(change.numbers, np.asarray(values, float))


def test_over_the_wire_and_refused(
    fitted: Callable[[str], ds.Space], running: Callable[..., Any], tmp_path: Path
) -> None:
    space = fitted("image")
    http = running(Session(space.name, space=space)).http
    assert http.get("/api/factors").json()["factors"][0]["rank"] == 0
    film = http.get("/api/factors/0/film?place=row:3").json()
    assert len(film["contents"]) == len(film["densityPercentiles"]) == STEPS
    for path, words in (
        ("/api/factors/99/film", f"it has dimensions 0 to {space.latent_dim - 1}"),
        ("/api/factors/0/film?place=row:-1", f"use row:0 to row:{len(space) - 1}"),
        (f"/api/local?place=row:{len(space)}", f"use row:0 to row:{len(space) - 1}"),
        ("/api/mix?set=99:1", f"it has dimensions 0 to {space.latent_dim - 1}"),
        ("/api/mix?set=-1:1", "cannot set dimension -1"),
        ("/api/mix?set=1", "sets no dimensions: write dimension:value"),
        ("/api/mix?set=1:nan", "with finite numbers"),
    ):
        answer = http.get(path)
        assert answer.status_code == 400
        assert words in answer.json()["error"]
    assert http.get("/api/factors/x/film").status_code == 404


@pytest.mark.parametrize("modality", MODALITIES)
def test_a_grid_of_places_decodes_where_there_is_data(
    fitted: Callable[[str], ds.Space], running: Callable[..., Any], modality: str
) -> None:
    space = fitted(modality)
    http = running(Session(space.name, space=space)).http
    x0, _, x1, y1 = space.map.bounds
    step, columns = (x1 - x0) / 6, 9
    asked = {"x": x0 - step, "y": y1 + step, "step": step, "columns": columns, "rows": 7}
    contents = http.get("/api/cells", params=asked).json()["contents"]
    across, down = np.meshgrid(x0 - step + step * np.arange(columns), y1 + step - step * np.arange(7))
    places = np.stack([across.ravel(), down.ravel()], 1).astype(np.float32)
    there = space.map.has_data(places)
    assert there.any()
    assert not there.all()
    assert [content is not None for content in contents] == there.tolist()
    if modality == "image":
        decoded = space.decode(space.map.inverse_transform(places))
        for i in np.flatnonzero(there):
            pixels = np.frombuffer(base64.b64decode(contents[i]["data"]), np.uint8)
            assert np.abs(pixels.astype(int) - decoded[i].ravel()).max() <= 1
    for wrong in ({"columns": 200, "rows": 7}, {"step": 0}, {"step": -1}, {"x": "nan"}, {"columns": 0}):
        assert http.get("/api/cells", params={**asked, **wrong}).status_code in (400, 404)


@pytest.mark.parametrize("modality", MODALITIES)
def test_local_factors_are_the_spaces_own(fitted: Callable[[str], ds.Space], modality: str) -> None:
    space = fitted(modality)
    shown = Films(Items(space)).local("row:5", 2)
    own = space.local_factors(5, 2, steps=STEPS)
    np.testing.assert_allclose([f.share for f in shown], [f.share for f in own])
    for item, local in zip(shown, own, strict=True):
        assert item.film.values == local.positions.tolist()
        np.testing.assert_allclose(item.film.places, space.map.transform(local.z), atol=1e-5)
        heaviest = item.along[0]
        deviation = {f.index: f.deviation for f in space.factors()}
        assert heaviest.weight == pytest.approx(local.direction[heaviest.dimension] / deviation[heaviest.dimension])
        assert heaviest.weight > 0


def test_names_are_the_spaces_own(fitted: Callable[[str], ds.Space]) -> None:
    space = fitted("table")
    films = Films(Items(space))
    own = space.name_factors()
    assert len(own), "iris has columns that a dimension follows"
    assert [(n.factor, n.title, n.certainty) for n in films.names().names] == [
        (n.factor, n.title, n.certainty) for n in own
    ]
    assert films.names().pairs == own.tested
    assert films.names() is films.names()


@pytest.mark.parametrize("modality", MODALITIES)
def test_dimensions_set_by_hand(fitted: Callable[[str], ds.Space], running: Callable[..., Any], modality: str) -> None:
    space = fitted(modality)
    http = running(Session(space.name, space=space)).http
    shown = http.get("/api/mix", params={"place": "row:9", "set": "0:1.5,1:-0.25"}).json()
    z = np.array(space.latents.mean[9:10])
    z[0, :2] = 1.5, -0.25
    np.testing.assert_allclose(shown["z"], z[0], rtol=1e-6)
    np.testing.assert_allclose(shown["place"], space.map.transform(z)[0], atol=1e-5)
    near = space.neighbors(z=z, k=3)
    assert [n["index"] for n in shown["nearest"]] == near.index[0].tolist()
    assert shown["densityPercentile"] == pytest.approx(float(space.density_percentile(z)[0]))
    assert shown["uncertainty"] == pytest.approx(float(space.uncertainty(z)[0]), rel=1e-4)
    expected = space.decode(z)
    if modality == "image":
        pixels = np.frombuffer(base64.b64decode(shown["content"]["data"]), np.uint8)
        assert np.abs(pixels.astype(int) - expected[0].ravel()).max() <= 1
    elif modality == "signal":
        np.testing.assert_allclose(shown["content"]["data"], expected[0], atol=1e-4)
    elif modality == "table":
        assert {f["name"] for f in shown["content"]["fields"]} == {c.name for c in space.schema.features}
    mean = http.get("/api/mix").json()
    np.testing.assert_allclose(mean["z"], space.latents.mean.mean(0), atol=1e-5)


def test_how_sure_against_the_rows_comes_once_it_is_known(fitted: Callable[[str], ds.Space]) -> None:
    space = fitted("signal")
    items = Items(space)
    items.sureness.of(np.asarray(space.latents.mean[:1]))
    items.sureness.wait()
    z = np.asarray(space.latents.mean[4:6])
    found = items.sureness.of(z)
    np.testing.assert_allclose([s.value for s in found], space.uncertainty(z), rtol=1e-4)
    np.testing.assert_allclose([s.percentile for s in found], space.uncertainty_percentile(z), atol=0.7)
