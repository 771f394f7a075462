"""The encoder of a table's row: numbers, ordered and unordered categories, and which cells were observed."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from deepspace.models.layout import Layout
from deepspace.models.networks.activation import TIMES, bend
from deepspace.models.networks.base import Encoder
from deepspace.models.networks.mlp import stack

__all__ = ["TableEncoder"]

_WIDE = 32  # categories; up to here a category has its own row of first-layer weights (a one-hot input, never built)
_EMBEDDING = 16  # dimensions of an embedding beyond


class TableEncoder(Encoder):
    """(B, F) with NaN where missing -> (B, hidden[-1]).

    A number enters as its value, 0 where missing, and a flag for observed; an ordered category likewise, its code
    spread over [-1, 1]. A category with few siblings picks a row of first-layer weights; one with many picks a row of
    an embedding that all such columns share. Missing is a category of its own. No loop over columns.
    """

    def __init__(self, layout: Layout, hidden: Sequence[int], dropout: float = 0.0, activation: str = "relu") -> None:
        super().__init__()
        sizes = layout.cardinalities
        scalar = layout.columns("number", "ordinal")
        narrow = tuple(i for i in range(layout.size) if i not in set(scalar) and sizes[i] <= _WIDE)
        wide = tuple(i for i in range(layout.size) if i not in set(scalar) and sizes[i] > _WIDE)
        half = [max(sizes[i] - 1, 1) / 2 for i in scalar]
        self._buffer("scalar", torch.tensor(scalar, dtype=torch.long))
        self._buffer("middle", torch.tensor([h if sizes[i] else 0.0 for h, i in zip(half, scalar, strict=True)]))
        self._buffer("spread", torch.tensor([1 / h if sizes[i] else 1.0 for h, i in zip(half, scalar, strict=True)]))
        width = hidden[0] if hidden else 2 * layout.size
        first = width * TIMES[activation]
        self.numbers = nn.Linear(2 * len(scalar), first) if scalar else None
        self.narrow = self._codes("narrow", narrow, sizes, first)
        self.wide = self._codes("wide", wide, sizes, _EMBEDDING)
        self.mix = nn.Linear(len(wide) * _EMBEDDING, first, bias=False) if wide else None
        self.bend = bend(activation)
        self.layers = stack([width, *hidden[1:]], dropout, activation)
        self.width = hidden[-1] if hidden else width

    scalar: Tensor
    middle: Tensor
    spread: Tensor

    def _buffer(self, name: str, value: Tensor) -> None:
        self.register_buffer(name, value, persistent=False)

    def _codes(self, name: str, places: tuple[int, ...], sizes: Sequence[int], width: int) -> nn.Embedding | None:
        """One table of rows for several columns: each has its stretch of it, with one row more for missing."""
        self._buffer(f"{name}_places", torch.tensor(places, dtype=torch.long))
        starts = torch.tensor([0, *(sizes[i] + 1 for i in places)], dtype=torch.long).cumsum(0)
        self._buffer(f"{name}_starts", starts[:-1])
        if not places:
            return None
        table = nn.Embedding(int(starts[-1]), width)
        # As many rows add up to a unit as there are columns in play.
        nn.init.normal_(table.weight, std=1.0 if name == "wide" else len(places) ** -0.5)
        return table

    def _rows(self, name: str, x: Tensor) -> Tensor:
        codes = x.index_select(1, self.get_buffer(f"{name}_places"))
        return torch.where(codes.isnan(), 0, codes + 1).long() + self.get_buffer(f"{name}_starts")

    def forward(self, x: Tensor) -> Tensor:
        parts: list[Tensor] = []
        if self.numbers is not None:
            value = (x.index_select(1, self.scalar) - self.middle) * self.spread
            seen = ~value.isnan()
            parts.append(self.numbers(torch.cat([torch.where(seen, value, 0), seen.to(value.dtype)], 1)))
        if self.narrow is not None:
            parts.append(F.embedding_bag(self._rows("narrow", x), self.narrow.weight, mode="sum"))
        if self.wide is not None and self.mix is not None:
            parts.append(self.mix(self.wide(self._rows("wide", x)).flatten(1)))
        h = self.bend(reduce(torch.add, parts))
        out: Tensor = self.layers(h)
        return out
