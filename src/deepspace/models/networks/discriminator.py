"""The network that tells real rows from generated ones."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from deepspace.models.layout import Layout
from deepspace.models.networks.conv import ConvEncoder
from deepspace.models.networks.mlp import MLPEncoder

__all__ = ["Discriminator"]

_LEAK = 0.2


class Discriminator(nn.Module):
    """(B, E) -> (B,): higher for rows that look real. The body of an encoder with leaky ReLUs, and one score.

    Sees a row in the numbers of ``Likelihood.spread``, brought to about zero mean and unit deviation; no
    normalisation between layers, so that a row's score does not hang on the rows beside it.
    """

    def __init__(self, network: str, layout: Layout, hidden: Sequence[int], width: int) -> None:
        super().__init__()
        self.shape = layout.shape if network == "conv" else (width,)
        flat = Layout("vector", (width,))
        body = ConvEncoder(layout, hidden) if network == "conv" else MLPEncoder(flat, hidden)
        body.standardise = nn.Identity()  # type: ignore[assignment]
        for i, layer in enumerate(body.layers):
            if isinstance(layer, nn.ReLU):
                body.layers[i] = nn.LeakyReLU(_LEAK)
        self.body = body
        self.score = nn.Linear(body.width, 1, bias=False)  # only differences of scores matter
        self.register_buffer("shift", torch.zeros(()))
        self.register_buffer("factor", torch.ones(()))
        self.shift: Tensor
        self.factor: Tensor

    def forward(self, rows: Tensor) -> Tensor:
        h = self.body(((rows - self.shift) * self.factor).reshape(-1, *self.shape))
        score: Tensor = self.score(h)
        return score.squeeze(1).float()

    def squared_slope(self, slope: Tensor) -> Tensor:
        """(B, E) gradients by rows -> (B,) their squared length by standardised rows."""
        return (slope / self.factor).square().sum(1)

    @torch.no_grad()
    def prepare(self, rows: Tensor, seen: Tensor) -> None:
        """Measure one mean and deviation over rows (N, E), where seen; the schema has scaled a table's columns."""
        values = rows[seen]
        self.shift.copy_(values.mean())
        self.factor.copy_(1 / values.std().clamp_min(1e-3))
