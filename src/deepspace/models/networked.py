"""What every family of an encoder network, a decoder network and a likelihood has in common."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from deepspace.errors import ModelError
from deepspace.models import likelihoods, networks
from deepspace.models.base import LatentModel, Posterior, Terms
from deepspace.models.config import Networked
from deepspace.models.layout import Layout

__all__ = ["NetworkedModel"]

# A log-variance outside is a posterior that has already gone wrong; clamped, it cannot become NaN (scvi-tools#873).
_LOG_VARIANCE = (-30.0, 20.0)


class NetworkedModel(LatentModel):
    """q(z|x) a diagonal Gaussian from the encoder, p(x|z) a likelihood with parameters from the decoder, p(z) N(0, I).

    ELBO = E_q log p(x|z) - KL(q(z|x) || N(0, I)); the KL is in closed form, the expectation from one sample. A family
    overrides what it does otherwise.
    """

    def __init__(self, config: Networked, layout: Layout) -> None:
        super().__init__()
        if config.latent_dim is None or config.hidden is None or config.likelihood is None or config.network == "auto":
            raise ModelError(
                f"This {type(config).__name__} still has values to choose from the data; "
                "call deepspace.models.choose first."
            )
        self.config, self.layout = config, layout
        self.latent_dim = config.latent_dim
        self.likelihood = likelihoods.make(config.likelihood, layout)
        outputs = self.likelihood.outputs
        self.encoder, self.decoder = networks.make(
            config.network, layout, config.hidden, config.latent_dim, outputs, config.dropout or 0.0, config.activation
        )
        self.linear = networks.LinearPath(layout, self.latent_dim, outputs) if config.linear else None
        self.posterior = self._head(2 * self.latent_dim)

    def _head(self, width: int) -> nn.Linear:
        """The layer behind the encoder, which starts near mean 0 and scale 1 for every row: the KL starts near 0."""
        head = nn.Linear(self.encoder.width, width)
        nn.init.normal_(head.weight, std=0.5 * self.encoder.width**-0.5)
        nn.init.zeros_(head.bias)
        return head

    def _posterior(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """(B, *shape) -> mean and log-variance, (B, D) each, float32."""
        mean, log_variance = self.posterior(self.encoder(x)).float().chunk(2, 1)
        if self.linear is not None:
            mean = mean + self.linear.mean(x)
        return mean, log_variance.clamp(*_LOG_VARIANCE)

    def _outputs(self, z: Tensor) -> Tensor:
        """(B, D) -> the likelihood's parameters, float32."""
        out: Tensor = self.decoder(z)
        if self.linear is not None:
            out = out + self.linear.output(z)
        return out.float()

    def encode(self, x: Tensor) -> Posterior:
        self._check(x)
        mean, log_variance = self._posterior(x)
        return Posterior(mean, torch.exp(0.5 * log_variance))

    def decode(self, z: Tensor) -> Tensor:
        self._check_latent(z)
        return self.likelihood.mean(self._outputs(z))

    def expected(self, z: Tensor) -> Tensor:
        self._check_latent(z)
        return self.likelihood.expected(self._outputs(z))

    def draw(self, z: Tensor, generator: torch.Generator | None = None) -> Tensor:
        self._check_latent(z)
        return self.likelihood.draw(self._outputs(z), generator)

    def missing(self, z: Tensor) -> Tensor | None:
        self._check_latent(z)
        return self.likelihood.missing(self._outputs(z))

    def log_likelihood(self, x: Tensor, z: Tensor) -> Tensor:
        return self.likelihood.log_prob(self._outputs(z), x)

    def terms(self, x: Tensor, generator: torch.Generator | None = None) -> Terms:
        mean, log_variance = self._posterior(x)
        variance = log_variance.exp()
        z = mean + variance.sqrt() * torch.randn(mean.shape, generator=generator, device=mean.device)
        return Terms(self.log_likelihood(x, z), 0.5 * (mean.square() + variance - 1 - log_variance))

    @torch.no_grad()
    def prepare(self, x: Tensor) -> None:
        self.encoder.prepare(x)
        start = self.likelihood.prepare(x)
        if self.linear is None:
            self.decoder.prepare(start)
            return
        # The path says the mean and the components; the networks start near silence beside it.
        log_variance = self.linear.prepare(x, start, self.likelihood)
        self.decoder.prepare(torch.zeros_like(start))
        self.decoder.output.weight.mul_(0.1)
        self.posterior.weight.mul_(0.1)
        self.posterior.bias[self.latent_dim :] = log_variance

    def config_json(self) -> dict[str, Any]:
        return {"family": self.config.family, "config": self.config.to_json(), "layout": self.layout.to_json()}

    def _check(self, x: Tensor) -> None:
        if tuple(x.shape[1:]) != self.layout.shape:
            raise ModelError(
                f"Cannot encode rows of shape {tuple(x.shape[1:])}: "
                f"this model takes {self.layout.modality} rows of shape {self.layout.shape}."
            )

    def _check_latent(self, z: Tensor) -> None:
        if z.ndim != 2 or z.shape[1] != self.latent_dim:
            raise ModelError(
                f"Cannot decode: z has shape {tuple(z.shape)}, this model has {self.latent_dim} latent dimensions."
            )
