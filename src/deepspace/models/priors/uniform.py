"""A uniform prior: the same density everywhere in a box."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from deepspace.models.priors.base import Density

__all__ = ["EDGE", "REACH", "Uniform"]

REACH = 3**0.5  # of the box from 0: its variance is 1, as a standard normal's
EDGE = 0.3


class Uniform(Density):
    """p(z_d) = 1 / c * exp(-1/2 (max(|z_d| - REACH, 0) / EDGE)^2),  c = 2 REACH + EDGE sqrt(2 pi).

    The sides fall off softly, since a Gaussian posterior reaches over a hard one, and its KL would be infinite. Other
    than a normal's, this density changes when independent dimensions are turned into each other.
    """

    _LOG_ALL = math.log(2 * REACH + EDGE * math.sqrt(2 * math.pi))
    _INSIDE = 2 * REACH * math.exp(-_LOG_ALL)

    def __init__(self, like: Tensor) -> None:
        self.like = like

    def log_prob(self, z: Tensor) -> Tensor:
        return self.log_prob_each(z).sum(1)

    def log_prob_each(self, z: Tensor) -> Tensor:
        return -self._LOG_ALL - 0.5 * ((z.abs() - REACH).clamp_min(0) / EDGE).square()

    def sample(self, n: int, generator: torch.Generator | None = None) -> Tensor:
        shape, device = (n, len(self.like)), self.like.device
        inside, place = torch.rand((2, *shape), generator=generator, device=device)
        beyond = torch.randn(shape, generator=generator, device=device).abs() * EDGE
        side = 2 * place - 1
        return torch.where(inside < self._INSIDE, REACH * side, (REACH + beyond) * side.sign())

    def moments(self) -> tuple[Tensor, Tensor]:
        beyond = REACH**2 + 2 * REACH * EDGE * math.sqrt(2 / math.pi) + EDGE**2
        variance = self._INSIDE * REACH**2 / 3 + (1 - self._INSIDE) * beyond
        return self.like, torch.full_like(self.like, math.sqrt(variance))

    def kl(self, mean: Tensor, log_variance: Tensor, z: Tensor, *, each: bool = True) -> Tensor:
        """In closed form; z does not matter. Of u ~ N(m, s^2): E max(u, 0)^2 = (m^2 + s^2) Phi(m/s) + m s phi(m/s)."""
        deviation = torch.exp(0.5 * log_variance)
        over = torch.zeros_like(mean)
        for m in (mean - REACH, -mean - REACH):
            ratio = m / deviation
            density = torch.exp(-0.5 * ratio.square()) / math.sqrt(2 * math.pi)
            over = over + (m.square() + deviation.square()) * torch.special.ndtr(ratio) + m * deviation * density
        return self._LOG_ALL + 0.5 * over / EDGE**2 - 0.5 * (log_variance + math.log(2 * math.pi) + 1)
