"""What a prior p(z) offers: a density over latents, and draws from it."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import ClassVar

import torch
from torch import Tensor, nn

from deepspace.models.layout import Layout

__all__ = ["Density", "Encode", "Prior", "log_normal"]

Encode = Callable[[Tensor], tuple[Tensor, Tensor]]
"""(N, *shape) encoded rows -> mean and log-variance of their posteriors, (N, D) each."""


def log_normal(z: Tensor, mean: Tensor, log_variance: Tensor) -> Tensor:
    """log N(z; mean, e^log_variance), elementwise."""
    return -0.5 * ((z - mean).square() * torch.exp(-log_variance) + log_variance + math.log(2 * math.pi))


class Density(ABC):
    """p(z) as it stands at one step of training. z: (B, D)."""

    @abstractmethod
    def log_prob(self, z: Tensor) -> Tensor:
        """(B,): log p(z) in nats."""

    @abstractmethod
    def log_prob_each(self, z: Tensor) -> Tensor:
        """(B, D): log p(z_d | z_1 .. z_d-1), which sum to log p(z)."""

    @abstractmethod
    def sample(self, n: int, generator: torch.Generator | None = None) -> Tensor:
        """(n, D): draws."""

    @abstractmethod
    def moments(self) -> tuple[Tensor, Tensor]:
        """(D,), (D,): mean and deviation of each dimension."""

    def kl(self, mean: Tensor, log_variance: Tensor, z: Tensor, *, each: bool = True) -> Tensor:
        """(B, D): KL(q || p) of q = N(mean, e^log_variance) by the one draw z ~ q, a column a dimension.

        By the chain rule, since q's dimensions are independent, column d estimates E KL(q(z_d) || p(z_d | z_<d)): never
        negative in expectation, 0 for a dimension that says nothing, and together the whole. Without ``each`` the
        whole is spread evenly, which is all that a loss needs and cheaper.
        """
        log_q = log_normal(z, mean, log_variance)
        if each:
            return log_q - self.log_prob_each(z)
        return ((log_q.sum(1) - self.log_prob(z)) / z.shape[1])[:, None].expand_as(z)


class Prior(nn.Module, ABC):
    """What is learned of p(z). ``components``: how many a mixture has."""

    name: ClassVar[str]
    clustered: ClassVar[bool] = False
    """Whether its components are clusters, to be told to the user row by row."""

    def __init__(self, layout: Layout, latent_dim: int, components: int) -> None:
        super().__init__()
        self.layout, self.latent_dim, self.components = layout, latent_dim, components

    @abstractmethod
    def density(self, encode: Encode) -> Density:
        """p(z) now. ``encode``: the model's encoder, for a prior that is made of posteriors."""

    def prepare(self, x: Tensor) -> None:
        """Called once before training with some training rows (N, *shape)."""

    def settle(self, z: Tensor) -> None:
        """Called once when the KL warm-up is over, with draws z ~ q(z|x) of some training rows (N, D)."""
