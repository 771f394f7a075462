"""Probabilistic PCA against scikit-learn's likelihood, SciPy's normal density and the textbook posterior."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
import torch
from scipy import stats
from sklearn import decomposition

from deepspace.models import PPCA, Layout, build
from deepspace.models.families.ppca import PPCAModel

N, F = 900, 9


def rows() -> np.ndarray:
    rng = np.random.default_rng(0)
    return (rng.normal(size=(N, 4)) @ rng.normal(size=(4, F)) + 0.5 * rng.normal(size=(N, F)) + 2).astype(np.float32)


def solved(x: np.ndarray, dims: int) -> PPCAModel:
    def blocks() -> Iterator[torch.Tensor]:
        yield from torch.split(torch.from_numpy(x), 97)

    model = build(PPCA(latent_dim=dims), Layout("vector", x.shape[1:]))
    assert isinstance(model, PPCAModel)
    model.solve(blocks)
    return model.eval()


def covariance(model: PPCAModel) -> np.ndarray:
    w = model.decoder.weight.double().numpy()
    return w @ w.T + float(model.noise) ** 2 * np.eye(len(w))


@pytest.mark.parametrize("dims", [1, 2, 4, 6])
def test_its_elbo_is_scikit_learns_likelihood(dims: int) -> None:
    x = rows()
    model = solved(x, dims)
    elbo = model.terms(torch.from_numpy(x)).elbo.double().numpy()
    assert elbo.mean() == pytest.approx(decomposition.PCA(dims).fit(x.astype(np.float64)).score(x), abs=1e-4)
    exact = stats.multivariate_normal(x.mean(0, dtype=np.float64), covariance(model)).logpdf(x.astype(np.float64))
    np.testing.assert_allclose(elbo, exact, atol=2e-4)


def test_its_posterior_is_that_of_the_textbook() -> None:
    x = rows()
    model = solved(x, 3)
    w, noise = model.decoder.weight.double().numpy(), float(model.noise) ** 2
    m = w.T @ w + noise * np.eye(3)
    posterior = model.encode(torch.from_numpy(x))
    np.testing.assert_allclose(posterior.mean, np.linalg.solve(m, w.T @ (x - x.mean(0)).T).T, atol=1e-4)
    np.testing.assert_allclose(posterior.scale[0], np.sqrt(np.diag(noise * np.linalg.inv(m))), atol=1e-5)


def test_every_draw_of_its_posterior_has_the_same_weight() -> None:
    """log p(x, z) - log q(z|x) is the same for any z where q is the true posterior: it is log p(x)."""
    x = torch.from_numpy(rows()[:50])
    model = solved(rows(), 3)
    mean, scale = model.encode(x)
    for seed in range(5):
        z = mean + scale * torch.randn(mean.shape, generator=torch.Generator().manual_seed(seed))
        log_q = torch.distributions.Normal(mean, scale).log_prob(z).sum(1)
        weight = model.log_likelihood(x, z) + model.log_prior(z) - log_q
        torch.testing.assert_close(weight, model.terms(x).elbo, atol=2e-3, rtol=0)
