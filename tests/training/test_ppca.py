"""A linear VAE against the one case whose likelihood is known: probabilistic PCA (Tipping & Bishop 1999)."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from deepspace.models import VAE, Layout, build
from deepspace.training import TrainConfig, evaluate, train

N, F, D = 600, 8, 3


def rows() -> np.ndarray:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(N, D)) @ rng.normal(size=(D, F)) + 0.4 * rng.normal(size=(N, F))
    return ((x - x.mean(0)) / x.std()).astype(np.float32)


def ppca_log_likelihood(x: np.ndarray, dims: int) -> float:
    """The highest mean log-likelihood that a linear-Gaussian model with ``dims`` latents can reach on x, in nats a
    row."""
    values, vectors = np.linalg.eigh(np.cov(x.T.astype(np.float64), bias=True))
    values, vectors = values[::-1], vectors[:, ::-1]
    noise = values[dims:].mean()
    w = vectors[:, :dims] * np.sqrt(values[:dims] - noise)
    c = w @ w.T + noise * np.eye(F)
    s = np.cov(x.T.astype(np.float64), bias=True)
    return -0.5 * (F * math.log(2 * math.pi) + np.linalg.slogdet(c)[1] + np.trace(np.linalg.solve(c, s)))


@pytest.mark.parametrize("dims", [1, 3])
def test_elbo_stays_below_the_likelihood_of_ppca_and_comes_near(dims: int) -> None:
    x = rows()
    model = build(VAE(latent_dim=dims, hidden=(), network="mlp", likelihood="gaussian"), Layout("vector", (F,)), seed=0)
    bound = ppca_log_likelihood(x, dims)
    config = TrainConfig(epochs=200, batch_size=60, learning_rate=2e-2, validation_fraction=0, threads=1)
    history = train(model, x, config)
    tensor = torch.from_numpy(x)
    elbo = np.mean([evaluate(model, tensor, torch.device("cpu"), seed=s).elbo for s in range(40)])
    assert all(e["elbo"] < bound + 0.2 for e in history.epochs if e["warmup"] == 1), "0.2: one sample of noise"
    assert elbo < bound + 0.02
    assert elbo > bound - 0.12
    assert history.active_units == dims
