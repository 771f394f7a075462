"""Uncertainty across the map against asking each place by itself."""

from __future__ import annotations

import numpy as np
import pytest

import deepspace as ds
from deepspace.explore import map_uncertainty


@pytest.fixture
def space(any_space: ds.Space) -> ds.Space:
    return any_space


def test_each_cell_is_the_uncertainty_of_its_place(space: ds.Space) -> None:
    found = map_uncertainty(space)
    rows, columns = found.values.shape
    places = np.array([found.place(r, c) for r in range(rows) for c in range(columns)], np.float32)
    known = np.isfinite(found.values.ravel())
    np.testing.assert_array_equal(known, space.map.has_data(places))
    assert known.sum() == found.n > 50
    some = np.flatnonzero(known)[:: max(1, found.n // 40)]
    alone = space.uncertainty(space.map.inverse_transform(places[some]))
    np.testing.assert_allclose(found.values.ravel()[some], alone, rtol=1e-3)
    percentiles = found.percentiles.ravel()[known]
    assert 0 <= percentiles.min() <= percentiles.max() <= 100
    order = np.argsort(found.values.ravel()[known])
    assert (np.diff(percentiles[order]) >= 0).all()


def test_the_grid_covers_the_map(space: ds.Space) -> None:
    found = map_uncertainty(space, cells=30)
    across, up = found.cells(space.map.positions)
    rows, columns = found.values.shape
    assert across.min() >= -1e-3
    assert up.min() >= -1e-3
    assert across.max() <= columns - 1 + 1e-3
    assert up.max() <= rows - 1 + 1e-3
    assert "places of the map" in str(found)
