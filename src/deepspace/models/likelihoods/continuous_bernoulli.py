"""Continuous Bernoulli: grey images that are nearly black and white."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from deepspace.models.likelihoods.base import Likelihood, uniform

__all__ = ["ContinuousBernoulli"]

# Inside this |logit| the closed forms lose digits to cancellation and a Taylor series is used; at its edge
# the first term left out is below float32 resolution.
_SERIES = 0.5


def _mean(l: Tensor) -> Tensor:
    """E[x] = 1 / (1 - e^-l) - 1 / l, with a series around l = 0."""
    near = l.abs() < _SERIES
    safe = torch.where(near, 1.0, l)
    s = l * l
    series = 0.5 + l * (1 / 12 + s * (-1 / 720 + s * (1 / 30240 - s / 1209600)))
    return torch.where(near, series, -1 / torch.expm1(-safe) - 1 / safe)


class _LogProb(torch.autograd.Function):
    """(l, x) -> x l - log((e^l - 1) / l), elementwise; the derivative in l is x - E[x], computed once, backwards."""

    @staticmethod
    def forward(ctx: Any, l: Tensor, x: Tensor) -> Tensor:
        ctx.save_for_backward(l, x)
        a = l.abs()
        near = a < _SERIES
        safe = torch.where(near, 1.0, a)
        s = l * l
        # log((e^l - 1) / l) = l / 2 + log(sinh(l / 2) / (l / 2)), and the second term is even.
        series = s * (1 / 24 + s * (-1 / 2880 + s * (1 / 181440 - s / 9676800)))
        far = 0.5 * a + torch.log1p(-torch.exp(-safe)) - safe.log()
        return (x - 0.5) * l - torch.where(near, series, far)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:
        l, x = ctx.saved_tensors
        return grads[0] * (x - _mean(l)), None


class ContinuousBernoulli(Likelihood):
    """The Bernoulli's form normalised over [0, 1] (Loaiza-Ganem & Cunningham 2019, arXiv:1907.06845).

    log p(x|z) = sum of x l - log((e^l - 1) / l) over pixels, l the logit.
    """

    name = "continuous_bernoulli"
    modalities = ("image",)

    def log_prob(self, params: Tensor, x: Tensor) -> Tensor:
        value: Tensor = _LogProb.apply(params, self.intensity(x))  # type: ignore[no-untyped-call]
        return value.flatten(1).sum(1)

    def mean(self, params: Tensor) -> Tensor:
        return _mean(params) * self.unit

    def draw(self, params: Tensor, generator: torch.Generator | None = None) -> Tensor:
        # Inverse of the distribution function, written for -|l| so that nothing overflows.
        u = uniform(params, generator)
        a = params.abs().clamp_min(1e-4)
        x = -torch.log1p(u * torch.expm1(-a)) / a
        return torch.where(params > 0, 1 - x, x).clamp(0, 1) * self.unit

    @torch.no_grad()
    def prepare(self, x: Tensor) -> Tensor:
        mean = self.intensity(x).mean(0).clamp(0.02, 0.98)
        low, high = torch.full_like(mean, -60.0), torch.full_like(mean, 60.0)
        for _ in range(30):  # the mean rises with the logit
            middle = (low + high) / 2
            above = _mean(middle) > mean
            low, high = torch.where(above, low, middle), torch.where(above, middle, high)
        return (low + high) / 2
