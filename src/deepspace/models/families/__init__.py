"""The model families: one file each, and one line here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import torch

from deepspace.data.schema import Schema
from deepspace.errors import ModelError
from deepspace.models.base import LatentModel
from deepspace.models.config import Config
from deepspace.models.families.attached import Attached, AttachedModel
from deepspace.models.families.autoencoder import AE, AEModel
from deepspace.models.families.conditional import ConditionalVAE, ConditionalVAEModel
from deepspace.models.families.gan import GAN, GANModel
from deepspace.models.families.pca import PCA, PCAModel
from deepspace.models.families.ppca import PPCA, PPCAModel
from deepspace.models.families.qlae import QLAE, QLAEModel
from deepspace.models.families.tcvae import TCVAE, TCVAEModel
from deepspace.models.families.vae import VAE, VAEModel
from deepspace.models.layout import Layout

__all__ = ["REGISTRY", "Family", "build", "configure", "from_json"]


class Family(NamedTuple):
    """A family's settings, and how it makes a model of them and a layout."""

    config: type[Config]
    make: Callable[[Any, Layout], LatentModel]


REGISTRY: dict[str, Family] = {
    "vae": Family(VAE, VAEModel),
    "pca": Family(PCA, PCAModel),
    "ppca": Family(PPCA, PPCAModel),
    "ae": Family(AE, AEModel),
    "tcvae": Family(TCVAE, TCVAEModel),
    "qlae": Family(QLAE, QLAEModel),
    "conditional_vae": Family(ConditionalVAE, ConditionalVAEModel),
    "gan": Family(GAN, GANModel),
}

_FOREIGN = {Attached.family: Family(Attached, AttachedModel)}
"""Opened from a space like the others, but made only by ``deepspace.attach``."""


def _family(name: object) -> Family:
    if name not in REGISTRY:
        raise ModelError(f"No model family is called {name!r}; there are {', '.join(REGISTRY)}.")
    return REGISTRY[str(name)]


def configure(name: str, settings: Mapping[str, Any]) -> Config:
    """The config of a family by its name, with some settings. Raises ModelError for a name that is not there."""
    config = _family(name).config
    for setting in settings:
        if setting not in config.settings():
            raise ModelError(
                f"A {config.__name__} has no setting {setting!r}; it has {', '.join(sorted(config.settings()))}."
            )
    try:
        return config.from_json(dict(settings))
    except (TypeError, ValueError) as error:
        given = ", ".join(f"{key}={value!r}" for key, value in settings.items())
        raise ModelError(f"Cannot make a {config.__name__} of {given}: {error}.") from error


def build(config: Config, schema: Schema | Layout, *, seed: int = 0) -> LatentModel:
    """An untrained model; same config, layout and seed, same weights. The global random state is left alone."""
    layout = schema if isinstance(schema, Layout) else Layout.of(schema)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return _family(config.family).make(config, layout)


def from_json(obj: dict[str, Any]) -> LatentModel:
    """A model of the architecture that ``config_json`` described; its weights are to be loaded."""
    try:
        family = _FOREIGN.get(obj["family"]) or _family(obj["family"])
        config, layout = family.config.from_json(obj["config"]), Layout.from_json(obj["layout"])
    except (KeyError, TypeError, ValueError) as error:
        raise ModelError(
            f"Cannot read a model description: {error!r}; it was written by another version or damaged."
        ) from error
    with torch.random.fork_rng(devices=[]):
        return family.make(config, layout)
