"""A table's row whose numbers may pile up on values, and whose cells may be missing for a reason."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from deepspace.models.layout import Layout
from deepspace.models.likelihoods.base import Likelihood
from deepspace.models.likelihoods.spike_slab import SpikeSlab
from deepspace.models.likelihoods.table import Table

__all__ = ["TableMixture"]


class TableMixture(Table):
    """As ``Table``, with spikes and normals for numbers and dates, and a Bernoulli for which cells are missing.

    log p(x, m|z) = sum over observed cells of log p(x_j|z) + sum over the columns that have missing cells of
    log p(m_j|z), m_j whether the cell is missing (not-missing-at-random: Ipsen 2021, arXiv:2006.12871). A cell that is
    infinite is unknown: neither its value nor its being missing counts, which is how a cell is asked about.

    Densities with point masses: an ELBO of this likelihood does not compare with one of ``Table``.
    """

    name = "table_mixture"
    numbers = SpikeSlab

    def __init__(self, layout: Layout) -> None:
        super().__init__(layout)
        self.register_buffer("gaps", torch.tensor(layout.missing, dtype=torch.long), persistent=False)
        self.gaps: Tensor
        self.cells = self.outputs[0]
        self.outputs = (self.cells + len(layout.missing),)

    def _shares(self, params: Tensor) -> list[tuple[Likelihood, Tensor, Tensor]]:
        return super()._shares(params[:, : self.cells])

    def log_prob(self, params: Tensor, x: Tensor) -> Tensor:
        known = super().log_prob(params, x)
        if not len(self.gaps):
            return known
        absent, asked = (test.index_select(1, self.gaps) for test in (x.isnan(), ~x.isinf()))
        cost = F.binary_cross_entropy_with_logits(params[:, self.cells :], absent.to(params.dtype), reduction="none")
        return known - (cost * asked).sum(1)

    def missing(self, params: Tensor) -> Tensor | None:
        if not len(self.gaps):
            return None
        out = params.new_zeros(len(params), self.layout.size)
        out[:, self.gaps] = params[:, self.cells :].sigmoid()
        return out

    def expected(self, params: Tensor) -> Tensor:
        """The expected cells, and the probability of each gap."""
        return torch.cat([super().expected(params), params[:, self.cells :].sigmoid()], 1)

    @torch.no_grad()
    def prepare(self, x: Tensor) -> Tensor:
        share = x.index_select(1, self.gaps).isnan().to(torch.float32).mean(0)
        return torch.cat([super().prepare(x), share.clamp(0.002, 0.998).logit()])
