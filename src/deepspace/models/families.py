"""The model families: one file each, and one line here."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import torch

from deepspace.data.schema import Schema
from deepspace.errors import ModelError
from deepspace.models.base import LatentModel
from deepspace.models.config import PCA, VAE
from deepspace.models.layout import Layout
from deepspace.models.pca import PCAModel
from deepspace.models.vae import VAEModel

__all__ = ["REGISTRY", "Family", "build", "from_json"]


class Family(NamedTuple):
    """How a family reads its config from JSON and makes a model from config and layout."""

    read: Callable[[dict[str, Any]], Any]
    make: Callable[[Any, Layout], LatentModel]


REGISTRY: dict[str, Family] = {
    "vae": Family(VAE.from_json, VAEModel),
    "pca": Family(PCA.from_json, PCAModel),
}


def _family(name: object) -> Family:
    if name not in REGISTRY:
        raise ModelError(f"No model family is called {name!r}; there are {', '.join(REGISTRY)}.")
    return REGISTRY[str(name)]


def build(config: VAE | PCA, schema: Schema | Layout, *, seed: int = 0) -> LatentModel:
    """An untrained model; same config, layout and seed, same weights. The global random state is left alone."""
    layout = schema if isinstance(schema, Layout) else Layout.of(schema)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return _family(config.family).make(config, layout)


def from_json(obj: dict[str, Any]) -> LatentModel:
    """A model of the architecture that ``config_json`` described; its weights are to be loaded."""
    try:
        family = _family(obj["family"])
        config, layout = family.read(obj["config"]), Layout.from_json(obj["layout"])
    except (KeyError, TypeError, ValueError) as error:
        raise ModelError(
            f"Cannot read a model description: {error!r}; it was written by another version or damaged."
        ) from error
    with torch.random.fork_rng(devices=[]):
        return family.make(config, layout)
