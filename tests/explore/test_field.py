"""The map's density against counting, a normal's closed form and scipy's own kernel estimate."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import gaussian_kde

from deepspace.errors import SpaceError
from deepspace.explore import map_field
from deepspace.explore.field import Field
from tests.explore.planted import Planted, blobs


@settings(max_examples=25, deadline=None)
@given(n=st.integers(200, 3000), seed=st.integers(0, 10**6), stretch=st.floats(0.01, 100), share=st.floats(0.1, 0.97))
def test_a_contour_holds_the_share_that_it_names(n: int, seed: int, stretch: float, share: float) -> None:
    places = blobs(n, seed=seed)[0] * [stretch, 1.0] - 5.0
    field = map_field(Planted(places), shares=(share,))
    inside = field.at(np.asarray(places, np.float32)) >= field.levels[0]
    assert inside.mean() == pytest.approx(share, abs=2 / n + 1e-6)


def test_new_rows_of_the_same_kind_fall_inside_as_often() -> None:
    """The share is not an artefact of asking the rows that made the field."""
    field = map_field(Planted(blobs(20_000)[0]))
    fresh = field.at(blobs(20_000, seed=9)[0])
    for share, level in zip(field.shares, field.levels, strict=True):
        assert (fresh >= level).mean() == pytest.approx(share, abs=0.015)


def test_it_sums_to_one_and_the_levels_fall_as_shares_grow() -> None:
    for n in (1, 2, 30, 5000):
        field = map_field(Planted(blobs(n)[0]))
        assert field.values.sum() * field.cell**2 == pytest.approx(1, abs=0.01)
        assert list(field.levels) == sorted(field.levels, reverse=True)


def test_it_is_scipys_kernel_estimate() -> None:
    places, _ = blobs(1500)
    # scipy's kernel has the rows' covariance times the squared factor: whitened rows make it round.
    places = (places - places.mean(0)) @ np.linalg.inv(np.linalg.cholesky(np.cov(places.T))).T
    field = map_field(Planted(places))
    expected = gaussian_kde(places.T, bw_method=field.bandwidth)(places[:200].T)
    np.testing.assert_allclose(field.at(places[:200]), expected, rtol=0.05, atol=0.02 * expected.max())


def test_the_contours_of_a_normal_are_its_own() -> None:
    """N(0, I) smoothed by h is N(0, v I), v = 1 + h^2; a share s exceeds (1 - s)^(1/v) of its peak."""
    field = map_field(Planted(np.random.default_rng(3).normal(size=(60_000, 2))), shares=(0.5, 0.8))
    v = 1 + field.bandwidth**2
    expected = np.array([0.5, 0.2]) ** (1 / v) / (2 * np.pi * v)
    np.testing.assert_allclose(field.levels, expected, rtol=0.03)


def test_fewer_rows_are_smoothed_more() -> None:
    widths = [map_field(Planted(np.random.default_rng(0).normal(size=(n, 2)))) for n in (60, 60_000)]
    spans = [np.ptp(np.random.default_rng(0).normal(size=(n, 2)), axis=0).max() for n in (60, 60_000)]
    assert widths[0].bandwidth / spans[0] > 1.5 * widths[1].bandwidth / spans[1]


def test_a_place_outside_has_none_and_cells_are_where_they_say() -> None:
    field = map_field(Planted(blobs(500)[0]))
    assert field.at([[1e6, 0], [0, -1e6]]).tolist() == [0, 0]
    row, column = np.unravel_index(field.values.argmax(), field.values.shape)
    assert field.at([field.place(int(row), int(column))])[0] == pytest.approx(field.values.max(), rel=1e-5)


def test_it_prints() -> None:
    field = Field(np.zeros((2, 3), np.float32), (0.0, 0.0), 1.0, 0.5, (0.5,), (0.125,), 1200)
    assert str(field) == "density of 1,200 rows on 3 x 2 cells, bandwidth 0.500: 50 % above 0.125"


@pytest.mark.parametrize("shares", [(), (0.0,), (1.0,), (0.5, 50.0)])
def test_a_share_that_is_none_is_refused(shares: tuple[float, ...]) -> None:
    with pytest.raises(SpaceError, match=r"cannot draw contours of 'planted': shares lie between 0 and 1, got"):
        map_field(Planted(np.zeros((3, 2))), shares=shares)


def test_rows_at_one_place_have_a_field() -> None:
    field = map_field(SimpleNamespace(name="one", map=SimpleNamespace(positions=np.full((7, 2), 3.0, np.float32))))
    assert np.isfinite(field.levels).all()
    assert field.at([[3.0, 3.0]])[0] == pytest.approx(field.values.max(), rel=0.05)
