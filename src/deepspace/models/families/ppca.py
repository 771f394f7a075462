"""Probabilistic principal components: the linear Gaussian model, with its exact likelihood and posterior."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from deepspace.models.base import Terms
from deepspace.models.families.pca import PCA, PCAModel

__all__ = ["PPCA", "PPCAModel"]


@dataclass(frozen=True, kw_only=True)
class PPCA(PCA):
    """Probabilistic PCA at its maximum likelihood, in closed form (Tipping & Bishop 1999).

    Beside PCA, rows are drawn towards the mean as far as noise explains them, and log p(x) is exact.

    latent_dim: number of components D.
    """

    family = "ppca"


class PPCAModel(PCAModel):
    """u = m + W z + noise s, z ~ N(0, I), W = U (S^2 - s^2)^(1/2); s^2 the mean variance of the components left out.

        p(u) = N(m, W W' + s^2 I)      q(z|u) = p(z|u) = N(M^-1 W' (u - m), s^2 M^-1),   M = W' W + s^2 I

    U has orthogonal columns, so M is diagonal and so is the true posterior: ELBO = log p(u) for every row. Densities
    are of coordinates u, see ``Coordinates``.
    """

    @property
    def _loading(self) -> Tensor:
        """(D,): the length of each column of W; 0 where a component has no more variance than the noise."""
        return (self.deviation.square() - self.noise.square()).clamp_min(0).sqrt()

    @property
    def scale(self) -> Tensor:
        """(D,): s / sqrt(|w_d|^2 + s^2), the deviation of p(z_d|u)."""
        return self.noise / (self._loading.square() + self.noise.square()).sqrt()

    def _keep(self, values: Tensor, axes: Tensor, total: float) -> None:
        super()._keep(values, axes, total)
        kept = self.deviation > 0
        axis = torch.where(kept, 1 / self.deviation.clamp_min(1e-30), 0.0)
        length = self._loading
        self.decoder.weight.mul_(axis * length)
        size = length.square() + self.noise.square()
        self.encoder.weight.mul_((self.deviation * length / size)[:, None])

    def terms(self, x: Tensor, generator: torch.Generator | None = None) -> Terms:
        """The ELBO's halves, E_q log p(u|z) in closed form: no draw is needed, and their difference is log p(u)."""
        mean, scale = self.encode(x)
        square = (self.coordinates(x) - self._outputs(mean)).square().sum(1)
        spread = (scale * self._loading).square().sum(1)
        width = self.coordinates.width
        constant = width * (math.log(2 * math.pi) + 2 * self.noise.log())
        kl = 0.5 * (mean.square() + scale.square() - 1) - scale.log()
        return Terms(-0.5 * ((square + spread) / self.noise.square() + constant), kl)

    def log_likelihood(self, x: Tensor, z: Tensor) -> Tensor:
        """(B, *shape), (B, D) -> (B,): log p(u|z) in nats."""
        square = (self.coordinates(x) - self._outputs(z)).square().sum(1)
        constant = self.coordinates.width * (math.log(2 * math.pi) + 2 * self.noise.log())
        density: Tensor = -0.5 * (square / self.noise.square() + constant)
        return density

    def distance_weights(self) -> Tensor:
        return self._loading.square()
