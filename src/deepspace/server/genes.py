"""Counts as the page shows them: as records of the genes that tell rows apart, each with a bar."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from deepspace.data.counts import CountsSchema
from deepspace.server.formatting import cell
from deepspace.server.wire import CellText

if TYPE_CHECKING:
    from deepspace.space import BaseSpace

__all__ = ["SHOWN", "Genes"]

SHOWN = 24
"""Genes in a record: those whose log(1 + count) at the median total varies most over the rows, by variance."""

_ROWS = 5_000


class Genes:
    """The shown genes of one space of counts."""

    def __init__(self, space: BaseSpace) -> None:
        assert isinstance(space.schema, CountsSchema)
        self.space, self.schema = space, space.schema

    @cached_property
    def _rows(self) -> npt.NDArray[np.float32]:
        """(n, G): an even spread of rows, log(1 + count) at the median total."""
        rows = np.linspace(0, len(self.space) - 1, min(len(self.space), _ROWS)).round().astype(np.int64)
        return self.schema.normalise(self.space.samples[rows])

    @cached_property
    def places(self) -> npt.NDArray[np.int64]:
        """Where the shown genes are among all, the most telling first."""
        return np.argsort(-self._rows.var(0), kind="stable")[:SHOWN]

    @cached_property
    def names(self) -> list[str]:
        return [self.schema.genes[i] for i in self.places]

    @cached_property
    def _highest(self) -> dict[str, float]:
        """What a full bar stands for: log(1 + count) that one row in a hundred exceeds, at least that of one count."""
        high = np.percentile(self._rows[:, self.places], 99, axis=0).clip(min=np.log(2))
        return dict(zip(self.names, high.tolist(), strict=True))

    @cached_property
    def spreads(self) -> dict[str, float]:
        """Standard deviation over rows of each gene's count at the median total."""
        deviation = np.expm1(self._rows[:, self.places]).std(0)
        return dict(zip(self.names, np.where(deviation > 0, deviation, 1.0).tolist(), strict=True))

    def records(self, encoded: npt.NDArray[Any]) -> list[dict[str, Any]]:
        """(M, G) -> the shown genes' counts of each row: whole numbers where they are, expected counts else."""
        values = self.schema.decode(encoded)[:, self.places]
        return [dict(zip(self.names, row, strict=True)) for row in values.tolist()]

    def fields(self, record: Mapping[str, Any], digits: int) -> list[CellText]:
        return [
            CellText(
                name=name,
                value=cell(float(record[name]), "numeric", digits=digits),
                kind="numeric",
                share=min(1.0, float(np.log1p(record[name])) / self._highest[name]),
            )
            for name in self.names
        ]
