"""A plain autoencoder: each row one point, no noise while training, and a density fitted to the points afterwards."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from deepspace.models.base import Blocks, Terms
from deepspace.models.config import Networked
from deepspace.models.layout import Layout
from deepspace.models.networked import NetworkedModel

__all__ = ["AE", "AEModel"]

_WIDTH = 0.01  # of a point, as a share of its dimension's deviation over the rows
_ROWS_EACH = 5  # training rows a dimension that a component of the density needs at least


@dataclass(frozen=True, kw_only=True)
class AE(Networked):
    """A regularised deterministic autoencoder (RAE; Ghosh 2020, arXiv:1903.12436).

    Weight decay holds the decoder smooth, ``penalty`` the latents together. There is no linear path.

    penalty: weight of |z|^2 / 2 in the training loss, in nats a row.
    components: Gaussians in the mixture that is fitted to the training rows' latents, from which new ones are drawn.
    """

    penalty: float = 0.01
    components: int = 10

    family = "ae"

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 <= self.penalty < math.inf:
            self._refuse("penalty", "must be a finite number of at least 0")
        if not 1 <= self.components <= 1000:
            self._refuse("components", "must be from 1 to 1000")


class AEModel(NetworkedModel):
    """loss = -log p(x|z) + penalty |z|^2 / 2 with z = e(x), and p(z) a Gaussian mixture fitted to e(x) once trained.

    An encoder without noise has no posterior. What ``encode`` calls its scale is a nominal width, 1 % of each
    dimension's deviation over the training rows: it says that a row is a point, not how sure the point is. With it the
    ELBO, against a standard normal, is a bound like any other, but no figure to compare VAEs with.
    """

    nominal = True

    def __init__(self, config: AE, layout: Layout) -> None:
        super().__init__(replace(config, linear=False), layout)
        self.penalty = config.penalty
        dim, count = self.latent_dim, config.components
        self.posterior = self._head(dim)
        self.register_buffer("width", torch.full((dim,), _WIDTH))
        self.register_buffer("log_share", torch.full((count,), -math.inf))
        self.register_buffer("centre", torch.zeros(count, dim))
        self.register_buffer("factor", torch.eye(dim).repeat(count, 1, 1))
        self.width: Tensor
        self.log_share: Tensor
        self.centre: Tensor
        self.factor: Tensor
        self.log_share[0] = 0.0  # a standard normal, until the mixture is fitted

    def _posterior(self, x: Tensor) -> tuple[Tensor, Tensor]:
        mean: Tensor = self.posterior(self.encoder(x)).float()
        return mean, (2 * self.width.log()).expand_as(mean)

    def loss(self, x: Tensor, weight: float = 1.0, generator: torch.Generator | None = None) -> tuple[Tensor, Terms]:
        mean, log_variance = self._posterior(x)
        reconstruction = self.log_likelihood(x, mean)
        kl = 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance)
        return 0.5 * self.penalty * mean.square().sum(1).mean() - reconstruction.mean(), Terms(reconstruction, kl)

    @torch.no_grad()
    def finish(self, blocks: Blocks) -> None:
        """Fit the mixture, full covariances, to the latents of these rows; fewer Gaussians where rows are few."""
        from sklearn.mixture import GaussianMixture

        z = torch.cat([self._posterior(x)[0] for x in blocks()]).double().cpu().numpy()
        deviation = z.std(0).clip(1e-6)
        count = int(np.clip(len(z) // (_ROWS_EACH * self.latent_dim), 1, len(self.log_share)))
        mixture = GaussianMixture(count, random_state=0, reg_covar=1e-4, max_iter=200).fit(z / deviation)
        self.width.copy_(torch.from_numpy(_WIDTH * deviation))
        self.log_share.fill_(-math.inf)
        self.log_share[:count] = torch.from_numpy(np.log(mixture.weights_))
        self.centre[:count] = torch.from_numpy(mixture.means_ * deviation)
        self.factor[:count] = torch.from_numpy(np.linalg.cholesky(mixture.covariances_) * deviation[:, None])

    def sample_prior(self, n: int, generator: torch.Generator | None = None) -> Tensor:
        """(n, D): drawn from the mixture."""
        if n == 0:
            return self.centre[:0]
        which = torch.multinomial(self.log_share.exp(), n, replacement=True, generator=generator)
        noise = torch.randn(n, self.latent_dim, 1, generator=generator, device=self.centre.device)
        return self.centre[which] + (self.factor[which] @ noise).squeeze(2)

    def log_prior(self, z: Tensor) -> Tensor:
        """(B, D) -> (B,): the log density of the mixture."""
        away = (z[:, None] - self.centre).unsqueeze(3)  # (B, K, D, 1)
        white = torch.linalg.solve_triangular(self.factor, away, upper=False).squeeze(3)
        volume = self.factor.diagonal(dim1=1, dim2=2).log().sum(1)
        each = -0.5 * (white.square() + math.log(2 * math.pi)).sum(2) - volume
        return torch.logsumexp(each + self.log_share, 1)
