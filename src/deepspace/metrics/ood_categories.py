"""Which categories training rows have, so that held-out rows and new items are read alike."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from deepspace.space import BaseSpace

__all__ = ["Categories"]

_BLOCK = 65_536


class Categories:
    """The categories of each column of a table among the rows that were not held out; there are none to tell of any
    other space, and of one that held out no rows.

    A space knows every category of its rows, also one that only a held-out row has, which the model has never seen and
    finds as strange as can be. A new item's category that no row has is a missing cell. Unless both are read alike the
    held-out rows are stranger than new items, and false alarms fewer than promised.
    """

    def __init__(self, space: BaseSpace) -> None:
        held = space.validation_index
        told = space.schema.form == "table" and len(held)
        sizes = space.schema.cardinalities if told else ()  # type: ignore[attr-defined]
        self.has = {j: np.zeros(size, bool) for j, size in enumerate(sizes) if size}
        if not self.has:
            return
        rows = np.setdiff1d(np.arange(len(space), dtype=np.int64), held)
        for start in range(0, len(rows), _BLOCK):
            block = np.asarray(space.samples[rows[start : start + _BLOCK]])
            for j, has in self.has.items():
                has[block[~np.isnan(block[:, j]), j].astype(np.int64)] = True

    def read(self, encoded: npt.NDArray[Any]) -> tuple[npt.NDArray[Any], bool]:
        """Encoded rows with every category that the rows lack as a missing cell, and whether there was any."""
        out = encoded
        for j, has in self.has.items():
            at = np.flatnonzero(~np.isnan(encoded[:, j]))
            strange = at[~has[encoded[at, j].astype(np.int64)]]
            if len(strange):
                out = encoded.copy() if out is encoded else out
                out[strange, j] = np.nan
        return out, out is not encoded
