"""The latent-quantised autoencoder: each latent dimension has a few values of its own, and rows must share them."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from deepspace.models.base import Posterior, Recipe, Terms
from deepspace.models.config import Networked
from deepspace.models.layout import Layout
from deepspace.models.networked import NetworkedModel

__all__ = ["QLAE", "QLAEModel"]

_MEMORY = 0.99  # of the running code frequencies, a step
_UNSEEN = 1e-4  # what a code that no row used counts as, so that its log probability is finite


@dataclass(frozen=True, kw_only=True)
class QLAE(Networked):
    """A latent-quantised autoencoder (Hsu 2023, arXiv:2305.18378): each latent takes one of a few learned values.

    codes: values that each latent dimension has. quantisation: weight of (z - stop(e))^2, summed over dimensions, which
        draws the codes to what the encoder says, e. commitment: of (stop(z) - e)^2, which holds the encoder to them.
        The paper's .001 to .01 stand beside a mean over pixels, these beside the sum.
    weight_decay: how much more than usual the networks' weights decay; the method leans on it.
    """

    codes: int = 10
    quantisation: float = 1.0
    commitment: float = 1.0
    weight_decay: float = 1.0

    family = "qlae"

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 2 <= self.codes <= 1024:
            self._refuse("codes", "must be from 2 to 1024", "the paper has 10")
        for name in ("quantisation", "commitment", "weight_decay"):
            if not 0 <= getattr(self, name) < float("inf"):
                self._refuse(name, "must be a finite number of at least 0")


class QLAEModel(NetworkedModel):
    """e = encoder(x) (B, D);  z_d = the code of dimension d that is nearest to e_d;  p(x|z) from the decoder.

    loss = -log p(x|z) + quantisation |z - stop(e)|^2 + commitment |stop(z) - e|^2, with z's gradient handed to e as it
    is. The prior is the frequency of each code, each dimension by itself, so that log p(x|z) + log p(z) is a lower
    bound of log p(x) = log sum_z p(z) p(x|z), and ``kl`` is -log p(z_d), the code's length.

    ``encode`` gives codes, as mean; the scale says what a code leaves open, (distance of codes) / sqrt(12). ``decode``
    takes every place as it is and does not go to the nearest code: between two codes, which the decoder was trained on,
    it goes over from the one to the other, and paths and gradients mean something. ``sample_prior`` draws codes, and
    ``log_prior`` is the log probability of the nearest ones: a mass, not a density.
    """

    config: QLAE
    nominal = True
    frequency: Tensor

    def __init__(self, config: QLAE, layout: Layout) -> None:
        super().__init__(config, layout)
        self.recipe = Recipe(decay=config.weight_decay)
        self.posterior = self._head(self.latent_dim)
        # A flat parameter: what decays are the weights of layers, and codes must not be drawn to 0.
        self.codes = nn.Parameter(torch.linspace(-1, 1, config.codes).repeat(self.latent_dim))
        self.register_buffer("frequency", torch.full((self.latent_dim, config.codes), 1 / config.codes))

    @property
    def codebook(self) -> Tensor:
        """(D, K): the values of each dimension."""
        return self.codes.view(self.latent_dim, -1)

    def _continuous(self, x: Tensor) -> Tensor:
        """(B, *shape) -> e (B, D), float32."""
        e: Tensor = self.posterior(self.encoder(x)).float()
        return e if self.linear is None else e + self.linear.mean(x)

    def _nearest(self, e: Tensor) -> tuple[Tensor, Tensor]:
        """(B, D) -> the place of the nearest code of each dimension, and its value, both (B, D)."""
        index = (e[:, :, None] - self.codebook).abs().argmin(2)
        return index, self.codebook.gather(1, index.T).T

    def _code_length(self, index: Tensor) -> Tensor:
        """(B, D) places -> -log p, nats."""
        share = self.frequency + _UNSEEN
        return -(share / share.sum(1, keepdim=True)).log().gather(1, index.T).T

    def encode(self, x: Tensor) -> Posterior:
        self._check(x)
        _, z = self._nearest(self._continuous(x))
        apart = (self.codebook.amax(1) - self.codebook.amin(1)) / (self.config.codes - 1)
        return Posterior(z, (apart / 12**0.5).clamp_min(1e-4).expand_as(z))

    def terms(self, x: Tensor, generator: torch.Generator | None = None) -> Terms:
        return self._quantised(x)[0]

    def loss(self, x: Tensor, weight: float = 1.0, generator: torch.Generator | None = None) -> tuple[Tensor, Terms]:
        terms, index, drawn, held = self._quantised(x)
        if self.training:
            self._count(index)
        added = self.config.quantisation * drawn + self.config.commitment * held
        return added.sum(1).mean() - terms.reconstruction.mean(), terms

    def _quantised(self, x: Tensor) -> tuple[Terms, Tensor, Tensor, Tensor]:
        """Terms, the codes' places, and the squared distances that draw the codes and hold the encoder, (B, D) each."""
        e = self._continuous(x)
        index, z = self._nearest(e)
        through = e + (z - e).detach()
        terms = Terms(self.log_likelihood(x, through), self._code_length(index))
        return terms, index, (z - e.detach()).square(), (z.detach() - e).square()

    @torch.no_grad()
    def _count(self, index: Tensor) -> None:
        used = torch.zeros_like(self.frequency)
        used.scatter_add_(1, index.T, torch.ones_like(index.T, dtype=used.dtype))
        self.frequency.lerp_(used / len(index), 1 - _MEMORY)

    def sample_prior(self, n: int, generator: torch.Generator | None = None) -> Tensor:
        index = torch.multinomial(self.frequency + _UNSEEN, n, replacement=True, generator=generator)
        return self.codebook.detach().gather(1, index).T

    def log_prior(self, z: Tensor) -> Tensor:
        index, _ = self._nearest(z)
        return -self._code_length(index).sum(1)

    @torch.no_grad()
    def prepare(self, x: Tensor) -> None:
        self.encoder.prepare(x)
        start = self.likelihood.prepare(x)
        if self.linear is None:
            self.decoder.prepare(start)
        else:
            self.linear.prepare(x, start, self.likelihood)
            self.decoder.prepare(torch.zeros_like(start))
            self.decoder.output.weight.mul_(0.1)
            self.posterior.weight.mul_(0.1)
        # Codes evenly over where the encoder's answers lie at the start: none is out of reach of every row.
        e = self._continuous(x)
        reach = torch.quantile(e, torch.tensor([0.02, 0.98], device=e.device), dim=0)  # (2, D)
        middle, half = reach.mean(0), (reach[1] - reach[0]).clamp_min(1e-2) / 2
        line = torch.linspace(-1, 1, self.config.codes, device=e.device)
        self.codes.copy_((middle[:, None] + half[:, None] * line).flatten())
