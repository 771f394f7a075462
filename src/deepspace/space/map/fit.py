"""Fits a map: metric, graph, layout, networks, trust."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from deepspace.errors import SpaceError
from deepspace.graphs import fuzzy_graph, nearest
from deepspace.space.map.fitted import FittedMap, use_threads
from deepspace.space.map.layout import layout
from deepspace.space.map.metric import decoder_metric
from deepspace.space.map.networks import Perceptron, build_pair
from deepspace.space.map.placing import NEIGHBOURS
from deepspace.space.map.train import train_pair
from deepspace.space.map.trust import measure_trust

__all__ = ["fit_map"]

_FIT_ROWS = 60_000
_GRAPH_NEIGHBOURS = 15
_FEWEST = 8
_HIDDEN, _SMALL_HIDDEN, _SMALL = (256, 256), (128, 128), 10_000
_WAVES = 64
_BANDWIDTH = 4.0
_LEAST_WEIGHT = 1e-3
_TWIN = 1e-4
"""Rows closer than this share of the data's size are one row to the layout: rounding must not make islands."""


def fit_map(
    latents_mean: NDArray[np.float32],
    *,
    seed: int = 0,
    on_progress: Callable[[float], None] | None = None,
    should_stop: Callable[[], bool] | None = None,
    decode: Callable[[Tensor], Tensor] | None = None,
    samples: NDArray[np.generic] | None = None,
    on_places: Callable[[NDArray[np.int64], NDArray[np.float32]], None] | None = None,
    threads: int | None = None,
    weights: NDArray[np.float32] | None = None,
) -> FittedMap:
    """A map of latents (N, D), N >= 1. Same input, seed and threads: the same map, bit for bit.

    decode: the frozen model's decoder; where it makes pictures or signals, neighbours are those that *decode* alike.
    weights: (D,), what a squared difference in each dimension weighs between neighbours, where the model says so.
    samples: the encoded rows; not used by this method. Beyond 60,000 rows the map is laid out on a fixed sample, and
    the others are placed beside their neighbours. should_stop() cuts the fitting short and keeps what has been learned.
    on_progress gets the fraction done, 0..1; on_places, every few steps, rows (m,) ascending and where they lie (m, 2)
    as the map takes shape, on a scale of its own. Raises SpaceError where the latents are empty or not finite.
    """
    if latents_mean.ndim != 2 or 0 in latents_mean.shape:
        raise SpaceError(f"cannot fit a map: latents have shape {latents_mean.shape}; pass at least one row as (n, d)")
    with use_threads(threads) as count:
        chosen = _sample(len(latents_mean), seed)
        sampled = np.asarray(latents_mean[chosen], dtype=np.float32)
        if not np.isfinite(sampled).all():
            raise SpaceError("cannot fit a map: the latents hold NaN or infinity; train the model again")
        centre = sampled.mean(0, dtype=np.float64).astype(np.float32)
        scale = _scale(sampled - centre)
        u = (sampled - centre) / np.float32(scale)
        _, first = np.unique(np.round(u / _TWIN), axis=0, return_index=True)
        first.sort()
        rows = chosen[first]
        shown = None if on_places is None else partial(on_places, rows)
        watch = _Watch(on_progress, should_stop, shown)
        metric = _metric(sampled[first], decode, weights, seed=seed)
        plan = _plan(u[first], metric, seed=seed, threads=count, watch=watch)
        fitted = FittedMap(
            plan.encoder, plan.decoder, centre=centre, scale=scale, metric=plan.metric,
            landmarks=rows[: len(plan.places)].astype(np.int32), reach=plan.reach,
            positions=np.zeros((len(latents_mean), 2), np.float32), latents=latents_mean, trust={},
            settings={**plan.settings, "fitted_on": len(first), "seed": seed, "threads": count},
        )  # fmt: skip
        if len(plan.places):
            fitted.positions[rows] = plan.places
        placed = fitted.transform(latents_mean)
        if len(plan.places):
            placed[rows] = plan.places
        fitted.positions[:] = placed
        watch.part(0.85, 0.9)(1.0)
        fitted.trust = measure_trust(_weighed(latents_mean, weights), fitted.positions, seed=seed)
        watch.part(0.9, 1.0)(1.0)
        return fitted


