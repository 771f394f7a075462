"""The latent-quantised autoencoder: its codes, its bound on log p(x) summed in full, its prior, what lies between."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

from deepspace.errors import ModelError
from deepspace.models import QLAE, build, choose
from deepspace.models.families.qlae import QLAEModel
from deepspace.training import TrainConfig, train
from tests.models.test_vae import LAYOUTS, rows


def made(layout: str = "vector 20", **settings: Any) -> tuple[QLAEModel, torch.Tensor]:
    x = rows(LAYOUTS[layout], 64)
    config = choose(LAYOUTS[layout], x, QLAE(**{"latent_dim": 3, "codes": 4, **settings}))
    model = build(config, LAYOUTS[layout], seed=1)
    assert isinstance(model, QLAEModel)
    tensor = torch.from_numpy(x)
    model.prepare(tensor)
    return model.eval(), tensor


@pytest.fixture(scope="module")
def trained() -> tuple[QLAEModel, torch.Tensor, torch.Tensor]:
    """On digits; training rows and held-out rows."""
    digits = (load_digits().images * 16).clip(0, 255).astype(np.uint8)[:, None]
    layout = LAYOUTS["grey 8x8"]
    config = choose(layout, digits, QLAE(latent_dim=8, hidden=(128, 64), likelihood="bernoulli", codes=6))
    model = build(config, layout, seed=0)
    assert isinstance(model, QLAEModel)
    history = train(model, digits, TrainConfig(epochs=25, threads=1))
    return model, *(torch.from_numpy(digits[i]) for i in (history.train_index, history.validation_index))


@pytest.mark.parametrize("layout", ["vector 20", "grey 8x8", "table"])
def test_latents_are_the_nearest_codes(layout: str) -> None:
    model, x = made(layout)
    with torch.no_grad():
        e, z = model._continuous(x).numpy(), model.encode(x).mean.numpy()
    book = model.codebook.detach().numpy()
    for d in range(3):
        nearest = book[d][np.abs(e[:, d, None] - book[d]).argmin(1)]
        assert np.array_equal(z[:, d], nearest)
        assert len(np.unique(z[:, d])) > 1  # at the start the codes lie where the rows are


def test_gradients_go_through_the_codes_as_if_they_were_not_there() -> None:
    model, x = made(quantisation=0, commitment=0)
    e = model._continuous(x).detach()
    z = model._nearest(e)[1].detach().requires_grad_()
    (-model.log_likelihood(x, z).mean()).backward()
    seen = []
    model.posterior.register_full_backward_hook(lambda layer, inputs, outputs: seen.append(outputs[0]))
    model.loss(x)[0].backward()
    torch.testing.assert_close(seen[0], z.grad)


def test_the_two_pulls_are_squared_distances_each_on_one_side() -> None:
    model, x = made(quantisation=2.0, commitment=3.0)
    with torch.no_grad():
        e, z = model._continuous(x), model.encode(x).mean
        apart = (e - z).square().sum(1).mean()
        loss, terms = model.loss(x)
    assert float(loss + terms.reconstruction.mean()) == pytest.approx(5 * float(apart), rel=1e-5)
    model.loss(x)[0].backward()
    pull = torch.zeros_like(model.codebook)
    index = model._nearest(e)[0]
    for d in range(3):
        pull[d].index_add_(0, index[:, d], 2 * 2.0 * (z - e)[:, d] / len(x))
    assert model.codes.grad is not None
    torch.testing.assert_close(
        model.codes.grad.view_as(pull), pull
    )  # neither reconstruction nor commitment moves codes


def test_the_elbo_is_below_the_likelihood_summed_over_all_codes() -> None:
    model, x = made(codes=3)
    model.frequency.copy_(torch.softmax(torch.randn(3, 3, generator=torch.Generator().manual_seed(0)), 1))
    with torch.no_grad():
        elbo = model.terms(x).elbo
        grid = torch.tensor(list(itertools.product(*model.codebook.detach().tolist())))
        prior = model.log_prior(grid)
        whole = torch.stack(
            [model.log_likelihood(x, z.expand(len(x), 3)) + p for z, p in zip(grid, prior, strict=True)]
        )
    assert float(prior.exp().sum()) == pytest.approx(1, abs=1e-5)
    exact = torch.logsumexp(whole, 0)
    assert (elbo <= exact + 1e-4).all()
    assert (whole.max(0).values <= exact).all()


def test_samples_of_the_prior_are_codes_as_often_as_its_density_says() -> None:
    model, _ = made(codes=3)
    model.frequency.copy_(torch.tensor([[0.2, 0.3, 0.5], [0.0, 0.9, 0.1], [1 / 3, 1 / 3, 1 / 3]]))
    z = model.sample_prior(20_000, torch.Generator().manual_seed(0))
    for d, expected in enumerate(model.frequency):
        share = [(z[:, d] == code).float().mean() for code in model.codebook[d]]
        np.testing.assert_allclose(share, expected, atol=0.015)
    assert torch.isfinite(model.log_prior(z + 100)).all()  # also of a code that no row ever had


def test_training_learns_how_often_codes_are_used(trained: tuple[QLAEModel, torch.Tensor, torch.Tensor]) -> None:
    model, x, held = trained
    with torch.no_grad():
        index = model._nearest(model._continuous(x))[0]
        found = torch.stack([(index == k).float().mean(0) for k in range(6)], 1)
        blank = model.likelihood.mean(model.likelihood.prepare(x)[None])
        rebuilt = model.decode(model.encode(held).mean)
    assert float((found - model.frequency).abs().max()) < 0.05
    assert float((found - 1 / 6).abs().max()) > 0.1  # they are not used alike: there was something to learn
    assert float((rebuilt - held).square().mean()) < 0.5 * float((blank - held).square().mean())


def test_every_place_between_codes_decodes_to_something_in_between(
    trained: tuple[QLAEModel, torch.Tensor, torch.Tensor],
) -> None:
    model, _, held = trained
    with torch.no_grad():
        z = model.encode(held[:50]).mean
        step = model.codebook.amax(1) - model.codebook.amin(1)
        here, near = model.decode(z), model.decode(z + 1e-4 * step)
        assert float((near - here).abs().max()) < 1  # of 255: no jump
        book = model.codebook.sort(1).values
        a, b = z.clone(), z.clone()
        a[:, 0], b[:, 0] = book[0, 2], book[0, 3]
        one, other, middle = model.decode(a), model.decode(b), model.decode((a + b) / 2)
    way = (other - one).flatten(1).norm(dim=1)
    detour = (middle - one).flatten(1).norm(dim=1) + (other - middle).flatten(1).norm(dim=1)
    assert (detour < 1.5 * way + 1).all()


def test_decay_is_what_was_asked_for() -> None:
    assert made(weight_decay=7.0)[0].recipe.decay == 7.0


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"codes": 1}, "QLAE codes must be from 2 to 1024, got 1; the paper has 10"),
        ({"commitment": -1.0}, "QLAE commitment must be a finite number of at least 0, got -1.0"),
        ({"quantisation": float("inf")}, "QLAE quantisation must be"),
    ],
)
def test_settings_are_checked(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ModelError, match=message):
        QLAE(**settings)
