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
from tests.spaces import MODALITIES, fit


@pytest.fixture(scope="module")
def fitted(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], ds.Space]:
    made: dict[str, ds.Space] = {}

    def of(modality: str) -> ds.Space:
        if modality not in made:
            made[modality] = fit(modality, tmp_path_factory.mktemp(modality), epochs=3)
        return made[modality]

    return of


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
    assert films.ranked() is shown


@pytest.mark.parametrize("row", [None, 11])
@pytest.mark.parametrize("modality", MODALITIES)
def test_a_film_is_a_traversal(fitted: Callable[[str], ds.Space], modality: str, row: int | None) -> None:
    space = fitted(modality)
    film = Films(Items(space)).film(1, row)
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
            assert change.texts == [str(v) for v in values]
        else:
            np.testing.assert_allclose(change.numbers, np.asarray(values, float))


def test_over_the_wire_and_refused(
    fitted: Callable[[str], ds.Space], running: Callable[..., Any], tmp_path: Path
) -> None:
    space = fitted("image")
    http = running(Session(space.name, space=space)).http
    assert http.get("/api/factors").json()["factors"][0]["rank"] == 0
    film = http.get("/api/factors/0/film?row=3").json()
    assert len(film["contents"]) == len(film["densityPercentiles"]) == STEPS
    for path, words in (
        ("/api/factors/99/film", f"it has dimensions 0 to {space.latent_dim - 1}"),
        ("/api/factors/0/film?row=-1", f"has rows 0 to {len(space) - 1}"),
        (f"/api/factors/0/film?row={len(space)}", f"cannot start from row {len(space)}"),
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
