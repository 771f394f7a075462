"""Gaussian with a learned scale: signals, vectors, numbers in tables, photographs."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from deepspace.models.layout import Layout
from deepspace.models.likelihoods.base import Likelihood

__all__ = ["Gaussian"]

# Adam moves a parameter by about its learning rate a step; the scale has a long way to go in few steps.
_GAIN = 10.0
_FLOOR, _CEILING = -6.0, 6.0


class Gaussian(Likelihood):
    """Independent normals; the decoder gives the mean, the scale is learned (sigma-VAE, Rybkin 2021, arXiv:2006.13202).

    For images the mean is a sigmoid of the decoder's output, since intensities lie in [0, 1]: on Fashion-MNIST that
    gains 150 nats over leaving it free. One scale a channel for images and signals, one a column for tables, one in
    all for vectors. NaN is not observed.
    """

    name = "gaussian"
    modalities = ("image", "signal", "vector", "table")

    def __init__(self, layout: Layout) -> None:
        super().__init__(layout)
        channels = layout.shape[0] if layout.modality != "vector" else 1
        self.scales = (channels, *(1 for _ in layout.shape[1:]))
        self.raw = nn.Parameter(torch.zeros(self.scales))

    @property
    def log_scale(self) -> Tensor:
        """Log of the scale, broadcastable against a row; of intensities for images."""
        return (self.raw * _GAIN).clamp(_FLOOR, _CEILING)

    def _mean(self, params: Tensor) -> Tensor:
        return params.sigmoid() if self.layout.modality == "image" else params

    def log_prob(self, params: Tensor, x: Tensor) -> Tensor:
        x, params = self.intensity(x), self._mean(params)
        log_scale = self.log_scale
        precision = torch.exp(-2 * log_scale)
        if self.layout.modality == "table":
            seen = ~x.isnan()
            square = (torch.where(seen, x, params) - params).square()
            cell = square * (0.5 * precision) + (log_scale + 0.5 * math.log(2 * math.pi))
            return -(cell * seen).sum(1)
        # One scale serves many values: sum the squares first, weigh once.
        groups = self.raw.numel()
        square = (x - params).square().reshape(len(x), groups, -1)
        each = square.shape[2]
        log_scale = log_scale.reshape(1, groups)
        return -(
            square.sum(2) * (0.5 * precision.reshape(1, groups)) + each * (log_scale + 0.5 * math.log(2 * math.pi))
        ).sum(1)

    def mean(self, params: Tensor) -> Tensor:
        return self._mean(params) * self.unit

    def draw(self, params: Tensor, generator: torch.Generator | None = None) -> Tensor:
        noise = torch.randn(params.shape, generator=generator, device=params.device)
        sample = self._mean(params) + noise * self.log_scale.exp()
        return sample.clamp(0, 1) * self.unit if self.layout.modality == "image" else sample

    @torch.no_grad()
    def prepare(self, x: Tensor) -> Tensor:
        x = self.intensity(x)
        seen = ~x.isnan()
        mean = torch.where(seen, x, 0).sum(0) / seen.sum(0).clamp_min(1)
        square = torch.where(seen, (x - mean).square(), 0)
        axes = [i for i in range(x.ndim) if i != 1 or self.scales == (1,)]
        variance = square.sum(axes) / seen.sum(axes).clamp_min(1)
        start = 0.5 * variance.clamp_min(1e-4).log()
        self.raw.copy_(start.reshape(self.scales).clamp(_FLOOR + 1, _CEILING - 1) / _GAIN)
        return mean.clamp(0.02, 0.98).logit() if self.layout.modality == "image" else mean
