"""Priors are densities that are drawn from; bounds are bounds, and their gradients agree where theory says so."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits, make_blobs
from torch.distributions import Categorical, Independent, MixtureSameFamily, Normal

import deepspace as ds
from deepspace.errors import ModelError
from deepspace.models import VAE, Layout, build, choose, priors
from deepspace.models.families.vae import VAEModel
from deepspace.models.priors import GaussianMixture
from deepspace.models.priors.uniform import Uniform
from deepspace.training import TrainConfig, train
from tests.models.test_vae import LAYOUTS, rows

SMALL = ("grey 8x8", "colour 32x32", "signal 96", "vector 20", "table")


def make(name: str, n: int = 64, **settings: Any) -> tuple[VAEModel, torch.Tensor]:
    layout, x = LAYOUTS[name], rows(LAYOUTS[name], n)
    config = choose(layout, x, VAE(**{"latent_dim": 3, **settings}))
    model = build(config, layout, seed=1)
    assert isinstance(model, VAEModel)
    model.prepare(torch.from_numpy(x))
    return model, torch.from_numpy(x)


def spread_out(model: VAEModel, width: float = 2.0) -> VAEModel:
    """A model whose posteriors, and so whose prior, are far from one normal."""
    with torch.no_grad():
        model.posterior.weight.mul_(6.0)
        if isinstance(model.prior, priors.REGISTRY["mixture"]):
            model.prior.means.normal_(std=width, generator=torch.Generator().manual_seed(2))
            model.prior.log_variance.normal_(-1, 0.5, generator=torch.Generator().manual_seed(3))
            model.prior.logits.normal_(generator=torch.Generator().manual_seed(4))
    return model.eval()


@pytest.mark.parametrize("name", SMALL)
@pytest.mark.parametrize("prior", priors.REGISTRY)
@pytest.mark.parametrize("bound", ["elbo", "iwae", "dreg"])
def test_every_prior_and_bound_trains_on_every_modality(name: str, prior: str, bound: str) -> None:
    parts = None if prior == "standard" else 5
    model, x = make(name, prior=prior, components=parts, bound=bound, samples=3)
    model.train()
    loss, terms = model.loss(x, 1.0, torch.Generator().manual_seed(0))
    loss.backward()
    still = [n for n, p in model.named_parameters() if p.grad is None or not (p.grad != 0).any()]
    assert not still, f"no gradient reaches {still}"
    assert terms.reconstruction.shape == (64,)
    assert terms.kl.shape == (64, 3)
    train(model, x.numpy(), TrainConfig(epochs=2, batch_size=16, threads=1, precision="float32"))
    with torch.no_grad():
        z = model.sample_prior(20, torch.Generator().manual_seed(0))
        assert torch.isfinite(model.log_prior(z)).all()
        assert torch.isfinite(model.decode(z)).all()


@pytest.mark.parametrize("prior", priors.REGISTRY)
@pytest.mark.parametrize("dim", [1, 2])
def test_a_prior_integrates_to_one_and_is_what_is_drawn_from(prior: str, dim: int) -> None:
    parts = None if prior == "standard" else 7
    model = spread_out(make("vector 20", prior=prior, components=parts, latent_dim=dim)[0])
    side = torch.linspace(-12, 12, 481)
    grid = torch.cartesian_prod(*[side] * dim).reshape(-1, dim)
    cell = float(side[1] - side[0]) ** dim
    with torch.no_grad():
        share = model.log_prior(grid).double().exp() * cell
        drawn = model.sample_prior(100_000, torch.Generator().manual_seed(5))
        centre, width = model.prior_moments()
    assert float(share.sum()) == pytest.approx(1, abs=2e-3)
    for d in range(dim):
        mean = float((share * grid[:, d]).sum())
        deviation = math.sqrt(float((share * (grid[:, d] - mean) ** 2).sum()))
        assert (float(centre[d]), float(width[d])) == pytest.approx((mean, deviation), abs=5e-3)
        assert float(drawn[:, d].mean()) == pytest.approx(mean, abs=4 * deviation / math.sqrt(100_000) + 1e-3)
        assert float(drawn[:, d].std()) == pytest.approx(deviation, rel=0.02)
        edges = torch.tensor([-2.0, -0.5, 0.3, 1.1])
        below = [float(share[grid[:, d] <= e].sum()) for e in edges]
        np.testing.assert_allclose([(drawn[:, d] <= e).float().mean() for e in edges], below, atol=0.03)


def mixture(k: int = 4, dim: int = 5, seed: int = 0) -> tuple[GaussianMixture, MixtureSameFamily]:
    generator = torch.Generator().manual_seed(seed)
    means, log_variance = (torch.randn(k, dim, generator=generator) * s for s in (3.0, 1.0))
    logits = torch.randn(k, generator=generator)
    parts = Independent(Normal(means, torch.exp(0.5 * log_variance)), 1)
    known = MixtureSameFamily(Categorical(logits=logits), parts)
    return GaussianMixture(means, log_variance, torch.log_softmax(logits, 0)), known


def test_a_box_integrates_to_one_and_its_kl_is_that_of_many_draws() -> None:
    box = Uniform(torch.zeros(3))
    line = torch.linspace(-6, 6, 24_001, dtype=torch.float64)
    density = box.log_prob_each(line).exp()
    assert float(torch.trapezoid(density, line)) == pytest.approx(1, abs=1e-6)
    mean, deviation = box.moments()
    assert float(mean.abs().max()) == 0
    assert float(deviation[0]) == pytest.approx(float(torch.trapezoid(density * line**2, line)) ** 0.5, abs=1e-5)
    drawn = box.sample(200_000, torch.Generator().manual_seed(0))
    assert float(drawn.mean().abs()) < 0.01
    assert float(drawn.std()) == pytest.approx(float(deviation[0]), abs=0.01)
    at = torch.tensor([0.0, 1.0, 1.7, -1.7, 2.5])
    width = torch.tensor([0.1, 0.5, 0.1, 0.8, 0.3])
    z = at + width * torch.randn(400_000, 5, generator=torch.Generator().manual_seed(1))
    many = (Normal(at, width).log_prob(z) - box.log_prob_each(z)).mean(0)
    torch.testing.assert_close(box.kl(at, 2 * width.log(), z[:1]), many, atol=0.02, rtol=0)


def test_a_mixture_is_that_of_torch_distributions() -> None:
    ours, known = mixture()
    z = known.sample((200,)) + torch.randn(200, 5)
    torch.testing.assert_close(ours.log_prob(z), known.log_prob(z), rtol=1e-5, atol=1e-4)
    torch.testing.assert_close(ours.responsibilities(z).sum(1), torch.ones(200))


def test_dimensions_sum_to_the_whole_and_each_is_the_conditional() -> None:
    ours, known = mixture()
    z = known.sample((300,))
    each = ours.log_prob_each(z)
    torch.testing.assert_close(each.sum(1), ours.log_prob(z), rtol=1e-5, atol=1e-4)
    # log p(z_1 .. z_d) of the mixture of the first d dimensions, one d at a time.
    for d in range(1, 6):
        parts = Independent(Normal(ours.means[:, :d], torch.exp(0.5 * ours.log_variance[:, :d])), 1)
        first = MixtureSameFamily(Categorical(logits=ours.log_weights), parts)
        torch.testing.assert_close(each[:, :d].sum(1), first.log_prob(z[:, :d]), rtol=1e-5, atol=1e-4)


def test_no_dimension_of_the_kl_is_negative_on_average_and_a_silent_one_is_nothing() -> None:
    ours, _ = mixture()
    ours.means[:, 2], ours.log_variance[:, 2] = 0.0, 0.0
    mean, log_variance = torch.randn(1, 5), torch.tensor([[-1.0, -2.0, 0.0, 0.5, -1.0]])
    mean[:, 2] = 0.0
    many = mean.expand(20_000, 5), log_variance.expand(20_000, 5)
    z = many[0] + torch.exp(0.5 * many[1]) * torch.randn(20_000, 5)
    kl = ours.kl(*many, z)
    assert (kl.mean(0) > -0.02).all()
    assert kl[:, 2].abs().max() < 1e-4
    torch.testing.assert_close(kl.sum(1), ours.kl(*many, z, each=False).sum(1), rtol=1e-4, atol=1e-3)


def test_narrow_components_lose_no_accuracy() -> None:
    means = torch.tensor([[3.0, -2.0], [3.01, -2.0]])
    ours = GaussianMixture(means, torch.full((2, 2), -14.0), torch.tensor([0.5, 0.5]).log())
    known = MixtureSameFamily(
        Categorical(torch.ones(2, dtype=torch.float64)),
        Independent(Normal(means.double(), math.exp(-7.0) * torch.ones(2, 2, dtype=torch.float64)), 1),
    )
    z = means + 1e-3
    torch.testing.assert_close(ours.log_prob(z).double(), known.log_prob(z.double()), atol=2e-3, rtol=1e-4)


def test_pseudo_inputs_begin_as_training_rows() -> None:
    for name in ("grey 8x8", "table"):
        model, x = make(name, prior="vamp", components=64)
        model.eval()
        own = model.prior.inputs.detach() * model.prior.unit
        torch.testing.assert_close(own, x.float(), equal_nan=True)
        means, _ = model._posterior(x)
        assert isinstance(model._density(), GaussianMixture)
        torch.testing.assert_close(model._density().means, means)


def test_one_sample_of_iwae_is_the_elbo_and_more_are_higher() -> None:
    model, x = make("vector 20")
    model.eval()
    values = {}
    for k in (1, 5, 50):
        twin, _ = make("vector 20", bound="iwae", samples=k)
        twin.load_state_dict(model.state_dict())
        twin.eval()
        with torch.no_grad():
            many = [twin.loss(x, 1.0, torch.Generator().manual_seed(s)) for s in range(60)]
        values[k] = -float(torch.stack([loss for loss, _ in many]).mean())
        elbo = float(torch.stack([terms.elbo.mean() for _, terms in many]).mean())
        assert elbo == pytest.approx(values[1], abs=0.5), "the ELBO that is reported stays the ELBO"
    assert values[1] < values[5] < values[50]


@pytest.mark.parametrize("bound", ["iwae", "dreg"])
def test_until_the_kl_has_warmed_up_one_sample_is_as_good_as_many(bound: str) -> None:
    plain, x = make("vector 20")
    many, _ = make("vector 20", bound=bound, samples=50)
    many.load_state_dict(plain.state_dict())
    for model in (plain, many):
        model.eval()  # without dropout, which is random too
    for weight in (0.0, 0.4, 0.99):
        losses = [m.loss(x, weight, torch.Generator().manual_seed(3))[0] for m in (plain, many)]
        torch.testing.assert_close(*losses)
    with torch.no_grad():
        warm = [[m.loss(x, 1.0, torch.Generator().manual_seed(i))[0] for i in range(40)] for m in (plain, many)]
    assert torch.stack(warm[1]).mean() < torch.stack(warm[0]).mean() - 0.02


@pytest.mark.parametrize("prior", ["standard", "mixture", "vamp"])
def test_dreg_has_the_gradient_of_iwae_in_expectation(prior: str) -> None:
    """Both by many draws, in the encoder, the decoder and the prior; the encoder's from DReG with less noise."""
    x = torch.randn(2, 4, generator=torch.Generator().manual_seed(0))
    layout = Layout("vector", (4,))
    found: dict[str, dict[str, torch.Tensor]] = {}
    noise: dict[str, float] = {}
    for bound in ("iwae", "dreg"):
        config = VAE(
            latent_dim=2, hidden=(6,), network="mlp", likelihood="gaussian", dropout=0.0, linear=False,
            prior=prior, components=None if prior == "standard" else 3, bound=bound, samples=4,
        )  # fmt: skip
        model = build(config, layout, seed=0)
        model.prepare(x)
        model.train()
        total: dict[str, list[torch.Tensor]] = {}
        for i in range(40):
            model.zero_grad()
            loss, _ = model.loss(x.repeat(3000, 1), 1.0, torch.Generator().manual_seed(i))
            loss.backward()
            for name, p in model.named_parameters():
                assert p.grad is not None
                total.setdefault(name, []).append(p.grad.clone())
        found[bound] = {n: torch.stack(g).mean(0) for n, g in total.items()}
        spread = {n: torch.stack(g).std(0) for n, g in total.items()}
        found[bound + " error"] = {n: s / math.sqrt(40) for n, s in spread.items()}
        noise[bound] = float(spread["posterior.weight"].square().sum())
    for name, value in found["iwae"].items():
        error = (found["iwae error"][name] ** 2 + found["dreg error"][name] ** 2).sqrt()
        score = ((value - found["dreg"][name]) / error.clamp_min(1e-6)).abs()
        assert float(score.max()) < 5, f"{name} differs by {float(score.max()):.1f} standard errors"
    if prior != "vamp":  # whose prior learns through the encoder too
        assert noise["dreg"] < noise["iwae"]


