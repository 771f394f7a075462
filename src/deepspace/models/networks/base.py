"""What the two halves of a network offer."""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn

from deepspace.models.layout import Layout

__all__ = ["Decoder", "Encoder", "Standardise"]


class Encoder(nn.Module, ABC):
    """x (B, *shape), encoded rows -> h (B, width)."""

    width: int

    @abstractmethod
    def forward(self, x: Tensor) -> Tensor: ...

    def prepare(self, x: Tensor) -> None:
        """Measure what standardises the input on (N, *shape) rows."""


class Decoder(nn.Module, ABC):
    """z (B, D) -> the likelihood's parameters (B, *outputs). ``output``: the last layer."""

    output: nn.Linear | nn.ConvTranspose2d

    @abstractmethod
    def forward(self, z: Tensor) -> Tensor: ...

    @abstractmethod
    def prepare(self, start: Tensor) -> None:
        """Make ``start`` (*outputs) the output at initialisation, as near as the last layer's bias allows."""


class Standardise(nn.Module):
    """Encoded rows -> float32 of about zero mean and unit deviation, by one mean and deviation a channel.

    Counts are first brought to a common total and to logarithms: log(1 + l x / total), l the median total, a channel a
    gene; no gene is made larger than tenfold, since a rare one would else be all noise.
    """

    def __init__(self, layout: Layout) -> None:
        super().__init__()
        self.counts = layout.modality == "counts"
        channels = layout.shape[0] if layout.modality != "vector" else 1
        shape = (channels, *(1 for _ in layout.shape[1:]))
        image = layout.modality == "image"
        self.register_buffer("shift", torch.full(shape, 127.5 if image else 0.0))
        self.register_buffer("factor", torch.full(shape, 1 / 127.5 if image else 1.0))
        if self.counts:
            self.register_buffer("total", torch.ones(()))
            self.total: Tensor
        self.shift: Tensor
        self.factor: Tensor

    def forward(self, x: Tensor) -> Tensor:
        return (self._values(x) - self.shift) * self.factor

    def _values(self, x: Tensor) -> Tensor:
        x = x.to(torch.float32)
        return torch.log1p(x * (self.total / x.sum(1, keepdim=True).clamp_min(1))) if self.counts else x

    @torch.no_grad()
    def prepare(self, x: Tensor) -> None:
        """Measure on (N, *shape) rows."""
        if self.counts:
            self.total.copy_(x.sum(1, dtype=torch.float32).median())
        x = self._values(x)
        axes = [i for i in range(x.ndim) if i != 1 or self.shift.numel() == 1]
        mean = x.mean(axes, keepdim=True).reshape(self.shift.shape)
        deviation = x.std(axes, correction=0, keepdim=True).reshape(self.shift.shape)
        self.shift.copy_(mean)
        self.factor.copy_(1 / deviation.clamp_min(0.1 if self.counts else 1e-3))
