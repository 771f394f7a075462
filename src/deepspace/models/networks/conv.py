"""Convolutional networks for images of any size and signals of any length."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from deepspace.errors import ModelError
from deepspace.models.layout import Layout
from deepspace.models.networks.activation import GAIN, TIMES, bend
from deepspace.models.networks.base import Decoder, Encoder, Standardise

__all__ = ["ConvDecoder", "ConvEncoder"]

# A signal (C, L) is treated as an image (C, 1, L): one set of layers serves both.
_KERNEL = {"image": (4, 4), "signal": (1, 6)}


def _plane(shape: tuple[int, ...]) -> tuple[int, int]:
    return (shape[1], shape[2]) if len(shape) == 3 else (1, shape[1])


_Pair = tuple[int, int]


def _geometry(shape: tuple[int, ...], levels: int) -> tuple[_Pair, _Pair, _Pair, _Pair]:
    """Kernel, stride and padding of a layer that halves; and the plane (h, w) left after ``levels`` of them."""
    kernel = _KERNEL["image" if len(shape) == 3 else "signal"]
    stride = (2 if kernel[0] > 1 else 1, 2)
    padding = ((kernel[0] - stride[0]) // 2, (kernel[1] - stride[1]) // 2)
    height, width = _plane(shape)
    bottom = (-(-height // stride[0] ** levels), -(-width // stride[1] ** levels))
    return kernel, stride, padding, bottom


def _start(layer: nn.Conv2d | nn.ConvTranspose2d, fan_in: float, gain: float) -> None:
    nn.init.normal_(layer.weight, std=(gain / fan_in) ** 0.5)
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)


class ConvEncoder(Encoder):
    """(B, *shape) -> (B, C h w): each level halves the plane, which is padded right and below until it divides."""

    def __init__(self, layout: Layout, hidden: Sequence[int], dropout: float = 0.0, activation: str = "relu") -> None:
        super().__init__()
        if not hidden:
            raise ModelError("The conv network needs at least one level in hidden, for example (32, 64).")
        kernel, stride, padding, bottom = _geometry(layout.shape, len(hidden))
        height, width = _plane(layout.shape)
        self.pad = (0, bottom[1] * stride[1] ** len(hidden) - width, 0, bottom[0] * stride[0] ** len(hidden) - height)
        self.plane = (height, width)
        self.standardise = Standardise(layout)
        layers: list[nn.Module] = []
        channels = layout.shape[0]
        for out in hidden:
            conv = nn.Conv2d(channels, out * TIMES[activation], kernel, stride, padding)
            _start(conv, channels * prod(kernel), GAIN[activation])
            layers += [conv, bend(activation)]
            channels = out
        self.layers = nn.Sequential(*layers, *([nn.Dropout(dropout)] if dropout else []))
        self.width = channels * prod(bottom)

    def forward(self, x: Tensor) -> Tensor:
        x = self.standardise(x)
        x = F.pad(x.reshape(len(x), -1, *self.plane), self.pad)
        h: Tensor = self.layers(x.contiguous(memory_format=torch.channels_last))
        return h.flatten(1)

    def prepare(self, x: Tensor) -> None:
        self.standardise.prepare(x)


class ConvDecoder(Decoder):
    """(B, D) -> (B, *outputs): each level doubles the plane; what padding added is cut off."""

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
        kernel, stride, padding, bottom = _geometry(outputs, len(hidden))
        self.bottom = (hidden[-1] * TIMES[activation], *bottom)
        self.first = nn.Linear(latent_dim, prod(self.bottom))
        layers: list[nn.Module] = [bend(activation)]
        channels = hidden[-1]
        for out in reversed(hidden[:-1]):
            up = nn.ConvTranspose2d(channels, out * TIMES[activation], kernel, stride, padding)
            _start(up, channels * prod(kernel) / prod(stride), GAIN[activation])
            layers += [up, bend(activation)]
            channels = out
        self.layers = nn.Sequential(*layers, *([nn.Dropout(dropout)] if dropout else []))
        self.output = nn.ConvTranspose2d(channels, outputs[0], kernel, stride, padding)
        _start(self.output, channels * prod(kernel) / prod(stride), 1.0)

    def forward(self, z: Tensor) -> Tensor:
        h = self.first(z).reshape(-1, *self.bottom).contiguous(memory_format=torch.channels_last)
        out: Tensor = self.output(self.layers(h))
        height, width = _plane(self.outputs)
        return out[:, :, :height, :width].reshape(-1, *self.outputs)

    @torch.no_grad()
    def prepare(self, start: Tensor) -> None:
        if self.output.bias is not None:
            self.output.bias.copy_(start.flatten(1).mean(1))
