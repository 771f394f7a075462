"""Factors against the formulas of a linear-Gaussian space."""

from __future__ import annotations

import numpy as np
import pytest

from deepspace.data.schema import Column
from deepspace.explore import changed, factors
from deepspace.space.moments import latent_moments
from tests.linear import NOISE, WIDTHS, LinearSpace, PlainSchema


@pytest.fixture(scope="module")
def space() -> LinearSpace:
    return LinearSpace(4000)


def test_kl_is_that_of_torch_distributions(space: LinearSpace) -> None:
    import torch
    from torch.distributions import Normal, kl_divergence

    posterior = Normal(torch.from_numpy(space.latents.mean).double(), torch.from_numpy(space.latents.scale).double())
    expected = kl_divergence(posterior, Normal(0.0, 1.0)).mean(0).numpy()
    moments = latent_moments(space.latents.mean, space.latents.scale)
    np.testing.assert_allclose(moments.kl, expected, rtol=1e-6, atol=1e-9)


def test_moments_of_blocks_are_moments_of_the_whole(monkeypatch: pytest.MonkeyPatch, space: LinearSpace) -> None:
    far = space.latents.mean + 1e4
    whole = latent_moments(far, space.latents.scale)
    monkeypatch.setattr("deepspace.space.moments.BLOCK", 37)
    pieces = latent_moments(far, space.latents.scale)
    np.testing.assert_allclose(pieces.variance, far.astype(np.float64).var(0), rtol=1e-9)
    np.testing.assert_allclose(pieces.mean, whole.mean)
    np.testing.assert_allclose(pieces.kl, whole.kl)


def test_the_aggregate_posterior_is_the_prior(space: LinearSpace) -> None:
    """With the exact posterior and data from the model, averaging q(z|x) over x gives back N(0, I)."""
    found = latent_moments(space.latents.mean, space.latents.scale)
    np.testing.assert_allclose(found.deviation, 1.0, atol=0.05)
    np.testing.assert_allclose(found.mean, 0.0, atol=0.06)


def test_rank_activity_and_effect(space: LinearSpace) -> None:
    found = factors(space)
    assert [f.index for f in found] == [0, 1, 2, 3]
    assert [f.active for f in found] == [True, True, True, False]
    assert found[3].dead
    # Var_x(E[z_d | x]) = w^2 / (w^2 + s^2); the decode moves by 4 deviations times |W_d|, averaged over features.
    deviation = np.array([f.deviation for f in found])
    np.testing.assert_allclose(
        [f.effect for f in found], 4 * deviation * np.abs(space.weights).mean(0), rtol=1e-4, atol=1e-6
    )
    expected = np.square(WIDTHS) / (np.square(WIDTHS) + NOISE**2)
    np.testing.assert_allclose([f.variance for f in found], expected, atol=0.06)


def test_the_strongest_comes_first_wherever_it_stands() -> None:
    assert [f.index for f in factors(LinearSpace(500, widths=(0.0, 0.5, 3.0)))] == [2, 1, 0]


def test_unordered_categories_count_as_changed_or_not() -> None:
    space = LinearSpace(10)
    kinds = ("numeric", "categorical", "boolean", "ordinal", "numeric", "numeric")
    columns = tuple(Column(f"c{i}", kind, "feature") for i, kind in enumerate(kinds))
    space.schema = PlainSchema((6,), columns, "table")
    difference = changed(space, np.zeros((1, 6)), np.array([[2.0, 3.0, 1.0, 3.0, 0.0, 0.5]]))
    assert difference.tolist() == [[2.0, 1.0, 1.0, 3.0, 0.0, 0.5]]


def test_it_prints_and_converts(space: LinearSpace) -> None:
    found = factors(space, sample=16)
    assert str(found).startswith("3 of 4 latent dimensions active (n = 4,000)")
    assert "dead" in str(found).splitlines()[-1]
    assert found.to_arrow().column("index").to_pylist() == [0, 1, 2, 3]
    assert list(found.to_pandas()["active"]) == [True, True, True, False]


def test_moments_are_remembered_of_arrays_that_cannot_change_and_of_no_others() -> None:
    from deepspace.space.moments import latent_moments

    mean, scale = np.random.default_rng(0).normal(size=(50, 3)), np.full((50, 3), 0.5)
    first = latent_moments(mean, scale)
    mean += 1
    np.testing.assert_allclose(latent_moments(mean, scale).mean, first.mean + 1)
    mean.flags.writeable = scale.flags.writeable = False
    kept = latent_moments(mean, scale)
    assert latent_moments(mean, scale) is kept
    other = mean + 1
    np.testing.assert_allclose(latent_moments(other, scale).mean, kept.mean + 1)
    assert latent_moments(mean, np.full((50, 3), 0.25)).deviation[0] < kept.deviation[0]
