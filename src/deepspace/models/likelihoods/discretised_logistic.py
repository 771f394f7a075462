"""Discretised logistic: images whose pixels are one of 256 levels, as an exact probability of each."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from deepspace.models.layout import Layout
from deepspace.models.likelihoods.base import Likelihood, uniform

__all__ = ["DiscretisedLogistic"]

_HALF = 0.5 / 255  # half a level, in intensity


class DiscretisedLogistic(Likelihood):
    """P(level) is the mass of a logistic between the level's edges, the outer levels taking the tails.

    Salimans 2017, arXiv:1701.05517, with one component. The decoder gives a location and a log-scale for each value;
    the levels' probabilities sum to one. With a, b the standardised upper and lower edge,
    log(s(a) - s(b)) = log s(a) + log s(-b) + log(1 - e^(b-a)), which cancels nowhere.
    """

    name = "discretised_logistic"
    modalities = ("image",)

    def __init__(self, layout: Layout) -> None:
        super().__init__(layout)
        self.channels = layout.shape[0]
        self.outputs = (2 * self.channels, *layout.shape[1:])

    def _split(self, params: Tensor) -> tuple[Tensor, Tensor]:
        location, log_scale = params.chunk(2, 1)
        # The decoder's zero is a scale of about a tenth of the range.
        return location, (log_scale - 2.3).clamp(-8, 2)

    def log_prob(self, params: Tensor, x: Tensor) -> Tensor:
        location, log_scale = self._split(params)
        y = self.intensity(x)
        rate = torch.exp(-log_scale)
        centre = (y - location) * rate
        half = _HALF * rate
        lowest, highest = y < _HALF, y > 1 - _HALF
        upper = F.logsigmoid(centre + half).masked_fill(highest, 0)
        lower = F.logsigmoid(half - centre).masked_fill(lowest, 0)
        inner = torch.log(-torch.expm1(-2 * half)).masked_fill(lowest | highest, 0)
        return (upper + lower + inner).flatten(1).sum(1)

    def mean(self, params: Tensor) -> Tensor:
        """The logistic clipped to [0, 1] has mean 1 - s log(1 + e^(m/s)) taken between the ends, in closed form."""
        location, log_scale = self._split(params)
        scale = log_scale.exp()
        # E[min(max(x, 0), 1)] = s (softplus(m / s) - softplus((m - 1) / s)), the integral of 1 - F from 0 to 1.
        mean = scale * (F.softplus(location / scale) - F.softplus((location - 1) / scale))
        return mean.clamp(0, 1) * self.unit

    def draw(self, params: Tensor, generator: torch.Generator | None = None) -> Tensor:
        location, log_scale = self._split(params)
        sample = location + log_scale.exp() * uniform(location, generator).logit()
        return (sample * self.unit).round().clamp(0, self.unit)

    @torch.no_grad()
    def prepare(self, x: Tensor) -> Tensor:
        y = self.intensity(x)
        mean, deviation = y.mean(0), y.std(0, correction=0).clamp_min(0.02)
        return torch.cat([mean, (deviation * (math.sqrt(3) / math.pi)).log() + 2.3])
