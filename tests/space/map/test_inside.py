"""Rows inside an outline, against closed forms."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import deepspace as ds
from tests.spaces import fit


@pytest.fixture(scope="module")
def space(tmp_path_factory: pytest.TempPathFactory) -> ds.Space:
    folder: Path = tmp_path_factory.mktemp("inside")
    return fit("vector", folder, epochs=1)


def test_a_rectangle_a_triangle_and_a_bow(space: ds.Space) -> None:
    x, y = np.asarray(space.map.positions, np.float64).T
    x0, x1 = np.quantile(x, [0.2, 0.7])
    y0, y1 = np.quantile(y, [0.3, 0.9])
    box = (x > x0) & (x < x1) & (y > y0) & (y < y1)
    assert 10 < box.sum() < len(x)
    corners = [(x0, y0), (x1, y0), (x1, y1), (x0, y1)]
    np.testing.assert_array_equal(space.map.inside(corners), np.flatnonzero(box))
    np.testing.assert_array_equal(space.map.inside(np.ravel(corners)), np.flatnonzero(box))
    below = box & ((y - y0) * (x1 - x0) < (x - x0) * (y1 - y0))
    np.testing.assert_array_equal(space.map.inside(corners[:3]), np.flatnonzero(below))
    # Crossing itself in the middle, the outline holds the left and the right quarter.
    bow = [(x0, y0), (x0, y1), (x1, y0), (x1, y1)]
    falls = (y - y0) * (x1 - x0) < (x1 - x) * (y1 - y0)
    rises = (y - y0) * (x1 - x0) > (x - x0) * (y1 - y0)
    quarters = box & (falls == rises)
    np.testing.assert_array_equal(space.map.inside(bow), np.flatnonzero(quarters))


def test_no_area_holds_nothing(space: ds.Space) -> None:
    assert len(space.map.inside([(0, 0), (1, 1)])) == 0
    assert len(space.map.inside([])) == 0
