"""What a likelihood p(x|z) offers: how many numbers it wants from the decoder, and what they say of x."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

import torch
from torch import Tensor, nn

from deepspace.errors import ModelError
from deepspace.models.layout import Layout

__all__ = ["Likelihood", "uniform"]


class Likelihood(nn.Module, ABC):
    """p(x|z) of one encoded row, given the decoder's output ``params`` (B, *outputs) in float32.

    Images are measured on intensities in [0, 1] (x / 255); a density there is a density over that unit.
    """

    name: ClassVar[str]
    modalities: ClassVar[tuple[str, ...]]
    outputs: tuple[int, ...]

    def __init__(self, layout: Layout) -> None:
        super().__init__()
        if layout.modality not in self.modalities:
            raise ModelError(
                f"The {self.name} likelihood does not fit a {layout.modality}; "
                f"it is for {' and '.join(self.modalities)} data."
            )
        self.layout = layout
        self.unit = 255.0 if layout.modality == "image" else 1.0
        self.outputs = layout.shape

    @abstractmethod
    def log_prob(self, params: Tensor, x: Tensor) -> Tensor:
        """(B, *outputs), (B, *shape) -> (B,): log p(x|z) in nats, summed over what was observed."""

    @abstractmethod
    def mean(self, params: Tensor) -> Tensor:
        """(B, *outputs) -> (B, *shape): the mean of p(x|z) as an encoded row; for categories the mode."""

    def expected(self, params: Tensor) -> Tensor:
        """(B, *outputs) -> (B, E): the mean in numbers that vary smoothly, in encoded units. A category is the
        probability of each of its values, scaled so that from surely one to surely another is 1 away."""
        return self.mean(params).flatten(1)

    def spread(self, x: Tensor) -> Tensor:
        """(B, *shape) -> (B, E): an encoded row in the numbers of ``expected``; NaN where not observed."""
        return x.to(torch.float32).flatten(1)

    def soften(self, params: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """(B, *outputs) -> (B, E): ``draw_modelled`` in the numbers of ``expected``; a gradient passes."""
        return self.expected(params)

    def draw_modelled(self, params: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """(B, *outputs) -> (B, *shape): a draw without the noise of numbers; categories are drawn all the same."""
        return self.mean(params)

    @abstractmethod
    def draw(self, params: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """(B, *outputs) -> (B, *shape): one sample of p(x|z) as an encoded row."""

    def missing(self, params: Tensor) -> Tensor | None:
        """(B, *outputs) -> (B, F): the probability that a table's cell is missing; None where not modelled."""
        return None

    @torch.no_grad()
    def prepare(self, x: Tensor) -> Tensor:
        """(N, *shape) -> (*outputs): the output that fits these rows best if z says nothing; may set own scales too."""
        return torch.zeros(self.outputs, device=x.device)

    def intensity(self, x: Tensor) -> Tensor:
        """Encoded rows as float32 on the scale that the likelihood measures."""
        x = x.to(torch.float32)
        return x * (1 / self.unit) if self.unit != 1 else x


def uniform(like: Tensor, generator: torch.Generator | None) -> Tensor:
    """Uniform numbers strictly inside (0, 1), shaped like ``like``."""
    u = torch.rand(like.shape, generator=generator, device=like.device)
    return u.clamp(1e-7, 1 - 1e-7)