def test_free_bits_cost_what_they_say() -> None:
    plain, x = make("vector 20")
    free, _ = make("vector 20", free_bits=0.5)
    free.load_state_dict(plain.state_dict())
    with torch.no_grad():
        loss, terms = free.loss(x, 1.0, torch.Generator().manual_seed(0))
        same, _ = plain.loss(x, 1.0, torch.Generator().manual_seed(0))
    expected = terms.kl.mean(0).clamp_min(0.5).sum() - terms.reconstruction.mean()
    assert float(loss) == pytest.approx(float(expected), rel=1e-6)
    assert float(loss) > float(same)


def test_a_binarised_row_is_seen_and_measured_alike() -> None:
    model, x = make("grey 8x8", likelihood="bernoulli", binarise=True)
    seen = model.observe(x, torch.Generator().manual_seed(0))
    assert set(seen.unique().tolist()) == {0.0, 255.0}
    assert float(seen.mean()) == pytest.approx(float(x.float().mean()), rel=0.02)
    pure = torch.where(x > 127, 255, 0).to(torch.uint8)
    assert torch.equal(model.observe(pure), pure.float())
    grey, _ = make("grey 8x8", likelihood="bernoulli")
    assert grey.observe(x) is x
    with pytest.raises(ModelError, match="VAE binarise is for the bernoulli likelihood, got gaussian; leave"):
        make("vector 20", binarise=True)


