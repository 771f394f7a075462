"""What two dimensions cannot hold: the data points' own remainders beside the decoder network."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

__all__ = ["Residual"]

_NEIGHBOURS = 24
_REACH = 0.3
"""A point's own remainder is gone where the nearest data point is this share of the way to the 24th nearest. On an
evenly filled map the nearest is at .18 of that way, so most places between data points see the average alone."""
_PRIOR = 0.5
_KEPT_BYTES = 64 << 20
_BLOCK = 32_768


class Residual:
    """r(p): z_i - decode(p_i) exactly at data points, the neighbours' average between them, zero far from data.

    r(p) = sum_j [f w_j + (1 - f) a_j] r_j over the k nearest distinct positions, d_1 <= ... <= d_k away, with

    - w_j ~ (1/d_j - 1/d_k)^2, summing to 1: interpolates the data (Franke & Little 1980);
    - a_j = (1 - d_j^2/d_k^2)^2 / (sum of these + 1/2): the local mean of what the network missed;
    - f = (1 - (d_1 / .3 d_k)^2)^2 within .3 d_k, else 0: one at a data point, fading within the data's own spacing.

    All weights vanish at d_k, so nothing jumps when the set of neighbours changes. Rows that share a position share the
    mean of their latents.
    """

    def __init__(
        self,
        positions: NDArray[np.float32],
        latents: NDArray[np.float32],
        decode: Callable[[NDArray[np.float32]], NDArray[np.float32]],
    ) -> None:
        self._latents, self._decode = latents, decode
        # Adding zero turns -0.0 into 0.0: the same place must have the same bits.
        places = np.ascontiguousarray(positions, dtype=np.float32) + np.float32(0.0)
        _, self._first, group = np.unique(places.view(np.uint64).ravel(), return_index=True, return_inverse=True)
        self._members = np.argsort(group, kind="stable")
        self._offsets = np.searchsorted(group[self._members], np.arange(len(self._first) + 1))
        self._places = places[self._first]
        self._k = min(_NEIGHBOURS, len(self._first))
        self._tree = cKDTree(self._places, balanced_tree=False, compact_nodes=False)
        self._known: NDArray[np.float32] | None = None

    def prepare(self) -> None:
        """Works out all remainders now, where they take no more than 64 MB: a question then decodes its place alone."""
        count = len(self._places)
        if self._known is not None or count * self._latents.shape[1] * 4 > _KEPT_BYTES:
            return
        groups = [np.arange(i, min(i + _BLOCK, count)) for i in range(0, count, _BLOCK)]
        self._known = np.concatenate([self._latent(g) - self._decode(self._places[g]) for g in groups])

    def add_to(self, places: NDArray[np.float32]) -> NDArray[np.float32]:
        """decode(p) + r(p), (M, D), for places (M, 2) float32."""
        distance, index = self._tree.query(places, k=self._k)
        distance, index = distance.reshape(-1, self._k), index.reshape(-1, self._k)
        base, remainders = self._remainders(places, index)
        weight = _weights(distance) if self._k > 1 else _lone(distance)
        felt = np.einsum("mk,mkd->md", weight, remainders)
        full: NDArray[np.float32] = base + felt.astype(np.float32)
        # At a data point itself not even rounding may remain.
        here = np.flatnonzero(distance[:, 0] == 0.0)
        full[here] = self._latent(index[here, 0])
        return full

    def _remainders(
        self, places: NDArray[np.float32], index: NDArray[np.int64]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """decode(p) (M, D), and what the network misses at the data points ``index`` (M, k): (M, k, D)."""
        if self._known is not None:
            return self._decode(places), self._known[index]
        distinct, position = np.unique(index, return_inverse=True)
        decoded = self._decode(np.concatenate([places, self._places[distinct]]))
        remainder = self._latent(distinct) - decoded[len(places) :]
        return decoded[: len(places)], remainder[position.reshape(index.shape)]

    def _latent(self, groups: NDArray[np.int64]) -> NDArray[np.float32]:
        latent = np.array(self._latents[self._first[groups]], dtype=np.float32)
        sizes = self._offsets[groups + 1] - self._offsets[groups]
        for place in np.flatnonzero(sizes > 1):
            members = self._members[self._offsets[groups[place]] : self._offsets[groups[place] + 1]]
            rows = np.asarray(self._latents[members], dtype=np.float32)
            if (rows != rows[0]).any():
                latent[place] = rows.mean(0)
        return latent


def _weights(distance: NDArray[np.float64]) -> NDArray[np.float64]:
    nearest, farthest = distance[:, :1], distance[:, -1:]
    share = nearest / farthest
    fade = np.clip(1.0 - (share / _REACH) ** 2, 0.0, 1.0) ** 2
    # (1/d_j - 1/d_k) * d_1 stays within [0, 1] however near the data point is; the nearest itself has 1 - d_1/d_k.
    own = np.divide(nearest, distance, out=np.ones_like(distance), where=distance > 0) - share
    own = own**2
    own /= np.maximum(own.sum(1, keepdims=True), 1e-300)
    around = (1.0 - (distance / farthest) ** 2) ** 2
    around /= around.sum(1, keepdims=True) + _PRIOR
    mixed: NDArray[np.float64] = fade * own + (1.0 - fade) * around
    return mixed


def _lone(distance: NDArray[np.float64]) -> NDArray[np.float64]:
    # A lone position has no k-th neighbour to measure by: one map unit stands in.
    return np.clip(1.0 - distance**2, 0.0, 1.0) ** 2
