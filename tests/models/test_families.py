"""The contract that every model family keeps: in the registry once, held to all of this."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

import deepspace as ds
from deepspace.errors import ModelError
from deepspace.models import ClosedForm, Config, LatentModel, Layout, build, choose, configure, families, from_json
from deepspace.training import TrainConfig, train
from tests.models.test_vae import LAYOUTS, rows

SMALL = ("grey 8x8", "colour 32x32", "signal 96", "vector 20", "table", "table with gaps", "counts 30")
CASES = [
    pytest.param(family, layout, id=f"{family}-{layout}")
    for family, entry in families.REGISTRY.items()
    for layout in SMALL
    if LAYOUTS[layout].modality in entry.config.modalities
]


# What a family cannot do without, on bare arrays, and as a space of labelled digits.
NEEDS: dict[str, dict[str, Any]] = {"conditional_vae": {"condition": "label", "values": ("a", "b", "c")}}
NEEDS_OF_DIGITS: dict[str, dict[str, Any]] = {"conditional_vae": {"condition": "label"}}


def config_of(family: str, layout: Layout, x: np.ndarray) -> Config:
    return choose(layout, x, configure(family, {"latent_dim": 3, **NEEDS.get(family, {})}))


def trained(family: str, layout: Layout, n: int = 64) -> tuple[LatentModel, torch.Tensor]:
    """A model after two short epochs (or solved), and the rows it saw."""
    x = rows(layout, n)
    model = build(config_of(family, layout, x), layout, seed=1)
    train(model, x, TrainConfig(epochs=2, batch_size=16, threads=1, precision="float32"))
    return model, torch.from_numpy(x)


@pytest.mark.parametrize(("family", "name"), CASES)
def test_contract(family: str, name: str) -> None:
    model, x = trained(family, LAYOUTS[name])
    with torch.no_grad():
        posterior = model.encode(x)
        z, dim = posterior.mean, model.latent_dim
        assert z.shape == posterior.scale.shape == (len(x), dim)
        assert torch.isfinite(z).all()
        assert (posterior.scale > 0).all()
        for made in (model.decode(z), model.draw(z, torch.Generator().manual_seed(0))):
            assert made.shape == x.shape
            assert made.dtype == torch.float32
            assert torch.isfinite(made).all()
        smooth = model.expected(z)
        assert smooth.shape[0] == len(x)
        assert smooth.ndim == 2
        terms = model.terms(x, torch.Generator().manual_seed(0))
        assert terms.reconstruction.shape == (len(x),)
        assert terms.kl.shape == (len(x), dim)
        assert torch.isfinite(terms.elbo).all()
        # A row's answer does not hang on the rows beside it.
        assert torch.allclose(model.encode(x[:1]).mean, z[:1], atol=1e-4)


@pytest.mark.parametrize(("family", "name"), CASES)
def test_the_prior_can_be_drawn_from_and_has_a_density(family: str, name: str) -> None:
    model, _ = trained(family, LAYOUTS[name])
    with torch.no_grad():
        z = model.sample_prior(50, torch.Generator().manual_seed(3))
        again = model.sample_prior(50, torch.Generator().manual_seed(3))
        assert z.shape == (50, model.latent_dim)
        assert torch.equal(z, again)
        assert torch.isfinite(model.log_prior(z)).all()
        assert torch.isfinite(model.decode(z)).all()


@pytest.mark.parametrize(("family", "name"), CASES)
def test_what_is_written_is_read_back(family: str, name: str) -> None:
    model, x = trained(family, LAYOUTS[name])
    twin = from_json(json.loads(json.dumps(model.config_json())))
    twin.load_state_dict(model.state_dict())
    twin.eval()
    with torch.no_grad():
        z = model.encode(x).mean
        assert torch.equal(twin.encode(x).mean, z)
        assert torch.equal(twin.decode(z), model.decode(z))
        generators = (torch.Generator().manual_seed(1) for _ in range(2))
        assert torch.equal(*(m.sample_prior(5, g) for m, g in zip((twin, model), generators, strict=True)))


@pytest.mark.parametrize(("family", "name"), CASES)
def test_training_reaches_every_weight(family: str, name: str) -> None:
    layout = LAYOUTS[name]
    x = rows(layout, 64)
    model = build(config_of(family, layout, x), layout, seed=1)
    if isinstance(model, ClosedForm):
        return
    model.train()
    model.prepare(torch.from_numpy(x))
    loss, _ = model.loss(torch.from_numpy(x), 1.0, torch.Generator().manual_seed(0))
    loss.backward()
    learned = {n: p for n, p in model.named_parameters() if p.requires_grad}
    still = [n for n, p in learned.items() if p.grad is None or not (p.grad != 0).any()]
    assert not still, f"no gradient reaches {still}"
    assert all(torch.isfinite(p.grad).all() for p in learned.values() if p.grad is not None)


@pytest.mark.parametrize("family", families.REGISTRY)
def test_rows_and_latents_of_the_wrong_shape_are_refused(family: str) -> None:
    name = next(n for n in SMALL if LAYOUTS[n].modality in families.REGISTRY[family].config.modalities)
    model, x = trained(family, LAYOUTS[name])
    with pytest.raises(ModelError, match="Cannot encode rows of shape"):
        model.encode(torch.zeros(2, *x.shape[1:], 2))
    with pytest.raises(ModelError, match=r"Cannot decode: z has shape \(2, 4\), this model has 3 latent dimensions"):
        model.decode(torch.zeros(2, 4))


@pytest.mark.parametrize("family", families.REGISTRY)
def test_settings_have_names_and_bounds(family: str) -> None:
    config = configure(family, {"latent_dim": 5})
    assert type(config).from_json(config.to_json()) == config
    assert replace(config, reason="because") == config
    with pytest.raises(ModelError, match=r"has no setting 'latent_dims'; it has .*latent_dim"):
        configure(family, {"latent_dims": 5})
    with pytest.raises(ModelError, match="latent_dim must be from 1 to 4096, got 0"):
        configure(family, {"latent_dim": 0})


def test_an_unknown_family_is_refused_with_those_that_are_there() -> None:
    with pytest.raises(ModelError, match="No model family is called 'vea'; there are vae, pca, ppca, ae"):
        configure("vea", {})


@pytest.mark.parametrize("family", families.REGISTRY)
def test_every_family_is_a_space_like_any_other(family: str, tmp_path: Path) -> None:
    """Fitted, saved, opened, asked, measured: on real digits, or on numbers where it is not for images."""
    settings: dict[str, Any] = {"latent_dim": 4, **NEEDS_OF_DIGITS.get(family, {})}
    config = configure(family, settings)
    digits = load_digits()
    source = (digits.images[:300] * 16).clip(0, 255).astype(np.uint8)
    if "image" not in config.modalities:
        pytest.skip("not for images; its own tests fit it on its own data")
    training = TrainConfig(epochs=2, threads=1)
    space = ds.fit((source, digits.target[:300]), model=config, path=tmp_path / "a.space", training=training)
    with ds.open(tmp_path / "a.space", verify=True) as opened:
        assert opened.manifest["model"]["family"] == family
        assert np.array_equal(opened.decode(opened.latents.mean[:3]), space.decode(space.latents.mean[:3]))
        assert opened.sample(3).shape == source[:3].shape
        assert np.isfinite(opened.map.positions).all()
        assert len(opened.factors()) == 4
        assert len(opened.measure()) > 5
        assert opened.neighbors(z=opened.latents.mean[:1], k=2).index[0, 0] == 0
    space.close()