def test_a_mixture_finds_clusters_that_are_there() -> None:
    x, truth = make_blobs(1500, 12, centers=5, cluster_std=1.0, random_state=3)
    x = ((x - x.mean(0)) / x.std(0)).astype(np.float32)
    config = choose(Layout("vector", (12,)), x, VAE(prior="mixture", components=5, latent_dim=3))
    model = build(config, Layout("vector", (12,)), seed=0)
    train(model, x, TrainConfig(epochs=12, threads=1, precision="float32"))
    with torch.no_grad():
        chances = model.clusters(model.encode(torch.from_numpy(x)).mean)
    assert chances is not None
    from deepspace.metrics.clustering import agreement

    assert agreement(truth, chances.argmax(1).numpy()).accuracy > 0.97


@pytest.mark.parametrize("epoch", [1, 3])
def test_a_mixture_that_was_cut_short_goes_on_to_the_same_weights(tmp_path: Path, epoch: int) -> None:
    """Before and after its components have settled."""
    x = rows(LAYOUTS["vector 20"], 120)

    def run(on_epoch: Any = None, checkpoint: Path | None = None) -> dict[str, torch.Tensor]:
        model, _ = make("vector 20", prior="mixture", components=3)
        train(model, x, TrainConfig(epochs=4, warmup=0.5, threads=1, checkpoint=checkpoint), on_epoch=on_epoch)
        return model.state_dict()

    def cut(_: Any, done: int) -> None:
        if done == epoch:
            raise KeyboardInterrupt

    whole = run()
    with pytest.raises(KeyboardInterrupt):
        run(cut, tmp_path / "c.safetensors")
    parts = run(checkpoint=tmp_path / "c.safetensors")
    assert all(torch.equal(whole[name], parts[name]) for name in whole)


