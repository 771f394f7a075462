"""A given number of groups of rows, found without labels."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from deepspace.graphs import Communities, partition

if TYPE_CHECKING:
    from deepspace.space import BaseSpace

__all__ = ["Communities", "communities"]


def communities(space: BaseSpace, k: int = 10, *, seed: int = 0) -> Communities:
    """``deepspace.graphs.partition`` of posterior means into k groups. SpaceError where k does not fit the rows."""
    return partition(np.asarray(space.latents.mean), k, seed=seed)
