"""Precedents are the nearest rows, agree as they do, and refuse what they cannot answer."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from sklearn.neighbors import NearestNeighbors

from deepspace.data.schema import Column
from deepspace.decisions import precedents
from deepspace.errors import SpaceError
from deepspace.results import wilson
from tests.linear import LinearSpace, PlainSchema


@pytest.fixture(scope="module")
def space() -> LinearSpace:
    return LinearSpace(400)


def test_they_are_the_nearest_rows(space: LinearSpace) -> None:
    distance, index = NearestNeighbors(n_neighbors=7).fit(space.latents.mean).kneighbors([[0.5, -0.5, 0, 0]])
    found = precedents(space, z=[0.5, -0.5, 0, 0], k=7)
    np.testing.assert_array_equal(found.index, index[0])
    np.testing.assert_allclose(found.distance, distance[0], rtol=1e-5)
    side = np.array(space.table.column("side").to_pylist())
    assert list(found.values) == side[index[0]].tolist()


def test_a_row_is_not_its_own_precedent(space: LinearSpace) -> None:
    found = precedents(space, row=17, k=5)
    assert 17 not in found.index
    np.testing.assert_array_equal(found.index, precedents(space, z=space.latents.mean[17], k=6).index[1:])


def test_a_row_with_many_doubles_keeps_k_others(space: LinearSpace) -> None:
    twins = LinearSpace(30)
    twins.latents.mean[:] = 0
    found = precedents(twins, row=29, k=5)
    assert len(found) == 5
    assert 29 not in found.index


def test_agreement_is_the_share_with_the_commonest_target(space: LinearSpace) -> None:
    far = precedents(space, z=[3.0, 0, 0, 0], k=10)
    assert (far.answer, far.agreement) == ("right", 1.0)
    near = precedents(space, z=[0.0, 0, 0, 0], k=40)
    count = max(near.values.count("left"), near.values.count("right"))
    assert near.agreement == count / 40
    assert near.interval == wilson(count, 40)


def test_items_in_the_users_units(space: LinearSpace) -> None:
    by_item, by_row = precedents(space, space.samples[3:4], k=4), precedents(space, z=space.latents.mean[3], k=4)
    np.testing.assert_array_equal(by_item.index, by_row.index)


def test_numbers_and_missing_values() -> None:
    space = LinearSpace(100)
    values = [None if i % 10 == 0 else float(i) for i in range(100)]
    space.table = pa.table({"size": pa.array(values)})
    space.schema = PlainSchema((6,), (Column("size", "numeric", "target"),))
    found = precedents(space, row=5, k=30)
    known = [v for v in found.values if v is not None]
    assert found.n == len(known) < 30
    assert found.answer == pytest.approx(np.mean(known))
    assert found.agreement is None
    assert f"(n = {len(known)})" in str(found)


def test_without_a_target_there_are_still_neighbours() -> None:
    space = LinearSpace(50)
    space.schema = PlainSchema((6,))
    found = precedents(space, row=0, k=3)
    assert (found.target, found.answer, found.interval) == ("", None, None)
    assert found.to_arrow().column_names == ["row", "distance"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "one of an item x, a row number or latents z"),
        ({"row": 1, "z": [0.0] * 4}, "one of an item x, a row number or latents z"),
        ({"row": 400}, "no row 400: it has rows 0 to 399"),
        ({"row": 0, "k": 400}, "k may be 1 to 399"),
        ({"z": np.zeros((2, 4))}, "one item at a time, got 2"),
    ],
)
def test_questions_that_make_no_sense(space: LinearSpace, options: dict, message: str) -> None:
    with pytest.raises(SpaceError, match=message):
        precedents(space, **options)


def test_it_prints_and_converts(space: LinearSpace) -> None:
    found = precedents(space, z=[3.0, 0, 0, 0], k=3)
    assert "side: right, 100 % of them agree [44 %, 100 %] (n = 3)" in str(found)
    assert found.to_pandas().columns.tolist() == ["row", "distance", "side"]
