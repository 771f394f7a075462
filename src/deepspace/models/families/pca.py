"""Principal components as a model like any other: exact, linear, and the yardstick of every other model."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from deepspace.errors import ModelError
from deepspace.models.base import Blocks, ClosedForm, Posterior, Terms
from deepspace.models.config import Config
from deepspace.models.coordinates import Coordinates
from deepspace.models.layout import Layout

__all__ = ["PCA", "PCAModel"]

_WIDE = 3072  # coordinates; beyond, the rows are decomposed instead of the covariance, and no more of them than this
_WORK = 4e11  # multiplications in the covariance: some ten seconds on two cores
_DOUBLE = 4e10  # up to here they are done in double
_NOISE = 1e-3  # the least noise, as a share of the first component's deviation: a posterior needs a width


@dataclass(frozen=True, kw_only=True)
class PCA(Config):
    """Principal components: the linear model that rebuilds the rows with the least squared error (Pearson 1901).

    Tables are brought to numbers first (factor analysis of mixed data, Pages 2004): see
    ``deepspace.models.coordinates``. Nothing is trained; the answer is exact.

    latent_dim: number of components D.
    """

    family = "pca"


class PCAModel(ClosedForm):
    """u = m + U S z + noise, U (W, D) orthonormal, S the components' deviations over the rows, z ~ N(0, I).

    ``decode(encode(x).mean)`` is the orthogonal projection of x onto the first D components: no linear model rebuilds
    the rows with less squared error (Eckart & Young 1936). Latents are whitened, z_d = u_d . (u - m) / s_d, so that the
    standard normal prior fits them; neighbours weigh dimension d with s_d^2, which makes their distance that of the
    rebuilt rows. The posterior's scale is noise / s_d, noise^2 being the mean variance of the components left out
    (Tipping & Bishop 1999); densities are of coordinates u, see ``Coordinates``.
    """

    def __init__(self, config: PCA, layout: Layout) -> None:
        super().__init__()
        if config.latent_dim is None:
            raise ModelError("This PCA still has its components to choose; call deepspace.models.choose first.")
        self.config, self.layout, self.latent_dim = config, layout, config.latent_dim
        self.coordinates = Coordinates(layout)
        self.encoder = nn.Linear(self.coordinates.width, self.latent_dim, bias=False)
        self.decoder = nn.Linear(self.latent_dim, self.coordinates.width, bias=False)
        for weight in (self.encoder.weight, self.decoder.weight):
            nn.init.zeros_(weight)
            weight.requires_grad_(False)
        self.register_buffer("deviation", torch.zeros(self.latent_dim))
        self.register_buffer("noise", torch.ones(()))
        self.deviation: Tensor
        self.noise: Tensor

    @property
    def scale(self) -> Tensor:
        """(D,): the posterior's; that of the prior where no component is left."""
        there = self.deviation > 0
        scale = self.noise / self.deviation.clamp_min(1e-30)
        return torch.where(there, scale.clamp(max=1.0), 1.0)

    def encode(self, x: Tensor) -> Posterior:
        if tuple(x.shape[1:]) != self.layout.shape:
            raise ModelError(
                f"Cannot encode rows of shape {tuple(x.shape[1:])}: "
                f"this model takes {self.layout.modality} rows of shape {self.layout.shape}."
            )
        mean: Tensor = self.encoder(self.coordinates(x))
        return Posterior(mean, self.scale.expand_as(mean))

    def _outputs(self, z: Tensor) -> Tensor:
        if z.ndim != 2 or z.shape[1] != self.latent_dim:
            raise ModelError(
                f"Cannot decode: z has shape {tuple(z.shape)}, this model has {self.latent_dim} latent dimensions."
            )
        out: Tensor = self.decoder(z)
        return out

    def decode(self, z: Tensor) -> Tensor:
        return self.coordinates.back(self._outputs(z))

    def expected(self, z: Tensor) -> Tensor:
        return self.coordinates.smooth(self._outputs(z))

    def draw(self, z: Tensor, generator: torch.Generator | None = None) -> Tensor:
        out = self._outputs(z)
        noise = torch.randn(out.shape, generator=generator, device=out.device)
        return self.coordinates.back(out + self.noise * noise)

    def terms(self, x: Tensor, generator: torch.Generator | None = None) -> Terms:
        mean, scale = self.encode(x)
        z = mean + scale * torch.randn(mean.shape, generator=generator, device=mean.device)
        square = (self.coordinates(x) - self._outputs(z)).square()
        constant = math.log(2 * math.pi) + 2 * self.noise.log()
        kl = 0.5 * (mean.square() + scale.square() - 1) - scale.log()
        return Terms(-0.5 * (square / self.noise.square() + constant).sum(1), kl)

    def distance_weights(self) -> Tensor:
        return self.deviation.square()

    def wanted(self, rows: int) -> int:
        width = self.coordinates.width
        return min(rows, _WIDE if width > _WIDE else max(_WIDE, int(_WORK / width**2)))

    @torch.no_grad()
    def solve(self, blocks: Blocks) -> None:
        """The components of these rows: from their covariance, or from the rows' products where those are fewer."""
        rows = self.coordinates.prepare(blocks)
        width = self.coordinates.width
        double = rows * float(width) * min(rows, width) <= _DOUBLE
        kept = min(self.latent_dim, width, rows)
        u = [] if rows >= width else [self.coordinates(x) for x in blocks()]
        if u:
            every = torch.cat(u).to(torch.float64 if double else torch.float32)
            values, vectors = _largest(every @ every.T / rows, kept)
            total = float(every.square().sum()) / rows
            axes = torch.linalg.qr(every.T.double() @ vectors)[0] if kept else vectors
        else:
            gram = torch.zeros(width, width, dtype=torch.float64)
            for x in blocks():
                block = self.coordinates(x)
                block = block.double() if double else block
                gram += block.T @ block
            values, axes = _largest(gram / rows, kept)
            total = float(gram.trace()) / rows
        self._keep(values, axes, total)

    def _keep(self, values: Tensor, axes: Tensor, total: float) -> None:
        """values (K,) descending and axes (W, K), K <= D: a dimension beyond K, or of no variance, stays empty."""
        kept, width = len(values), self.coordinates.width
        there = values > 1e-10 * max(total, 1e-30)
        deviation = torch.where(there, values.clamp_min(0), 0.0).sqrt()
        sign = torch.where(axes.gather(0, axes.abs().argmax(0, keepdim=True)) < 0, -1.0, 1.0)
        axes = axes * sign
        rest = max(total - float(values.sum()), 0.0) / max(width - kept, 1)
        first = float(deviation[0]) if kept else 0.0
        self.noise.fill_(max(math.sqrt(rest), _NOISE * first, 1e-6))
        self.deviation.zero_()
        self.deviation[:kept] = deviation
        self.encoder.weight.zero_()
        self.encoder.weight[:kept] = (axes * torch.where(there, 1 / deviation.clamp_min(1e-30), 0.0)).T
        self.decoder.weight.zero_()
        self.decoder.weight[:, :kept] = axes * deviation

    def config_json(self) -> dict[str, Any]:
        return {"family": self.config.family, "config": self.config.to_json(), "layout": self.layout.to_json()}


def _largest(matrix: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """The largest eigenvalues (K,), descending, and their vectors (W, K) of a symmetric matrix."""
    from scipy.linalg import eigh

    n = len(matrix)
    values, vectors = eigh(matrix.double().numpy(), subset_by_index=(n - count, n - 1))
    return torch.from_numpy(values[::-1].copy()), torch.from_numpy(vectors[:, ::-1].copy())