def test_clusters_are_a_column_like_any_other(tmp_path: Path) -> None:
    digits = load_digits()
    source = (digits.images[:400] * 16).clip(0, 255).astype(np.uint8)
    space = ds.fit(
        (source, digits.target[:400]), model=VAE(prior="mixture", components=6, latent_dim=4),
        path=tmp_path / "a.space", training=TrainConfig(epochs=4, threads=1),
    )  # fmt: skip
    with ds.open(tmp_path / "a.space", verify=True) as opened:
        assert opened.cluster_column == "cluster"
        chances = opened.clusters(z=opened.latents.mean)
        assert chances.shape == (400, 6)
        np.testing.assert_allclose(chances.sum(1), 1, atol=1e-5)
        values = opened.rows.column("cluster").to_pylist()
        assert values == [str(k) for k in chances.argmax(1)]
        column = next(c for c in opened.schema.columns if c.name == "cluster")
        assert (column.kind, column.role) == ("categorical", "metadata")
        assert set(column.categories) == set(values)
        count = sum(v == values[0] for v in values)
        assert opened.rows.query(f"SELECT count(*) FROM rows WHERE cluster = '{values[0]}'")[0][0].as_py() == count
        np.testing.assert_allclose(opened.clusters(source[:5]), chances[:5], atol=1e-4)
        assert opened.measure(["clustering"])["cluster_accuracy"].note.startswith("clusters of the model's prior")
    space.close()


def test_a_column_called_cluster_is_left_as_it_is(tmp_path: Path) -> None:
    import pandas as pd

    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"a": rng.normal(size=200), "b": rng.normal(size=200), "Cluster": rng.choice(["p", "q"], 200)})
    with ds.fit(
        frame, model=VAE(prior="mixture", components=3, latent_dim=2), path=tmp_path / "t.space",
        training=TrainConfig(epochs=2, threads=1),
    ) as space:  # fmt: skip
        assert space.cluster_column == "cluster_2"
        assert set(space.rows.column("Cluster").to_pylist()) == {"p", "q"}
        assert space.decode(space.latents.mean[:3]).shape == (3, 2)
        assert space.clusters(frame.head(4)).shape == (4, 3)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"prior": "vampire"}, "VAE prior must be one of standard, vamp, mixture, got 'vampire'"),
        ({"bound": "vi"}, "VAE bound must be one of elbo, iwae, dreg, got 'vi'"),
        ({"components": 4}, "VAE components must be from 1 to 10,000, and left out for a standard prior, got 4"),
        ({"samples": 0}, "VAE samples must be from 1 to 10,000, got 0; 50 is plenty"),
        ({"free_bits": -1.0}, "VAE free_bits must be a finite number of at least 0, got -1.0"),
        ({"free_bits": 0.1, "bound": "iwae"}, "VAE free_bits must be 0 for bound 'iwae'"),
    ],
)
def test_settings_that_make_no_sense_are_refused(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(ModelError, match=said):
        VAE(**settings)
