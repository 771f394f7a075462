"""The rows that the model cannot rebuild: those whose error is far outside what the others have."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from deepspace.errors import SpaceError
from deepspace.metrics.heldout import HeldOut
from deepspace.metrics.measure import Measure
from deepspace.results import Tabular, figure, text_table, wilson

if TYPE_CHECKING:
    import pyarrow as pa

    from deepspace.space import BaseSpace

__all__ = ["WorstRows", "far_limit", "not_rebuilt", "worst_rows"]


@dataclass(frozen=True)
class WorstRows(Tabular):
    """Rows by their reconstruction error, worst first.

    ``rows`` (k,) row numbers and ``errors`` (k,), in the units of the space's figures; ``seen``: which of them training
    saw; ``limit``: the error beyond which a row is far outside, ``far`` of all ``n`` rows are; ``median``: of all.
    """

    rows: npt.NDArray[np.int64]
    errors: npt.NDArray[np.float64]
    seen: npt.NDArray[np.bool_]
    limit: float
    far: int
    median: float
    n: int

    def __len__(self) -> int:
        return len(self.rows)

    def to_arrow(self) -> pa.Table:
        import pyarrow as pa

        return pa.table({"row": self.rows, "error": self.errors, "far": self.errors > self.limit, "seen": self.seen})

    def __str__(self) -> str:
        title = (
            f"{self.far:,} of {self.n:,} rows are rebuilt far worse than the rest "
            f"(error over {figure(self.limit)}, the median is {figure(self.median)})"
        )
        lines = [
            (f"{row}", figure(float(error)), "trained on" if seen else "held out")
            for row, error, seen in zip(self.rows, self.errors, self.seen, strict=True)
        ]
        return f"{title}\n{text_table(('row', 'error', ''), lines)}"


def worst_rows(space: BaseSpace, k: int = 12) -> WorstRows:
    """The k rows with the largest reconstruction error, and how many lie far outside. Raises SpaceError for a k below 1
    and where the space has no errors."""
    if k < 1:
        raise SpaceError(f"cannot list {k} worst rows of '{space.name}': k must be 1 or more.")
    found = space.figures.get("reconstruction_error")
    if found is None:
        raise SpaceError(f"'{space.name}' holds no reconstruction errors.")
    errors = np.asarray(found, np.float64)
    k = min(k, len(errors))
    first = np.argpartition(-errors, k - 1)[:k]
    rows = first[np.lexsort((first, -errors[first]))]
    limit = far_limit(errors)
    return WorstRows(
        rows=rows,
        errors=errors[rows],
        seen=~np.isin(rows, space.validation_index),
        limit=limit,
        far=int((errors > limit).sum()),
        median=float(np.median(errors)),
        n=len(errors),
    )


def far_limit(errors: npt.NDArray[np.float64]) -> float:
    """The third quartile and three times the quartile range beyond it: Tukey's outer fence (1977). Of a normal sample,
    one in 850,000 lies beyond; of an exponential one, one in 108."""
    quarter, three = np.percentile(errors, [25, 75])
    return float(three + 3 * (three - quarter))


def not_rebuilt(space: BaseSpace, held: HeldOut) -> tuple[Measure, ...]:
    """The share of all rows beyond the fence."""
    worst = worst_rows(space, 1)
    return (
        Measure(
            "rows_not_rebuilt", worst.far / worst.n, n=worst.n, unit="share of rows", better="lower",
            interval=wilson(worst.far, worst.n), note=f"reconstruction error over {figure(worst.limit)}",
        ),
    )  # fmt: skip
