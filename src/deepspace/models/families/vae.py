"""The variational autoencoder, for every modality: an encoder, a decoder and a likelihood put together."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, get_args

import torch
from torch import Tensor

from deepspace.errors import ModelError
from deepspace.models import priors
from deepspace.models.base import Terms
from deepspace.models.config import Networked
from deepspace.models.layout import Layout
from deepspace.models.networked import NetworkedModel
from deepspace.models.priors.base import log_normal

__all__ = ["VAE", "VAEModel"]

Bound = Literal["elbo", "iwae", "dreg"]
MOST_TRANSLATION = 16


@dataclass(frozen=True, kw_only=True)
class VAE(Networked):
    """A variational autoencoder (Kingma & Welling 2014, arXiv:1312.6114).

    beta: weight of the KL in the training loss (Higgins 2017); the ELBO that is reported always has weight 1.
    prior: "standard", the standard normal; "vamp", the mixture of posteriors of learned rows; "mixture", a mixture of
        Gaussians whose components are clusters: each row gets the number of its cluster.
    components: of a prior that is a mixture; the number of clusters. None: 500 for "vamp", 10 for "mixture".
    bound: what is maximised. "elbo"; "iwae", the importance-weighted bound of several samples (Burda 2016,
        arXiv:1509.00519), which is tighter; "dreg", the same with the doubly reparameterised gradient (Tucker 2019,
        arXiv:1810.04152), whose encoder learns better from many samples. Either begins where the KL has warmed up;
        until then the ELBO of one sample is maximised, so that a long ``TrainConfig.warmup`` makes them cheap.
    samples: z drawn of each row at each step. None: 1 for "elbo", where they are averaged, else 16.
    free_bits: nats that each latent dimension may use at no cost, on average over a batch (Kingma 2016,
        arXiv:1606.04934); keeps dimensions from dying, and only for "elbo".
    binarise: draw black-and-white images anew at each look, a pixel white with the probability of its grey level, so
        that encoder and likelihood see the same image; for the Bernoulli likelihood. Without it the encoder sees the
        grey image and the likelihood is the expectation over such draws.
    translation: pixels or time steps by which the encoder sees each image or signal moved, at random, while training;
        the decoder must give it unmoved (a denoising criterion, Im 2017, arXiv:1511.06406). Latents then tell less of
        where things lie, so that nearest neighbours are more alike in kind, and the reconstruction is worse for it.
    """

    beta: float = 1.0
    prior: str = "standard"
    components: int | None = None
    bound: Bound = "elbo"
    samples: int | None = None
    free_bits: float = 0.0
    binarise: bool = False
    translation: int = 0

    family = "vae"

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 <= self.beta < float("inf"):
            self._refuse("beta", "must be a finite number of at least 0")
        if self.prior not in priors.REGISTRY:
            self._refuse("prior", f"must be one of {', '.join(priors.REGISTRY)}")
        if self.components is not None and (self.prior == "standard" or not 1 <= self.components <= 10_000):
            self._refuse("components", "must be from 1 to 10,000, and left out for a standard prior")
        if self.bound not in get_args(Bound):
            self._refuse("bound", f"must be one of {', '.join(get_args(Bound))}")
        if self.samples is not None and not 1 <= self.samples <= 10_000:
            self._refuse("samples", "must be from 1 to 10,000", "50 is plenty")
        if not 0 <= self.free_bits < float("inf"):
            self._refuse("free_bits", "must be a finite number of at least 0")
        if self.free_bits and self.bound != "elbo":
            self._refuse("free_bits", f"must be 0 for bound {self.bound!r}, which has no KL a dimension")
        if not 0 <= self.translation <= MOST_TRANSLATION:
            self._refuse("translation", f"must be from 0 to {MOST_TRANSLATION} pixels or time steps", "1 is much")

    @property
    def draws(self) -> int:
        """``samples``, or what stands for None."""
        return self.samples or (1 if self.bound == "elbo" else 16)

    @property
    def count(self) -> int:
        """``components``, or what stands for None."""
        return self.components or {"vamp": 500, "mixture": 10}.get(self.prior, 1)


class VAEModel(NetworkedModel):
    """p(x) = E_{z ~ p(z)} p(x|z), with q(z|x) a diagonal Gaussian from the encoder (arXiv:1312.6114).

    ELBO = E_q log p(x|z) - KL(q(z|x) || p(z)), the expectation from one sample; the KL is in closed form where the
    prior is N(0, I). IWAE_k = E log 1/k sum_i w_i, w_i = p(x|z_i) p(z_i) / q(z_i|x): the loss follows the bound, the
    terms are always those of the ELBO.
    """

    config: VAE

    def __init__(self, config: VAE, layout: Layout) -> None:
        super().__init__(config, layout)
        if config.binarise and config.likelihood != "bernoulli":
            raise ModelError(
                f"VAE binarise is for the bernoulli likelihood, got {config.likelihood}; "
                "leave binarise out or choose likelihood='bernoulli'."
            )
        if config.translation and layout.modality not in ("image", "signal"):
            raise ModelError(
                f"VAE translation is for images and signals, got {layout.modality} data; leave translation out."
            )
        self.beta = config.beta
        self.prior = priors.make(config.prior, layout, self.latent_dim, config.count)
        self._look: Tensor | None = None

    def observe(self, x: Tensor, generator: torch.Generator | None = None) -> Tensor:
        if not self.config.binarise:
            return x
        return (torch.rand(x.shape, generator=generator, device=x.device) * 255 < x).to(torch.float32) * 255

    def _density(self) -> priors.Density:
        return self.prior.density(self._posterior)

    def sample_prior(self, n: int, generator: torch.Generator | None = None) -> Tensor:
        return self._density().sample(n, generator)

    def log_prior(self, z: Tensor) -> Tensor:
        return self._density().log_prob(z)

    def prior_moments(self) -> tuple[Tensor, Tensor]:
        return self._density().moments()

    def clusters(self, z: Tensor) -> Tensor | None:
        density = self._density()
        if not self.prior.clustered or not isinstance(density, priors.GaussianMixture):
            return None
        return density.responsibilities(z)

    def terms(self, x: Tensor, generator: torch.Generator | None = None) -> Terms:
        x = self.observe(x, generator)
        mean, log_variance = self._posterior(x)
        z = _draw(mean, log_variance, 1, generator)
        return Terms(self.log_likelihood(x, z), self._density().kl(mean, log_variance, z))

    def loss(self, x: Tensor, weight: float = 1.0, generator: torch.Generator | None = None) -> tuple[Tensor, Terms]:
        config, x = self.config, self.observe(x, generator)
        moved = config.translation > 0 and self.training
        mean, log_variance = self._posterior(_translated(x, config.translation, generator) if moved else x)
        # While the KL warms up there is no bound to tighten, and a draw is as good as fifty.
        if config.bound != "elbo" and weight >= 1:
            return self._weighted(x, mean, log_variance, generator)
        k = config.draws if config.bound == "elbo" else 1
        z = _draw(mean, log_variance, k, generator)
        again = mean.repeat(k, 1), log_variance.repeat(k, 1)
        # Dimension by dimension costs a mixture K D numbers a row, and training asks for the sum.
        kl = self._density().kl(*again, z, each=config.free_bits > 0 or not self.training)
        kl = kl.reshape(k, len(x), -1).mean(0)
        reconstruction = self.log_likelihood(_repeat(x, k), z).reshape(k, -1).mean(0)
        paid = kl.mean(0).clamp_min(config.free_bits).sum() if config.free_bits else kl.sum(1).mean()
        return (weight * self.beta) * paid - reconstruction.mean(), Terms(reconstruction, kl)

    def _weighted(
        self, x: Tensor, mean: Tensor, log_variance: Tensor, generator: torch.Generator | None
    ) -> tuple[Tensor, Terms]:
        """Minus the importance-weighted bound.

        DReG: with v_i the normalised weights, the decoder and the prior learn from sum v_i grad log w_i, the encoder
        from sum v_i^2 (d log w_i / d z_i) (d z_i / d encoder): q's own parameters are held in log q, and what comes
        back through z_i meets v_i a second time.
        """
        k, density, double = self.config.draws, self._density(), self.config.bound == "dreg"
        z = _draw(mean, log_variance, k, generator)
        path = z.requires_grad and double
        held = (t.detach() if path else t for t in (mean, log_variance))
        log_q = log_normal(z, *(t.repeat(k, 1) for t in held)).sum(1)
        log_likelihood = torch.cat(
            [self.log_likelihood(_repeat(x, len(part) // len(x)), part) for part in torch.split(z, _parts(len(x), k))]
        )
        log_w = (log_likelihood + self.beta * (density.log_prob(z) - log_q)).reshape(k, -1)  # (k, B)
        bound = (torch.logsumexp(log_w, 0) - math.log(k)).mean()
        loss = -bound
        if path:
            share = torch.softmax(log_w.detach(), 0)
            z.register_hook(lambda g: g * share.flatten()[:, None])  # type: ignore[no-untyped-call]
            surrogate = -(share * log_w).sum(0).mean()
            loss = surrogate + (loss - surrogate).detach()
        with torch.no_grad():
            again = mean.repeat(k, 1), log_variance.repeat(k, 1)
            kl = density.kl(*again, z, each=not self.training).reshape(k, len(x), -1).mean(0)
        return loss, Terms(log_likelihood.detach().reshape(k, -1).mean(0), kl)

    @torch.no_grad()
    def settle(self) -> None:
        if self._look is None:
            return
        blocks = [self._posterior(self.observe(x)) for x in torch.split(self._look, 256)]
        self.prior.settle(torch.cat([_draw(mean, log_variance, 1, None) for mean, log_variance in blocks]))
        self._look = None

    @torch.no_grad()
    def prepare(self, x: Tensor) -> None:
        super().prepare(x)
        self.prior.prepare(x)
        self._look = x if self.prior.clustered else None


def _draw(mean: Tensor, log_variance: Tensor, k: int, generator: torch.Generator | None) -> Tensor:
    """k draws of each row's posterior, (k B, D): all rows once, then all rows again."""
    noise = torch.randn((k * len(mean), mean.shape[1]), generator=generator, device=mean.device)
    return mean.repeat(k, 1) + torch.exp(0.5 * log_variance).repeat(k, 1) * noise


def _translated(x: Tensor, most: int, generator: torch.Generator | None) -> Tensor:
    """(B, C, *size): each item moved by up to ``most`` along each axis, either way; its edges fill what comes free."""
    size = x.shape[2:]
    each = torch.arange(len(x), device=x.device).reshape(-1, *(1 for _ in size))
    places: list[Tensor | slice] = [each, slice(None)]
    for axis, length in enumerate(size):
        by = torch.randint(-most, most + 1, (len(x), 1), generator=generator, device=x.device)
        index = (torch.arange(length, device=x.device) + by).clamp(0, length - 1)  # (B, length)
        places.append(index.reshape(len(x), *(length if i == axis else 1 for i in range(len(size)))))
    # Indices on both sides of a slice put the indexed axes first: (B, *size, C).
    return x[tuple(places)].movedim(-1, 1)


def _repeat(x: Tensor, k: int) -> Tensor:
    return x.repeat(k, *(1 for _ in x.shape[1:])) if k > 1 else x


def _parts(rows: int, k: int) -> int:
    """How many decodes go through the networks at once: whole batches, some 8,192 rows."""
    return rows * max(1, min(k, 8192 // max(rows, 1)))
