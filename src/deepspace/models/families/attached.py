"""A model that was trained elsewhere: its own encode and decode, between the rows as this space keeps them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor

from deepspace.errors import ModelError
from deepspace.models.base import LatentModel, Posterior, Terms
from deepspace.models.config import Config
from deepspace.models.layout import Layout

__all__ = ["Attached", "AttachedModel", "Ends"]

_AWAY = (
    "the model of this space was trained elsewhere and is not at hand; attach it again with "
    "space.attach(model) or space.attach(encode=..., decode=...)."
)
_LACKS = ("encoder", "decoder", "posterior", "prior", "likelihood")


class Ends(Protocol):
    """The two ends of a foreign model, in this house's units. x: (B, *shape) encoded rows; z: (B, D)."""

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor | None]:
        """Posterior mean (B, D), and its scale where there is one."""

    def decode(self, z: Tensor) -> Tensor:
        """(B, D) -> encoded rows (B, *shape), float32."""


@dataclass(frozen=True, kw_only=True)
class Attached(Config):
    """What is kept of a foreign model: nothing that runs, only how it is spoken to.

    lacks: which of encoder, decoder, posterior, prior and likelihood the model was attached without.
    scale: posterior scale that stands in where the encoder gives none, in latent units.
    latent_shape: (D,), or (c, h, w) where the model's latents are pictures, which are flattened here.
    inputs, flat: how rows are handed to the model, as in ``deepspace.attach``.
    """

    lacks: tuple[str, ...] = ()
    scale: float = 1.0
    latent_shape: tuple[int, ...] = ()
    inputs: str = "raw"
    flat: bool = False

    family = "attached"
    modalities = ()

    def __post_init__(self) -> None:
        super().__post_init__()
        if any(part not in _LACKS for part in self.lacks):
            self._refuse("lacks", f"may name {', '.join(_LACKS)}")
        if not 0 < self.scale < float("inf"):
            self._refuse("scale", "must be a positive number")


class AttachedModel(LatentModel):
    """A foreign encoder and decoder under the contract of this house's models; either may be missing.

    It has no likelihood, so that ``terms`` are NaN: there is no ELBO. Where the encoder gives a posterior its KL
    against N(0, I) is in closed form. Weights are not part of ``state_dict``: a foreign module stays its owner's.
    """

    def __init__(self, config: Attached, layout: Layout, ends: Ends | None = None) -> None:
        super().__init__()
        if config.latent_dim is None:
            raise ModelError("An attached model needs its latent_dim.")
        self.config, self.layout, self.latent_dim = config, layout, config.latent_dim
        self._ends = ends

    @property
    def lacks(self) -> frozenset[str]:
        away = () if self._ends is not None else ("encoder", "decoder")
        return frozenset((*self.config.lacks, *away))

    def _end(self, part: str, doing: str) -> Ends:
        if part in self.config.lacks:
            raise ModelError(f"Cannot {doing}: this space was attached without {_ARTICLES[part]}.")
        if self._ends is None:
            raise ModelError(f"Cannot {doing}: {_AWAY}")
        return self._ends

    def encode(self, x: Tensor) -> Posterior:
        if tuple(x.shape[1:]) != self.layout.shape:
            raise ModelError(
                f"Cannot encode rows of shape {tuple(x.shape[1:])}: "
                f"this model takes {self.layout.modality} rows of shape {self.layout.shape}."
            )
        mean, scale = self._end("encoder", "encode").encode(x)
        return Posterior(mean, torch.full_like(mean, self.config.scale) if scale is None else scale)

    def decode(self, z: Tensor) -> Tensor:
        if z.ndim != 2 or z.shape[1] != self.latent_dim:
            raise ModelError(
                f"Cannot decode: z has shape {tuple(z.shape)}, this model has {self.latent_dim} latent dimensions."
            )
        return self._end("decoder", "decode").decode(z)

    def draw(self, z: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """The mean: a foreign decoder says nothing of noise."""
        return self.decode(z)

    def terms(self, x: Tensor, generator: torch.Generator | None = None) -> Terms:
        mean, scale = self.encode(x)
        nothing = torch.full((len(x),), float("nan"))
        if "posterior" in self.lacks:
            return Terms(nothing, torch.full_like(mean, float("nan")))
        return Terms(nothing, 0.5 * (mean.square() + scale.square() - 1) - scale.log())

    def log_likelihood(self, x: Tensor, z: Tensor) -> Tensor:
        raise ModelError("An attached model has no likelihood, so that no row has a probability under it.")

    def sample_prior(self, n: int, generator: torch.Generator | None = None) -> Tensor:
        self._check_prior()
        return super().sample_prior(n, generator)

    def log_prior(self, z: Tensor) -> Tensor:
        self._check_prior()
        return super().log_prior(z)

    def _check_prior(self) -> None:
        if "prior" in self.lacks:
            raise ModelError(
                "This model was attached without a prior, so that nothing can be drawn from it; decode the latents of "
                "rows, or attach it with prior='normal' if it was trained towards a standard normal."
            )

    def config_json(self) -> dict[str, Any]:
        return {"family": self.config.family, "config": self.config.to_json(), "layout": self.layout.to_json()}


_ARTICLES = {"encoder": "an encoder", "decoder": "a decoder"}
