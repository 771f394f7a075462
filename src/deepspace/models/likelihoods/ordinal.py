"""Ordinal: columns whose categories have an order."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from deepspace.errors import ModelError
from deepspace.models.layout import Layout
from deepspace.models.likelihoods.base import Likelihood, uniform

__all__ = ["Ordinal"]

_GAIN = 10.0  # as for the Gaussian's scale: cutpoints must move faster than Adam's step
_FAR = 1e4  # stands for infinity at both ends: the logistic is saturated long before


class Ordinal(Likelihood):
    """Cumulative logits (McCullagh 1980): P(x <= k | z) = s(c_k - score), one score a column, cutpoints c learned.

    x: (B, F) codes in order, NaN where not observed. All columns are evaluated together, padded to the longest.
    """

    name = "ordinal"
    modalities = ("table",)

    def __init__(self, layout: Layout) -> None:
        super().__init__(layout)
        if min(layout.cardinalities) < 2:
            raise ModelError(
                "The ordinal likelihood needs 2 or more ordered categories a column; use 'table' for others."
            )
        sizes = torch.tensor(layout.cardinalities)
        n, k = len(sizes), int(sizes.max())
        self.categories = k
        self.first = nn.Parameter(torch.zeros(n, 1))
        self.gaps = nn.Parameter(torch.zeros(n, max(k - 2, 0)))
        # Entry j of a column's edges lies below category j; beyond its own last category everything is far.
        beyond = torch.arange(k + 1) >= sizes[:, None]
        self.register_buffer("beyond", beyond, persistent=False)
        self.beyond: Tensor

    def _edges(self) -> Tensor:
        """(F, K + 1): lower edge of each category, then the far end."""
        steps = F.softplus(self.gaps * _GAIN) + 1e-3
        cuts = torch.cat([self.first * _GAIN, self.first * _GAIN + steps.cumsum(1)], 1)
        edges = F.pad(F.pad(cuts, (1, 0), value=-_FAR), (0, 1), value=_FAR)
        return edges.masked_fill(self.beyond, _FAR)

    def _log_prob(self, lower: Tensor, upper: Tensor, score: Tensor) -> Tensor:
        # s(a) - s(b) = s(a) s(-b) (1 - e^(b-a)), in logs; see discretised_logistic.
        gap = torch.log(-torch.expm1(lower - upper))
        return F.logsigmoid(upper - score) + F.logsigmoid(score - lower) + gap

    def log_prob(self, params: Tensor, x: Tensor) -> Tensor:
        seen = ~x.isnan()
        codes = torch.where(seen, x, 0).long()
        edges = self._edges()
        column = torch.arange(x.shape[1], device=x.device)
        cell = self._log_prob(edges[column, codes], edges[column, codes + 1], params)
        return (cell * seen).sum(1)

    def probabilities(self, params: Tensor) -> Tensor:
        """(B, F) scores -> (B, F, K), zero beyond a column's own categories."""
        cumulative = torch.sigmoid(self._edges() - params[:, :, None])
        return cumulative.diff(dim=2).clamp_min(0)

    def mean(self, params: Tensor) -> Tensor:
        return self.probabilities(params).argmax(2).to(params.dtype)

    def expected(self, params: Tensor) -> Tensor:
        """(B, F): the mean code, from 0 for the first to 1 for the last category."""
        codes = torch.arange(self.categories, dtype=params.dtype, device=params.device)
        last = params.new_tensor(self.layout.cardinalities) - 1
        return (self.probabilities(params) * codes).sum(2) / last

    def spread(self, x: Tensor) -> Tensor:
        return x / (x.new_tensor(self.layout.cardinalities) - 1)

    def soften(self, params: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """A draw forwards, its mean backwards."""
        mean = self.expected(params)
        return mean + (self.spread(self.draw(params, generator)) - mean).detach()

    def draw_modelled(self, params: Tensor, generator: torch.Generator | None = None) -> Tensor:
        return self.draw(params, generator)

    def draw(self, params: Tensor, generator: torch.Generator | None = None) -> Tensor:
        # A logistic variable around the score falls between two cutpoints.
        value = params + uniform(params, generator).logit()
        return (value[:, :, None] > self._edges()[:, 1:-1]).sum(2).to(params.dtype)

    @torch.no_grad()
    def prepare(self, x: Tensor) -> Tensor:
        seen = ~x.isnan()
        codes = torch.where(seen, x, 0).long()
        counts = torch.zeros(self.categories, x.shape[1], device=x.device)
        counts.scatter_add_(0, codes, seen.to(counts.dtype))
        counts = counts.T + 0.5 * ~self.beyond[:, :-1]
        cumulative = (counts / counts.sum(1, keepdim=True)).cumsum(1)[:, :-1].clamp(1e-4, 1 - 1e-4)
        cuts = cumulative.logit()
        self.first.copy_(cuts[:, :1] / _GAIN)
        steps = cuts.diff(dim=1).clamp_min(0.05)
        self.gaps.copy_(torch.log(torch.expm1(steps)) / _GAIN)
        return torch.zeros(self.outputs, device=x.device)
