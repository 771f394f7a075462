"""What every model family offers to the loop that trains it and to the space that is built from it."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from deepspace.errors import ModelError

__all__ = ["Blocks", "ClosedForm", "LatentModel", "Posterior", "Recipe", "Terms"]


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


@dataclass(frozen=True)
class Recipe:
    """How a family wants to be trained.

    pace, length: the learning rate and the number of epochs, as shares of what suits a VAE. decay: how much more than
    usual the weights of its layers decay. adam: decay of the optimizer's averages of the gradient and of its square.
    best_by_loss: whether a smaller held-out loss means better weights; where the loss is a game between networks it
    does not, and training keeps its last weights and never stops early.
    """

    pace: float = 1.0
    length: float = 1.0
    decay: float = 1.0
    adam: tuple[float, float] = (0.9, 0.99)
    best_by_loss: bool = True


class LatentModel(nn.Module, ABC):
    """A model with an encoder and a decoder. x: (B, *shape) encoded rows, as the schema makes them; z: (B, D)."""

    latent_dim: int
    beta: float = 1.0
    recipe: Recipe = Recipe()
    nominal: bool = False
    """Whether the scale that ``encode`` gives is a width of the family's own and no posterior's."""
    training_rows: int = 0
    """How many rows training has, set when it starts; 0: not known. For losses that ask how large the data is."""
    condition: str | None = None
    """The column whose value the decoder is given beside z, where there is one; see ``given``."""
    conditions: tuple[str, ...] = ()
    """That column's values, in the order of their codes."""

    def given(self, codes: Tensor | None) -> LatentModel:
        """The same model, weights shared, for rows whose conditions are known: codes (B,), or (1,) for all rows alike.

        Without codes, and for z of no row, a model with a condition decodes at its commonest value.
        """
        return self

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

    def missing(self, z: Tensor) -> Tensor | None:
        """(B, D) -> (B, F): the probability that a table's cell is missing; None for a model that does not know.

        ``decode`` and ``draw`` say what a cell would hold if it were there; whoever shows rows to a user asks here too.
        """
        return None

    @abstractmethod
    def terms(self, x: Tensor, generator: torch.Generator | None = None) -> Terms:
        """One-sample ELBO terms of each row, with z ~ q(z|x) reparameterised; the one function training calls."""

    def log_likelihood(self, x: Tensor, z: Tensor) -> Tensor:
        """(B, *shape), (B, D) -> (B,): log p(x|z) in nats, of observed values (NaN is not) and of which cells are
        missing, where the model says so; an infinite cell is left out of both. ModelError where there is none."""
        raise ModelError(f"A {type(self).__name__} has no likelihood.")

    def sample_prior(self, n: int, generator: torch.Generator | None = None) -> Tensor:
        """(n, D): latents to draw new rows from."""
        device = next((p.device for p in self.parameters()), torch.device("cpu"))
        return torch.randn(n, self.latent_dim, generator=generator, device=device)

    def log_prior(self, z: Tensor) -> Tensor:
        """(B, D) -> (B,): log p(z) in nats, the density that ``sample_prior`` draws from."""
        return -0.5 * (z.square() + math.log(2 * math.pi)).sum(1)

    def prior_moments(self) -> tuple[Tensor, Tensor]:
        """Mean and deviation of each dimension under p(z), (D,) each."""
        z = torch.zeros(self.latent_dim)
        return z, torch.ones_like(z)

    def observe(self, x: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """(B, *shape) -> the rows as the model measures them: the same, but where a family draws them first."""
        return x

    def clusters(self, z: Tensor) -> Tensor | None:
        """(B, D) -> (B, K): how probable each cluster is, for a prior that is made of clusters; None elsewhere."""
        return None

    def loss(self, x: Tensor, weight: float = 1.0, generator: torch.Generator | None = None) -> tuple[Tensor, Terms]:
        """What training minimises, a scalar in nats per row, with the terms it came from.

        ``weight`` is the KL warm-up, 0..1. A family with another objective overrides this one function.
        """
        terms = self.terms(x, generator)
        return (weight * self.beta) * terms.kl.sum(1).mean() - terms.reconstruction.mean(), terms

    def prepare(self, x: Tensor) -> None:
        """Called once before training with some rows (N, *shape): measure input scales, set output biases."""

    def after_step(self) -> None:
        """Called after each step of training: moves what no gradient moves, such as an average of weights."""

    def settle(self) -> None:
        """Called once, when the warm-up of the KL is over and the rows have found their places in the latent space."""

    @torch.no_grad()
    def finish(self, blocks: Blocks) -> None:
        """Called once after training, in eval mode, with training rows (never held-out ones): what is fitted last."""

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
