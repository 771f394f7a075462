"""The beta-TC-VAE: a VAE whose KL is split in three, so that only the dependence between latents is punished harder."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, NamedTuple, get_args

import torch
from torch import Tensor

from deepspace.models.base import Posterior, Terms
from deepspace.models.config import Networked
from deepspace.models.layout import Layout
from deepspace.models.networked import NetworkedModel
from deepspace.models.priors.base import Density
from deepspace.models.priors.standard import Normal
from deepspace.models.priors.uniform import REACH, Uniform

__all__ = ["TCVAE", "Decomposition", "TCVAEModel", "decompose"]

Estimator = Literal["stratified", "weighted"]

_MEMORY = 100_000
# He's start, which suits deep networks, makes functions so rough that a factor begins in pieces on several latents, and
# stays there; at a sixth of its variance, PyTorch's own, networks begin nearly linear.
_START = 6**-0.5


@dataclass(frozen=True, kw_only=True)
class TCVAE(Networked):
    """A beta-TC-VAE (Chen 2018, arXiv:1802.04942): a VAE whose latents are pressed to be independent.

    Trained with

    alpha I(z; n) + beta TC(z) + gamma sum_d KL(q(z_d) || p(z_d))  in the place of  KL(q(z|x) || p(z)).

    alpha: weight of the index-code mutual information. beta: of the total correlation, the dependence between latent
        dimensions. gamma: of the dimension-wise KL. At 1, 1, 1 this is the VAE.
    estimator: how log q(z) is read off a sample of rows: "stratified" (unbiased for q(z)) or "weighted" (the paper's
        minibatch weighted sampling).
    memory: how many posteriors of earlier batches are in that sample too. Without, a batch of B rows cannot tell more
        than log B nats, and total correlation beyond that goes unpunished; the paper has B = 2,048 for it.
    codes: how many values each latent may take, evenly over a box in which the prior is uniform: latent quantisation
        (Hsu 2023, arXiv:2305.18378) under total correlation, as Baykal 2024 (arXiv:2409.14851) has the two together.
        A normal prior is the same from all sides, so that factors may lie at an angle to their latents; a box is not.
        Odd, so that a latent that says nothing has a code in the middle. None: any value, and the normal prior.
    """

    alpha: float = 1.0
    beta: float = 6.0
    gamma: float = 1.0
    estimator: Estimator = "stratified"
    memory: int = 1024
    codes: int | None = None

    family = "tcvae"

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("alpha", "beta", "gamma"):
            if not 0 <= getattr(self, name) < float("inf"):
                self._refuse(name, "must be a finite number of at least 0")
        if self.estimator not in get_args(Estimator):
            self._refuse("estimator", f"must be one of {', '.join(get_args(Estimator))}")
        if not 0 <= self.memory <= _MEMORY:
            self._refuse("memory", f"must be a number of rows from 0 to {_MEMORY:,}")
        if self.codes is not None and not 2 <= self.codes <= 1024:
            self._refuse("codes", "must be from 2 to 1024", "15 is a good start")


class Decomposition(NamedTuple):
    """The three parts of the mean KL of a batch, scalars in nats; they sum to a one-sample estimate of it."""

    mutual_information: Tensor
    total_correlation: Tensor
    dimension_wise: Tensor


def decompose(
    z: Tensor,
    mean: Tensor,
    log_variance: Tensor,
    rows: int,
    estimator: Estimator = "stratified",
    recent: Tensor | None = None,
    prior: Density | None = None,
) -> Decomposition:
    """KL(q(z|n) || p(z)) = I(z; n) + TC(z) + sum_d KL(q(z_d) || p(z_d)), averaged over a batch (Chen 2018, eq. 2).

    z, mean, log_variance: (B, D), z_i drawn from q(z|x_i); rows: N, of which the batch is a sample. recent: (2, M, D),
    means and log-variances of M other rows, taken as fixed, as are then the batch's own in q(z): a density's change
    of shape adds nothing to the gradient of its own mean logarithm. prior: p(z), standard normal unless given.
    """
    own, joint, marginal = _log_densities(z, mean, log_variance, rows, estimator, recent)
    each = (prior or Normal(torch.zeros_like(z[0]))).log_prob_each(z)
    return Decomposition((own - joint).mean(), (joint - marginal.sum(1)).mean(), (marginal - each).sum(1).mean())


def _log_densities(
    z: Tensor, mean: Tensor, log_variance: Tensor, rows: int, estimator: Estimator, recent: Tensor | None = None
) -> tuple[Tensor, Tensor, Tensor]:
    """log q(z_i|x_i) (B,), log q(z_i) (B,), log q(z_id) (B, D). With q_ij = q(z_i | x_j), for all dimensions together
    and for each, j over the batch and what is recent,

    stratified: q(z_i) = q_ii / N + (N - 1) / N mean_{j != i} q_ij. Chen 2018's stratified sampling gives one of the
    others another weight than the rest; this is its mean over which one, as unbiased and less noisy.
    weighted: q(z_i) = sum_j q_ij / (N B), which is too small as long as B < N, by nearly a constant.
    """
    own = -0.5 * ((z - mean).square() * torch.exp(-log_variance) + log_variance + math.log(2 * math.pi)).sum(1)
    if recent is not None:
        mean, log_variance = torch.cat([torch.stack([mean, log_variance]).detach(), recent], 1)
    batch = len(mean)
    rows = max(rows, batch)
    # log q(z_id | x_jd) is a quadratic in z_id, so that all pairs of a dimension are one matrix product.
    precision = torch.exp(-log_variance)
    constant = -0.5 * (mean.square() * precision + log_variance + math.log(2 * math.pi))
    powers = torch.stack([z.square(), z, torch.ones_like(z)], 2)  # (B, D, 3)
    factors = torch.stack([-0.5 * precision, mean * precision, constant], 1)  # (B, 3, D)
    if estimator == "weighted" or batch == 1:
        other = itself = -math.log(rows * batch)
    else:
        other, itself = math.log((rows - 1) / (rows * (batch - 1))), -math.log(rows)
    together = z.new_zeros(len(z), batch)
    summed = []
    for d in range(z.shape[1]):  # one dimension at a time, since one matrix stays in the cache where D do not
        each = powers[:, d] @ factors[:, :, d].T
        together = together + each
        # A dimension's density neither overflows nor, at the row's own mean, vanishes: no maximum need be taken out.
        density = each.exp()
        summed.append(math.exp(other) * density.sum(1) + (math.exp(itself) - math.exp(other)) * density.diagonal())
    weights = torch.full_like(together, other).fill_diagonal_(itself)
    joint = torch.logsumexp(together + weights, 1)
    marginal = torch.stack(summed, 1).log()
    return own, joint, marginal


class TCVAEModel(NetworkedModel):
    """The VAE with another loss. The KL stays in closed form; only what alpha, beta and gamma add to it is estimated.

    The estimate needs the number of training rows, which the training loop sets as ``training_rows``; a model that
    nobody trains takes a batch for the whole data.

    With ``codes`` p(x|z) is that of the codes nearest to z, whose gradient passes as if it were z's, and no posterior
    is narrower than a place is uncertain within its cell, (distance of codes) / sqrt(12): narrower ones would hide from
    the estimate what two latents share. ``encode`` gives codes, as mean, and ``sample_prior`` draws them. ``decode``
    takes every place as it is, as the QLAE's does.
    """

    config: TCVAE

    def __init__(self, config: TCVAE, layout: Layout) -> None:
        super().__init__(config, layout)
        # Not among the weights, since only training needs them.
        self.register_buffer("recent", torch.zeros(2, config.memory, self.latent_dim), persistent=False)
        self.register_buffer("pushed", torch.zeros((), dtype=torch.long), persistent=False)
        self.register_buffer("zero", torch.zeros(self.latent_dim), persistent=False)
        self.recent: Tensor
        self.pushed: Tensor
        self.zero: Tensor
        self.apart = None if config.codes is None else 2 * REACH / (config.codes - 1)
        with torch.no_grad():
            for part in (self.encoder, self.decoder):
                for weights in part.parameters():
                    if weights.ndim > 1:
                        weights.mul_(_START)

    @property
    def _prior(self) -> Density:
        return (Normal if self.apart is None else Uniform)(self.zero)

    def _posterior(self, x: Tensor) -> tuple[Tensor, Tensor]:
        mean, log_variance = super()._posterior(x)
        if self.apart is None:
            return mean, log_variance
        return REACH * torch.tanh(mean / REACH), torch.log(log_variance.exp() + self.apart**2 / 12)

    def _coded(self, z: Tensor) -> Tensor:
        """(B, D) -> the nearest codes, with z's own gradient; z itself without ``codes``."""
        if self.apart is None:
            return z
        codes = ((z.clamp(-REACH, REACH) + REACH) / self.apart).round() * self.apart - REACH
        return z + (codes - z).detach()

    def encode(self, x: Tensor) -> Posterior:
        mean, scale = super().encode(x)
        return Posterior(self._coded(mean), scale)

    def log_likelihood(self, x: Tensor, z: Tensor) -> Tensor:
        return super().log_likelihood(x, self._coded(z))

    def sample_prior(self, n: int, generator: torch.Generator | None = None) -> Tensor:
        return self._coded(self._prior.sample(n, generator))

    def log_prior(self, z: Tensor) -> Tensor:
        return self._prior.log_prob(z)

    def prior_moments(self) -> tuple[Tensor, Tensor]:
        return self._prior.moments()

    def terms(self, x: Tensor, generator: torch.Generator | None = None) -> Terms:
        return self._drawn(x, generator)[0]

    def _drawn(self, x: Tensor, generator: torch.Generator | None) -> tuple[Terms, Tensor, Tensor, Tensor]:
        """Terms, z, and its posterior's mean and log-variance."""
        mean, log_variance = self._posterior(x)
        noise = torch.randn(mean.shape, generator=generator, device=mean.device)
        z = mean + log_variance.exp().sqrt() * noise
        return Terms(self.log_likelihood(x, z), self._prior.kl(mean, log_variance, z)), z, mean, log_variance

    def loss(self, x: Tensor, weight: float = 1.0, generator: torch.Generator | None = None) -> tuple[Tensor, Terms]:
        terms, z, mean, log_variance = self._drawn(x, generator)
        with torch.autocast(x.device.type, enabled=False):
            recent = self._remember(mean, log_variance)
            known = self.training_rows, self.config.estimator
            parts = decompose(z, mean, log_variance, *known, recent, self._prior)
        c = self.config
        added = (
            (c.alpha - 1) * parts.mutual_information
            + (c.beta - 1) * parts.total_correlation
            + (c.gamma - 1) * parts.dimension_wise
        )
        return weight * (terms.kl.sum(1).mean() + added) - terms.reconstruction.mean(), terms

    @torch.no_grad()
    def _remember(self, mean: Tensor, log_variance: Tensor) -> Tensor | None:
        """The posteriors of the batches before, none of them twice; and keeps this batch's for the next."""
        room = min(self.config.memory, self.training_rows - len(mean))
        if not self.training or room <= 0:
            return None
        count = min(int(self.pushed), room)
        before = self.recent[:, :count].clone() if count else None
        batch = torch.stack([mean, log_variance])[:, : self.config.memory]
        self.recent.copy_(torch.cat([batch, self.recent], 1)[:, : self.config.memory])
        self.pushed.add_(batch.shape[1])
        return before
