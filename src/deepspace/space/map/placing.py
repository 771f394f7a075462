"""Puts new latents on a fitted map: beside their neighbours among the rows that shaped it."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["NEIGHBOURS", "Placing"]

NEIGHBOURS = 8
_EXACT_ROWS = 5_000
_PROBES = 12
_SETTLE = 5
_NEAR, _FAR = 1.5, 3.0
_BLOCK = 8_192


class Placing:
    """A new row goes where its nearest landmarks in latent space agree that it belongs.

    Averaging their positions would put a row between two clusters into the empty space between them, so the place is a
    mode: the landmark position with most support, sum_j w_j / (1 + |p - p_j|^2 / 4), settled by a few steps of mean
    shift, with w_j the inverse squared latent distance. Beyond 1.5 to 3 times the landmarks' own spacing ``alone``
    takes over.

    landmarks: (m, D) latents, metric applied; positions: (m, 2) theirs; reach: (m,) distance to the 8th neighbour;
    unit: how many layout units one map unit is.
    """

    def __init__(
        self,
        landmarks: NDArray[np.float32],
        positions: NDArray[np.float32],
        reach: NDArray[np.float32],
        unit: float,
    ) -> None:
        self._landmarks, self._positions = np.ascontiguousarray(landmarks), positions
        typical = float(np.median(reach))
        self._reach = np.maximum(reach, max(typical * 0.1, 1e-12))
        self._floor = 1e-14 * max(typical, 1e-12) ** 2
        self._sharpness = unit * unit / 4.0
        self._lock = threading.Lock()
        self._index = _build_index(self._landmarks)

    def place(self, rows: NDArray[np.float32], alone: NDArray[np.float32]) -> NDArray[np.float32]:
        """rows: (M, D) latents, metric applied; alone: (M, 2), where the network would put them. Returns (M, 2)."""
        blocks = range(0, len(rows), _BLOCK)
        parts = [self._place(rows[i : i + _BLOCK], alone[i : i + _BLOCK]) for i in blocks]
        return np.concatenate(parts) if parts else alone

    def _place(self, rows: NDArray[np.float32], alone: NDArray[np.float32]) -> NDArray[np.float32]:
        k = min(NEIGHBOURS, len(self._landmarks))
        with self._lock:
            _, index = self._index.search(np.ascontiguousarray(rows), k)
        missing = index < 0
        # Distances anew from differences: exactly zero at a landmark, which expanding the square does not give.
        difference = (self._landmarks[index] - rows[:, None]).astype(np.float64)
        squared = np.einsum("mkd,mkd->mk", difference, difference)
        squared[missing] = np.inf
        nearest = squared.argmin(1)
        every = np.arange(len(rows))
        closest = squared[every, nearest]
        weight = (closest[:, None] + self._floor) / (squared + self._floor)
        near = self._positions[index].astype(np.float64)
        apart = np.square(near[:, :, None] - near[:, None]).sum(3)
        support = np.einsum("mj,mij->mi", weight, 1.0 / (1.0 + self._sharpness * apart))
        support[missing] = -1.0
        place = near[every, support.argmax(1)]
        for _ in range(_SETTLE):
            pull = weight / (1.0 + self._sharpness * np.square(near - place[:, None]).sum(2))
            place = np.einsum("mk,mkd->md", pull / pull.sum(1, keepdims=True), near)
        away = np.sqrt(closest) / self._reach[index[every, nearest]]
        trust = np.clip((_FAR - away) / (_FAR - _NEAR), 0.0, 1.0)[:, None]
        trust = trust * trust * (3.0 - 2.0 * trust)
        settled: NDArray[np.float32] = (trust * place + (1.0 - trust) * alone).astype(np.float32)
        return settled


def _build_index(landmarks: NDArray[np.float32]) -> Any:
    import faiss

    width = landmarks.shape[1]
    index: Any = faiss.IndexFlatL2(width)
    if len(landmarks) > _EXACT_ROWS:
        cells = int(np.sqrt(len(landmarks)))
        index = faiss.IndexIVFFlat(faiss.IndexFlatL2(width), width, cells)
        index.cp.niter = 6
        index.cp.max_points_per_centroid = 48
        index.train(landmarks)
        index.nprobe = _PROBES
    index.add(landmarks)
    return index
