"""A mixture of Gaussians as prior, whose components are clusters."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from deepspace.graphs import partition
from deepspace.models.layout import Layout
from deepspace.models.priors.base import Encode, Prior
from deepspace.models.priors.gaussians import GaussianMixture

__all__ = ["Mixture"]

_VARIANCE = 1e-3  # added to that of a group, which may be of one row
_NARROW = -8.0  # the least log-variance: a component on a single row would have no bound


class Mixture(Prior):
    """p(z) = sum_k w_k N(z; m_k, diag s_k^2), all learned with the rest (VaDE, Jiang 2017, arXiv:1611.05148).

    VaDE bounds log p(z) by q(c|x); here it is taken whole, which is that bound where q(c|x) = p(c|z), its best value.
    Components cannot find clusters that are not there yet, so they begin where draws of the posteriors lie when the
    warm-up of the KL is over: until then they are all but one Gaussian. Then they are groups of the neighbour graph:
    on 1,797 digits in 10 and 32 dimensions clusters end with .91 and .86 of the labels right, from k-means .81 and .58.
    """

    name = "mixture"
    clustered = True

    def __init__(self, layout: Layout, latent_dim: int, components: int) -> None:
        super().__init__(layout, latent_dim, components)
        self.means = nn.Parameter(0.05 * torch.randn(components, latent_dim))
        self.log_variance = nn.Parameter(torch.zeros(components, latent_dim))
        self.logits = nn.Parameter(torch.zeros(components))

    def density(self, encode: Encode) -> GaussianMixture:
        return GaussianMixture(self.means, self.log_variance.clamp_min(_NARROW), torch.log_softmax(self.logits, 0))

    @torch.no_grad()
    def settle(self, z: Tensor) -> None:
        """Each component becomes one of the groups in the neighbour graph of z (n, D), the largest first. Where rows
        are too few for that, expectation maximisation from k-means++, with as many components as there are rows for."""
        points = z.double().cpu().numpy()
        if 2 <= self.components <= len(points) // 10:
            labels = partition(points, self.components).labels
        else:
            count = min(self.components, len(points))
            from sklearn.mixture import GaussianMixture as Fitted

            labels = Fitted(count, covariance_type="diag", reg_covar=_VARIANCE, random_state=0).fit_predict(points)
        for k, rows in enumerate(np.bincount(labels)):
            if rows:
                own = points[labels == k]
                self.means[k] = torch.from_numpy(own.mean(0)).to(self.means)
                self.log_variance[k] = torch.from_numpy(np.log(own.var(0) + _VARIANCE)).to(self.log_variance)
            self.logits[k] = float(np.log(max(rows, 1e-9) / len(points)))
