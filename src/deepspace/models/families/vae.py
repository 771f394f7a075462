"""The variational autoencoder, for every modality: an encoder, a decoder and a likelihood put together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from deepspace.errors import ModelError
from deepspace.models import likelihoods, networks
from deepspace.models.base import LatentModel, Posterior, Terms
from deepspace.models.config import Networked
from deepspace.models.layout import Layout

__all__ = ["VAE", "VAEModel"]

# A log-variance outside is a posterior that has already gone wrong; clamped, it cannot become NaN (scvi-tools#873).
_LOG_VARIANCE = (-30.0, 20.0)


@dataclass(frozen=True, kw_only=True)
class VAE(Networked):
    """A variational autoencoder with a standard normal prior (Kingma & Welling 2014, arXiv:1312.6114).

    beta: weight of the KL in the training loss (Higgins 2017); the ELBO that is reported always has weight 1.
    """

    beta: float = 1.0

    family = "vae"

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 <= self.beta < float("inf"):
            self._refuse("beta", "must be a finite number of at least 0")


class VAEModel(LatentModel):
    """p(x) = E_{z ~ N(0, I)} p(x|z), with q(z|x) a diagonal Gaussian from the encoder (arXiv:1312.6114).

    ELBO = E_q log p(x|z) - KL(q(z|x) || N(0, I)); the KL is in closed form, the expectation from one sample.
    """

    def __init__(self, config: VAE, layout: Layout) -> None:
        super().__init__()
        if config.latent_dim is None or config.hidden is None or config.likelihood is None or config.network == "auto":
            raise ModelError("This VAE still has values to choose from the data; call deepspace.models.choose first.")
        self.config, self.layout = config, layout
        self.latent_dim, self.beta = config.latent_dim, config.beta
        self.likelihood = likelihoods.make(config.likelihood, layout)
        self.encoder, self.decoder = networks.make(
            config.network, layout, config.hidden, config.latent_dim, self.likelihood.outputs, config.dropout or 0.0
        )
        outputs = self.likelihood.outputs
        self.linear = networks.LinearPath(layout, self.latent_dim, outputs) if config.linear else None
        self.posterior = nn.Linear(self.encoder.width, 2 * self.latent_dim)
        # Start near mean 0 and scale 1 for every row, so that the KL starts near 0.
        nn.init.normal_(self.posterior.weight, std=0.5 * self.encoder.width**-0.5)
        nn.init.zeros_(self.posterior.bias)

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
        """(B, *shape), (B, D) -> (B,): log p(x|z) in nats, observed values only."""
        return self.likelihood.log_prob(self._outputs(z), x)

    def terms(self, x: Tensor, generator: torch.Generator | None = None) -> Terms:
        mean, log_variance = self._posterior(x)
        variance = log_variance.exp()
        noise = torch.randn(mean.shape, generator=generator, device=mean.device)
        z = mean + variance.sqrt() * noise
        kl = 0.5 * (mean.square() + variance - 1 - log_variance)
        return Terms(self.log_likelihood(x, z), kl)

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
