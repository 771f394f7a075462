"""A mixture of Gaussians as prior, whose components are clusters."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from deepspace.models.layout import Layout
from deepspace.models.priors.base import Encode, Prior
from deepspace.models.priors.gaussians import GaussianMixture

__all__ = ["Mixture"]

_NARROW = -8.0  # the least log-variance: a component on a single row would have no bound


class Mixture(Prior):
    """p(z) = sum_k w_k N(z; m_k, diag s_k^2), all learned with the rest (VaDE, Jiang 2017, arXiv:1611.05148).

    VaDE bounds log p(z) by q(c|x); here it is taken whole, which is that bound where q(c|x) = p(c|z), its best value.
    Components cannot find clusters that are not there yet, so they begin where draws of the posteriors lie when the
    warm-up of the KL is over: until then they are all but one Gaussian.
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
        """Expectation maximisation from k-means++ (scikit-learn's); as many components as there are rows for."""
        from sklearn.mixture import GaussianMixture as Fitted

        count = min(self.components, len(z))
        fitted = Fitted(count, covariance_type="diag", reg_covar=1e-3, n_init=3, random_state=0, max_iter=200)
        fitted.fit(z.double().cpu().numpy())
        order = np.argsort(-fitted.weights_, kind="stable")  # the largest cluster is number 0
        for own, found in (
            (self.means, fitted.means_),
            (self.log_variance, np.log(fitted.covariances_)),
            (self.logits, np.log(np.maximum(fitted.weights_, 1e-12))),
        ):
            own[:count] = torch.from_numpy(found[order]).to(own)
