"""The maps between a column's numbers and standardised ones."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm

from deepspace.data.scaling import QuantileScale, StandardScale, choose_scale, scale_from_json


def zero_inflated(n: int = 5000, seed: int = 0) -> np.ndarray:
    generator = np.random.default_rng(seed)
    return np.where(generator.random(n) < 0.9, 0.0, np.rint(generator.lognormal(7, 1.5, n)))


def test_bell_shaped_columns_keep_a_straight_line():
    x = np.random.default_rng(0).normal(50, 7, 4000)
    scale = choose_scale(x)
    assert isinstance(scale, StandardScale)
    np.testing.assert_allclose([scale.mean, scale.scale], [x.mean(), x.std()])


@pytest.mark.parametrize("x", [zero_inflated(), np.random.default_rng(1).lognormal(0, 2, 3000)])
def test_heavy_tails_become_normal_ranks(x: np.ndarray):
    scale = choose_scale(x)
    assert isinstance(scale, QuantileScale)
    y = scale.forward(x)
    assert abs(y.mean()) < 0.02
    assert abs(y.std() - 1) < 0.02
    order = np.argsort(x, kind="stable")
    assert np.all(np.diff(y[order]) >= 0)


def test_ranks_are_those_of_the_normal_distribution():
    x = np.random.default_rng(2).exponential(size=2000)
    y = choose_scale(x).forward(x)
    expected = norm.ppf((np.argsort(np.argsort(x)) + 0.5) / x.size)
    assert np.corrcoef(y, expected)[0, 1] > 0.999


def test_a_shared_value_owns_an_interval():
    x = zero_inflated()
    scale = choose_scale(x)
    assert isinstance(scale, QuantileScale)
    below, above = scale.lower[0], scale.upper[0]
    assert scale.values[0] == 0
    np.testing.assert_array_equal(scale.inverse(np.linspace(below, above, 50)[:-1]), 0.0)
    assert scale.inverse(np.array([above + 0.05]))[0] > 0


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(-(10**6), 10**6), min_size=30, max_size=300))
def test_inverse_undoes_forward_in_float32(values: list[int]):
    x = np.array(values, dtype=float)
    scale = choose_scale(x)
    back = scale.inverse(scale.forward(x).astype(np.float32).astype(float))
    np.testing.assert_allclose(back, x, atol=2e-6 * (x.max() - x.min() + 1) + 1e-6 * abs(x).max())


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10**6))
def test_whole_numbers_survive_exactly(seed: int):
    x = zero_inflated(seed=seed)
    scale = choose_scale(x)
    back = np.rint(scale.inverse(scale.forward(x).astype(np.float32).astype(float)))
    np.testing.assert_array_equal(back, x)


def test_values_beyond_the_range_go_to_its_ends_and_nan_stays():
    scale = choose_scale(zero_inflated())
    assert isinstance(scale, QuantileScale)
    y = scale.forward(np.array([-5.0, 1e12, np.nan]))
    assert y[0] <= scale.lower[0] + 1e-9
    assert y[1] >= scale.middle[-1]
    assert np.isnan(y[2])
    assert np.isnan(scale.inverse(y)[2])


@pytest.mark.parametrize("x", [np.zeros(0), np.full(50, 3.0), np.array([1.0]), zero_inflated()])
def test_json_round_trip(x: np.ndarray):
    scale = choose_scale(x)
    again = scale_from_json(json.loads(json.dumps(scale.to_json())))
    assert again == scale
    assert np.isfinite(scale.forward(np.array([3.0]))).all()
