"""The standard normal prior."""

from __future__ import annotations

import torch
from torch import Tensor

from deepspace.models.layout import Layout
from deepspace.models.priors.base import Density, Encode, Prior, log_normal

__all__ = ["Normal", "Standard"]


class Normal(Density):
    """N(0, I); ``like``: zeros (D,)."""

    def __init__(self, like: Tensor) -> None:
        self.like = like

    def log_prob(self, z: Tensor) -> Tensor:
        return self.log_prob_each(z).sum(1)

    def log_prob_each(self, z: Tensor) -> Tensor:
        nothing = torch.zeros((), device=z.device)
        return log_normal(z, nothing, nothing)

    def sample(self, n: int, generator: torch.Generator | None = None) -> Tensor:
        return torch.randn(n, len(self.like), generator=generator, device=self.like.device)

    def moments(self) -> tuple[Tensor, Tensor]:
        return self.like, torch.ones_like(self.like)

    def kl(self, mean: Tensor, log_variance: Tensor, z: Tensor, *, each: bool = True) -> Tensor:
        """In closed form (Kingma & Welling 2014, appendix B); z does not matter."""
        return 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance)


class Standard(Prior):
    """p(z) = N(0, I)."""

    name = "standard"

    def __init__(self, layout: Layout, latent_dim: int, components: int) -> None:
        super().__init__(layout, latent_dim, components)
        self.register_buffer("zero", torch.zeros(latent_dim), persistent=False)
        self.zero: Tensor

    def density(self, encode: Encode) -> Density:
        return Normal(self.zero)
