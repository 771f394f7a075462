"""The GAN: its gradients against separate games, its inputs against the data, and that it needs no one to watch it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from sklearn.datasets import load_digits

from deepspace.errors import ModelError
from deepspace.metrics.coverage import prdc
from deepspace.models import GAN, Layout, build, choose, likelihoods
from deepspace.models.families.gan import GANModel
from deepspace.training import TrainConfig, train
from deepspace.training.plan import make
from tests.models.test_vae import LAYOUTS, rows


def made(layout: Layout, x: np.ndarray, seed: int = 0, **settings: object) -> GANModel:
    model = build(choose(layout, x, GAN(**settings)), layout, seed=seed)  # type: ignore[arg-type]
    assert isinstance(model, GANModel)
    model.train()
    model.prepare(torch.from_numpy(x))
    return model


def test_the_gradients_are_those_of_the_two_games_played_apart() -> None:
    """Written out with whole networks, one game at a time, every row bearing the penalty."""
    layout = LAYOUTS["vector 20"]
    x = torch.from_numpy(rows(layout, 4))
    model = made(layout, x.numpy(), latent_dim=3, penalty=0.7)
    model.loss(x, 1.0, torch.Generator().manual_seed(5))[0].backward()
    found = {n: p.grad.clone() for n, p in model.named_parameters() if p.grad is not None}
    assert not any(name.startswith("decoder.") for name in found), "the averaged generator learns from no gradient"
    z = torch.randn(4, 3, generator=torch.Generator().manual_seed(5))

    def score(v: torch.Tensor) -> torch.Tensor:
        u = (v - model.discriminator.shift) * model.discriminator.factor
        return model.discriminator.score(model.discriminator.body(u)).squeeze(1)

    generator = list(model.generator.parameters())
    wanted = torch.autograd.grad(F.softplus(score(x) - score(model.generator(z))).mean(), generator)
    for (name, _), gradient in zip(model.generator.named_parameters(), wanted, strict=True):
        torch.testing.assert_close(found[f"generator.{name}"], gradient, rtol=1e-4, atol=1e-6)

    real, fake = x[:1].clone().requires_grad_(), model.generator(z).detach()[:1].requires_grad_()
    slopes = [torch.autograd.grad(score(v).sum(), v, create_graph=True)[0] for v in (real, fake)]
    penalty = sum((s / model.discriminator.factor).square().sum() for s in slopes)
    whole = F.softplus(score(model.generator(z).detach()) - score(x)).mean() + 0.5 * 0.7 * penalty
    wanted = torch.autograd.grad(whole, list(model.discriminator.parameters()), allow_unused=True)
    for (name, _), gradient in zip(model.discriminator.named_parameters(), wanted, strict=True):
        torch.testing.assert_close(found[f"discriminator.{name}"], gradient, rtol=1e-4, atol=1e-6)


def test_what_decodes_is_the_average_of_the_generators_weights() -> None:
    layout = LAYOUTS["vector 20"]
    model = made(layout, rows(layout, 32), latent_dim=3)
    decoder, generator = (next(iter(m.parameters())).detach() for m in (model.decoder, model.generator))
    assert torch.equal(decoder, generator)
    expected = decoder.clone()
    for step in range(1, 6):
        with torch.no_grad():
            generator += 1
        model.after_step()
        keep = step / (step + 10)
        expected = keep * expected + (1 - keep) * generator
    torch.testing.assert_close(decoder, expected)


@pytest.mark.parametrize("name", ["table", "grey 8x8", "signal 96"])
def test_the_discriminator_sees_real_and_generated_rows_in_the_same_numbers(name: str) -> None:
    """A row that the generator makes, read back as a real one, is the same."""
    layout = LAYOUTS[name]
    x = rows(layout, 64)
    likelihood = made(layout, x, latent_dim=3).likelihood
    params = torch.randn(64, *likelihood.outputs)
    with torch.no_grad():
        shown = likelihood.soften(params, torch.Generator().manual_seed(1))
        drawn = likelihood.draw_modelled(params, torch.Generator().manual_seed(1))
        assert shown.shape == likelihood.expected(params).shape
        torch.testing.assert_close(likelihood.spread(drawn), shown, atol=1e-4, rtol=1e-4)


def test_a_softened_draw_is_a_draw_and_its_gradient_moves_the_odds() -> None:
    layout = Layout("table", (2,), ("categorical", "ordinal"), (3, 4))
    likelihood = likelihoods.make("table", layout)
    params = torch.tensor([[1.0, 0.3, -0.5, 0.4]])  # parts come as ordinal, categorical
    many = params.repeat(40_000, 1).requires_grad_()
    soft = likelihood.soften(many, torch.Generator().manual_seed(0))
    torch.testing.assert_close(soft.mean(0), likelihood.expected(params)[0], atol=0.01, rtol=0)
    assert set(np.unique(soft.detach()[:, 1:].numpy().round(4))) <= {0.0, np.float32(0.5**0.5).round(4)}
    (slope,) = torch.autograd.grad(soft[:, 1].mean(), many)
    assert slope[:, 1].mean() > 0 > slope[:, 2].mean()


def test_cells_missing_in_a_real_row_are_hidden_in_its_generated_partner() -> None:
    layout = LAYOUTS["table"]
    x = torch.from_numpy(rows(layout, 64))
    assert x.isnan().any()
    model = made(layout, x.numpy(), latent_dim=3)
    told: list[torch.Tensor] = []
    model.discriminator.register_forward_pre_hook(lambda module, inputs: told.append(inputs[0].detach()))
    model.loss(x, 1.0, torch.Generator().manual_seed(0))
    gone = model.likelihood.spread(x).isnan()
    assert len(told) == 4
    assert all((rows_seen[gone] == 0).all() for rows_seen in told)


def test_an_interrupted_training_ends_as_one_that_was_not(tmp_path: Path) -> None:
    layout = LAYOUTS["vector 20"]
    x = rows(layout, 96)
    config = TrainConfig(epochs=4, batch_size=32, threads=1, precision="float32")
    whole = build(choose(layout, x, GAN(latent_dim=3)), layout, seed=1)
    history = train(whole, x, config)
    assert (history.best_epoch, history.stopped) == (4, "epochs"), "the last weights are kept"
    broken = TrainConfig(**{**config.__dict__, "checkpoint": tmp_path / "a"})
    steps = iter(range(99))

    def cut(_: object) -> None:
        if next(steps) == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(build(choose(layout, x, GAN(latent_dim=3)), layout, seed=1), x, broken, on_progress=cut)
    again = build(choose(layout, x, GAN(latent_dim=3)), layout, seed=1)
    train(again, x, broken)
    for name, tensor in whole.state_dict().items():
        assert torch.equal(tensor, again.state_dict()[name]), name


def test_a_model_may_ask_for_other_steps_and_the_user_has_the_last_word() -> None:
    usual, own = make(TrainConfig(), 10_000), make(TrainConfig(), 10_000, pace=0.5, length=2.0)
    assert (own.epochs, own.learning_rate) == (2 * usual.epochs, usual.learning_rate / 2)
    assert own.decay == usual.decay
    told = make(TrainConfig(epochs=7, learning_rate=0.01), 10_000, pace=0.5, length=2.0)
    assert (told.epochs, told.learning_rate) == (7, 0.01)


def test_settings_that_a_gan_does_not_have_are_refused() -> None:
    for settings, says in (({"penalty": 0.0}, "penalty must be"), ({"linear": True}, "linear must be left")):
        with pytest.raises(ModelError, match=says):
            GAN(**settings)  # type: ignore[arg-type]


def test_pictures_get_a_convolution_sooner_than_in_a_vae() -> None:
    layout = Layout("image", (1, 28, 28))
    config = choose(layout, np.zeros((50, 1, 28, 28), np.uint8), GAN())
    assert config.network == "conv"
    assert config.linear is False


def modes(seed: int, epochs: int) -> tuple[int, float]:
    """Of a ring of 8 narrow normals: how many are generated at a fifth of their due or more, and the share of samples
    within 3 deviations of one."""
    rng = np.random.default_rng(seed)
    angles = 2 * np.pi * np.arange(8) / 8
    centres = np.stack([np.cos(angles), np.sin(angles)], 1) * 2**0.5
    x = (centres[rng.integers(0, 8, 4000)] + 0.05 * rng.normal(size=(4000, 2))).astype(np.float32)
    layout = Layout("vector", (2,))
    model = build(choose(layout, x, GAN()), layout, seed=seed)
    train(model, x, TrainConfig(threads=1, seed=seed, epochs=epochs))
    with torch.no_grad():
        drawn = model.draw(model.sample_prior(2000, torch.Generator().manual_seed(0))).numpy()
    apart = np.linalg.norm(drawn[:, None] - centres[None], axis=2)
    good = apart.min(1) < 0.15
    return int((np.bincount(apart.argmin(1)[good], minlength=8) >= 50).sum()), float(good.mean())


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_no_mode_of_a_ring_is_forgotten(seed: int) -> None:
    covered, good = modes(seed, 60)
    assert covered == 8
    assert good > 0.5


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1])
def test_digits_are_learnt_without_babysitting(seed: int) -> None:
    data = load_digits()
    x = (data.images * 15.9).astype(np.uint8)[:, None]
    order = np.random.default_rng(7).permutation(len(x))
    training, held = x[order[:1200]], x[order[1200:]]
    layout = Layout("image", (1, 8, 8))
    model = build(choose(layout, training, GAN()), layout, seed=seed)
    history = train(model, training, TrainConfig(threads=1, seed=seed, epochs=60))
    assert history.skipped == 0
    with torch.no_grad():
        drawn = model.decode(model.sample_prior(len(held), torch.Generator().manual_seed(1)))
        rebuilt = model.decode(model.encode(torch.from_numpy(held)).mean).numpy()
    found = prdc(held.reshape(len(held), -1), drawn.flatten(1), 5)
    assert found.coverage > 0.5
    assert found.recall > 0.5
    classes = {int(c) for c in data.target[order[1200:]][found.covered]}
    assert classes == set(range(10)), "no class is forgotten whole"
    assert ((rebuilt - held) ** 2).mean() < 0.6 * held.var(0).mean(), "the encoder finds rows better than the mean does"
