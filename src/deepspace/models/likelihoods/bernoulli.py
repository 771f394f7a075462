"""Bernoulli: images that are black and white."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from deepspace.models.likelihoods.base import Likelihood

__all__ = ["Bernoulli"]


class Bernoulli(Likelihood):
    """log p(x|z) = sum of x l - log(1 + e^l) over pixels, l the logit.

    Exact for pixels of 0 and 255; for greys between, the expectation over images binarised at random with
    that probability (the "dynamic binarisation" of the literature).
    """

    name = "bernoulli"
    modalities = ("image",)

    def log_prob(self, params: Tensor, x: Tensor) -> Tensor:
        loss = F.binary_cross_entropy_with_logits(params, self.intensity(x), reduction="none")
        return -loss.flatten(1).sum(1)

    def mean(self, params: Tensor) -> Tensor:
        return params.sigmoid() * self.unit

    def draw(self, params: Tensor, generator: torch.Generator | None = None) -> Tensor:
        return torch.bernoulli(params.sigmoid(), generator=generator) * self.unit

    @torch.no_grad()
    def prepare(self, x: Tensor) -> Tensor:
        # A pixel that never changes must not start where its gradient is gone.
        return self.intensity(x).mean(0).clamp(0.01, 0.99).logit()
