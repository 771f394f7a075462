"""The contract that every modality, network and likelihood keeps, and the ELBO against torch.distributions."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np
import pytest
import torch

from deepspace.errors import ModelError
from deepspace.models import VAE, LatentModel, Layout, build, choose, from_json
from deepspace.models.families.vae import VAEModel, _translated
from deepspace.models.networks.activation import Activation
from deepspace.training import TrainConfig, train

TABLE = Layout(
    "table",
    (7,),
    ("numeric", "categorical", "ordinal", "boolean", "date", "categorical", "categorical"),
    (0, 4, 5, 2, 0, 3000, 40),
)
LAYOUTS = {
    "grey 8x8": Layout("image", (1, 8, 8)),
    "grey 28x28": Layout("image", (1, 28, 28)),
    "colour 32x32": Layout("image", (3, 32, 32)),
    "colour 33x17": Layout("image", (3, 33, 17)),
    "grey 128x128": Layout("image", (1, 128, 128)),
    "signal 96": Layout("signal", (1, 96)),
    "signal 3x128": Layout("signal", (3, 128)),
    "signal 140": Layout("signal", (1, 140)),
    "signal 2x151": Layout("signal", (2, 151)),
    "signal 8": Layout("signal", (1, 8)),
    "vector 20": Layout("vector", (20,)),
    "vector 1": Layout("vector", (1,)),
    "table": TABLE,
    "table with gaps": replace(TABLE, missing=tuple(range(7))),
    "numbers": Layout("table", (3,), ("numeric",) * 3, (0,) * 3),
    "counts 30": Layout("counts", (30,)),
    "codes": Layout("table", (2,), ("categorical", "boolean"), (9, 2)),
}
IMAGE_LIKELIHOODS = ("bernoulli", "continuous_bernoulli", "gaussian", "discretised_logistic")


def rows(layout: Layout, n: int = 24, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    if layout.modality == "image":
        return rng.integers(0, 256, (n, *layout.shape), dtype=np.uint8)
    if layout.modality == "counts":
        return rng.poisson(rng.gamma(0.5, 6, (n, *layout.shape))).astype(np.float32)
    x = rng.normal(size=(n, *layout.shape)).astype(np.float32)
    if layout.modality == "table":
        for j, k in enumerate(layout.cardinalities):
            if k:
                x[:, j] = rng.integers(0, k, n)
        x[rng.random(x.shape) < 0.15] = np.nan
    return x


CASES = [
    pytest.param(layout, network, likelihood, activation, id=f"{name}-{network}-{likelihood}-{activation}")
    for name, layout in LAYOUTS.items()
    for network in (("mlp", "conv") if layout.modality in ("image", "signal") else ("mlp",))
    for likelihood in (IMAGE_LIKELIHOODS if name in ("grey 8x8", "colour 33x17") else (None,))
    for activation in ("relu", "glu")
]


def make(
    layout: Layout, network: Any = "auto", likelihood: str | None = None, **config: Any
) -> tuple[LatentModel, torch.Tensor]:
    x = rows(layout)
    config = {"latent_dim": 3, **config}
    model = build(choose(layout, x, VAE(network=network, likelihood=likelihood, **config)), layout, seed=1)
    tensor = torch.from_numpy(x)
    model.prepare(tensor)
    return model, tensor


@pytest.mark.parametrize(("layout", "network", "likelihood", "activation"), CASES)
def test_contract(layout: Layout, network: str, likelihood: str | None, activation: Activation) -> None:
    model, x = make(layout, network, likelihood, activation=activation)
    loss, terms = model.loss(x)
    loss.backward()
    still = [name for name, p in model.named_parameters() if p.grad is None or not (p.grad != 0).any()]
    assert not still, f"no gradient reaches {still}"
    assert all(torch.isfinite(p.grad).all() for p in model.parameters() if p.grad is not None)
    assert terms.reconstruction.shape == (24,)
    assert terms.kl.shape == (24, 3)
    assert terms.reconstruction.dtype == terms.kl.dtype == torch.float32
    assert (terms.kl >= -1e-6).all()

    model.eval()
    with torch.no_grad():
        posterior = model.encode(x)
        assert posterior.mean.shape == posterior.scale.shape == (24, 3)
        assert (posterior.scale > 0).all()
        for made in (model.decode(posterior.mean), model.draw(posterior.mean)):
            assert made.shape == x.shape
            assert made.dtype == torch.float32
            assert torch.isfinite(made).all()
            if layout.modality == "image":
                assert made.min() >= 0
                assert made.max() <= 255
            for j, k in enumerate(layout.cardinalities):
                if k:
                    assert set(made[:, j].tolist()) <= set(range(k))

        twin = from_json(model.config_json())
        twin.load_state_dict(model.state_dict())
        twin.eval()
        assert torch.equal(twin.encode(x).mean, posterior.mean)
        assert torch.equal(twin.decode(posterior.mean), model.decode(posterior.mean))
        # A row's answer does not hang on the rows beside it.
        assert torch.allclose(model.encode(x[:1]).mean, posterior.mean[:1], atol=1e-5)


@pytest.mark.parametrize("name", ["grey 28x28", "signal 140", "vector 20", "table"])
def test_elbo_terms_match_torch_distributions(name: str) -> None:
    model, x = make(LAYOUTS[name])
    model.eval()
    assert isinstance(model, VAEModel)
    terms = model.terms(x, torch.Generator().manual_seed(5))
    posterior = model.encode(x)
    q = torch.distributions.Normal(posterior.mean, posterior.scale)
    kl = torch.distributions.kl_divergence(q, torch.distributions.Normal(0.0, 1.0))
    assert torch.allclose(terms.kl, kl, atol=1e-5)
    z = posterior.mean + posterior.scale * torch.randn(24, 3, generator=torch.Generator().manual_seed(5))
    assert torch.allclose(terms.reconstruction, model.log_likelihood(x, z), rtol=1e-5)
    assert torch.allclose(terms.elbo, terms.reconstruction - terms.kl.sum(1))


def test_same_seed_same_weights_and_the_global_random_state_stays() -> None:
    config = choose(LAYOUTS["table"], rows(TABLE))
    torch.manual_seed(3)
    before = torch.get_rng_state()
    a, b, c = (build(config, TABLE, seed=s) for s in (1, 1, 2))
    assert torch.equal(before, torch.get_rng_state())
    assert all(torch.equal(p, q) for p, q in zip(a.parameters(), b.parameters(), strict=True))
    assert any(not torch.equal(p, q) for p, q in zip(a.parameters(), c.parameters(), strict=True))


def test_missing_and_zero_are_different_inputs() -> None:
    layout = LAYOUTS["numbers"]
    model, _ = make(layout)
    x = torch.zeros(2, 3)
    x[1, 1] = float("nan")
    mean = model.encode(x).mean
    assert not torch.allclose(mean[0], mean[1])


def test_the_value_behind_a_missing_cell_cannot_matter() -> None:
    # The gradient of a row's terms in a cell that is not observed is nothing: NaN in, nothing out.
    model, x = make(TABLE)
    whole = model.terms(x, torch.Generator().manual_seed(0))
    assert torch.isfinite(whole.elbo).all()
    empty = torch.full((4, 7), float("nan"))
    assert (model.terms(empty).reconstruction == 0).all()


@pytest.mark.parametrize("value", [0.0, 255.0])
def test_extreme_latents_stay_finite(value: float) -> None:
    for likelihood in IMAGE_LIKELIHOODS:
        model, _ = make(LAYOUTS["grey 8x8"], "mlp", likelihood)
        x = torch.full((2, 1, 8, 8), value).to(torch.uint8)
        z = torch.full((2, 3), 1e4)
        assert isinstance(model, VAEModel)
        log_prob = model.log_likelihood(x, z)
        assert torch.isfinite(log_prob).all()
        assert torch.isfinite(model.decode(z)).all()
        log_prob.sum().backward()
        assert all(p.grad is None or torch.isfinite(p.grad).all() for p in model.parameters())


def test_log_variance_is_clamped() -> None:
    model, x = make(LAYOUTS["vector 20"])
    assert isinstance(model, VAEModel)
    with torch.no_grad():
        model.posterior.bias[3:] = 1e6
    assert torch.isfinite(model.terms(x).kl).all()
    with torch.no_grad():
        model.posterior.bias[3:] = -1e6
    assert (model.encode(x).scale > 0).all()


def test_wrong_input_is_refused_in_a_sentence() -> None:
    model, _ = make(LAYOUTS["vector 20"])
    with pytest.raises(ModelError, match=r"takes vector rows of shape \(20,\)"):
        model.encode(torch.zeros(2, 19))
    with pytest.raises(ModelError, match=r"z has shape \(2, 4\), this model has 3 latent dimensions"):
        model.decode(torch.zeros(2, 4))
    with pytest.raises(ModelError, match="still has values to choose"):
        build(VAE(), LAYOUTS["vector 20"])
    with pytest.raises(ModelError, match="conv network is for images and signals"):
        make(LAYOUTS["vector 20"], "conv")
    with pytest.raises(ModelError, match="No model family is called 'flow'"):
        from_json({"family": "flow"})
    with pytest.raises(ModelError, match="Cannot read a model description"):
        from_json({"family": "vae"})
    with pytest.raises(ModelError, match="latent_dim must be from 1 to 4096, got 0"):
        VAE(latent_dim=0)
    with pytest.raises(ModelError, match="network must be one of auto, mlp, conv, got 'rnn'"):
        VAE(network="rnn")  # type: ignore[arg-type]
    with pytest.raises(ModelError, match="beta"):
        VAE(beta=float("nan"))


def test_configs_survive_json() -> None:
    config = VAE(latent_dim=4, hidden=(8, 9), network="mlp", likelihood="gaussian", beta=2.0, reason="Because.")
    again = VAE.from_json(config.to_json())
    assert again == config
    assert again.reason == "Because."
    assert Layout.from_json(TABLE.to_json()) == TABLE


@pytest.mark.parametrize("name", ["grey 8x8", "colour 33x17", "signal 2x151"])
def test_a_translated_row_is_the_row_moved_with_its_edges_kept(name: str) -> None:
    x = torch.from_numpy(rows(LAYOUTS[name], 40))
    moved = _translated(x, 2, torch.Generator().manual_seed(0))
    assert (moved.shape, moved.dtype) == (x.shape, x.dtype)
    size, seen = x.shape[2:], set()
    for before, after in zip(x.numpy(), moved.numpy(), strict=True):
        padded = np.pad(before, [(0, 0), *((2, 2) for _ in size)], mode="edge")
        windows = {
            by: padded[(slice(None), *(slice(b, b + length) for b, length in zip(by, size, strict=True)))]
            for by in product(range(5), repeat=len(size))
        }
        same = [by for by, window in windows.items() if np.array_equal(window, after)]
        assert same, "every row is moved as a whole"
        seen.update(same)
    assert len(seen) >= 5, "rows are moved differently"


def test_translation_makes_latents_hang_less_on_where_things_lie() -> None:
    x = np.zeros((1200, 1, 12, 12), np.uint8)
    generator = np.random.default_rng(0)
    for image in x:  # a bar, lying or standing, of any grey
        image[0, 4:8, 5:7] = generator.integers(100, 250)
        if generator.random() < 0.5:
            image[0] = image[0].T
    near = {}
    for most in (0, 1):
        model = build(choose(LAYOUTS["grey 8x8"], x, VAE(latent_dim=4, likelihood="gaussian", translation=most)),
                      Layout("image", (1, 12, 12)), seed=0)  # fmt: skip
        train(model, x, TrainConfig(epochs=12, threads=1))
        with torch.no_grad():
            shown, moved = (model.encode(torch.from_numpy(rows)).mean for rows in (x, np.roll(x, 1, axis=3)))
        near[most] = float((shown - moved).norm(dim=1).mean() / (shown - shown.roll(7, 0)).norm(dim=1).mean())
    assert near[1] < 0.5 * near[0]


def test_translation_is_for_training_alone() -> None:
    layout, x = LAYOUTS["grey 8x8"], rows(LAYOUTS["grey 8x8"], 32)
    plain, moved = (
        build(choose(layout, x, VAE(latent_dim=3, dropout=0.0, translation=by)), layout, seed=1) for by in (0, 2)
    )
    look, losses = torch.from_numpy(x), []
    plain.prepare(look)
    moved.load_state_dict(plain.state_dict())
    for model in (plain, moved):
        for training in (False, True):
            model.train(training)
            losses.append(float(model.loss(look, 1.0, torch.Generator().manual_seed(0))[0].detach()))
    assert losses[0] == losses[2], "in eval mode nothing is moved"
    assert losses[1] != losses[3]


def test_translation_is_refused_where_there_is_nothing_to_move() -> None:
    layout, x = LAYOUTS["table"], rows(LAYOUTS["table"], 30)
    with pytest.raises(ModelError, match="VAE translation is for images and signals, got table data; leave"):
        build(choose(layout, x, VAE(latent_dim=2, translation=1)), layout)
    with pytest.raises(ModelError, match="VAE translation must be from 0 to 16"):
        VAE(translation=17)
