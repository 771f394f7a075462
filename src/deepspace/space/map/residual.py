"""What two dimensions cannot hold: each data point's own remainder, felt at the point and fading within its spacing."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

__all__ = ["Residual"]

_NEIGHBOURS = 16
_REACH = 0.35
"""The remainder is gone where the nearest data point is this share of the way to the 16th nearest. On an evenly filled
map the nearest point is at .2 of that way, so most places between data points see the networks alone."""


class Residual:
    """r(p): exactly z_i - decode(p_i) at data points, continuous everywhere, zero away from data.

    r(p) = fade(d_1 / d_k) * sum_j w_j r_j / sum_j w_j with w_j = (1/d_j - 1/d_k)^2 (Franke & Little 1980), d_j the distance
    to the j-th nearest *distinct* position: the weights vanish at the k-th, so nothing jumps when the set of neighbours
    changes. Rows that share a position share the mean of their latents.
    """

    def __init__(
        self,
        positions: NDArray[np.float32],
        latents: NDArray[np.float32],
        decode: Callable[[NDArray[np.float32]], NDArray[np.float32]],
    ) -> None:
        self._latents, self._decode = latents, decode
        places = np.ascontiguousarray(positions, dtype=np.float32)
        key = places.view(np.uint64).ravel() if len(places) else np.zeros(0, np.uint64)
        _, first, group = np.unique(key, return_index=True, return_inverse=True)
        order = np.argsort(group, kind="stable")
        self._members = order
        self._offsets = np.searchsorted(group[order], np.arange(len(first) + 1))
        self._first = first
        self._places = places[first]
        self._k = min(_NEIGHBOURS, len(first))
        self._tree = cKDTree(self._places, balanced_tree=False, compact_nodes=False)
        # A lone position has no k-th neighbour to measure by: one map unit stands in.
        self._lone = len(first) == 1

    def base_and_residual(self, places: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """decode(p) and r(p), each (M, D), for places (M, 2) float32."""
        distance, index = self._tree.query(places, k=self._k)
        distance = distance.reshape(len(places), self._k)
        index = index.reshape(len(places), self._k)
        share = distance[:, 0] if self._lone else distance[:, 0] / distance[:, -1]
        near = np.flatnonzero(share < _REACH)
        everything = np.concatenate([places, self._places[index[near]].reshape(-1, 2)])
        decoded = self._decode(everything)
        base, at_data = decoded[: len(places)], decoded[len(places) :]
        residual = np.zeros_like(base)
        if len(near):
            remainder = self._latent(index[near].ravel()) - at_data
            remainder = remainder.reshape(len(near), self._k, -1)
            weight = np.ones((len(near), 1)) if self._lone else _weights(distance[near])
            fade = (1.0 - (share[near] / _REACH) ** 2) ** 2
            residual[near] = np.einsum("mk,mkd->md", weight * fade[:, None], remainder)
        return base, residual

    def _latent(self, groups: NDArray[np.int64]) -> NDArray[np.float32]:
        latent = np.asarray(self._latents[self._first[groups]], dtype=np.float32)
        sizes = self._offsets[groups + 1] - self._offsets[groups]
        for place in np.flatnonzero(sizes > 1):
            members = self._members[self._offsets[groups[place]] : self._offsets[groups[place] + 1]]
            rows = np.asarray(self._latents[members], dtype=np.float32)
            if (rows != rows[0]).any():
                latent[place] = rows.mean(0)
        return latent


def _weights(distance: NDArray[np.float64]) -> NDArray[np.float64]:
    """Normalised Franke-Little weights (M, k); all on the nearest where it is at distance zero."""
    nearest = np.maximum(distance, 1e-300)
    # (1/d_j - 1/d_k) * d_1 stays within [0, 1] however near the data point is.
    raw = (nearest[:, :1] / nearest - nearest[:, :1] / nearest[:, -1:]) ** 2
    weight: NDArray[np.float64] = raw / raw.sum(1, keepdims=True)
    return weight
