"""Fits a map: graph, layout, networks, trust."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from deepspace.errors import SpaceError
from deepspace.space.map.fitted import FittedMap, use_threads
from deepspace.space.map.graph import fuzzy_graph, nearest
from deepspace.space.map.layout import layout
from deepspace.space.map.networks import Perceptron, build_pair
from deepspace.space.map.train import train_pair
from deepspace.space.map.trust import measure_trust

__all__ = ["fit_map"]

_FIT_ROWS = 60_000
_NEIGHBOURS = 15
_FEWEST = 8
_HIDDEN = (256, 256, 256)
_WAVES = 64
_BANDWIDTH = 4.0
_TWIN = 1e-4


def fit_map(
    latents_mean: NDArray[np.float32],
    *,
    seed: int = 0,
    on_progress: Callable[[float], None] | None = None,
    should_stop: Callable[[], bool] | None = None,
    decode: Callable[[Tensor], Tensor] | None = None,
    samples: NDArray[np.generic] | None = None,
    threads: int | None = None,
) -> FittedMap:
    """A map of latents (N, D), N >= 1. Same input, seed and threads: the same map, bit for bit.

    Beyond 60,000 rows it is fitted on a fixed sample of them, and the networks place the rest. should_stop() cuts the
    fitting short: what has been learned so far is kept. on_progress gets the fraction done, 0..1. Raises SpaceError.
    """
    if latents_mean.ndim != 2 or 0 in latents_mean.shape:
        raise SpaceError(f"cannot fit a map: latents have shape {latents_mean.shape}; pass at least one row as (n, d)")
    with use_threads(threads) as count:
        rng = np.random.default_rng(seed)
        chosen = _sample(len(latents_mean), rng)
        fitted_on = np.asarray(latents_mean[chosen], dtype=np.float32)
        if not np.isfinite(fitted_on).all():
            raise SpaceError("cannot fit a map: the latents hold NaN or infinity; train the model again")
        centre = fitted_on.mean(0, dtype=np.float64).astype(np.float32)
        u = fitted_on - centre
        # One scale for all dimensions: distances stay the model's own, and a dead dimension stays as small as it is.
        scale = float(np.sqrt(max(float((u.astype(np.float64) ** 2).sum(1).mean()) / 2.0, 1e-24)))
        u /= np.float32(scale)
        _, first = np.unique(np.round(u / _TWIN).astype(np.float32), axis=0, return_index=True)
        u = u[np.sort(first)]

        def tell(low: float, high: float) -> Callable[[float], bool]:
            def step(fraction: float) -> bool:
                if on_progress is not None:
                    on_progress(low + (high - low) * fraction)
                return should_stop is not None and should_stop()

            return step

        flat = u.shape[1] <= 2 or len(u) < _FEWEST
        hidden = () if flat else _HIDDEN
        waves = 0 if flat else _WAVES
        encoder, decoder = build_pair(u.shape[1], hidden, waves=waves, bandwidth=_BANDWIDTH, seed=seed)
        axes = _axes(u)
        _lay_straight(encoder, decoder, axes)
        if not flat:
            graph = fuzzy_graph(*nearest(u, min(_NEIGHBOURS, len(u) - 1), seed=seed))
            tell(0.0, 0.05)(1.0)
            start = u @ axes
            y = layout(graph, start, on_step=tell(0.05, 0.6), threads=count)
            y = (y - y.mean(0)) / np.float32(max(float(np.sqrt((y**2).sum(1).mean() / 2)), 1e-12))
            train_pair(
                encoder, decoder, u, y.astype(np.float32), epochs=20, least_steps=1000, seed=seed, on_step=tell(0.6, 0.95)
            )
        settings: dict[str, Any] = {"hidden": list(hidden), "waves": waves, "fitted_on": len(u), "seed": seed, "threads": count}
        fitted = FittedMap(
            encoder, decoder, centre=centre, scale=scale, positions=np.zeros((0, 2), np.float32), latents=latents_mean,
            trust={}, settings=settings,
        )  # fmt: skip
        fitted.positions = fitted.transform(latents_mean)
        fitted.trust = measure_trust(latents_mean, fitted.positions, seed=seed)
        tell(0.95, 1.0)(1.0)
        return fitted


def _sample(n: int, rng: np.random.Generator) -> NDArray[np.int64]:
    return np.arange(n) if n <= _FIT_ROWS else np.sort(rng.choice(n, _FIT_ROWS, replace=False))


def _axes(u: NDArray[np.float32]) -> NDArray[np.float32]:
    """(D, 2): the two principal directions, largest first, signs fixed; identity where there are two dimensions or one."""
    width = u.shape[1]
    if width <= 2:
        return np.eye(width, 2, dtype=np.float32)
    _, vectors = np.linalg.eigh(u.astype(np.float64).T @ u.astype(np.float64))
    axes = vectors[:, :-3:-1]
    axes = axes * np.where(axes[np.abs(axes).argmax(0), [0, 1]] < 0, -1.0, 1.0)
    return np.ascontiguousarray(axes, dtype=np.float32)


def _lay_straight(encoder: Perceptron, decoder: Perceptron, axes: NDArray[np.float32]) -> None:
    with torch.no_grad():
        encoder.straight.weight.copy_(torch.from_numpy(axes.T.copy()))
        decoder.straight.weight.copy_(torch.from_numpy(axes.copy()))
        encoder.straight.bias.zero_()
        decoder.straight.bias.zero_()
