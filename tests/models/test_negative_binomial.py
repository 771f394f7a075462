"""The negative binomial against SciPy and torch, and counts whose truth is known."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import stats
from sklearn.neighbors import KNeighborsClassifier

import deepspace as ds
from deepspace.data.counts import CountsSchema
from deepspace.errors import ModelError
from deepspace.models import Layout, likelihoods
from deepspace.models.likelihoods.negative_binomial import NegativeBinomial
from deepspace.training import TrainConfig

GENES = Layout("counts", (6,))


def made(log_dispersion: float) -> NegativeBinomial:
    likelihood = likelihoods.make("negative_binomial", GENES)
    assert isinstance(likelihood, NegativeBinomial)
    with torch.no_grad():
        likelihood.raw.copy_(torch.linspace(log_dispersion - 1, log_dispersion + 1, 6) / 10)
        likelihood.library.fill_(200.0)
    return likelihood


@pytest.mark.parametrize("log_dispersion", [-3.0, 0.0, 2.0, 5.0])
def test_log_prob_is_that_of_scipy_and_torch(log_dispersion: float) -> None:
    likelihood = made(log_dispersion)
    generator = torch.Generator().manual_seed(0)
    params = torch.randn(40, 6, generator=generator)
    x = torch.randint(0, 300, (40, 6), generator=generator).float() * (torch.rand(40, 6, generator=generator) > 0.4)
    x[:, 0] += 1
    got = likelihood.log_prob(params, x).detach()
    t = likelihood.log_dispersion.exp().detach().double()
    mean = params.double().softmax(1) * x.double().sum(1, keepdim=True)
    exact = stats.nbinom.logpmf(x.numpy(), t.numpy(), (t / (t + mean)).numpy()).sum(1)
    np.testing.assert_allclose(got.numpy(), exact, rtol=2e-5, atol=2e-3)
    theirs = torch.distributions.NegativeBinomial(t, logits=(mean / t).log()).log_prob(x.double()).sum(1)
    np.testing.assert_allclose(got.numpy(), theirs.numpy(), rtol=2e-5, atol=2e-3)


def test_draws_are_whole_and_have_its_mean_and_variance() -> None:
    likelihood = made(0.5)
    params = torch.randn(1, 6, generator=torch.Generator().manual_seed(1)).expand(40_000, 6)
    with torch.no_grad():
        x = likelihood.draw(params, torch.Generator().manual_seed(2))
        again = likelihood.draw(params, torch.Generator().manual_seed(2))
        mean, t = likelihood.mean(params[:1])[0], likelihood.log_dispersion.exp()
    assert torch.equal(x, again)
    assert torch.equal(x, x.round())
    assert x.min() >= 0
    np.testing.assert_allclose(x.mean(0), mean, rtol=0.05)
    np.testing.assert_allclose(x.var(0), mean + mean**2 / t, rtol=0.1)
    assert float(mean.sum()) == pytest.approx(200, rel=1e-5)


def test_it_starts_at_the_shares_and_dispersions_of_its_rows() -> None:
    rng = np.random.default_rng(0)
    mean, t = rng.uniform(2, 40, 80), rng.uniform(0.5, 6, 80)
    x = torch.from_numpy(rng.negative_binomial(t, t / (t + mean), (20_000, 80)).astype(np.float32))
    likelihood = likelihoods.make("negative_binomial", Layout("counts", (80,)))
    assert isinstance(likelihood, NegativeBinomial)
    start = likelihood.prepare(x)
    np.testing.assert_allclose(start.softmax(0), mean / mean.sum(), rtol=0.1)
    found = likelihood.log_dispersion.exp().detach().numpy()
    assert np.median(np.abs(np.log(found / t))) < 0.1


def test_it_is_for_counts_alone() -> None:
    with pytest.raises(ModelError, match="The negative_binomial likelihood does not fit a vector"):
        likelihoods.make("negative_binomial", Layout("vector", (4,)))


def planted(n: int = 600, genes: int = 60) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(n, G) counts of three types whose depths differ eightfold, the types, and each row's true shares."""
    rng = np.random.default_rng(0)
    kind = rng.integers(0, 3, n)
    shares = np.exp(rng.normal(size=(1, genes)) + 0.7 * rng.normal(size=(3, genes)))
    shares = (shares / shares.sum(1, keepdims=True))[kind]
    mean = shares * np.exp(rng.uniform(np.log(100), np.log(800), (n, 1)))
    x = rng.negative_binomial(3.0, 3.0 / (3.0 + mean))
    x[:, 0] += 1
    return x.astype(np.int32), kind, shares


def test_planted_types_are_found_whatever_their_depth() -> None:
    x, kind, shares = planted()
    space = ds.fit((x, kind), model=ds.VAE(latent_dim=4), training=TrainConfig(epochs=25, threads=1))
    assert isinstance(space.schema, CountsSchema)
    held = space.validation_index
    training = np.setdiff1d(np.arange(len(x)), held)
    z = np.asarray(space.latents.mean)
    probe = KNeighborsClassifier(5).fit(z[training], kind[training])
    assert (probe.predict(z[held]) == kind[held]).mean() > 0.95
    # What a row decodes to is nearer to the truth than the row itself.
    rebuilt = space.decode(z[held])
    rebuilt = rebuilt / rebuilt.sum(1, keepdims=True)
    observed = x[held] / x[held].sum(1, keepdims=True)
    assert np.square(rebuilt - shares[held]).mean() < 0.3 * np.square(observed - shares[held]).mean()
    # Depth is no direction of the space: no latent knows it as it knows the types.
    depth = np.log(x.sum(1))
    assert max(abs(np.corrcoef(z[:, d], depth)[0, 1]) for d in range(4)) < 0.5
    drawn = space.sample(50)
    assert drawn.dtype == np.int64
    assert space.measure(["reconstruction"])["reconstruction_error"].value < 0.8
    space.close()