@dataclass(frozen=True)
class _Watch:
    """Tells whoever waits how far it is, and asks whether to go on."""

    on_progress: Callable[[float], None] | None
    should_stop: Callable[[], bool] | None
    on_places: Callable[[NDArray[np.float32]], None] | None = None

    def part(self, low: float, high: float) -> Callable[[float], bool]:
        def step(fraction: float) -> bool:
            if self.on_progress is not None:
                self.on_progress(low + (high - low) * fraction)
            return self.should_stop is not None and self.should_stop()

        return step


@dataclass(frozen=True)
class _Plan:
    """What the distinct rows of the sample give: networks, and their places unless the map is affine."""

    encoder: Perceptron
    decoder: Perceptron
    settings: dict[str, Any]
    metric: NDArray[np.float32] = field(default_factory=lambda: np.zeros((0, 0), np.float32))
    places: NDArray[np.float32] = field(default_factory=lambda: np.zeros((0, 2), np.float32))
    reach: NDArray[np.float32] = field(default_factory=lambda: np.zeros(0, np.float32))


def _plan(
    u: NDArray[np.float32],
    metric: NDArray[np.float32] | None,
    *,
    seed: int,
    threads: int,
    watch: _Watch,
) -> _Plan:
    axes = _axes(u)
    if u.shape[1] <= 2 or len(u) < _FEWEST:  # Nothing to unfold: the map is the latents themselves, seen straight.
        encoder, decoder = build_pair(u.shape[1], (), waves=0, bandwidth=1.0, seed=seed)
        _lay_straight(encoder, decoder, axes)
        return _Plan(encoder, decoder, {"hidden": [], "waves": 0, "unit": 1.0})
    measured = u if metric is None else u @ metric
    index, distance = nearest(measured, min(_GRAPH_NEIGHBOURS, len(u) - 1), seed=seed)
    watch.part(0.0, 0.05)(1.0)
    y = layout(
        fuzzy_graph(index, distance),
        u @ axes,
        on_step=watch.part(0.05, 0.55),
        on_places=watch.on_places,
        threads=threads,
    )
    y -= y.mean(0)
    unit = max(float(np.sqrt((y.astype(np.float64) ** 2).sum(1).mean() / 2)), 1e-6)
    places = y / np.float32(unit)
    hidden = _HIDDEN if len(u) > _SMALL else _SMALL_HIDDEN
    encoder, decoder = build_pair(u.shape[1], hidden, waves=_WAVES, bandwidth=_BANDWIDTH, seed=seed)
    _lay_straight(encoder, decoder, axes)
    train_pair(encoder, decoder, u, places, unit=unit, seed=seed, on_step=watch.part(0.55, 0.8))
    reach = distance[:, min(NEIGHBOURS, distance.shape[1]) - 1]
    settings = {"hidden": list(hidden), "waves": _WAVES, "unit": unit}
    return _Plan(
        encoder, decoder, settings, np.zeros((0, 0), np.float32) if metric is None else metric, places, reach.copy()
    )


def _metric(
    latents: NDArray[np.float32],
    decode: Callable[[Tensor], Tensor] | None,
    weights: NDArray[np.float32] | None,
    *,
    seed: int,
) -> NDArray[np.float32] | None:
    """What neighbours are measured by: (D, D), or None for the latents as they are."""
    if latents.shape[1] <= 2 or len(latents) < _FEWEST:
        return None
    if weights is not None:
        root = np.sqrt(weights / max(float(weights.max()), 1e-30)).clip(_LEAST_WEIGHT)
        return np.diag(root * (latents.std() / max(float((latents * root).std()), 1e-30))).astype(np.float32)
    return None if decode is None else decoder_metric(latents, decode, seed=seed)


def _weighed(latents: NDArray[np.float32], weights: NDArray[np.float32] | None) -> NDArray[np.float32]:
    return latents if weights is None else latents * np.sqrt(weights)


def _sample(n: int, seed: int) -> NDArray[np.int64]:
    if n <= _FIT_ROWS:
        return np.arange(n)
    return np.sort(np.random.default_rng(seed).choice(n, _FIT_ROWS, replace=False))


def _scale(centred: NDArray[np.float32]) -> float:
    """The deviation of a typical live dimension, sqrt(sum v^2 / sum v) over the variances v: one number for all, so
    that distances stay the model's own and a dead dimension stays as small as it is."""
    variance = np.square(centred, dtype=np.float64).mean(0)
    return float(np.sqrt(max(float((variance**2).sum() / max(float(variance.sum()), 1e-300)), 1e-24)))


def _axes(u: NDArray[np.float32]) -> NDArray[np.float32]:
    """(D, 2): the two principal directions, largest first, signs fixed; the identity of up to two dimensions."""
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
