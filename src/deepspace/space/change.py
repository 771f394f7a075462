"""How much two sets of encoded rows differ, element by element."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from deepspace.data.counts import CountsSchema

if TYPE_CHECKING:
    from deepspace.space.base import BaseSpace

__all__ = ["changed"]


def changed(space: BaseSpace, a: npt.NDArray[np.floating], b: npt.NDArray[np.floating]) -> npt.NDArray[np.float64]:
    """How much each element differs between two sets of encoded rows: |a - b|, or 0/1 for unordered categories.
    Counts differ by their logarithms at the median total.

    a, b: (N, *shape). Returns (N, *shape).
    """
    if isinstance(space.schema, CountsSchema):
        a, b = space.schema.normalise(a), space.schema.normalise(b)
    difference = np.abs(np.asarray(a, np.float64) - np.asarray(b, np.float64))
    if space.schema.form == "table":
        unordered = [column.kind in ("categorical", "boolean") for column in space.schema.features]
        difference[:, unordered] = difference[:, unordered] > 0.5
    return difference
