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
    """Encoded rows -> float32 of about zero mean and unit deviation, by one mean and deviation a channel."""

    def __init__(self, layout: Layout) -> None:
        super().__init__()
        channels = layout.shape[0] if layout.modality != "vector" else 1
        shape = (channels, *(1 for _ in layout.shape[1:]))
        image = layout.modality == "image"
        self.register_buffer("shift", torch.full(shape, 127.5 if image else 0.0))
        self.register_buffer("factor", torch.full(shape, 1 / 127.5 if image else 1.0))
        self.shift: Tensor
        self.factor: Tensor

    def forward(self, x: Tensor) -> Tensor:
        return (x.to(torch.float32) - self.shift) * self.factor

    @torch.no_grad()
    def prepare(self, x: Tensor) -> None:
        """Measure on (N, *shape) rows."""
        x = x.to(torch.float32)
        axes = [i for i in range(x.ndim) if i != 1 or self.shift.numel() == 1]
        mean = x.mean(axes, keepdim=True).reshape(self.shift.shape)
        deviation = x.std(axes, correction=0, keepdim=True).reshape(self.shift.shape)
        self.shift.copy_(mean)
        self.factor.copy_(1 / deviation.clamp_min(1e-3))
