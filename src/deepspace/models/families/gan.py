"""A generative adversarial network with a learned encoder, for every modality; one loss, no schedule to watch."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.func import functional_call

from deepspace.models.base import Recipe, Terms
from deepspace.models.config import Networked
from deepspace.models.layout import Layout
from deepspace.models.networked import NetworkedModel
from deepspace.models.networks.discriminator import Discriminator

__all__ = ["GAN", "GANModel"]

_MOST_KEPT = 0.999  # of the averaged generator at a step
_PENALISED = 4  # one row in so many bears the gradient penalty, with that much more weight
_ENCODED = 2  # one row in so many teaches the encoder


@dataclass(frozen=True, kw_only=True)
class GAN(Networked):
    """A generative adversarial network (Goodfellow 2014, arXiv:1406.2661): it draws sharply, and may leave data out.

    Relativistic pairing loss with gradient penalties on real and generated rows (R3GAN, Huang 2024, arXiv:2501.05441),
    which keeps more of the data and needs no one to watch it. An encoder is learned beside it, so that rows have a
    place in its latents.

    penalty: gamma, half of which weighs the squared gradient of the discriminator (Mescheder 2018, arXiv:1801.04406),
        in units of rows brought to unit variance.
    beta: weight of the KL in what the encoder learns.
    """

    penalty: float = 1.0
    beta: float = 1.0
    dropout: float | None = 0.0
    linear: bool | None = False

    family = "gan"
    conv_beyond = 144

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 < self.penalty < float("inf"):
            self._refuse("penalty", "must be a finite number above 0")
        if not 0 <= self.beta < float("inf"):
            self._refuse("beta", "must be a finite number of at least 0")
        if self.linear or self.dropout:
            self._refuse("linear" if self.linear else "dropout", "must be left at its default: a GAN has none")


class GANModel(NetworkedModel):
    """z ~ N(0, I), x = G(z). Generator G and discriminator D play

    D: min E softplus(D(G(z)) - D(x)) + gamma/2 (E |grad D(x)|^2 + E |grad D(G(z))|^2)
    G: min E softplus(D(x) - D(G(z)))

    ``decoder`` averages the weights of the generator over the last steps (Yazici 2019, arXiv:1806.04498): it is what
    decodes, and what the encoder inverts. The encoder minimises, with the decoder held fixed, minus the ELBO of
    real rows under G and a noise model (the likelihood, whose scale is learned), and minus log q(z|G(z)) of generated
    ones (latent regression: Donahue 2017, arXiv:1605.09782). ``terms`` is therefore the ELBO of G plus noise, as a
    VAE's; ``draw`` leaves the noise out, which only stands for what G cannot make.

    Missing cells are hidden from D in a generated row where its real partner has none, so that D learns of observed
    values only (AmbientGAN, Bora 2018): cells that are missing for a reason of their own are filled in as if not.
    """

    config: GAN
    recipe = Recipe(pace=0.5, length=2.0, adam=(0.0, 0.99), best_by_loss=False)

    def __init__(self, config: GAN, layout: Layout) -> None:
        super().__init__(config, layout)
        self.beta = config.beta
        self.generator = deepcopy(self.decoder)
        self.decoder.requires_grad_(False)
        assert config.hidden is not None
        width = self.likelihood.spread(torch.zeros(2, *layout.shape)).shape[1]
        self.discriminator = Discriminator(config.network, layout, config.hidden, width)
        self.register_buffer("steps", torch.zeros(()))
        self.steps: Tensor

    def draw(self, z: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """(B, D) -> (B, *shape): what G makes of z; categories are drawn, numbers come without the noise model's."""
        self._check_latent(z)
        return self.likelihood.draw_modelled(self._outputs(z), generator)

    def missing(self, z: Tensor) -> Tensor | None:
        """None: which cells are missing is no part of the game, so that G never learns it."""
        return None

    def loss(self, x: Tensor, weight: float = 1.0, generator: torch.Generator | None = None) -> tuple[Tensor, Terms]:
        """The sum of three losses, each of which reaches one network only; in evaluation the encoder's alone."""
        if not self.training:
            return super().loss(x, weight, generator)
        z = self.sample_prior(len(x), generator)
        params = self.generator(z).float()
        real, seen = self._shown(x)
        made = torch.where(seen, self.likelihood.soften(params, generator), 0.0)
        judged = {name: p.detach() for name, p in self.discriminator.named_parameters()}
        believed = functional_call(self.discriminator, judged, (made,))
        with torch.no_grad():
            known = self.discriminator(real)
        game = F.softplus(known - believed).mean() + self._discern(real, made.detach())
        part = x[: -(-len(x) // _ENCODED)]
        inverted, terms = super().loss(part, weight, generator)
        return game + inverted + self._regress(len(part), generator), terms

    def _shown(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Encoded rows -> what the discriminator sees of them (B, E), 0 where not observed; and what was."""
        real = self.likelihood.spread(x)
        seen = ~real.isnan()
        return torch.where(seen, real, 0.0), seen

    def _discern(self, real: Tensor, made: Tensor) -> Tensor:
        """The discriminator's loss."""
        few = -(-len(real) // _PENALISED)
        real, made = real.clone(), made.clone()
        heads = [t[:few].requires_grad_() for t in (real.detach(), made)]
        scores = [self.discriminator(torch.cat([h, t[few:]])) for h, t in zip(heads, (real, made), strict=True)]
        penalty = torch.zeros((), device=real.device)
        for head, score in zip(heads, scores, strict=True):
            (slope,) = torch.autograd.grad(score[:few].sum(), head, create_graph=True)
            penalty = penalty + self.discriminator.squared_slope(slope.float()).mean()
        return F.softplus(scores[1] - scores[0]).mean() + 0.5 * self.config.penalty * penalty

    def _regress(self, n: int, generator: torch.Generator | None) -> Tensor:
        """-log q(z|G(z)) of n generated rows, in nats a row but for a constant."""
        z = self.sample_prior(n, generator)
        with torch.no_grad():
            x = self.likelihood.draw_modelled(self._outputs(z), generator)
        mean, log_variance = self._posterior(x)
        return 0.5 * ((z - mean).square() * (-log_variance).exp() + log_variance).sum(1).mean()

    @torch.no_grad()
    def after_step(self) -> None:
        """Move the averaged generator: over a tenth of the steps so far, at most over a thousand."""
        self.steps += 1
        keep = min(_MOST_KEPT, float(self.steps) / (float(self.steps) + 10))
        torch._foreach_lerp_(list(self.decoder.parameters()), list(self.generator.parameters()), 1 - keep)

    @torch.no_grad()
    def prepare(self, x: Tensor) -> None:
        super().prepare(x)
        self.generator.load_state_dict(self.decoder.state_dict())
        self.discriminator.prepare(*self._shown(x))
