"""The beta-TC-VAE: a VAE whose KL is split in three, so that only the dependence between latents is punished harder."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, NamedTuple, get_args

import torch
from torch import Tensor

from deepspace.models.base import Terms
from deepspace.models.config import Networked
from deepspace.models.networked import NetworkedModel

__all__ = ["TCVAE", "Decomposition", "TCVAEModel", "decompose"]

Estimator = Literal["stratified", "weighted"]


@dataclass(frozen=True, kw_only=True)
class TCVAE(Networked):
    """A beta-TC-VAE (Chen 2018, arXiv:1802.04942): a VAE whose latents are pressed to be independent.

    Trained with

    alpha I(z; n) + beta TC(z) + gamma sum_d KL(q(z_d) || p(z_d))  in the place of  KL(q(z|x) || p(z)).

    alpha: weight of the index-code mutual information. beta: of the total correlation, the dependence between latent
        dimensions. gamma: of the dimension-wise KL. At 1, 1, 1 this is the VAE.
    estimator: how log q(z) is read off a batch: "stratified" (unbiased for q(z)) or "weighted" (the paper's minibatch
        weighted sampling).
    """

    alpha: float = 1.0
    beta: float = 6.0
    gamma: float = 1.0
    estimator: Estimator = "stratified"

    family = "tcvae"

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("alpha", "beta", "gamma"):
            if not 0 <= getattr(self, name) < float("inf"):
                self._refuse(name, "must be a finite number of at least 0")
        if self.estimator not in get_args(Estimator):
            self._refuse("estimator", f"must be one of {', '.join(get_args(Estimator))}")


class Decomposition(NamedTuple):
    """The three parts of the mean KL of a batch, scalars in nats; they sum to a one-sample estimate of it."""

    mutual_information: Tensor
    total_correlation: Tensor
    dimension_wise: Tensor


def decompose(
    z: Tensor, mean: Tensor, log_variance: Tensor, rows: int, estimator: Estimator = "stratified"
) -> Decomposition:
    """KL(q(z|n) || p(z)) = I(z; n) + TC(z) + sum_d KL(q(z_d) || p(z_d)), averaged over a batch (Chen 2018, eq. 2).

    z, mean, log_variance: (B, D), z_i drawn from q(z|x_i); rows: N, of which the batch is a sample.
    """
    own, joint, marginal = _log_densities(z, mean, log_variance, rows, estimator)
    prior = -0.5 * (z.square() + math.log(2 * math.pi))
    return Decomposition((own - joint).mean(), (joint - marginal.sum(1)).mean(), (marginal - prior).sum(1).mean())


def _log_densities(
    z: Tensor, mean: Tensor, log_variance: Tensor, rows: int, estimator: Estimator
) -> tuple[Tensor, Tensor, Tensor]:
    """log q(z_i|x_i) (B,), log q(z_i) (B,), log q(z_id) (B, D). With q_ij = q(z_i | x_j), for all dimensions together
    and for each,

    stratified: q(z_i) = q_ii / N + (N - 1) / N mean_{j != i} q_ij. Chen 2018's stratified sampling gives one of the
    others another weight than the rest; this is its mean over which one, as unbiased and less noisy.
    weighted: q(z_i) = sum_j q_ij / (N B), which is too small as long as B < N, by nearly a constant.
    """
    batch = len(z)
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
    together = z.new_zeros(batch, batch)
    summed = []
    for d in range(z.shape[1]):  # one dimension at a time, since (B, B) stays in the cache where (D, B, B) does not
        each = powers[:, d] @ factors[:, :, d].T
        together = together + each
        # A dimension's density neither overflows nor, at the row's own mean, vanishes: no maximum need be taken out.
        density = each.exp()
        summed.append(math.exp(other) * density.sum(1) + (math.exp(itself) - math.exp(other)) * density.diagonal())
    own = -0.5 * ((z - mean).square() * precision + log_variance + math.log(2 * math.pi)).sum(1)
    weights = torch.full_like(together, other).fill_diagonal_(itself)
    joint = torch.logsumexp(together + weights, 1)
    marginal = torch.stack(summed, 1).log()
    return own, joint, marginal


class TCVAEModel(NetworkedModel):
    """The VAE with another loss. The KL stays in closed form; only what alpha, beta and gamma add to it is estimated.

    The estimate needs the number of training rows, which the training loop sets as ``training_rows``; a model that
    nobody trains takes a batch for the whole data.
    """

    config: TCVAE

    def loss(self, x: Tensor, weight: float = 1.0, generator: torch.Generator | None = None) -> tuple[Tensor, Terms]:
        mean, log_variance = self._posterior(x)
        variance = log_variance.exp()
        z = mean + variance.sqrt() * torch.randn(mean.shape, generator=generator, device=mean.device)
        terms = Terms(self.log_likelihood(x, z), 0.5 * (mean.square() + variance - 1 - log_variance))
        with torch.autocast(x.device.type, enabled=False):
            parts = decompose(z, mean, log_variance, self.training_rows, self.config.estimator)
        c = self.config
        added = (
            (c.alpha - 1) * parts.mutual_information
            + (c.beta - 1) * parts.total_correlation
            + (c.gamma - 1) * parts.dimension_wise
        )
        return weight * (terms.kl.sum(1).mean() + added) - terms.reconstruction.mean(), terms
