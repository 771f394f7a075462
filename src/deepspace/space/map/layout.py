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
_MAX_GRID = 400


def layout(
    graph: sparse.csr_matrix,
    start: NDArray[np.float32],
    *,
    early: int = 100,
    late: int = 400,
    exaggeration: float = 1.5,
    on_step: Callable[[float], bool] | None = None,
    threads: int = 1,
) -> NDArray[np.float32]:
    """Positions (n, 2) that put the graph's neighbours side by side.

    Minimises sum_ij p_ij (log p_ij - log q_ij) with q_ij ~ 1 / (1 + |y_i - y_j|^2) by gradient descent with momentum and
    gains: t-SNE's objective on UMAP's graph, which is UMAP's own with the repulsion normalised; ``exaggeration`` multiplies
    the attraction (1: t-SNE, about 4: UMAP; Boehm 2022, arXiv:2007.08902). Repulsion is interpolated on a grid and convolved
    by FFT, linear in n (Linderman 2019, arXiv:1712.09005). start: (n, 2). on_step(fraction) may return True to stop.
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
        difference = y[source] - y[target]
        near = probability / (1.0 + np.einsum("ij,ij->i", difference, difference))
        attraction.data = near
        pull = y * np.asarray(attraction.sum(1)) - attraction @ y
        gradient = 4.0 * (factor * pull - _repulsion(y, threads))
        # Delta-bar-delta gains, as in every t-SNE since van der Maaten's.
        gains = np.where(np.sign(gradient) != np.sign(velocity), gains + 0.2, gains * 0.8)
        np.maximum(gains, 0.01, out=gains)
        velocity = _MOMENTUM * velocity - (n / factor) * gains * gradient
        y = y + velocity
        y -= y.mean(0)
        if on_step is not None and on_step((step + 1) / (early + late)):
            break
    return y.astype(np.float32)


def _repulsion(y: NDArray[np.float32], threads: int) -> NDArray[np.float32]:
    """sum_j w_ij^2 (y_i - y_j) / sum_kl w_kl, w = 1 / (1 + d^2): (n, 2), from potentials of w^2 on a grid."""
    n = len(y)
    low = y.min(0)
    extent = float((y.max(0) - low).max())
    spacing = max(min(_SPACING, extent / 40.0), extent / (_MAX_GRID - 4), 1e-6)
    size = int(extent / spacing) + 4
    place = _interpolation((y - low) / spacing + 1.0, size)
    charges = np.column_stack([np.ones(n, np.float32), y, (y * y).sum(1)])
    grid = (place.T @ charges).reshape(size, size, 4)
    length = fft.next_fast_len(2 * size - 1, real=True)
    offset = np.arange(length, dtype=np.float32)
    offset = np.minimum(offset, length - offset) * spacing
    kernel = 1.0 / (1.0 + offset[:, None] ** 2 + offset[None, :] ** 2) ** 2
    spectrum = fft.rfft2(grid, s=(length, length), axes=(0, 1), workers=threads)
    spectrum *= fft.rfft2(kernel.astype(np.float32))[:, :, None]
    smooth = fft.irfft2(spectrum, s=(length, length), axes=(0, 1), workers=threads)[:size, :size]
    felt = place @ np.ascontiguousarray(smooth, dtype=np.float32).reshape(-1, 4)
    # sum_j w_ij = sum_j w_ij^2 (1 + |y_i|^2 - 2 y_i y_j + |y_j|^2): the normaliser from the same four potentials.
    total = ((1.0 + charges[:, 3]) * felt[:, 0] - 2.0 * (y * felt[:, 1:3]).sum(1) + felt[:, 3]).sum(dtype=np.float64) - n
    return (y * felt[:, :1] - felt[:, 1:3]) / np.float32(max(total, 1e-12))


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
