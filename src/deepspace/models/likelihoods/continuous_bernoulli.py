"""Continuous Bernoulli: grey images that are nearly black and white."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from deepspace.models.likelihoods.base import Likelihood, uniform

__all__ = ["ContinuousBernoulli"]

# Below this |l| the closed form of the slope loses digits to cancellation; the slope is flat there to 4e-6.
_FLAT = 0.05


def _slope(a: Tensor, q: Tensor) -> Tensor:
    """k with E[x] = 1/2 + k l, from a = max(|l|, 0.05) and q = e^-a - 1: ((1 / (1 - e^-a) - 1/2 - 1/a) / a.

    k is even in l, 1/12 at 0. No branch by sign or size, since torch.where is slower than all else here together.
    """
    inverse = a.reciprocal()
    return q.reciprocal().add_(inverse).add_(0.5).neg_().mul_(inverse)


class _LogProb(torch.autograd.Function):
    """(l, x) -> x l - log((e^l - 1) / l), elementwise; its derivative in l is x - E[x]. Shares one exponential."""

    @staticmethod
    def forward(ctx: Any, logit: Tensor, x: Tensor) -> Tensor:
        a = logit.abs()
        # log((e^l - 1) / l) = max(l, 0) + log((1 - e^-|l|) / |l|), and the last fraction is exact however small |l| is.
        tiny = a.clamp_min(1e-6)
        value = torch.expm1(-tiny).div_(tiny).neg_().log_().add_(logit.clamp_min(0)).neg_().addcmul_(x, logit)
        a = a.clamp_min_(_FLAT)
        ctx.save_for_backward(_slope(a, torch.expm1(-a)).mul_(logit).add_(0.5).neg_().add_(x))
        return value

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:
        (derivative,) = ctx.saved_tensors
        return grads[0] * derivative, None


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


def _mean(logit: Tensor) -> Tensor:
    """E[x] = 1 / (1 - e^-l) - 1 / l, exact to 2e-6 at any l."""
    a = logit.abs().clamp_min(_FLAT)
    return _slope(a, torch.expm1(-a)) * logit + 0.5
