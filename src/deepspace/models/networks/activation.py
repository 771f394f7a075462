"""What follows a layer: how it bends, how many outputs it takes for one, and how the layer's weights start for it."""

from __future__ import annotations

from typing import Literal, get_args

from torch import nn

__all__ = ["ACTIVATIONS", "GAIN", "TIMES", "Activation", "bend"]

Activation = Literal["relu", "glu"]
ACTIVATIONS: tuple[str, ...] = get_args(Activation)
TIMES = {"relu": 1, "glu": 2}
"""Outputs of the layer to one that is passed on."""
GAIN = {"relu": 2.0, "glu": 3.0}
"""c, so that weights of variance c / inputs keep the mean square: c E[relu(u)^2] = 1 for normal u of variance 1, and
c E[s(g)^2] = 1 for g of variance c and the sigmoid s."""


def bend(name: str) -> nn.Module:
    """The activation as a module, over dimension 1: (B, TIMES C, ...) -> (B, C, ...)."""
    return nn.ReLU(inplace=True) if name == "relu" else nn.GLU(dim=1)
