"""Fully connected networks, for any modality."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from math import prod

import torch
from torch import Tensor, nn

from deepspace.models.layout import Layout
from deepspace.models.networks.activation import GAIN, TIMES, bend
from deepspace.models.networks.base import Decoder, Encoder, Standardise

__all__ = ["MLPDecoder", "MLPEncoder", "stack"]


def stack(widths: Sequence[int], dropout: float = 0.0, activation: str = "relu") -> nn.Sequential:
    """Linear layers of these widths with an activation after each. Dropout ends them."""
    layers: list[nn.Module] = []
    for a, b in pairwise(widths):
        linear = nn.Linear(a, b * TIMES[activation])
        nn.init.normal_(linear.weight, std=(GAIN[activation] / a) ** 0.5)
        nn.init.zeros_(linear.bias)
        layers += [linear, bend(activation)]
    return nn.Sequential(*layers, *([nn.Dropout(dropout)] if dropout else []))


class MLPEncoder(Encoder):
    """(B, *shape) -> (B, hidden[-1])."""

    def __init__(self, layout: Layout, hidden: Sequence[int], dropout: float = 0.0, activation: str = "relu") -> None:
        super().__init__()
        self.standardise = Standardise(layout)
        self.layers = stack([layout.size, *hidden], dropout, activation)
        self.width = hidden[-1] if hidden else layout.size

    def forward(self, x: Tensor) -> Tensor:
        h: Tensor = self.layers(self.standardise(x).flatten(1))
        return h

    def prepare(self, x: Tensor) -> None:
        self.standardise.prepare(x)


class MLPDecoder(Decoder):
    """(B, D) -> (B, *outputs), through the hidden widths in reverse."""

    def __init__(
        self,
        latent_dim: int,
        hidden: Sequence[int],
        outputs: tuple[int, ...],
        dropout: float = 0.0,
        activation: str = "relu",
    ) -> None:
        super().__init__()
        self.outputs = outputs
        widths = [latent_dim, *reversed(hidden)]
        self.layers = stack(widths, dropout, activation)
        self.output = nn.Linear(widths[-1], prod(outputs))

    def forward(self, z: Tensor) -> Tensor:
        out: Tensor = self.output(self.layers(z))
        return out.reshape(-1, *self.outputs)

    @torch.no_grad()
    def prepare(self, start: Tensor) -> None:
        if self.output.bias is not None:
            self.output.bias.copy_(start.flatten())
