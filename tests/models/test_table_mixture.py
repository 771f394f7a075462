"""Numbers that pile up on values, and cells that are missing for a reason."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import stats

from deepspace.models import VAE, Layout, build, choose, likelihoods
from deepspace.training import TrainConfig, train

NUMBERS = Layout("table", (3,), ("numeric",) * 3, (0,) * 3)
MIXED = Layout("table", (4,), ("numeric", "categorical", "ordinal", "integer"), (0, 3, 4, 0), (0, 1))


def spiked(n: int = 4000) -> torch.Tensor:
    """A column of two spikes and a bell, one of five values, one without spikes."""
    rng = np.random.default_rng(0)
    bell = rng.normal(1, 0.5, n)
    first = np.where(rng.random(n) < 0.6, -1.0, np.where(rng.random(n) < 0.1, 2.5, bell))
    return torch.from_numpy(np.stack([first, rng.integers(0, 5, n) / 2, rng.normal(size=n)], 1).astype(np.float32))


def test_spikes_are_found_where_values_stand_out() -> None:
    likelihood = likelihoods.make("spike_slab", NUMBERS)
    likelihood.prepare(spiked())
    there = [likelihood.places[j][likelihood.places[j] < 1e29] for j in range(3)]
    assert sorted(there[0].tolist()) == [-1.0, 2.5]
    assert sorted(there[1].tolist()) == [0, 0.5, 1, 1.5, 2]
    assert not len(there[2])


def test_log_prob_is_a_point_mass_on_a_spike_and_the_mixture_s_density_elsewhere() -> None:
    likelihood = likelihoods.make("spike_slab", NUMBERS)
    likelihood.prepare(spiked())
    params = torch.randn(1, *likelihood.outputs, generator=torch.Generator().manual_seed(0))
    weight, mean, scale = (part[0, 0].double().numpy() for part in likelihood._parts(params))
    first = torch.full((3, 3), float("nan"))
    first[:, 0] = torch.tensor([-1.0, 2.5, 0.37])
    got = likelihood.log_prob(params.expand(3, -1), first).double().detach().numpy()
    spikes = likelihood.places[0].tolist()
    assert got[0] == pytest.approx(weight[spikes.index(-1.0)], abs=1e-5)
    assert got[1] == pytest.approx(weight[spikes.index(2.5)], abs=1e-5)
    slab = np.exp(weight[likelihood.spikes :]) * stats.norm.pdf(0.37, mean, np.exp(scale))
    assert got[2] == pytest.approx(np.log(slab.sum()), abs=1e-4)
    # Point masses and density together are one.
    grid = torch.full((40001, 3), float("nan"))
    grid[:, 0] = torch.linspace(-40, 40, 40001) + 1.234e-4
    density = likelihood.log_prob(params.expand(40001, -1), grid).exp().double().sum().item() * 80 / 40000
    assert density + np.exp(got[:2]).sum() == pytest.approx(1, abs=1e-3)


def test_prepared_spikes_are_drawn_as_often_as_they_are_and_come_back_exactly() -> None:
    likelihood = likelihoods.make("spike_slab", NUMBERS)
    x = spiked()
    start = likelihood.prepare(x)
    made = likelihood.draw(start.expand(20000, -1), torch.Generator().manual_seed(0))
    for value in (-1.0, 2.5):
        share = float((x[:, 0] == value).float().mean())
        assert float((made[:, 0] == value).float().mean()) == pytest.approx(share, abs=0.015)
    # As far apart as the rows are from their own prepared marginal: the mixture follows the shape between the spikes.
    for column in (0, 2):
        assert stats.ks_2samp(made[:, column].numpy(), x[:, column].numpy()).statistic < 0.04


def test_a_typical_value_is_the_spike_that_holds_most_and_the_expected_one_moves_smoothly() -> None:
    likelihood = likelihoods.make("spike_slab", NUMBERS)
    x = spiked()
    start = likelihood.prepare(x)[None]
    assert likelihood.mean(start)[0, 0].item() == -1.0
    assert likelihood.expected(start)[0, 0].item() == pytest.approx(x[:, 0].mean().item(), abs=0.05)
    moved = start.clone().requires_grad_()
    likelihood.expected(moved).sum().backward()
    assert moved.grad is not None
    assert (moved.grad[0, : likelihood.spikes] != 0).any()


def test_which_cells_are_missing_is_a_bernoulli_and_unknown_cells_count_for_nothing() -> None:
    likelihood = likelihoods.make("table_mixture", MIXED)
    params = torch.randn(6, *likelihood.outputs, generator=torch.Generator().manual_seed(0))
    nothing = torch.full((6, 4), float("inf"))
    assert (likelihood.log_prob(params, nothing) == 0).all()
    gaps = nothing.clone()
    gaps[:, 0], gaps[:, 1] = float("nan"), 2.0
    alone = nothing.clone()
    alone[:, 1] = 2.0
    odds = torch.distributions.Bernoulli(logits=params[:, likelihood.cells :])
    value = likelihood.log_prob(params, alone) - odds.log_prob(torch.zeros(6, 2))[:, 1]
    expected = value + odds.log_prob(torch.tensor([1.0, 0.0])).sum(1)
    torch.testing.assert_close(likelihood.log_prob(params, gaps), expected, atol=1e-5, rtol=1e-5)
    probability = likelihood.missing(params)
    assert probability is not None
    torch.testing.assert_close(probability[:, :2], odds.probs)
    assert (probability[:, 2:] == 0).all()


def test_a_model_learns_which_rows_have_no_second_cell() -> None:
    """Column 1 is there only where column 0 is positive, as the date of what never happened."""
    rng = np.random.default_rng(0)
    first = rng.normal(size=1500)
    second = np.where(first > 0, first + 0.1 * rng.normal(size=1500), np.nan)
    x = np.stack([first, second], 1).astype(np.float32)
    layout = Layout("table", (2,), ("numeric",) * 2, (0, 0), (1,))
    model = build(choose(layout, x, VAE(latent_dim=2, hidden=(32,))), layout, seed=0)
    train(model, x, TrainConfig(epochs=25, threads=1, precision="float32"))
    with torch.no_grad():
        z = model.encode(torch.from_numpy(x)).mean
        absent = model.missing(z)
        assert absent is not None
        assert torch.isfinite(model.decode(z)).all()
    right = (absent[:, 1].numpy() > 0.5) == np.isnan(second)
    assert right[np.abs(first) > 0.3].mean() > 0.97
