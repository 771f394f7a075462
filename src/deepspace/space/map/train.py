"""Trains the pair: the encoder learns where the graph wants each row, the decoder what lies behind each place."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from deepspace.space.map.networks import Perceptron

__all__ = ["train_pair"]

_BATCH = 1024
_SMALL, _SMALL_BATCH = 10_000, 256
_LEARNING_RATE = 2e-3
_EPOCHS, _LEAST_STEPS = 4, 500


def train_pair(
    encoder: Perceptron,
    decoder: Perceptron,
    latents: NDArray[np.float32],
    layout: NDArray[np.float32],
    *,
    unit: float,
    seed: int,
    on_step: Callable[[float], bool] | None = None,
) -> None:
    """latents: (n, D) centred and scaled; layout: (n, 2) where each row belongs; unit: layout units in one map unit.

    Minimises log(1 + |e(u) - p|^2 unit^2), the graph's own attraction of a row to its place, which prefers one place to
    the middle of two, plus the squared error of d(p) and of d(e(u)) against u.
    """
    u, target = torch.from_numpy(latents), torch.from_numpy(layout)
    generator = torch.Generator().manual_seed(seed)
    batch = min(_BATCH if len(u) > _SMALL else _SMALL_BATCH, len(u))
    per_epoch = max(1, len(u) // batch)
    steps = max(_LEAST_STEPS, _EPOCHS * per_epoch)
    optimiser = torch.optim.Adam([*encoder.parameters(), *decoder.parameters()], lr=_LEARNING_RATE, fused=True)
    order = torch.empty(0, dtype=torch.int64)
    for step in range(steps):
        progress = step / steps
        for group in optimiser.param_groups:
            group["lr"] = _LEARNING_RATE * min(1.0, 20 * progress + 0.05) * 0.5 * (1.0 + math.cos(math.pi * progress))
        place = step % per_epoch
        if place == 0:
            order = torch.randperm(len(u), generator=generator)
        rows = order[place * batch : (place + 1) * batch]
        loss = _loss(encoder, decoder, u[rows], target[rows], unit)
        optimiser.zero_grad(set_to_none=True)
        torch.autograd.backward(loss)
        optimiser.step()
        if on_step is not None and on_step((step + 1) / steps):
            break


def _loss(encoder: Perceptron, decoder: Perceptron, u: Tensor, target: Tensor, unit: float) -> Tensor:
    place = encoder(u)
    attraction = torch.log1p((place - target).square().sum(1) * unit**2).mean()
    around, at = decoder(torch.cat([place, target])).chunk(2)
    error = (at - u).square().mean() + 0.1 * (around - u).square().mean()
    total: Tensor = 0.1 * attraction + error
    return total
