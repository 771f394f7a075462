"""Nearest rows in latent space: exact for a cursor, an inverted-file index for crowds, and the recall said either way.

A weighted Euclidean distance is offered because density is measured in units of posterior scale:
d(z, m)^2 = sum_d w_d (z_d - m_d)^2 = (w*z*z).sum() - 2 (w*z) @ m + (w*m*m).sum(), with z and m taken from a common
centre. The last term is computed once a row, so that one query costs one matrix-vector product over the memory-mapped
latents and no copy of them.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import numpy.typing as npt

__all__ = ["EXACT_BATCH_ROWS", "EXACT_SINGLE_ROWS", "Index", "Neighbours"]

EXACT_SINGLE_ROWS: Final = 1_000_000
"""Up to this many rows, a few queries are answered exactly."""
EXACT_BATCH_ROWS: Final = 100_000
"""Up to this many rows, any number of queries is answered exactly."""

_FEW: Final = 32
_CHUNK: Final = 1 << 16
_SPARE: Final = 16
_RECALL_GOAL: Final = 0.98
_RECALL_QUERIES: Final = 200

Float = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Neighbours:
    """The k nearest rows of each query, nearest first.

    index: (M, k) int64 row numbers; distance: (M, k) float32, Euclidean in latent space. ``recall`` is the share of
    the true k nearest that is found: 1 where the answer is exact, else measured against the exact answer on a sample.
    """

    index: npt.NDArray[np.int64]
    distance: npt.NDArray[np.float32]
    recall: float = field(default=1.0)

    def __len__(self) -> int:
        return len(self.index)

    def __repr__(self) -> str:
        kind = "exact" if self.recall == 1.0 else f"recall {self.recall:.4f}"
        return f"Neighbours({len(self)} x {self.index.shape[1]}, {kind})"


class Index:
    """Nearest rows of ``points`` (N, D) float32, possibly memory-mapped; never copied whole below 100,000 rows.

    Thread-safe. ``weights`` (D,) scales each squared difference; without it the distance is Euclidean.
    """

    def __init__(self, points: Float, *, weights: Float | None = None, seed: int = 0) -> None:
        self.points = points
        self.weights = None if weights is None else np.ascontiguousarray(weights, np.float32)
        self.seed = seed
        self.recall: float | None = None
        # Measured from the middle of the rows: far from it the product form would lose digits.
        some = np.asarray(points[:: max(1, len(points) // 4096)], np.float64)
        self._centre: Float = some.mean(0).astype(np.float32)
        self._norms: Float | None = None
        self._ivf: Any = None
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self.points)

    def search(self, queries: Float, k: int, *, exact: bool | None = None) -> Neighbours:
        """queries: (M, D). ``exact`` None chooses by the number of rows and queries; k is at most N."""
        n, m = len(self.points), len(queries)
        k = min(k, n)
        queries = np.ascontiguousarray(queries, np.float32)
        if exact is None:
            exact = n <= EXACT_BATCH_ROWS or (m <= _FEW and n <= EXACT_SINGLE_ROWS)
        if m == 0:
            return Neighbours(np.empty((0, k), np.int64), np.empty((0, k), np.float32))
        if not exact:
            return self._search_ivf(queries, k)
        if m <= _FEW:
            found = [self._single(query, k) for query in queries]
            return Neighbours(np.stack([i for i, _ in found]), np.stack([d for _, d in found]))
        return Neighbours(*self._batch(queries, k))

    # Exact, one query at a time: a matrix-vector product a chunk.

    def _row_norms(self) -> Float:
        if self._norms is None:
            norms = np.empty(len(self.points), np.float32)
            weights = np.ones(self.points.shape[1], np.float32) if self.weights is None else self.weights
            for start in range(0, len(norms), _CHUNK):
                block = np.asarray(self.points[start : start + _CHUNK])
                norms[start : start + _CHUNK] = np.square(block - self._centre) @ weights
            self._norms = norms
        return self._norms

    def _single(self, query: Float, k: int) -> tuple[npt.NDArray[np.int64], Float]:
        norms = self._row_norms()
        weighted = query - self._centre
        if self.weights is not None:
            weighted *= self.weights
        scores = np.asarray(self.points) @ (-2.0 * weighted)
        scores += norms
        return self._refine(query, _smallest(scores, min(k + _SPARE, len(scores))), k)

    def _refine(self, query: Float, candidates: npt.NDArray[np.int64], k: int) -> tuple[npt.NDArray[np.int64], Float]:
        """Distances again by differences, in double: the product form loses digits where distances are small."""
        difference = self.points[candidates].astype(np.float64) - query.astype(np.float64)
        squares = np.square(difference)
        distance = np.sqrt(squares.sum(1) if self.weights is None else squares @ self.weights.astype(np.float64))
        order = np.lexsort((candidates, distance))[:k]
        return candidates[order], distance[order].astype(np.float32)

    # Exact, many queries: faiss's brute force over the array as it lies.

    def _batch(self, queries: Float, k: int) -> tuple[npt.NDArray[np.int64], Float]:
        import faiss

        spare = min(k + _SPARE, len(self.points))
        base = self._scaled(np.ascontiguousarray(self.points))
        index = np.empty((len(queries), k), np.int64)
        distance = np.empty((len(queries), k), np.float32)
        step = 4096
        for start in range(0, len(queries), step):
            block = queries[start : start + step]
            _, candidates = faiss.knn(self._scaled(block), base, spare)
            index[start : start + step], distance[start : start + step] = self._refine_many(block, candidates, k)
        return index, distance

    def _refine_many(
        self, queries: Float, candidates: npt.NDArray[np.int64], k: int
    ) -> tuple[npt.NDArray[np.int64], Float]:
        squares = np.empty(candidates.shape, np.float64)
        step = max(1, (1 << 22) // (candidates.shape[1] * queries.shape[1]))
        for start in range(0, len(queries), step):
            near = self.points[candidates[start : start + step]].astype(np.float64)  # (B, k, D)
            near -= queries[start : start + step, None].astype(np.float64)
            np.square(near, out=near)
            squares[start : start + step] = (
                near.sum(2) if self.weights is None else near @ self.weights.astype(np.float64)
            )
        order = np.lexsort((candidates, squares), axis=1)[:, :k]
        index = np.take_along_axis(candidates, order, 1)
        distance = np.sqrt(np.take_along_axis(squares, order, 1))
        return index.astype(np.int64), distance.astype(np.float32)

    def _scaled(self, block: Float) -> Float:
        """Where a block lies for faiss: from the centre, in the weights' units."""
        moved = block - self._centre
        if self.weights is not None:
            moved *= np.sqrt(self.weights)
        return np.ascontiguousarray(moved)

    # Approximate: an inverted file, probed as widely as the recall goal asks.

    def _search_ivf(self, queries: Float, k: int) -> Neighbours:
        with self._lock:
            if self._ivf is None:
                self._build_ivf(k)
        step = 1 << 14
        index = np.empty((len(queries), k), np.int64)
        distance = np.empty((len(queries), k), np.float32)
        for start in range(0, len(queries), step):
            block = queries[start : start + step]
            squares, found = self._ivf.search(self._scaled(block), k)
            index[start : start + step] = found
            distance[start : start + step] = np.sqrt(np.maximum(squares, 0))
        if (index < 0).any():  # fewer than k rows in the probed cells: those queries are answered exactly
            for row in np.flatnonzero((index < 0).any(1)):
                index[row], distance[row] = self._single(queries[row], k)
        assert self.recall is not None
        return Neighbours(index, distance, self.recall)

    def _build_ivf(self, k: int) -> None:
        import faiss

        n, dim = self.points.shape
        cells = int(min(4 * np.sqrt(n), n / 39))
        rng = np.random.default_rng(self.seed)
        quantizer = faiss.IndexFlatL2(dim)
        ivf = faiss.IndexIVFFlat(quantizer, dim, max(1, cells))
        ivf.cp.seed, ivf.cp.niter = self.seed + 1, 8
        sample = np.sort(rng.choice(n, min(n, 64 * max(1, cells)), replace=False))
        ivf.train(self._scaled(np.ascontiguousarray(self.points[sample])))
        for start in range(0, n, _CHUNK):
            ivf.add(self._scaled(np.ascontiguousarray(self.points[start : start + _CHUNK])))
        self._widen(ivf, rng, k)
        self._ivf = ivf

    def _widen(self, ivf: Any, rng: np.random.Generator, k: int) -> None:
        """Double the cells probed until the recall goal is met, and keep the recall measured."""
        n = len(self.points)
        rows = np.sort(rng.choice(n, min(n, _RECALL_QUERIES), replace=False))
        queries = np.ascontiguousarray(self.points[rows])
        true = np.stack([self._single(query, k)[0] for query in queries])
        ivf.nprobe = min(8, ivf.nlist)
        while True:
            _, found = ivf.search(self._scaled(queries), k)
            hits = sum(len(np.intersect1d(a, b)) for a, b in zip(true, found, strict=True))
            self.recall = hits / true.size
            # Latents without structure would ask for most cells: then a lower recall is stated rather than paid for.
            if self.recall >= _RECALL_GOAL or ivf.nprobe >= max(8, ivf.nlist // 8):
                return
            ivf.nprobe = min(2 * ivf.nprobe, ivf.nlist)


def _smallest(scores: Float, k: int) -> npt.NDArray[np.int64]:
    """Where the k smallest of scores (N,) are, unordered (a few more where ties ask for it).

    The k-th smallest of the minima of blocks bounds the k-th smallest score from above, so that one pass finds the
    bound, one collects what lies within it, and only that is partitioned: 1M scores in about a millisecond.
    """
    n, width = len(scores), 256
    if n < 16 * width or n // width <= k:
        return np.asarray(np.argpartition(scores, k - 1)[:k] if k < n else np.arange(n), np.int64)
    whole = n - n % width
    minima = scores[:whole].reshape(-1, width).min(1)
    bound = np.partition(minima, k - 1)[k - 1]
    blocks = np.flatnonzero(minima <= bound)
    near = (blocks[:, None] * width + np.arange(width)).reshape(-1)
    candidates = np.concatenate([near, np.arange(whole, n)])
    candidates = candidates[scores[candidates] <= bound]
    if len(candidates) > k:
        candidates = candidates[np.argpartition(scores[candidates], k - 1)[:k]]
    return np.asarray(candidates, np.int64)
