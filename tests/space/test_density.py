"""The density estimate against densities known in closed form."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import digamma
from scipy.stats import multivariate_normal, spearmanr

from deepspace.space.density import Density, _digamma


def gaussian(n: int, dim: int, seed: int = 0) -> tuple[np.ndarray, multivariate_normal]:
    rng = np.random.default_rng(seed)
    scale = np.linspace(0.5, 2, dim)
    return (rng.normal(size=(n, dim)) * scale).astype(np.float32), multivariate_normal(np.zeros(dim), np.diag(scale**2))


def test_digamma_at_whole_numbers() -> None:
    j = np.arange(1, 30)
    np.testing.assert_allclose(_digamma(j), digamma(j), rtol=1e-12)


@pytest.mark.parametrize(("dim", "least"), [(1, 0.7), (2, 0.88), (5, 0.95)])
def test_rows_of_a_gaussian(dim: int, least: float) -> None:
    points, truth = gaussian(4000, dim)
    estimate = Density(points, np.full(dim, 0.1, np.float32)).of_rows()
    true = truth.logpdf(points)
    assert (
        spearmanr(estimate, true).statistic > least
    )  # sixteen neighbours: the noise is the same, the signal grows with dim
    # In nats, not only in order: the estimator's bias is small where the density is flat across the neighbourhood.
    middle = true > np.quantile(true, 0.5)
    assert abs(np.mean(estimate[middle] - true[middle])) < 0.15


def test_new_places_rank_as_the_truth_does() -> None:
    points, truth = gaussian(4000, 4)
    places, _ = gaussian(500, 4, seed=1)
    estimate = Density(points, np.full(4, 0.1, np.float32)).at(places)
    assert spearmanr(estimate, truth.logpdf(places)).statistic > 0.93


def test_units_change_the_metric_but_not_the_measure() -> None:
    # A density is with respect to volume: measuring distances in other units must not shift it by the units' logarithm.
    points, truth = gaussian(4000, 2)
    for unit in ([0.01, 0.01], [0.1, 0.4]):
        estimate = Density(points, np.array(unit, np.float32)).of_rows()
        assert abs(np.median(estimate - truth.logpdf(points))) < 0.15


def test_a_row_asked_about_as_a_place_is_left_out() -> None:
    points, _ = gaussian(500, 3)
    density = Density(points, np.full(3, 0.1, np.float32))
    np.testing.assert_allclose(density.at(points[:20]), density.of_rows()[:20], rtol=1e-5)


def test_collapsed_latents_do_not_make_prior_samples_remote() -> None:
    # Two live dimensions with a narrow posterior, thirty dead ones: mean 0, posterior scale 1.
    rng = np.random.default_rng(3)
    live = rng.normal(size=(3000, 2))
    points = np.concatenate([live, 1e-3 * rng.normal(size=(3000, 30))], 1).astype(np.float32)
    unit = np.array([0.02] * 2 + [1.0] * 30, np.float32)
    density = Density(points, unit)
    rows = np.sort(density.of_rows())
    prior = rng.normal(size=(300, 32)).astype(np.float32)
    beyond = prior.copy()
    beyond[:, :2] = 12
    near, far = (np.searchsorted(rows, density.at(z)) / len(rows) for z in (prior, beyond))
    assert np.median(near) > 0.15
    assert far.max() == 0


def test_duplicates_and_tiny_spaces_stay_finite() -> None:
    assert np.isfinite(Density(np.zeros((50, 3), np.float32), np.ones(3, np.float32)).of_rows()).all()
    assert np.isfinite(Density(np.eye(2, dtype=np.float32), np.ones(2, np.float32)).of_rows()).all()
    assert np.isnan(Density(np.zeros((1, 3), np.float32), np.ones(3, np.float32)).of_rows()).all()


def test_the_index_changes_densities_by_less_than_their_noise(monkeypatch: pytest.MonkeyPatch) -> None:
    points, _ = gaussian(6000, 6)
    unit = np.full(6, 0.1, np.float32)
    exact = Density(points, unit).of_rows()
    monkeypatch.setattr("deepspace.space.density._EXACT_ROWS", 1000)
    indexed = Density(points, unit).of_rows()
    assert (exact != indexed).any()
    assert np.abs(exact - indexed).mean() < 0.05
    assert (indexed <= exact + 1e-4).all()  # missing a neighbour can only make a place look emptier
