"""The VampPrior: the mixture of the posteriors of learned rows."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from deepspace.models.layout import Layout
from deepspace.models.priors.base import Encode, Prior
from deepspace.models.priors.gaussians import GaussianMixture

__all__ = ["Vamp"]


class Vamp(Prior):
    """p(z) = 1/K sum_k q(z|u_k), u_k pseudo-inputs (Tomczak & Welling 2018, arXiv:1705.07120).

    The pseudo-inputs begin as training rows and are learned; those of a table stay training rows, since categories do
    not change by degrees. Images: on the scale from 0 to 1 while they are learned, so that a step is of use.
    """

    name = "vamp"
    inputs: Tensor

    def __init__(self, layout: Layout, latent_dim: int, components: int) -> None:
        super().__init__(layout, latent_dim, components)
        self.unit = 255.0 if layout.modality == "image" else 1.0
        start = torch.zeros(components, *layout.shape)
        if layout.modality == "table":
            self.register_buffer("inputs", start)
        else:
            self.inputs = nn.Parameter(start + 0.5 * torch.rand(start.shape))

    @torch.no_grad()
    def prepare(self, x: Tensor) -> None:
        """Rows spread evenly over those given; each several times where there are too few."""
        index = torch.linspace(0, len(x) - 1, self.components, device=x.device).round().long()
        self.inputs.copy_(x[index].to(torch.float32) / self.unit)

    def density(self, encode: Encode) -> GaussianMixture:
        inputs = self.inputs.clamp(0, 1) * self.unit if self.layout.modality == "image" else self.inputs
        means, log_variance = encode(inputs)
        weights = torch.full((self.components,), -math.log(self.components), device=means.device)
        return GaussianMixture(means, log_variance, weights)
