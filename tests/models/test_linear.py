"""The linear path starts as probabilistic PCA, and a model that has it starts where PCA ends."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from deepspace.errors import ModelError
from deepspace.models import VAE, Layout, build, likelihoods
from deepspace.models.networks import LinearPath
from tests.models.test_vae import TABLE


def flat(n: int = 500, width: int = 10, noise: float = 0.3) -> np.ndarray:
    rng = np.random.default_rng(0)
    return (5 + rng.normal(size=(n, 3)) @ rng.normal(size=(3, width)) + noise * rng.normal(size=(n, width))).astype("f")


def ppca(x: np.ndarray, dim: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Tipping & Bishop 1999 by an eigendecomposition: E[z|x] (N, D), W E[z|x] + mean (N, F), var[z|x] (D,)."""
    mean = x.mean(0, dtype=np.float64)
    values, vectors = np.linalg.eigh(np.cov((x - mean).T, bias=True))
    values, vectors = values[::-1], vectors[:, ::-1]
    noise = values[dim:].mean()
    w = vectors[:, :dim] * np.sqrt(values[:dim] - noise)
    m = w.T @ w + noise * np.eye(dim)
    z = (x - mean) @ w @ np.linalg.inv(m)
    return z, z @ w.T + mean, np.diag(noise * np.linalg.inv(m))


def test_it_starts_as_probabilistic_pca() -> None:
    x = flat()
    layout = Layout("vector", (10,))
    path = LinearPath(layout, 3, (10,))
    likelihood = likelihoods.make("gaussian", layout)
    rows = torch.from_numpy(x)
    log_variance = path.prepare(rows, likelihood.prepare(rows), likelihood)
    z, rebuilt, variance = ppca(x, 3)
    found = path.mean(rows)
    signs = np.sign((found.detach().numpy() * z).sum(0))  # components have no sign of their own
    np.testing.assert_allclose(found.detach().numpy() * signs, z, atol=2e-3)
    np.testing.assert_allclose(path.output(found).detach().numpy(), rebuilt, atol=5e-3)
    np.testing.assert_allclose(log_variance.exp().numpy(), variance, rtol=2e-2)


@pytest.mark.parametrize("name", ["bernoulli", "continuous_bernoulli", "gaussian", "discretised_logistic"])
def test_faint_pictures_come_back_through_every_likelihood(name: str) -> None:
    """Where pictures differ little, a likelihood's mean is linear in its output, and PCA's picture must come out."""
    rng = np.random.default_rng(1)
    faint = 128 + rng.normal(size=(300, 2)) @ rng.normal(size=(2, 3 * 8 * 8)) * 6
    x = torch.from_numpy(faint.round().clip(0, 255).astype(np.uint8).reshape(-1, 3, 8, 8))
    layout = Layout("image", (3, 8, 8))
    likelihood = likelihoods.make(name, layout)
    path = LinearPath(layout, 2, likelihood.outputs)
    path.prepare(x, likelihood.prepare(x), likelihood)
    with torch.no_grad():
        rebuilt = likelihood.mean(path.output(path.mean(x)))
    error = (rebuilt - x.float()).square().mean().sqrt().item()
    spread = x.float().std(0).square().mean().sqrt().item()
    assert error < 0.2 * spread, f"{error:.2f} of {spread:.2f} grey levels are not explained"


def test_more_dimensions_than_the_rows_can_fill_stay_still() -> None:
    x = torch.from_numpy(flat(4))
    model = build(
        VAE(latent_dim=8, hidden=(4,), network="mlp", likelihood="gaussian", linear=True), Layout("vector", (10,))
    )
    model.prepare(x)
    posterior = model.encode(x)
    assert all(bool(torch.isfinite(t).all()) for t in (*posterior, model.decode(posterior.mean)))


def test_constant_rows_do_no_harm() -> None:
    x = torch.full((30, 1, 12), 3.0)
    config = VAE(latent_dim=2, hidden=(4,), network="mlp", likelihood="gaussian", linear=True)
    model = build(config, Layout("signal", (1, 12)))
    model.prepare(x)
    assert bool(torch.isfinite(model.terms(x).elbo).all())


def test_tables_have_none() -> None:
    with pytest.raises(ModelError, match="got a table; leave linear at False"):
        build(VAE(latent_dim=2, hidden=(8,), network="mlp", likelihood="table", linear=True, dropout=0.0), TABLE)
