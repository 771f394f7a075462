"""The pair of small networks: latents to positions on the map, and positions back to latents."""

from __future__ import annotations

import itertools

import torch
from torch import Tensor, nn

__all__ = ["Perceptron", "build_pair"]


class Perceptron(nn.Module):
    """y = A [x, sin(Fx), cos(Fx)] through SiLU layers, plus a straight affine path from x. x: (B, in) -> (B, out).

    hidden=() leaves the affine path alone. ``waves`` random frequencies F ~ N(0, bandwidth^2) let a network with few
    inputs follow fine detail (Tancik 2020, arXiv:2006.10739); they are a buffer, saved with the weights.
    """

    def __init__(
        self, inputs: int, outputs: int, hidden: tuple[int, ...], *, waves: int = 0, bandwidth: float = 1.0
    ) -> None:
        super().__init__()
        self.straight = nn.Linear(inputs, outputs)
        self.frequencies: Tensor | None
        if waves and hidden:
            self.register_buffer("frequencies", torch.randn(inputs, waves) * bandwidth)
        else:
            self.register_buffer("frequencies", None)
        layers: list[nn.Module] = []
        widths = (inputs + (2 * waves if hidden else 0), *hidden)
        for before, after in itertools.pairwise(widths):
            layers += [nn.Linear(before, after), nn.SiLU()]
        if hidden:
            last = nn.Linear(hidden[-1], outputs)
            nn.init.zeros_(last.weight)
            nn.init.zeros_(last.bias)
            layers.append(last)
        self.layers = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.straight(x)
        if len(self.layers) == 0:
            return y
        if self.frequencies is not None:
            angle = x @ self.frequencies
            x = torch.cat([x, angle.sin(), angle.cos()], 1)
        bent: Tensor = self.layers(x)
        return y + bent


def build_pair(
    latent_dim: int, hidden: tuple[int, ...], *, waves: int, bandwidth: float, seed: int
) -> tuple[Perceptron, Perceptron]:
    """Encoder (D -> 2) and decoder (2 -> D), the same for the same seed; the global random state is left alone."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        encoder = Perceptron(latent_dim, 2, hidden)
        decoder = Perceptron(2, latent_dim, hidden, waves=waves, bandwidth=bandwidth)
    return encoder, decoder
