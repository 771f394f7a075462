"""Whether far is far and near is near on the map: the rank correlation of distances in it and in the latents."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from scipy.stats import spearmanr

from deepspace.errors import SpaceError
from deepspace.metrics.heldout import HeldOut
from deepspace.metrics.measure import Measure
from deepspace.results import Z95

if TYPE_CHECKING:
    from deepspace.space import BaseSpace

__all__ = ["shepard"]

PAIRS = 5000


def shepard(space: BaseSpace, held: HeldOut, *, seed: int = 0) -> tuple[Measure, ...]:
    """Spearman's correlation, over pairs of rows, of their distance in the latents (weighed as neighbours are) and on
    the map: the Shepard diagram in one number. Trustworthiness asks only for neighbours, this for the whole.

    No row is in two pairs, so that pairs are independent; the interval is Bonett & Wright's (2000), on Fisher's scale.
    Map and latents are of all rows: nothing was learned from the pairs.
    """
    count = min(PAIRS, len(space) // 2)
    if count < 10:
        raise SpaceError(f"{len(space)} rows are too few for a correlation of distances")
    one, other = np.random.default_rng(seed).permutation(len(space))[: 2 * count].reshape(2, count)
    weights = space.manifest.get("neighbours", {}).get("weights")
    apart = np.asarray(space.latents.mean[one], np.float64) - np.asarray(space.latents.mean[other], np.float64)
    far = np.square(apart) @ (np.ones(apart.shape[1]) if weights is None else np.asarray(weights, np.float64))
    on_map = np.asarray(space.map.positions[one], np.float64) - np.asarray(space.map.positions[other], np.float64)
    value = float(spearmanr(far, np.square(on_map).sum(1)).statistic)
    if not math.isfinite(value):
        raise SpaceError("all rows lie at one place, so that their distances have no order")
    middle = math.atanh(max(-0.999999, min(0.999999, value)))
    half = Z95 * math.sqrt((1 + value**2 / 2) / (count - 3))
    interval = (math.tanh(middle - half), math.tanh(middle + half))
    return (
        Measure(
            "shepard", value, n=count, unit="rank correlation", better="higher", interval=interval, baseline=0.0,
            note="distances of pairs of rows in the latents and on the map",
        ),
    )  # fmt: skip
