"""The density after training against scikit-learn's, and that held-out rows had no part in it."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import stats
from sklearn.mixture import GaussianMixture

from deepspace.errors import ModelError
from deepspace.models import AE, Layout, build, choose
from deepspace.models.families.autoencoder import AEModel
from deepspace.training import TrainConfig, train

LAYOUT = Layout("vector", (10,))


def two_moons() -> np.ndarray:
    """(800, 10): two clusters in two of ten directions."""
    rng = np.random.default_rng(0)
    z = rng.normal(0, 0.3, (800, 2)) + np.where(np.arange(800)[:, None] % 2, 2.0, -2.0)
    x = z @ rng.normal(size=(2, 10)) + 0.05 * rng.normal(size=(800, 10))
    return ((x - x.mean(0)) / x.std(0)).astype(np.float32)


def trained(x: np.ndarray, **settings: float) -> tuple[AEModel, np.ndarray]:
    model = build(choose(LAYOUT, x, AE(latent_dim=2, components=4, **settings)), LAYOUT, seed=0)
    assert isinstance(model, AEModel)
    history = train(model, x, TrainConfig(epochs=30, threads=1, validation_fraction=0.2))
    return model, history.validation_index


def test_the_density_is_fitted_to_training_rows_alone() -> None:
    x = two_moons()
    model, held = trained(x)
    with torch.no_grad():
        z = model.encode(torch.from_numpy(x)).mean.double().numpy()
        here = model.log_prior(torch.from_numpy(z).float()).numpy()
        drawn = model.sample_prior(4000, torch.Generator().manual_seed(0)).numpy()
    training = np.delete(z, held, 0)
    deviation = training.std(0)
    theirs = GaussianMixture(4, random_state=0, reg_covar=1e-4, max_iter=200).fit(training / deviation)
    expected = theirs.score_samples(z / deviation) - np.log(deviation).sum()
    np.testing.assert_allclose(here, expected, atol=2e-2)
    np.testing.assert_allclose(model.width, 0.01 * deviation, rtol=1e-4)
    assert max(stats.ks_2samp(drawn[:, d], training[:, d]).statistic for d in range(2)) < 0.1
    # A standard normal would put draws into the gap between the two clusters; this density does not.
    assert here.mean() > stats.norm.logpdf(z).sum(1).mean()


def test_it_rebuilds_and_is_without_noise() -> None:
    x = torch.from_numpy(two_moons())
    model, held = trained(two_moons())
    with torch.no_grad():
        rebuilt = model.decode(model.encode(x).mean)
        assert float((rebuilt - x)[held].square().mean()) < 0.1 * float(x[held].var())
        first, second = (model.loss(x, 1.0, torch.Generator().manual_seed(s))[0] for s in (0, 1))
    assert torch.equal(first, second)


def test_settings_out_of_bounds_are_refused() -> None:
    with pytest.raises(ModelError, match="AE penalty must be a finite number of at least 0, got -1"):
        AE(penalty=-1)
    with pytest.raises(ModelError, match="AE components must be from 1 to 1000, got 0"):
        AE(components=0)
