"""What every model family offers to the loop that trains it and to the space that is built from it."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from deepspace.errors import ModelError

__all__ = ["Blocks", "ClosedForm", "LatentModel", "Posterior", "Terms"]


class Posterior(NamedTuple):
    """q(z|x): a diagonal Gaussian. mean, scale: (B, D), scale > 0."""

    mean: Tensor
    scale: Tensor


class Terms(NamedTuple):
    """The two halves of the ELBO in nats. reconstruction: (B,), log p(x|z); kl: (B, D), one column a latent."""

    reconstruction: Tensor
    kl: Tensor

    @property
    def elbo(self) -> Tensor:
        """(B,): reconstruction minus the whole KL."""
        return self.reconstruction - self.kl.sum(1)


class LatentModel(nn.Module, ABC):
    """A model with an encoder and a decoder. x: (B, *shape) encoded rows, as the schema makes them; z: (B, D)."""

    latent_dim: int
    beta: float = 1.0
    best_by_loss: bool = True
    """Whether a smaller held-out loss means better weights. Where the loss is a game between networks it does not:
    training then keeps its last weights and never stops early."""
    adam: tuple[float, float] = (0.9, 0.99)
    """Decay of the optimizer's averages of the gradient and of its square."""

    @property
    def lacks(self) -> frozenset[str]:
        """What a model trained elsewhere may not have: "encoder", "decoder", "posterior", "prior", "likelihood"."""
        return frozenset()

    @abstractmethod
    def encode(self, x: Tensor) -> Posterior:
        """(B, *shape) -> posterior with mean and scale (B, D), float32."""

    @abstractmethod
    def decode(self, z: Tensor) -> Tensor:
        """(B, D) -> the mean of p(x|z), or its mode for categories and whole numbers, as encoded rows (B, *shape).

        float32. Images: 0..255. Tables: never NaN.
        """

    def expected(self, z: Tensor) -> Tensor:
        """(B, D) -> (B, E): ``decode`` in numbers that vary smoothly with z, so that distances and gradients mean
        something; a family whose decode jumps (the mode of a category) overrides it."""
        return self.decode(z).flatten(1)

    @abstractmethod
    def draw(self, z: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """(B, D) -> a sample x ~ p(x|z), (B, *shape), in the same units as ``decode``."""

    @abstractmethod
    def terms(self, x: Tensor, generator: torch.Generator | None = None) -> Terms:
        """One-sample ELBO terms of each row, with z ~ q(z|x) reparameterised; the one function training calls."""

    def log_likelihood(self, x: Tensor, z: Tensor) -> Tensor:
        """(B, *shape), (B, D) -> (B,): log p(x|z) in nats, observed values only. ModelError where there is none."""
        raise ModelError(f"A {type(self).__name__} has no likelihood.")

    def sample_prior(self, n: int, generator: torch.Generator | None = None) -> Tensor:
        """(n, D): latents to draw new rows from."""
        device = next((p.device for p in self.parameters()), torch.device("cpu"))
        return torch.randn(n, self.latent_dim, generator=generator, device=device)

    def log_prior(self, z: Tensor) -> Tensor:
        """(B, D) -> (B,): log p(z) in nats, the density that ``sample_prior`` draws from."""
        return -0.5 * (z.square() + math.log(2 * math.pi)).sum(1)

    def loss(self, x: Tensor, weight: float = 1.0, generator: torch.Generator | None = None) -> tuple[Tensor, Terms]:
        """What training minimises, a scalar in nats per row, with the terms it came from.

        ``weight`` is the KL warm-up, 0..1. A family with another objective overrides this one function.
        """
        terms = self.terms(x, generator)
        return (weight * self.beta) * terms.kl.sum(1).mean() - terms.reconstruction.mean(), terms

    def prepare(self, x: Tensor) -> None:
        """Called once before training with some rows (N, *shape): measure input scales, set output biases."""

    def distance_weights(self) -> Tensor | None:
        """(D,): what a squared difference in each dimension weighs between neighbours; None: all the same.

        For a model whose decoder says exactly how far a step in latents moves the data.
        """
        return None

    @abstractmethod
    def config_json(self) -> dict[str, Any]:
        """A JSON object from which ``deepspace.models.from_json`` builds a model of the same architecture."""


Blocks = Callable[[], Iterator[Tensor]]
"""Rows in blocks (B, *shape), from the first again at every call."""


class ClosedForm(LatentModel):
    """A model whose best weights are known without training: ``solve`` sets them, exactly, from rows read in blocks."""

    @abstractmethod
    def wanted(self, rows: int) -> int:
        """How many of so many rows ``solve`` should see, for its time and memory to stay within bounds."""

    @abstractmethod
    def solve(self, blocks: Blocks) -> None:
        """Set the weights that fit these rows best."""
