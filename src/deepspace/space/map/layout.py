"""Coordinates for a neighbour graph: edges attract, everything repels, the repulsion summed on a grid by FFT."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy import fft, sparse

__all__ = ["layout"]

_MOMENTUM = 0.8
_EARLY_EXAGGERATION = 12.0
_SPACING = 0.4
_MAX_GRID = 288
_LONGEST_STEP = 5.0
_DIRECT_ROWS = 400
_SHOWN_EVERY = 5


def layout(
    graph: sparse.csr_matrix,
    start: NDArray[np.float32],
    *,
    early: int = 75,
    late: int = 225,
    exaggeration: float = 1.5,
    on_step: Callable[[float], bool] | None = None,
    on_places: Callable[[NDArray[np.float32]], None] | None = None,
    threads: int = 1,
) -> NDArray[np.float32]:
    """Positions (n, 2) that put the graph's neighbours side by side. start: (n, 2).

    Minimises sum_ij p_ij (log p_ij - log q_ij), q_ij ~ 1 / (1 + |y_i - y_j|^2), by gradient descent with momentum
    and gains: UMAP's graph with the repulsion normalised as in t-SNE. ``exaggeration`` multiplies the attraction (1:
    t-SNE, about 4: UMAP's own balance; Boehm 2022, arXiv:2007.08902). Repulsion is interpolated on a grid and convolved
    by FFT, linear in n (Linderman 2019, arXiv:1712.09005). on_step(fraction) may return True to stop;
    on_places(positions) sees them take shape, every few steps.
    """
    n = len(start)
    edges = graph.tocoo()
    source, target = edges.row, edges.col
    probability = (edges.data / max(edges.data.sum(), 1e-12)).astype(np.float32)
    y = start.astype(np.float32) * np.float32(1e-2 / max(float(start.std()), 1e-12))
    velocity, gains = np.zeros_like(y), np.ones_like(y)
    attraction = sparse.csr_matrix((np.empty(len(source), np.float32), graph.indices, graph.indptr), shape=(n, n))
    for step in range(early + late):
        factor = _EARLY_EXAGGERATION if step < early else exaggeration
        # Complex numbers halve the gathers, which cost the most here.
        place = np.ascontiguousarray(y).view(np.complex64).ravel()
        difference = place[source] - place[target]
        attraction.data = probability / (1.0 + difference.real**2 + difference.imag**2)
        pull = y * np.asarray(attraction.sum(1)) - attraction @ y
        gradient = 4.0 * (factor * pull - _repulsion(y, threads))
        # Delta-bar-delta gains, as in every t-SNE since van der Maaten's.
        gains = np.where((gradient > 0) != (velocity > 0), gains + 0.2, gains * 0.8).astype(np.float32)
        np.maximum(gains, 0.01, out=gains)
        velocity = (_MOMENTUM * velocity - (n / factor) * gains * gradient).astype(np.float32)
        velocity *= np.minimum(1.0, _LONGEST_STEP / np.maximum(np.linalg.norm(velocity, axis=1, keepdims=True), 1e-9))
        y = y + velocity
        y -= y.mean(0)
        if on_places is not None and step % _SHOWN_EVERY == 0:
            on_places(y)
        if on_step is not None and on_step((step + 1) / (early + late)):
            break
    return y.astype(np.float32)


def _repulsion(y: NDArray[np.float32], threads: int) -> NDArray[np.float32]:
    """sum_j w_ij^2 (y_i - y_j) / sum_kl w_kl, w = 1 / (1 + d^2): (n, 2), from potentials of w^2 on a grid."""
    n = len(y)
    if n <= _DIRECT_ROWS:
        return _repulsion_directly(y)
    low = y.min(0)
    extent = float((y.max(0) - low).max())
    spacing = max(min(_SPACING, extent / 40.0), extent / (_MAX_GRID - 4), 1e-6)
    size = int(extent / spacing) + 4
    near = _interpolation((y - low) / np.float32(spacing) + np.float32(1.0), size)
    charges = np.column_stack([np.ones(n, np.float32), y, (y * y).sum(1)])
    grid = np.ascontiguousarray((near.T @ charges).T).reshape(4, size, size)
    length = fft.next_fast_len(2 * size - 1, real=True)
    offset = np.arange(length, dtype=np.float32)
    offset = np.minimum(offset, length - offset) * np.float32(spacing)
    kernel = 1.0 / (1.0 + offset[:, None] ** 2 + offset[None, :] ** 2) ** 2
    spectrum = fft.rfft2(grid, s=(length, length), workers=threads) * fft.rfft2(kernel, workers=threads)
    smooth = fft.irfft2(spectrum, s=(length, length), workers=threads)[:, :size, :size]
    felt = near @ np.ascontiguousarray(smooth.reshape(4, -1).T, dtype=np.float32)
    # sum_j w_ij = sum_j w_ij^2 (1 + |y_i|^2 - 2 y_i y_j + |y_j|^2): the normaliser from the same four potentials.
    total = (1.0 + charges[:, 3]) * felt[:, 0] - 2.0 * (y * felt[:, 1:3]).sum(1) + felt[:, 3]
    repulsion: NDArray[np.float32] = (y * felt[:, :1] - felt[:, 1:3]) / np.float32(
        max(float(total.sum(dtype=np.float64)) - n, 1e-12)
    )
    return repulsion


def _repulsion_directly(y: NDArray[np.float32]) -> NDArray[np.float32]:
    """The same sum over all pairs: cheaper and exact where points are few."""
    across, up = y[:, :1] - y[:, 0], y[:, 1:] - y[:, 1]
    similarity = 1.0 / (1.0 + across * across + up * up)
    total = max(float(similarity.sum(dtype=np.float64)) - len(y), 1e-12)
    strength = similarity * similarity
    repulsion: NDArray[np.float32] = (y * strength.sum(1, keepdims=True) - strength @ y) / np.float32(total)
    return repulsion


def _interpolation(place: NDArray[np.float32], size: int) -> sparse.csr_matrix:
    """(n, size * size) weights of the 3 x 3 grid nodes around each place (quadratic Lagrange)."""
    n = len(place)
    node = np.rint(place).astype(np.int32)
    t = (place - node).astype(np.float32)
    weight = np.stack([0.5 * t * (t - 1.0), 1.0 - t * t, 0.5 * t * (t + 1.0)], axis=2)  # (n, 2, 3)
    around = np.arange(-1, 2, dtype=np.int32)
    columns = (node[:, 0, None, None] + around[:, None]) * size + node[:, 1, None, None] + around
    values = weight[:, 0, :, None] * weight[:, 1, None, :]
    pointer = np.arange(0, 9 * n + 1, 9, dtype=np.int32)
    return sparse.csr_matrix((values.reshape(-1), columns.reshape(-1), pointer), shape=(n, size * size))
