"""Bernoulli: images that are black and white."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from deepspace.models.likelihoods.base import Likelihood

__all__ = ["Bernoulli"]


class _LogProb(torch.autograd.Function):
    """(l, x) -> sum over a row of x l - log(1 + e^l), (B,); its derivative in l is x - s(l).

    The library's function makes six passes over the pixels forth and three back; this makes three and two.
    """

    @staticmethod
    def forward(ctx: Any, logit: Tensor, x: Tensor) -> Tensor:
        ctx.save_for_backward(logit, x)
        return torch.mul(x, logit).sub_(F.softplus(logit)).flatten(1).sum(1)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:
        logit, x = ctx.saved_tensors
        weight = grads[0].reshape(-1, *(1 for _ in logit.shape[1:]))
        return torch.sigmoid(logit).neg_().add_(x).mul_(weight), None


class Bernoulli(Likelihood):
    """log p(x|z) = sum of x l - log(1 + e^l) over pixels, l the logit.

    Exact for pixels of 0 and 255; for greys between, the expectation over images binarised at random with
    that probability (the "dynamic binarisation" of the literature).
    """

    name = "bernoulli"
    modalities = ("image",)

    def log_prob(self, params: Tensor, x: Tensor) -> Tensor:
        value: Tensor = _LogProb.apply(params, self.intensity(x))  # type: ignore[no-untyped-call]
        return value

    def mean(self, params: Tensor) -> Tensor:
        return params.sigmoid() * self.unit

    def draw(self, params: Tensor, generator: torch.Generator | None = None) -> Tensor:
        return torch.bernoulli(params.sigmoid(), generator=generator) * self.unit

    @torch.no_grad()
    def prepare(self, x: Tensor) -> Tensor:
        # A pixel that never changes must not start where its gradient is gone.
        return self.intensity(x).mean(0).clamp(0.01, 0.99).logit()
