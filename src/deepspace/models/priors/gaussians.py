"""The density of a mixture of diagonal Gaussians, which several priors are."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from deepspace.models.priors.base import Density, log_normal

__all__ = ["GaussianMixture"]

_CELLS = 2**22  # values of rows x components x dimensions that are held at once


class GaussianMixture(Density):
    """p(z) = sum_k w_k N(z; m_k, diag s_k^2). means, log_variance: (K, D); log_weights: (K,), normalised."""

    def __init__(self, means: Tensor, log_variance: Tensor, log_weights: Tensor) -> None:
        self.means, self.log_variance, self.log_weights = means, log_variance, log_weights

    def log_joint(self, z: Tensor) -> Tensor:
        """(B, K): log w_k N(z; m_k, s_k^2).

        The squares are multiplied out, so that no (B, K, D) array is built; in double, since they cancel.
        """
        centre = self.means.detach().mean(0)
        z, means = (z - centre).double(), (self.means - centre).double()
        log_variance = self.log_variance.double()
        precision = torch.exp(-log_variance)
        constant = (means.square() * precision + log_variance).sum(1) + z.shape[1] * math.log(2 * math.pi)
        square = z.square() @ precision.T - 2 * z @ (means * precision).T
        return (self.log_weights - 0.5 * (square + constant)).to(self.means.dtype)

    def log_prob(self, z: Tensor) -> Tensor:
        return torch.logsumexp(self.log_joint(z), 1)

    def log_prob_each(self, z: Tensor) -> Tensor:
        rows = max(1, _CELLS // self.means.numel())
        return torch.cat([self._each(part) for part in torch.split(z, rows)]) if len(z) else torch.zeros_like(z)

    def _each(self, z: Tensor) -> Tensor:
        cell = log_normal(z[:, None], self.means, self.log_variance)  # (B, K, D)
        upto = torch.logsumexp(self.log_weights[:, None] + cell.cumsum(2), 1)  # log p(z_1 .. z_d), (B, D)
        return torch.diff(upto, dim=1, prepend=torch.zeros_like(upto[:, :1]))

    def responsibilities(self, z: Tensor) -> Tensor:
        """(B, K): p(k|z)."""
        return torch.softmax(self.log_joint(z), 1)

    def moments(self) -> tuple[Tensor, Tensor]:
        weights = self.log_weights.exp()
        mean = weights @ self.means
        variance = weights @ (self.log_variance.exp() + (self.means - mean).square())
        return mean, variance.sqrt()

    def sample(self, n: int, generator: torch.Generator | None = None) -> Tensor:
        chosen = torch.multinomial(self.log_weights.exp(), n, replacement=True, generator=generator)
        noise = torch.randn(n, self.means.shape[1], generator=generator, device=self.means.device)
        return self.means[chosen] + torch.exp(0.5 * self.log_variance[chosen]) * noise
