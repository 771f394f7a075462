"""Trains the pair: the encoder learns the layout, the decoder what lies behind each place, then both together."""

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
_LEARNING_RATE = 2e-3


def train_pair(
    encoder: Perceptron,
    decoder: Perceptron,
    latents: NDArray[np.float32],
    layout: NDArray[np.float32],
    *,
    epochs: int,
    least_steps: int,
    seed: int,
    on_step: Callable[[float], bool] | None = None,
) -> None:
    """latents: (n, D) centred and scaled; layout: (n, 2), unit variance, where the graph wants each row."""
    u, target = torch.from_numpy(latents), torch.from_numpy(layout)
    generator = torch.Generator().manual_seed(seed)
    batch = min(_BATCH, len(u))
    per_epoch = max(1, len(u) // batch)
    steps = max(least_steps, epochs * per_epoch)
    parameters = [*encoder.parameters(), *decoder.parameters()]
    optimiser = torch.optim.Adam(parameters, lr=_LEARNING_RATE, fused=True)
    order = torch.empty(0, dtype=torch.int64)
    for step in range(steps):
        progress = step / steps
        for group in optimiser.param_groups:
            group["lr"] = _LEARNING_RATE * min(1.0, 20 * progress + 0.05) * 0.5 * (1.0 + math.cos(math.pi * progress))
        place = step % per_epoch
        if place == 0:
            order = torch.randperm(len(u), generator=generator)
        rows = order[place * batch : (place + 1) * batch]
        loss = _losses(encoder, decoder, u[rows], target[rows], progress)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()
        if on_step is not None and on_step((step + 1) / steps):
            break


def _losses(encoder: Perceptron, decoder: Perceptron, u: Tensor, target: Tensor, progress: float) -> Tensor:
    p = encoder(u)
    place = (p - target).square().sum(1).mean()
    rebuilt = (decoder(p.detach()) - u).square().sum(1).mean() / u.shape[1]
    return place + rebuilt
