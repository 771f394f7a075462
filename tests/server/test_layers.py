"""The layers over the map as the page gets them, against what the space says in Python."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import numpy as np
import pytest

import deepspace as ds
from deepspace.explore import map_field, map_uncertainty
from deepspace.server import Session
from deepspace.server.columns import DISTORTION
from tests.server.conftest import Running
from tests.spaces import MODALITIES, fit


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], tuple[ds.Space, Running]]]:
    made: dict[str, tuple[ds.Space, Running]] = {}
    with ExitStack() as stack:

        def of(modality: str) -> tuple[ds.Space, Running]:
            if modality not in made:
                space = fit(modality, tmp_path_factory.mktemp(modality), epochs=3)
                running = Running(Session(space.name, space=space))
                stack.callback(running.close)
                made[modality] = space, running
            return made[modality]

        yield of


@pytest.mark.parametrize("modality", MODALITIES)
def test_each_layer_is_the_spaces_own(served: Callable[[str], tuple[ds.Space, Running]], modality: str) -> None:
    space, running = served(modality)
    get = running.http.get
    info = get("/api/layers").json()
    field = map_field(space)
    density = np.frombuffer(get("/api/layers/density.f32").content, "<f4")
    shape = info["density"]["rows"], info["density"]["columns"]
    np.testing.assert_array_equal(density.reshape(shape), field.values)
    assert info["density"]["levels"] == list(field.levels)
    assert tuple(info["density"]["origin"]) == field.origin

    sureness = get("/api/layers/uncertainty").json()
    percentiles = np.frombuffer(get("/api/layers/uncertainty.f32").content, "<f4")
    own = map_uncertainty(space)
    np.testing.assert_array_equal(percentiles.reshape(sureness["rows"], sureness["columns"]), own.percentiles)
    assert sureness["measured"] == own.n
    assert sureness["typical"] == pytest.approx(float(np.nanmedian(own.values)))

    said, found = get("/api/regions").json(), space.regions()
    assert [r["label"] for r in said["regions"]] == [r.label for r in found]
    assert [r["exemplar"] for r in said["regions"]] == [r.exemplar for r in found]
    assert [[t["phrase"] for t in r["traits"]] for r in said["regions"]] == [
        [t.phrase for t in r.traits[:6]] for r in found
    ]
    of = np.frombuffer(get("/api/regions.i16").content, "<i2")
    np.testing.assert_array_equal(of, found.of)
    assert said["without"] == (of < 0).sum()


@pytest.mark.parametrize("modality", MODALITIES)
def test_presence_is_where_the_map_has_data(served: Callable[[str], tuple[ds.Space, Running]], modality: str) -> None:
    space, running = served(modality)
    grid = running.http.get("/api/layers").json()["presence"]
    mask = np.frombuffer(running.http.get("/api/layers/presence.u8").content, np.uint8)
    mask = mask.reshape(grid["rows"], grid["columns"])
    rng = np.random.default_rng(0)
    row, column = rng.integers(0, grid["rows"], 500), rng.integers(0, grid["columns"], 500)
    places = np.stack([grid["origin"][0] + column * grid["cell"], grid["origin"][1] + row * grid["cell"]], 1)
    np.testing.assert_array_equal(mask[row, column] == 1, space.map.has_data(places.astype(np.float32)))
    assert not mask[[0, -1]].any()
    assert not mask[:, [0, -1]].any()
    # Every row stands where there is data, to the width of a cell.
    at = np.rint((np.asarray(space.map.positions) - grid["origin"]) / grid["cell"]).astype(int)
    assert mask[at[:, 1], at[:, 0]].mean() > 0.99


def test_distortion_is_a_column_that_is_measured_when_asked_for(
    served: Callable[[str], tuple[ds.Space, Running]],
) -> None:
    space, running = served("image")
    (column,) = [c for c in running.http.get("/api/space").json()["columns"] if c["name"] == DISTORTION]
    assert (column["group"], column["minimum"], column["maximum"]) == ("figure", 0, 1)
    values = np.frombuffer(running.http.get(f"/api/columns/{column['index']}").content, "<f4")
    np.testing.assert_allclose(values, space.distortion().spread(space.map.positions))


def test_what_is_known_is_not_sent_again(served: Callable[[str], tuple[ds.Space, Running]]) -> None:
    _, running = served("image")
    for address in ("layers/density.f32", "layers/presence.u8", "layers/uncertainty.f32", "regions.i16"):
        first = running.http.get(f"/api/{address}")
        again = running.http.get(f"/api/{address}", headers={"if-none-match": first.headers["etag"]})
        assert (first.status_code, again.status_code) == (200, 304)
