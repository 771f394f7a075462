"""A straight path beside the networks, which starts a model at principal components."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from deepspace.errors import ModelError
from deepspace.models.layout import Layout
from deepspace.models.likelihoods import Likelihood
from deepspace.models.networks.base import Standardise

__all__ = ["LinearPath"]

_CELLS = 2**25  # values that are decomposed, at most about: 4,000 large photographs would take gigabytes
_STEP = 0.01
_EXTRA = 8  # directions beyond those wanted, which make a randomised decomposition exact enough


class LinearPath(nn.Module):
    """Added to what the networks say: x (B, *shape) -> posterior mean (B, D); z (B, D) -> outputs (B, *outputs).

    It starts as probabilistic PCA (Tipping & Bishop 1999), so that the networks learn only what bends. On few rows
    that is most of what can be learnt: on 600 photos the held-out ELBO gains 1,300 nats.
    """

    def __init__(self, layout: Layout, latent_dim: int, outputs: tuple[int, ...]) -> None:
        super().__init__()
        if layout.modality in ("table", "counts"):
            got = "a table" if layout.modality == "table" else "counts"
            raise ModelError(f"The linear path is for images, signals and vectors, got {got}; leave linear at False.")
        self.layout, self.outputs = layout, outputs
        self.standardise = Standardise(layout)
        self.encode = nn.Linear(layout.size, latent_dim)
        self.decode = nn.Linear(latent_dim, int(torch.Size(outputs).numel()))
        for layer in (self.encode, self.decode):
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(layer.bias)

    def mean(self, x: Tensor) -> Tensor:
        """The path's share of the posterior mean."""
        z: Tensor = self.encode(self.standardise(x).flatten(1))
        return z

    def output(self, z: Tensor) -> Tensor:
        """The path's share of the likelihood's parameters."""
        out: Tensor = self.decode(z)
        return out.reshape(-1, *self.outputs)

    @torch.no_grad()
    def prepare(self, x: Tensor, start: Tensor, likelihood: Likelihood) -> Tensor:
        """Fit principal components to rows x (N, *shape); ``start``: the output that says their mean.

        Returns the log-variance of the posterior that goes with them, (D,).
        """
        self.standardise.prepare(x)
        x = x[:: max(1, len(x) * self.layout.size // _CELLS)]
        u = self.standardise(x).flatten(1)
        centre, count, dim = u.mean(0), len(u), self.encode.out_features
        few = min(dim + _EXTRA, *u.shape)
        _, sizes, axes = torch.svd_lowrank(u - centre, q=few, niter=4)
        kept = min(dim, few)
        variance = u.new_zeros(dim)
        variance[:kept] = sizes[:kept].square() / count
        axes = torch.cat([axes[:, :kept], axes.new_zeros(len(axes), dim - kept)], 1)
        rest = (u - centre).square().sum() / count - variance.sum()
        noise = (rest / max(u.shape[1] - dim, 1)).clamp_min(1e-4)
        length = (variance - noise).clamp_min(0).sqrt()
        back = axes * (length / (length.square() + noise))
        self.encode.weight.copy_(back.T)
        self.encode.bias.copy_(-(centre @ back))
        self.decode.weight.copy_(self._loadings(axes * length, start, likelihood))
        self.decode.bias.copy_(start.flatten())
        log_variance: Tensor = (noise / (length.square() + noise)).log()
        return log_variance

    def _loadings(self, axes: Tensor, start: Tensor, likelihood: Likelihood) -> Tensor:
        """Directions (size, D) in standardised rows -> in outputs, by how the likelihood's mean moves at ``start``."""
        channels = self.layout.shape[0]  # a likelihood may want more outputs beside the means, which stay as they are
        step = torch.zeros_like(start)
        step[:channels] = _STEP
        higher, lower = likelihood.mean(torch.stack([start + step, start - step]))
        slope = ((higher - lower) / (2 * _STEP)).clamp_min(1e-3 * likelihood.unit).unsqueeze(-1)
        deviation = 1 / self.standardise.factor.unsqueeze(-1)
        loadings = axes.new_zeros(*self.outputs, axes.shape[1])
        loadings[:channels] = axes.reshape(*self.layout.shape, -1) * deviation / slope
        return loadings.flatten(0, -2)
