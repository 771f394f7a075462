"""The mutual information gap."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from deepspace.metrics.disentanglement.information import Floats, Information, information
from deepspace.metrics.measure import Measure

__all__ = ["gap_of", "mig", "mig_of"]


def mig(latents: npt.ArrayLike, factors: npt.ArrayLike, *, seed: int = 0) -> Measure:
    """MIG = mean_k (I(z_1; f_k) - I(z_2; f_k)) / H(f_k), z_1 and z_2 the two dimensions that say most of factor k.

    1 where each factor is all in one dimension and in no other, 0 where two say the same or none says anything. Chen
    2018, arXiv:1802.04942; information as in ``information``: in 20 bins, less chance.

    latents: (n, D); factors: (n, F), discrete. Raises SpaceError for other input.
    """
    return mig_of(information(latents, factors, seed=seed))


def mig_of(found: Information) -> Measure:
    """As ``mig``, from what was measured already."""
    return Measure(
        "mig", gap_of(found.nmi), n=found.n, better="higher", interval=found.interval(gap_of), baseline=0.0,
        note="mutual information gap, of 20 bins, less chance",
    )  # fmt: skip


def gap_of(nmi: Floats) -> float:
    """(D, F) -> the gap between the largest and the next in each column, on average."""
    ordered = np.sort(np.concatenate([np.zeros((2, nmi.shape[1])), nmi]), 0)
    return float((ordered[-1] - ordered[-2]).mean())
