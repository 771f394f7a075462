"""How good a model is on some rows: the ELBO, its parts, and the latent dimensions in use."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from deepspace.models import LatentModel

__all__ = ["ACTIVE", "Evaluation", "active_units", "evaluate", "multiplies"]

ACTIVE = 0.01  # variance of the posterior mean over rows beyond which a unit is active: Burda 2016, arXiv:1509.00519
_BATCH = 1024
_MEANS = 2000


@dataclass(frozen=True)
class Evaluation:
    """Means over rows, in nats. kl_per_dimension: one figure a latent dimension; they sum to ``kl``. score: minus the
    training loss, the higher the better; it is the ELBO where that is what is trained towards."""

    reconstruction: float
    kl: float
    kl_per_dimension: list[float]
    active_units: int
    score: float

    @property
    def elbo(self) -> float:
        """Reconstruction minus KL."""
        return self.reconstruction - self.kl


def _parts(x: Tensor, device: torch.device) -> Iterator[Tensor]:
    for start in range(0, len(x), _BATCH):
        yield x[start : start + _BATCH].to(device)


def active_units(means: Tensor) -> int:
    """(N, D) posterior means -> how many dimensions vary over the rows by more than 0.01 in variance."""
    return int((means.double().var(0, correction=0) > ACTIVE).sum()) if len(means) else 0


@torch.no_grad()
def evaluate(
    model: LatentModel, x: Tensor, device: torch.device, *, seed: int = 0, codes: Tensor | None = None
) -> Evaluation:
    """(N, *shape) -> the figures. The noise is the same at every call, so that epochs can be compared.

    ``codes`` (N,): the rows' conditions, for a model that has one.
    """
    training = model.training
    model.eval()
    generator = torch.Generator(device).manual_seed(seed)
    reconstruction = torch.zeros((), dtype=torch.float64, device=device)
    kl = torch.zeros(model.latent_dim, dtype=torch.float64, device=device)
    score = torch.zeros((), dtype=torch.float64, device=device)
    means: list[Tensor] = []
    own = itertools.repeat(None) if codes is None else _parts(codes, device)
    for part, condition in zip(_parts(x, device), own, strict=False):
        loss, terms = model.given(condition).loss(part, 1.0, generator)
        score -= loss.double() * len(part)
        reconstruction += terms.reconstruction.double().sum()
        kl += terms.kl.double().sum(0)
        if sum(len(m) for m in means) < _MEANS:  # the variance of a mean needs no more
            means.append(model.encode(part).mean)
    model.train(training)
    each = (kl / len(x)).tolist()
    return Evaluation(
        float(reconstruction / len(x)), sum(each), each, active_units(torch.cat(means)), float(score / len(x))
    )


@torch.no_grad()
def multiplies(model: LatentModel, row: npt.NDArray[Any]) -> int:
    """Multiplications in linear and convolutional layers for one row (1, *shape), to the latents and back."""
    total = 0

    def count(layer: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        nonlocal total
        weight = layer.weight
        assert isinstance(weight, Tensor)
        # A weight is used once at each place: of the output, or of the input where the layer is transposed.
        places = inputs[0] if isinstance(layer, nn.ConvTranspose2d) else output
        total += weight.numel() * places[0, 0].numel() if weight.ndim > 2 else weight.numel()

    kinds = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.ConvTranspose2d)
    hooks = [m.register_forward_hook(count) for m in model.modules() if isinstance(m, kinds)]
    training, device = model.training, next((p.device for p in model.parameters()), torch.device("cpu"))
    model.eval()
    with torch.random.fork_rng(devices=[]):
        model.decode(model.encode(torch.from_numpy(np.array(row)).to(device)).mean)
    model.train(training)
    for hook in hooks:
        hook.remove()
    return total
