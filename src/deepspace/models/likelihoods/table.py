"""A table's row: each column by its kind, all columns in one pass."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn

from deepspace.models.layout import Layout
from deepspace.models.likelihoods.base import Likelihood
from deepspace.models.likelihoods.categorical import Categorical
from deepspace.models.likelihoods.gaussian import Gaussian
from deepspace.models.likelihoods.ordinal import Ordinal

__all__ = ["Table"]


class Table(Likelihood):
    """Gaussian for numbers and dates, ordinal for ordered categories, categorical for the others and booleans.

    Each kind sees its columns as one block, so the cost does not grow with the number of columns as a loop's would.
    Cells that are NaN or infinite are not observed: they add nothing and send back no gradient.
    """

    name = "table"
    modalities = ("table",)
    numbers: ClassVar[type[Likelihood]] = Gaussian

    def __init__(self, layout: Layout) -> None:
        super().__init__(layout)
        groups: dict[type[Likelihood], tuple[int, ...]] = {
            self.numbers: layout.columns("number"),
            Ordinal: tuple(i for i in layout.columns("ordinal") if layout.cardinalities[i] > 1),
        }
        taken = {i for places in groups.values() for i in places}
        groups[Categorical] = tuple(i for i in range(layout.size) if i not in taken)
        self.parts = nn.ModuleList()
        self._places: list[str] = []
        for kind, places in groups.items():
            if places:
                self.register_buffer(f"columns_{kind.name}", torch.tensor(places), persistent=False)
                self._places.append(f"columns_{kind.name}")
                self.parts.append(kind(layout.take(places)))
        self.outputs = (sum(p.outputs[0] for p in self._parts()),)

    def _parts(self) -> list[Likelihood]:
        return [p for p in self.parts if isinstance(p, Likelihood)]

    def _shares(self, params: Tensor) -> list[tuple[Likelihood, Tensor, Tensor]]:
        shares = torch.split(params, [p.outputs[0] for p in self._parts()], 1)
        places = [self.get_buffer(name) for name in self._places]
        return list(zip(self._parts(), places, shares, strict=True))

    def log_prob(self, params: Tensor, x: Tensor) -> Tensor:
        x = torch.where(x.isinf(), torch.nan, x)
        terms = [part.log_prob(share, x.index_select(1, places)) for part, places, share in self._shares(params)]
        return torch.stack(terms).sum(0)

    def mean(self, params: Tensor) -> Tensor:
        out = params.new_empty(len(params), self.layout.size)
        for part, places, share in self._shares(params):
            out[:, places] = part.mean(share)
        return out

    def expected(self, params: Tensor) -> Tensor:
        return torch.cat([part.expected(share) for part, _, share in self._shares(params)], 1)

    def spread(self, x: Tensor) -> Tensor:
        places = [self.get_buffer(name) for name in self._places]
        return torch.cat([p.spread(x.index_select(1, c)) for p, c in zip(self._parts(), places, strict=True)], 1)

    def soften(self, params: Tensor, generator: torch.Generator | None = None) -> Tensor:
        return torch.cat([part.soften(share, generator) for part, _, share in self._shares(params)], 1)

    def draw_modelled(self, params: Tensor, generator: torch.Generator | None = None) -> Tensor:
        out = params.new_empty(len(params), self.layout.size)
        for part, places, share in self._shares(params):
            out[:, places] = part.draw_modelled(share, generator)
        return out

    def draw(self, params: Tensor, generator: torch.Generator | None = None) -> Tensor:
        out = params.new_empty(len(params), self.layout.size)
        for part, places, share in self._shares(params):
            out[:, places] = part.draw(share, generator)
        return out

    @torch.no_grad()
    def prepare(self, x: Tensor) -> Tensor:
        places = [self.get_buffer(name) for name in self._places]
        return torch.cat([p.prepare(x.index_select(1, c)) for p, c in zip(self._parts(), places, strict=True)])
