"""Each likelihood against a closed form or an independent implementation, and as a distribution that sums to one."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate, special, stats

from deepspace.errors import ModelError
from deepspace.models import Layout, likelihoods
from deepspace.models.likelihoods.categorical import buckets

PIXEL = Layout("image", (1, 1, 1))
GREY = Layout("image", (1, 3, 4))
COLOUR = Layout("image", (3, 3, 4))


def image(layout: Layout, n: int = 5, seed: int = 0) -> torch.Tensor:
    return torch.randint(0, 256, (n, *layout.shape), generator=torch.Generator().manual_seed(seed), dtype=torch.uint8)


def numbers(*shape: int, seed: int = 1, scale: float = 2.0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed)) * scale


def test_bernoulli_matches_torch_on_black_and_white() -> None:
    x = (image(GREY) > 127).to(torch.uint8) * 255
    params = numbers(5, *GREY.shape)
    expected = torch.distributions.Bernoulli(logits=params).log_prob(x / 255).sum((1, 2, 3))
    assert torch.allclose(likelihoods.make("bernoulli", GREY).log_prob(params, x), expected, atol=1e-4)


def test_bernoulli_on_greys_is_the_expectation_over_binarised_images() -> None:
    x = torch.tensor([[[[51]]]], dtype=torch.uint8)  # 51 / 255 = 0.2
    got = likelihoods.make("bernoulli", PIXEL).log_prob(torch.tensor([[[[0.7]]]]), x).item()
    p = special.expit(0.7)
    assert got == pytest.approx(0.2 * np.log(p) + 0.8 * np.log1p(-p), abs=1e-6)


@given(st.floats(-60, 60), st.integers(0, 255))
@settings(max_examples=200, deadline=None)
def test_continuous_bernoulli_matches_its_formula_in_double_precision(logit: float, level: int) -> None:
    likelihood = likelihoods.make("continuous_bernoulli", PIXEL)
    params = torch.full((1, 1, 1, 1), logit, requires_grad=True)
    x = torch.full((1, 1, 1, 1), level, dtype=torch.uint8)
    value = likelihood.log_prob(params, x)
    value.sum().backward()
    exact = np.float64(params.item())
    near = abs(exact) < 1e-5
    log_a = exact / 2 if near else max(exact, 0) + np.log(-np.expm1(-abs(exact)) / abs(exact))
    mean = 0.5 + exact / 12 if near else -1 / np.expm1(-exact) - 1 / exact
    assert value.item() == pytest.approx(level / 255 * exact - log_a, abs=3e-5)
    assert likelihood.mean(params.detach()).item() / 255 == pytest.approx(mean, abs=1e-5)
    assert params.grad is not None
    assert params.grad.item() == pytest.approx(level / 255 - mean, abs=1e-5)


def test_continuous_bernoulli_agrees_with_torch_away_from_its_cut() -> None:
    params = numbers(5, *GREY.shape)
    x = image(GREY)
    expected = torch.distributions.ContinuousBernoulli(logits=params.double(), lims=(0.4999, 0.5001))
    got = likelihoods.make("continuous_bernoulli", GREY).log_prob(params, x)
    assert torch.allclose(got.double(), expected.log_prob(x.double() / 255).sum((1, 2, 3)), atol=1e-4)


@pytest.mark.parametrize("logit", [-30.0, -3.0, -0.04, 0.0, 1e-3, 0.3, 2.0, 25.0])
def test_continuous_bernoulli_integrates_to_one_and_draws_its_mean(logit: float) -> None:
    likelihood = likelihoods.make("continuous_bernoulli", PIXEL)
    params = torch.full((20001, 1, 1, 1), logit)
    likelihood.unit = 1.0  # measure on a fine grid of intensities rather than on 256 levels
    grid = torch.linspace(0, 1, 20001).reshape(-1, 1, 1, 1)
    density = likelihood.log_prob(params, grid).exp().double().numpy()
    assert integrate.simpson(density, x=np.linspace(0, 1, 20001)) == pytest.approx(1, abs=2e-4)
    sample = likelihood.draw(params, torch.Generator().manual_seed(0))
    error = sample.std().item() / len(sample) ** 0.5
    assert sample.mean().item() == pytest.approx(likelihood.mean(params[:1]).item(), abs=5 * error + 1e-6)


def test_gaussian_matches_scipy_for_each_modality() -> None:
    for layout in (COLOUR, Layout("signal", (2, 7)), Layout("vector", (6,))):
        likelihood = likelihoods.make("gaussian", layout)
        x = image(layout) if layout.modality == "image" else numbers(5, *layout.shape)
        likelihood.prepare(x)
        params = numbers(5, *layout.shape, seed=3)
        scale = likelihood.log_scale.exp().detach().numpy()
        mean = special.expit(params.numpy()) if layout.modality == "image" else params.numpy()
        expected = stats.norm.logpdf(likelihood.intensity(x).numpy(), mean, scale)
        assert torch.allclose(
            likelihood.log_prob(params, x).detach(), torch.from_numpy(expected.reshape(5, -1).sum(1)).float(), rtol=1e-4
        )


def test_gaussian_learns_the_scale_that_fits_best() -> None:
    layout = Layout("signal", (2, 50))
    likelihood = likelihoods.make("gaussian", layout)
    x = numbers(40, 2, 50, scale=1.0) * torch.tensor([[0.3], [4.0]])
    optimizer = torch.optim.Adam(likelihood.parameters(), lr=1e-2)
    for _ in range(300):
        optimizer.zero_grad()
        (-likelihood.log_prob(torch.zeros(40, 2, 50), x).mean()).backward()
        optimizer.step()
    assert likelihood.log_scale.exp().flatten().tolist() == pytest.approx(
        x.square().mean((0, 2)).sqrt().tolist(), rel=1e-2
    )


@given(st.floats(-0.5, 1.5), st.floats(-7, 4))
@settings(max_examples=60, deadline=None)
def test_discretised_logistic_sums_to_one_and_matches_differences_of_the_cdf(location: float, raw: float) -> None:
    likelihood = likelihoods.make("discretised_logistic", PIXEL)
    levels = torch.arange(256, dtype=torch.uint8).reshape(-1, 1, 1, 1)
    params = torch.tensor([location, raw]).reshape(1, 2, 1, 1).expand(256, -1, -1, -1)
    log_p = likelihood.log_prob(params, levels).double()
    assert log_p.exp().sum().item() == pytest.approx(1, abs=1e-4)
    exact_location, scale = (
        np.float64(params[0, 0].item()),
        np.exp(np.clip(np.float64(params[0, 1].item()) - 2.3, -8, 2)),
    )
    edges = (np.arange(257) - 0.5) / 255
    edges[0], edges[-1] = -np.inf, np.inf
    cdf, tail = special.expit((edges - exact_location) / scale), special.expit((exact_location - edges) / scale)
    exact = np.where(edges[1:] < exact_location, np.diff(cdf), -np.diff(tail))
    seen = exact > 1e-30
    assert log_p.numpy()[seen] == pytest.approx(np.log(exact[seen]), abs=2e-3, rel=1e-4)
    # The mean is the mean of the logistic cut off at black and white, up to the width of a level.
    assert likelihood.mean(params[:1]).item() == pytest.approx(float((exact * np.arange(256)).sum()), abs=0.5)


def test_discretised_logistic_draws_levels_as_often_as_it_says() -> None:
    likelihood = likelihoods.make("discretised_logistic", PIXEL)
    params = torch.tensor([0.6, 0.5]).reshape(1, 2, 1, 1).expand(40000, -1, -1, -1)
    sample = likelihood.draw(params, torch.Generator().manual_seed(0)).long().flatten()
    p = likelihood.log_prob(params[:256], torch.arange(256, dtype=torch.uint8).reshape(-1, 1, 1, 1)).exp().double()
    counts = np.bincount(sample.numpy(), minlength=256).reshape(16, 16).sum(1)
    expected = p.reshape(16, 16).sum(1).numpy()
    assert stats.chisquare(counts, expected / expected.sum() * counts.sum()).pvalue > 1e-3


def table(*columns: tuple[str, int]) -> Layout:
    return Layout("table", (len(columns),), tuple(c[0] for c in columns), tuple(c[1] for c in columns))


def codes(layout: Layout, n: int = 50, missing: float = 0.2) -> torch.Tensor:
    g = torch.Generator().manual_seed(4)
    cells = [
        torch.randint(0, k, (n,), generator=g).float() if k else torch.randn(n, generator=g)
        for k in layout.cardinalities
    ]
    x = torch.stack(cells, 1)
    x[torch.rand(x.shape, generator=g) < missing] = float("nan")
    return x


def test_categorical_matches_torch_column_by_column() -> None:
    sizes = (3, 2, 7, 40, 2, 12)
    layout = table(*(("categorical", k) for k in sizes))
    likelihood = likelihoods.make("categorical", layout)
    x, params = codes(layout), numbers(50, *likelihood.outputs)
    # Read each column's logits off the probability of each of its codes.
    expected = torch.zeros(50)
    for j, k in enumerate(sizes):
        alone = torch.full((k, len(sizes)), float("nan"))
        alone[:, j] = torch.arange(k)
        each = torch.stack([likelihood.log_prob(params[i : i + 1].expand(k, -1), alone) for i in range(50)])
        assert torch.allclose(each.exp().sum(1), torch.ones(50), atol=1e-5)
        seen = ~x[:, j].isnan()
        target = torch.where(seen, x[:, j], 0).long()
        expected += torch.where(seen, torch.distributions.Categorical(logits=each).log_prob(target), 0)
        assert (likelihood.mean(params)[:, j] == each.argmax(1)).all()
    assert torch.allclose(likelihood.log_prob(params, x), expected, atol=1e-4)


def test_categorical_of_thousands_sums_to_one_with_a_small_output() -> None:
    layout = table(("categorical", 5000), ("categorical", 3), ("categorical", 4000))
    likelihood = likelihoods.make("categorical", layout)
    assert likelihood.outputs[0] < 100
    params = numbers(1, *likelihood.outputs).expand(5000, -1)
    x = torch.full((5000, 3), float("nan"))
    x[:, 0] = torch.arange(5000)
    assert likelihood.log_prob(params, x).exp().sum().item() == pytest.approx(1, abs=1e-4)


@given(st.lists(st.integers(1, 5000), min_size=1, max_size=60))
def test_buckets_hold_every_column_once_and_waste_little(sizes: list[int]) -> None:
    groups = buckets(sizes)
    assert sorted(i for g in groups for i in g) == list(range(len(sizes)))
    for group in groups:
        biggest, smallest = max(sizes[i] for i in group), min(sizes[i] for i in group)
        assert biggest <= max(8, 2 * smallest)
    assert len(groups) <= 13


def test_ordinal_matches_cumulative_logits_and_sums_to_one() -> None:
    sizes = (2, 5, 3)
    layout = table(*(("ordinal", k) for k in sizes))
    likelihood = likelihoods.make("ordinal", layout)
    with torch.no_grad():
        likelihood.first.copy_(numbers(3, 1, scale=0.1))
        likelihood.gaps.copy_(numbers(3, 3, scale=0.1))
    x, params = codes(layout), numbers(50, 3)
    first, gaps = likelihood.first.double() * 10, torch.nn.functional.softplus(likelihood.gaps.double() * 10) + 1e-3
    expected = np.zeros(50)
    for j, k in enumerate(sizes):
        cuts = torch.cat([first[j], first[j] + gaps[j].cumsum(0)])[: k - 1].detach().numpy()
        upper = special.expit(np.append(cuts, np.inf) - params[:, j : j + 1].numpy())
        p = np.diff(upper, axis=1, prepend=0)
        assert p.sum(1) == pytest.approx(1)
        assert likelihood.probabilities(params)[:, j, :k].detach().numpy() == pytest.approx(p, abs=1e-5)
        assert (likelihood.mean(params)[:, j].numpy() == p.argmax(1)).all()
        seen = ~x[:, j].isnan().numpy()
        code = np.where(seen, x[:, j], 0).astype(int)
        expected += np.where(seen, np.log(p[np.arange(50), code]), 0)
    assert likelihood.log_prob(params, x).detach().numpy() == pytest.approx(expected, abs=1e-3)
    assert (likelihood.draw(params).max(0).values < torch.tensor(sizes)).all()


MIXED = table(("numeric", 0), ("categorical", 4), ("ordinal", 5), ("boolean", 2), ("integer", 0), ("categorical", 300))


def test_table_is_the_sum_of_its_columns_alone() -> None:
    likelihood = likelihoods.make("table", MIXED)
    x, params = codes(MIXED), numbers(50, *likelihood.outputs)
    total = torch.zeros(50)
    for j in range(MIXED.size):
        alone = torch.full_like(x, float("nan"))
        alone[:, j] = x[:, j]
        part = likelihood.log_prob(params, alone)
        assert (part[x[:, j].isnan()] == 0).all()
        total += part
    assert torch.allclose(likelihood.log_prob(params, x), total, atol=1e-3)


def test_missing_cells_send_back_no_gradient() -> None:
    likelihood = likelihoods.make("table", MIXED)
    params = numbers(3, *likelihood.outputs).requires_grad_()
    x = torch.full((3, MIXED.size), float("nan"))
    likelihood.log_prob(params, x).sum().backward()
    assert params.grad is not None
    assert (params.grad == 0).all()
    assert all(p.grad is None or (p.grad == 0).all() for p in likelihood.parameters())


@pytest.mark.parametrize("name", ["bernoulli", "continuous_bernoulli", "gaussian", "discretised_logistic"])
def test_prepared_output_fits_better_than_any_nearby(name: str) -> None:
    x = image(GREY, 300).float().mul(0.3).to(torch.uint8)
    if name == "bernoulli":
        x = (x > 40).to(torch.uint8) * 255
    likelihood = likelihoods.make(name, GREY)
    start = likelihood.prepare(x)
    fit = likelihood.log_prob(start.expand(300, *start.shape), x).mean()
    for seed in range(5):
        other = start + numbers(*start.shape, seed=seed, scale=0.5)
        assert likelihood.log_prob(other.expand(300, *start.shape), x).mean() < fit


def test_prepared_table_predicts_the_frequencies() -> None:
    likelihood = likelihoods.make("table", MIXED)
    x = codes(MIXED, 4000)
    start = likelihood.prepare(x)
    sample = likelihood.draw(start.expand(4000, -1), torch.Generator().manual_seed(0))
    for j in (1, 2, 3):
        seen = x[~x[:, j].isnan(), j].long()
        k = MIXED.cardinalities[j]
        got = torch.bincount(sample[:, j].long(), minlength=k) / 4000
        assert torch.allclose(got, torch.bincount(seen, minlength=k) / len(seen), atol=0.04)


def test_wrong_likelihoods_are_refused_in_a_sentence() -> None:
    with pytest.raises(ModelError, match="No likelihood is called 'poisson'; there are bernoulli"):
        likelihoods.make("poisson", GREY)
    with pytest.raises(ModelError, match="bernoulli likelihood does not fit a signal; it is for image data"):
        likelihoods.make("bernoulli", Layout("signal", (1, 10)))
    with pytest.raises(ModelError, match="columns of categories only"):
        likelihoods.make("categorical", MIXED)


def test_what_is_expected_moves_smoothly_and_by_one_from_one_category_to_another() -> None:
    layout = Layout("table", (3,), ("number", "categorical", "ordinal"), (0, 3, 4))
    likelihood = likelihoods.make("table", layout)
    width = likelihood.outputs[0]
    params = numbers(6, width).requires_grad_()
    found = likelihood.expected(params)
    assert found.shape[0] == 6
    # Each number weighs on what is expected: nothing jumps, so every output has a gradient somewhere.
    (gradient,) = torch.autograd.grad(found.square().sum(), params)
    assert (gradient.abs().sum(0) > 0).all()
    # Every part alone, from surely the first to surely the last category, goes one far.
    for part, _, share in likelihood._shares(params.detach()):
        sure = torch.zeros(2, share.shape[1])
        if part.name == "categorical":
            sure[0, 0], sure[1, 2] = 60, 60
        elif part.name == "ordinal":
            sure[0], sure[1] = -500, 500
        else:
            sure[1] = 1
        first, last = part.expected(sure)
        assert float((first - last).detach().norm()) == pytest.approx(1, abs=1e-4)


def test_what_is_expected_of_pictures_is_their_mean() -> None:
    params = numbers(4, *GREY.shape)
    likelihood = likelihoods.make("bernoulli", GREY)
    torch.testing.assert_close(likelihood.expected(params), likelihood.mean(params).flatten(1))
