"""The FactorVAE score: which dimension stays still while one factor does."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from deepspace.metrics.disentanglement.information import Codes, Floats, checked
from deepspace.metrics.measure import Measure
from deepspace.results import wilson

__all__ = ["factor_vae_score"]

GROUP = 64
VOTES = 800
STILL = 0.95
"""A dimension of which more rows than this share have the same value is left out: it would win every vote."""


def factor_vae_score(latents: npt.ArrayLike, factors: npt.ArrayLike, *, seed: int = 0) -> Measure:
    """The share right of a majority vote, of 800, learned on 800 others. Kim & Mnih 2018, arXiv:1802.05983.

    One vote: take a factor and one of its values at random, and of the rows that have it 64 (with replacement, as a
    generator of the data would make them); the vote is (argmin_d Var z_d / Var_all z_d, factor). The classifier says
    for each dimension the factor that it most often stood still with. Guessing is right once in F.

    latents: (n, D); factors: (n, F), at least two, discrete. Raises SpaceError for other input.
    """
    z, f = checked(latents, factors, fewest=2)
    count = f.shape[1]
    alive = np.array([np.unique(line, return_counts=True)[1].max() <= STILL * len(z) for line in z.T])
    if not alive.any():
        return _measure(0, VOTES, count)
    z = (z[:, alive] - z[:, alive].mean(0)) / z[:, alive].std(0)
    rng = np.random.default_rng(seed)
    still, factor = _votes(z, f, rng, 2 * VOTES)
    table = np.bincount(still[:VOTES] * count + factor[:VOTES], minlength=z.shape[1] * count)
    guess = table.reshape(z.shape[1], count).argmax(1)
    return _measure(int((guess[still[VOTES:]] == factor[VOTES:]).sum()), VOTES, count)


def _votes(z: Floats, f: Codes, rng: np.random.Generator, n: int) -> tuple[Codes, Codes]:
    """(n,) dimensions that stood stillest, and (n,) factors that were held."""
    factor = rng.integers(0, f.shape[1], n)
    still = np.empty(n, np.int64)
    for k in range(f.shape[1]):
        order = np.argsort(f[:, k], kind="stable")
        counts = np.bincount(f[:, k])
        starts = np.cumsum(counts) - counts
        own = np.flatnonzero(factor == k)
        # One row of a value says nothing of how it varies; where no value has two, all are taken as they are.
        usable = np.flatnonzero(counts > 1) if (counts > 1).any() else np.arange(len(counts))
        value = usable[rng.integers(0, len(usable), len(own))]
        within = (rng.random((len(own), GROUP)) * counts[value][:, None]).astype(np.int64)
        for start in range(0, len(own), 100):
            some = slice(start, start + 100)
            rows = order[starts[value[some]][:, None] + within[some]]
            still[own[some]] = z[rows].var(1).argmin(1)
    return still, factor


def _measure(right: int, votes: int, factors: int) -> Measure:
    return Measure(
        "factor_vae_score", right / votes, n=votes, unit="share of votes right", better="higher",
        interval=wilson(right, votes), baseline=1 / factors, note="which dimension stays still while one factor does",
    )  # fmt: skip
