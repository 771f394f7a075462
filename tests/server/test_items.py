"""Single items in the user's own units."""

from __future__ import annotations

import base64
import math
from collections.abc import Callable

import numpy as np
import pytest

from deepspace.server.items import Items
from tests.server.fakes import FakeSpace

Spaces = Callable[[str], FakeSpace]


@pytest.mark.parametrize("modality", ["image", "colour"])
def test_pictures_are_rows_of_pixels_with_channels_last(spaces: Spaces, modality: str) -> None:
    space = spaces(modality)
    content = Items(space).real(5)
    pixels = np.frombuffer(base64.b64decode(content.data), np.uint8)
    want = np.moveaxis(space.samples[5], 0, 2)
    assert (content.height, content.width, content.channels) == want.shape
    np.testing.assert_array_equal(pixels.reshape(want.shape), want)


def test_signals_come_in_the_users_units(spaces: Spaces) -> None:
    space = spaces("signal")
    content = Items(space).real(2)
    want = space.samples[2] * space.schema.scale + space.schema.mean
    np.testing.assert_allclose(content.data, want, rtol=1e-5, atol=1e-5)
    assert Items(space).shape().channel_names == ["level", "sum"]


def test_table_rows_show_the_cells_of_the_user(spaces: Spaces) -> None:
    space = spaces("table")
    items = Items(space)
    gap = next(i for i in range(len(space)) if space.rows.record(i)["bmi"] is None)
    cells = {f.name: f.value for f in items.real(gap).fields}
    record = space.rows.record(gap)
    assert list(cells) == [f.name for f in items.shape().fields]
    assert cells["bmi"] == "missing"
    assert cells["age"] == str(record["age"])
    assert cells["sex"] == record["sex"]
    assert cells["visit"] == record["visit"].isoformat()
    assert "progression" not in cells


def test_an_item_knows_its_place_and_its_neighbours(space: FakeSpace) -> None:
    item = Items(space).item(17)
    z = space.latents.mean
    order = np.argsort(((z - z[17]) ** 2).sum(1), kind="stable")
    want = [int(i) for i in order if i != 17][:8]
    true = np.sqrt(((z[want] - z[17]) ** 2).sum(1))
    np.testing.assert_allclose([n.distance for n in item.neighbours], true, atol=2e-2)
    assert 17 not in [n.index for n in item.neighbours]
    assert (item.x, item.y) == tuple(float(v) for v in space.map.positions[17])
    assert item.label == str(space.rows.record(17)[space.schema.target.name])
    assert item.reconstruction_error == pytest.approx(float(space.figures["reconstruction_error"][17]))
    assert {f.name for f in item.fields} == {c.name for c in space.schema.columns if c.role != "feature"}


def test_spread_is_the_standard_deviation_of_a_normal_column(spaces: Spaces) -> None:
    space = spaces("table")
    ages = np.array(space.rows.column("age").to_pylist(), float)
    low, high = np.percentile(ages, [15.87, 84.13])
    assert Items(space).spread("age") == pytest.approx((high - low) / 2)


def test_differences_are_beyond_a_tenth_of_the_spread_and_sorted(spaces: Spaces) -> None:
    space = spaces("table")
    items = Items(space)
    real = next(i for i in range(len(space)) if space.rows.record(i)["bmi"] is not None)
    same = dict(space.rows.record(real))
    assert items.differs(same, real) == []
    near = {**same, "blood pressure": same["blood pressure"] + 0.05 * items.spread("blood pressure")}
    assert items.differs(near, real) == []
    far = {
        **same,
        "blood pressure": same["blood pressure"] + 0.5 * items.spread("blood pressure"),
        "cholesterol": round(same["cholesterol"] + 3 * items.spread("cholesterol")),
        "sex": "male" if same["sex"] == "female" else "female",
    }
    found = items.differs(far, real)
    assert [d.name for d in found] == ["cholesterol", "sex", "blood pressure"]
    assert (found[1].generated, found[1].real) == (far["sex"], same["sex"])


def test_a_missing_real_cell_differs(spaces: Spaces) -> None:
    space = spaces("table")
    gap = next(i for i in range(len(space)) if space.rows.record(i)["bmi"] is None)
    found = Items(space).differs({**space.rows.record(gap), "bmi": 25.0}, gap)
    assert [(d.name, d.generated, d.real) for d in found] == [("bmi", "25", "missing")]


def test_vectors_are_read_by_their_nearest_rows(spaces: Spaces) -> None:
    space = spaces("vector")
    made = Items(space).rendered(space.samples[:1], [3])[0]
    assert made.payload == b""
    assert [(f.name, f.value) for f in made.content.fields] == [("class", space.rows.record(3)["class"])]
    assert made.content.note


def test_figures_that_are_not_numbers_are_left_out(spaces: Spaces) -> None:
    space = FakeSpace(
        "odd", spaces("image").schema, spaces("image").samples[:30], spaces("image").rows._table.slice(0, 30)
    )
    space.figures = {"reconstruction_error": np.full(30, np.nan, np.float32)}
    space.density_percentile = lambda z: np.full(len(z), math.inf)  # type: ignore[method-assign]
    item = Items(space).item(0)
    assert item.reconstruction_error is None
    assert item.density_percentile is None
