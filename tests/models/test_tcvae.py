"""The beta-TC-VAE's estimates against a whole mixture and a Gaussian in closed form, its loss against the VAE's."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from torch.distributions import Categorical, Independent, MixtureSameFamily, Normal

import deepspace as ds
from deepspace.errors import ModelError
from deepspace.models import TCVAE, VAE, Layout, build, choose
from deepspace.models.families.tcvae import TCVAEModel, _log_densities, decompose
from deepspace.models.priors.uniform import EDGE, REACH
from deepspace.training import TrainConfig, train
from deepspace.training.evaluate import evaluate
from tests.models.test_vae import LAYOUTS, rows

SPREAD = torch.tensor([[1.0, 0.7, 0.0], [0.7, 1.0, 0.3], [0.0, 0.3, 1.0]])
SCALE = 0.6


def posteriors(n: int, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """A draw, the mean and the log-variance of n rows; over all rows z ~ N(0, SPREAD + SCALE^2)."""
    generator = torch.Generator().manual_seed(seed)
    mean = torch.randn(n, 3, generator=generator) @ torch.linalg.cholesky(SPREAD).T
    z = mean + SCALE * torch.randn(n, 3, generator=generator)
    return z, mean, torch.full((n, 3), 2 * math.log(SCALE))


@pytest.mark.parametrize("estimator", ["stratified", "weighted"])
@pytest.mark.parametrize("n", [40, 1])
def test_the_parts_make_up_the_kl(estimator: Any, n: int) -> None:
    z, mean, log_variance = posteriors(n)
    parts = decompose(z, mean, log_variance, 500, estimator)
    expected = Normal(mean, (0.5 * log_variance).exp()).log_prob(z) - Normal(0.0, 1.0).log_prob(z)
    assert sum(parts) == pytest.approx(float(expected.sum(1).mean()), abs=1e-4)


@pytest.mark.parametrize("estimator", ["stratified", "weighted"])
def test_on_the_whole_data_it_is_the_mixture_itself(estimator: Any) -> None:
    n = 60
    z, mean, log_variance = posteriors(n)
    scale = (0.5 * log_variance).exp()
    own, joint, marginal = _log_densities(z, mean, log_variance, n, estimator)
    # Weighted sampling divides by N B where the mixture has N: a constant, which no gradient sees.
    off = math.log(n) if estimator == "weighted" else 0.0
    every = MixtureSameFamily(Categorical(torch.ones(n)), Independent(Normal(mean, scale), 1))
    torch.testing.assert_close(joint + off, every.log_prob(z))
    for d in range(3):
        one = MixtureSameFamily(Categorical(torch.ones(n)), Normal(mean[:, d], scale[:, d]))
        torch.testing.assert_close(marginal[:, d] + off, one.log_prob(z[:, d]))
    torch.testing.assert_close(own, Normal(mean, scale).log_prob(z).sum(1))


def test_a_gaussian_in_closed_form() -> None:
    """TC = -1/2 log det of the correlations, I = 1/2 log det(S / s^2), marginal KL = 1/2 (v - 1 - log v)."""
    total = SPREAD + SCALE**2 * torch.eye(3)
    variance = total.diagonal()
    correlation = total / (variance[:, None] * variance).sqrt()
    found = torch.stack([torch.stack(decompose(*posteriors(1500, seed), rows=1500)) for seed in range(8)]).mean(0)
    expected = (
        0.5 * torch.logdet(total / SCALE**2),
        -0.5 * torch.logdet(correlation),
        0.5 * (variance - 1 - variance.log()).sum(),
    )
    for value, truth in zip(found, expected, strict=True):
        assert float(value) == pytest.approx(float(truth), abs=0.05)


def test_stratified_batches_estimate_the_density_without_bias() -> None:
    n, batch = 400, 20
    z, mean, log_variance = posteriors(n)
    whole = _log_densities(z, mean, log_variance, n, "stratified")[1][0].exp()
    rng, found = np.random.default_rng(0), []
    for _ in range(4000):
        pick = np.concatenate([[0], 1 + rng.choice(n - 1, batch - 1, replace=False)])
        found.append(float(_log_densities(z[pick], mean[pick], log_variance[pick], n, "stratified")[1][0].exp()))
    error = np.std(found) / math.sqrt(len(found))
    assert abs(np.mean(found) - float(whole)) < 4 * error
    assert error < 0.05 * float(whole)


def test_posteriors_of_earlier_batches_widen_the_sample() -> None:
    """A batch of 10 with 390 others in memory is as near to the whole mixture as a batch of 400."""
    n = 400
    z, mean, log_variance = posteriors(n)
    whole = _log_densities(z, mean, log_variance, n, "stratified")
    recent = torch.stack([mean, log_variance])[:, 10:]
    some = _log_densities(z[:10], mean[:10], log_variance[:10], n, "stratified", recent)
    for found, truth in zip(some, whole, strict=True):
        torch.testing.assert_close(found, truth[:10])


def test_what_is_remembered_is_the_batches_before_none_twice_and_only_in_training() -> None:
    made, _, x = model(memory=24, dropout=0.0)
    made.training_rows, seen = 64, []

    def spy(*args: Any) -> Any:
        seen.append(args[5])
        return decompose(*args)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("deepspace.models.families.tcvae.decompose", spy)
        for start in range(0, 48, 10):
            made.loss(x[start : start + 10])
        made.eval().loss(x)
        made.train().training_rows = 25
        made.loss(x[:10])
    assert [0 if r is None else r.shape[1] for r in seen] == [0, 10, 20, 24, 24, 0, 15]
    posterior = made.encode(x[30:40])
    torch.testing.assert_close(seen[4][0, :10], posterior.mean.detach())
    torch.testing.assert_close(seen[4][1, :10], 2 * posterior.scale.detach().log(), atol=1e-5, rtol=1e-4)


def test_memory_takes_up_where_a_checkpoint_left_it(tmp_path: Path) -> None:
    digits = (load_digits().images[:400] * 16).clip(0, 255).astype(np.uint8)[:, None]

    def run(epochs: int, stop: bool, checkpoint: Path | None) -> dict[str, torch.Tensor]:
        made = build(choose(LAYOUTS["grey 8x8"], digits, TCVAE(latent_dim=4, hidden=(32,))), LAYOUTS["grey 8x8"])
        config = TrainConfig(epochs=epochs, threads=1, batch_size=32, checkpoint=checkpoint)
        if stop:
            with pytest.raises(KeyboardInterrupt):
                train(made, digits, config, on_progress=lambda p: _interrupt(p.epoch))
        else:
            train(made, digits, config)
        return made.state_dict()

    def _interrupt(epoch: int) -> None:
        if epoch == 2:
            raise KeyboardInterrupt

    whole = run(4, False, None)
    file = tmp_path / "checkpoint.safetensors"
    run(4, True, file)
    again = run(4, False, file)
    for name, value in whole.items():
        assert torch.equal(value, again[name]), name


def model(**settings: Any) -> tuple[TCVAEModel, VAE, torch.Tensor]:
    layout = LAYOUTS["vector 20"]
    x = rows(layout, 64)
    config = choose(layout, x, TCVAE(latent_dim=3, **settings))
    made = build(config, layout, seed=1)
    assert isinstance(made, TCVAEModel)
    own = {
        k: v for k, v in config.to_json().items() if k not in ("alpha", "beta", "gamma", "estimator", "memory", "codes")
    }
    return made, VAE.from_json(own), torch.from_numpy(x)


@pytest.mark.parametrize("estimator", ["stratified", "weighted"])
def test_with_weights_of_one_it_is_the_vae(estimator: str) -> None:
    made, plain, x = model(alpha=1, beta=1, gamma=1, estimator=estimator)
    vae = build(plain, LAYOUTS["vector 20"], seed=1)
    vae.load_state_dict(made.state_dict())
    made.training_rows = 1000
    for each in (made, vae):
        each.eval()
    for weight in (0.3, 1.0):
        ours, theirs = (m.loss(x, weight, torch.Generator().manual_seed(0))[0] for m in (made, vae))
        assert float(ours) == pytest.approx(float(theirs), rel=1e-6)


def test_each_weight_adds_its_part() -> None:
    plain, _, x = model(alpha=1, beta=1, gamma=1)
    plain.eval().training_rows = 1000
    base = float(plain.loss(x, 1.0, torch.Generator().manual_seed(0))[0].detach())
    posterior = plain.encode(x)
    z = posterior.mean + posterior.scale * torch.randn(posterior.mean.shape, generator=torch.Generator().manual_seed(0))
    parts = decompose(z, posterior.mean, 2 * posterior.scale.log(), 1000)
    for name, part in zip(("alpha", "beta", "gamma"), parts, strict=True):
        made, _, _ = model(**{"alpha": 1, "beta": 1, "gamma": 1, name: 5})
        made.load_state_dict(plain.state_dict())
        made.eval().training_rows = 1000
        loss = float(made.loss(x, 1.0, torch.Generator().manual_seed(0))[0].detach())
        assert loss - base == pytest.approx(4 * float(part.detach()), rel=1e-3, abs=1e-3)


def test_the_size_of_the_data_is_that_of_training_also_when_held_out_rows_are_judged() -> None:
    digits = (load_digits().images[:400] * 16).clip(0, 255).astype(np.uint8)[:, None]
    made, vae = (
        build(choose(LAYOUTS["grey 8x8"], digits, c), LAYOUTS["grey 8x8"], seed=0)
        for c in (TCVAE(latent_dim=4, hidden=(32,)), VAE(latent_dim=4, hidden=(32,)))
    )
    assert made.training_rows == 0
    history = train(made, digits, TrainConfig(epochs=3, threads=1))
    assert made.training_rows == 400 - history.validation_rows == 360
    vae.load_state_dict(made.state_dict())
    held = torch.from_numpy(digits[history.validation_index])
    ours, theirs = (evaluate(m, held, torch.device("cpu")) for m in (made, vae))
    # The ELBO stays the ELBO; the score is lower by 5 TC, which the posteriors of the held-out rows have among them.
    assert ours.elbo == pytest.approx(theirs.elbo, rel=1e-6)
    assert theirs.score == pytest.approx(theirs.elbo, rel=1e-6)
    assert math.isfinite(ours.score)
    assert ours.score != pytest.approx(ours.elbo, abs=1e-3)


def test_settings_are_checked() -> None:
    with pytest.raises(ModelError, match="TCVAE alpha must be a finite number of at least 0, got -1"):
        TCVAE(alpha=-1)
    with pytest.raises(ModelError, match="TCVAE memory must be a number of rows from 0 to 100,000, got -1"):
        TCVAE(memory=-1)
    with pytest.raises(ModelError, match="TCVAE estimator must be one of stratified, weighted, got 'exact'"):
        TCVAE(estimator="exact")  # type: ignore[arg-type]


class TestCodes:
    def test_latents_are_codes_of_the_box_and_its_middle_is_one(self) -> None:
        made, _, x = model(codes=7)
        line = torch.linspace(-REACH, REACH, 7)
        for z in (made.encode(x).mean, made.sample_prior(300, torch.Generator().manual_seed(0))):
            assert float((z[:, :, None] - line).abs().amin(2).max().detach()) < 1e-6
        drawn = made.sample_prior(20_000, torch.Generator().manual_seed(0))
        share = torch.stack([(drawn - c).abs().lt(1e-3).float().mean() for c in line])
        # An inner code has its cell of the box, an outer one half a cell and what lies beyond.
        cell, whole = 2 * REACH / 6, 2 * REACH + EDGE * math.sqrt(2 * math.pi)
        outer = (cell / 2 + EDGE * math.sqrt(2 * math.pi) / 2) / whole
        torch.testing.assert_close(share[1:-1], torch.full((5,), cell / whole), atol=0.01, rtol=0)
        torch.testing.assert_close(share[[0, -1]], torch.full((2,), outer), atol=0.01, rtol=0)

    def test_rows_are_as_likely_as_at_the_nearest_code_and_a_gradient_passes(self) -> None:
        made, _, x = model(codes=5)
        made.eval()
        step = 2 * REACH / 4
        z = (torch.tensor([[0.4, -0.4, 1.2]]) * step).expand(len(x), -1).clone().requires_grad_()
        at = torch.tensor([[0.0, 0.0, 1.0]]).mul(step).expand(len(x), -1).clone().requires_grad_()
        here, there = (made.log_likelihood(x, place) for place in (z, at))
        torch.testing.assert_close(here, there)
        torch.testing.assert_close(*(torch.autograd.grad(v.sum(), p)[0] for v, p in ((here, z), (there, at))))
        assert not torch.allclose(made.decode(z), made.decode(at))  # what is shown goes over between codes

    def test_no_posterior_is_narrower_than_a_cell_is_wide(self) -> None:
        made, _, x = model(codes=9)
        with torch.no_grad():
            made.posterior.bias[3:].fill_(-20)
            made.posterior.bias[:3].fill_(50)
        posterior = made.encode(x)
        assert float(posterior.scale.min()) == pytest.approx(2 * REACH / 8 / 12**0.5, rel=1e-3)
        assert float(posterior.mean.max()) == pytest.approx(REACH, rel=1e-5)

    def test_with_weights_of_one_its_loss_is_its_elbo(self) -> None:
        made, _, x = model(codes=9, alpha=1, beta=1, gamma=1)
        made.eval().training_rows = 1000
        loss, terms = made.loss(x, 1.0, torch.Generator().manual_seed(0))
        assert float(loss.detach()) == pytest.approx(-float(terms.elbo.mean().detach()), rel=1e-6)

    def test_too_few_codes_are_refused(self) -> None:
        with pytest.raises(ModelError, match="codes must be from 2 to 1024, got 1; 15 is a good start"):
            TCVAE(codes=1)


def test_factors_at_an_angle_get_a_latent_each_and_its_codes() -> None:
    """Two uniform factors, turned by 45 degrees into ten columns."""
    rng = np.random.default_rng(0)
    factors = rng.uniform(-1, 1, (4000, 2)).astype(np.float32)
    turned = factors @ (np.array([[1, 1], [1, -1]], np.float32) / 2**0.5)
    x = (turned @ rng.normal(size=(2, 10)) + 0.05 * rng.normal(size=(4000, 10))).astype(np.float32)
    config = TCVAE(latent_dim=2, codes=15, hidden=(64, 64), beta=4.0, linear=False, dropout=0.0)
    made = build(choose(Layout("vector", (10,)), x, config), Layout("vector", (10,)), seed=0)
    train(made, x, TrainConfig(epochs=40, batch_size=128, threads=1, learning_rate=4e-3))
    z = made.encode(torch.from_numpy(x)).mean.detach().numpy()
    relation = np.abs(np.corrcoef(z.T, factors.T)[:2, 2:])
    assert relation.max(1).min() > 0.95
    assert relation.min(1).max() < 0.2


@pytest.mark.parametrize("layout", ["grey 8x8", "signal 96", "vector 20", "table with gaps", "counts 30"])
def test_codes_suit_every_modality(layout: str) -> None:
    x = rows(LAYOUTS[layout], 64)
    made = build(choose(LAYOUTS[layout], x, TCVAE(latent_dim=3, codes=5)), LAYOUTS[layout], seed=1)
    history = train(made, x, TrainConfig(epochs=3, batch_size=16, threads=1))
    assert math.isfinite(history.elbo)
    z = made.sample_prior(20, torch.Generator().manual_seed(0))
    assert torch.isfinite(made.decode(z)).all()
    assert len(torch.unique(made.encode(torch.from_numpy(x)).mean.detach())) <= 5


def test_a_space_with_codes_is_a_space_like_any_other(tmp_path: Path) -> None:
    digits = load_digits()
    images = (digits.images[:300] * 16).clip(0, 255).astype(np.uint8)
    config = TCVAE(latent_dim=4, codes=9)
    training = TrainConfig(epochs=3, threads=1)
    space = ds.fit((images, digits.target[:300]), model=config, path=tmp_path / "a.space", training=training)
    with ds.open(tmp_path / "a.space", verify=True) as opened:
        assert len(np.unique(opened.latents.mean.round(4))) <= 9
        assert np.array_equal(opened.decode(opened.latents.mean[:3]), space.decode(space.latents.mean[:3]))
        assert opened.sample(3).shape == images[:3].shape
        found = {m.name: m.value for m in opened.measure()}
        assert len(found) > 5
        assert len(opened.factors()) == 4
    space.close()
