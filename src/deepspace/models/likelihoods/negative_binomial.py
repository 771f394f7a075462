"""Negative binomial, for counts: Poisson with a rate that varies more than its mean says, a dispersion a gene."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from deepspace.models.layout import Layout
from deepspace.models.likelihoods.base import Likelihood

__all__ = ["NegativeBinomial"]

_GAIN = 10.0  # as in the Gaussian: Adam's steps are small beside the way that a dispersion has to go
_FLOOR, _CEILING = -5.0, 7.0  # of log dispersion; at the upper end it is Poisson to all purposes
_RATE = 1e7  # a draw beyond is no count any more


class NegativeBinomial(Likelihood):
    """x_g ~ NB(mean l p_g, inverse dispersion t_g): p = softmax of the decoder's output, l the row's own total, one t a
    gene, learned. Lopez 2018 (scVI, doi:10.1038/s41592-018-0229-2), with the total observed instead of inferred.

        log p(x) = ln G(x + t) - ln G(t) - ln G(x + 1) + t ln(t / (t + m)) + x ln(m / (t + m)),   m = l p,
        variance m + m^2 / t

    A place says only which share each gene has, so means and draws are given at the training rows' median total.
    """

    name = "negative_binomial"
    modalities = ("counts",)

    def __init__(self, layout: Layout) -> None:
        super().__init__(layout)
        self.raw = nn.Parameter(torch.zeros(layout.shape))
        self.register_buffer("library", torch.ones(()))
        self.library: Tensor

    @property
    def log_dispersion(self) -> Tensor:
        """(G,): ln t."""
        return (self.raw * _GAIN).clamp(_FLOOR, _CEILING)

    def log_prob(self, params: Tensor, x: Tensor) -> Tensor:
        x = x.to(torch.float32)
        log_t = self.log_dispersion
        t = log_t.exp()
        odds = params.log_softmax(1) + x.sum(1, keepdim=True).clamp_min(1).log() - log_t  # ln(m / t)
        cell = x * odds - (x + t) * nn.functional.softplus(odds) + torch.lgamma(x + t) - torch.lgamma(x + 1)
        return cell.sum(1) - torch.lgamma(t).sum()

    def mean(self, params: Tensor) -> Tensor:
        return params.softmax(1) * self.library

    def expected(self, params: Tensor) -> Tensor:
        """ln(1 + mean): a gene of few counts and one of many then weigh alike."""
        return torch.log1p(self.mean(params))

    def draw(self, params: Tensor, generator: torch.Generator | None = None) -> Tensor:
        mean, t = self.mean(params), self.log_dispersion.exp()
        rate = torch._standard_gamma(t.expand_as(mean), generator=generator) * (mean / t)
        return torch.poisson(rate.clamp(max=_RATE), generator=generator)

    @torch.no_grad()
    def prepare(self, x: Tensor) -> Tensor:
        """The genes' shares; the median total; dispersions by moments, t = m^2 / (v - m) at that total."""
        x = x.to(torch.float32)
        total = x.sum(1, keepdim=True).clamp_min(1)
        self.library.copy_(total.median())
        brought = x * (self.library / total)
        mean, variance = brought.mean(0), brought.var(0, correction=0)
        excess = (variance - mean).clamp_min(1e-8)
        start = (mean.square() / excess).clamp_min(1e-8).log().clamp(_FLOOR + 2, _CEILING - 2)
        self.raw.copy_(start / _GAIN)
        seen = x.sum(0)
        return ((seen + 0.1) / (seen + 0.1).sum()).log()
