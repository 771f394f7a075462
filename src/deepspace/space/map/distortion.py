"""Where the map can be trusted: each row's own share of trustworthiness, continuity and kept neighbours."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from deepspace.space.map.trust import EXACT_ROWS, sample_of, shares

__all__ = ["Distortion", "measure_distortion"]

_NEAR: Final = 5


@dataclass(frozen=True)
class Distortion:
    """What the flattening did to the neighbourhood of each measured row.

    ``rows``: (n,) row numbers, ascending; ``trustworthiness``: (n,) 1 where none of a row's k neighbours on the map is
    false; ``continuity``: (n,) 1 where none of its k latent neighbours was torn away; ``kept``: (n,) the share of the k
    latent neighbours that are among the k on the map. The means of the first two are the map's own figures
    (``space.map.trust``), since both weigh an error by how far off the neighbour is. Neighbours are looked for among
    the measured rows. ``of``: all rows of the map.
    """

    rows: NDArray[np.int64]
    trustworthiness: NDArray[np.float64]
    continuity: NDArray[np.float64]
    kept: NDArray[np.float64]
    k: int
    of: int

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def distortion(self) -> NDArray[np.float64]:
        """(n,) 0: as in latent space; 1: as if scattered at random. One less the smaller of the two figures, doubled
        and cut at 1, since a random map has about one half of both."""
        return np.asarray(np.minimum(2 * (1 - np.minimum(self.trustworthiness, self.continuity)), 1.0))

    def spread(self, positions: NDArray[np.generic]) -> NDArray[np.float32]:
        """``distortion`` for all rows: measured where it was, else the mean of the 5 measured rows nearest on the map.

        positions: (N, 2). Returns (N,).
        """
        own = self.distortion
        if len(self.rows) == len(positions):
            return own.astype(np.float32)
        from scipy.spatial import cKDTree

        places = np.asarray(positions, np.float32)
        _, near = cKDTree(places[self.rows]).query(places, k=min(_NEAR, len(self.rows)))
        every = own[near.reshape(len(places), -1)].mean(1).astype(np.float32)
        every[self.rows] = own
        return np.asarray(every, np.float32)

    def __str__(self) -> str:
        asked = f"{len(self):,} rows" if len(self) == self.of else f"{len(self):,} of {self.of:,} rows"
        worst = 100 * float((self.distortion > 0.5).mean())
        return (
            f"map distortion of {asked}, k = {self.k}: trustworthiness {self.trustworthiness.mean():.3f}, "
            f"continuity {self.continuity.mean():.3f}, neighbours kept {self.kept.mean():.2f}; "
            f"{worst:.1f} % of them lie among mostly wrong neighbours"
        )


def measure_distortion(
    x: NDArray[np.generic], y: NDArray[np.generic], *, k: int = 5, rows: int = EXACT_ROWS, seed: int = 0
) -> Distortion:
    """x: (N, D) latents; y: (N, 2) the map. On the rows of ``measure_trust``, so that the means are its figures.

    Costs ``rows``^2 distances, in blocks: a few seconds for 10,000.
    """
    chosen, k = sample_of(len(x), k, rows, seed)
    truth, seen = np.asarray(x[chosen]), np.asarray(y[chosen])
    trust, kept = shares(truth, seen, k)
    torn, _ = shares(seen, truth, k)
    return Distortion(chosen, trust, torn, kept, k, len(x))
