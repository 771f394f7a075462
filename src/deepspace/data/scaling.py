"""Monotone maps between a column's own numbers and the standardised numbers that a model sees."""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["QuantileScale", "Scale", "StandardScale", "choose_scale", "scale_from_json"]

Floats = npt.NDArray[np.float64]

KNOTS = 256
OWNED = 0.9
# A column keeps its straight line when it is roughly bell-shaped; beyond these its ranks are made normal instead.
SKEW_LIMIT, KURTOSIS_LIMIT, SPIKE_LIMIT = 1.0, 3.0, 0.05
_NORMAL = statistics.NormalDist()


@dataclass(frozen=True)
class StandardScale:
    """y = (x - mean) / scale."""

    mean: float
    scale: float

    def forward(self, x: Floats) -> Floats:
        return (x - self.mean) / self.scale

    def inverse(self, y: Floats) -> Floats:
        return y * self.scale + self.mean

    def to_json(self) -> dict[str, Any]:
        return {"kind": "standard", "mean": self.mean, "scale": self.scale}


@dataclass(frozen=True)
class QuantileScale:
    """The rank-normal map, piecewise linear between stored knots, shifted and scaled to unit variance.

    At a value that many rows share (zeros of a count, a cap) the distribution function jumps: such a knot owns the
    whole interval ``lower``..``upper`` of y, which decodes to exactly that value; it encodes to ``middle``. Elsewhere
    the three agree. ``inverse(forward(x)) == x`` at the knots, and up to rounding between them.
    """

    values: tuple[float, ...]
    lower: tuple[float, ...]
    middle: tuple[float, ...]
    upper: tuple[float, ...]

    @cached_property
    def _table(self) -> tuple[Floats, Floats]:
        """Strictly increasing x and non-decreasing y: a jump at v becomes three points within a hair of v."""
        v = np.asarray(self.values)
        lower, middle, upper = np.asarray(self.lower), np.asarray(self.middle), np.asarray(self.upper)
        gap = np.diff(v)
        left = np.concatenate([[1.0], gap]) * 1e-9
        right = np.concatenate([gap, [1.0]]) * 1e-9
        x = np.stack([v - left, v, v + right], 1)
        y = np.stack([lower, middle, upper], 1)
        jump = upper > lower
        keep = np.stack([jump, np.ones_like(jump), jump], 1)
        return x[keep], y[keep]

    def forward(self, x: Floats) -> Floats:
        knots_x, knots_y = self._table
        out: Floats = np.interp(x, knots_x, knots_y)
        out[np.isnan(x)] = np.nan
        return out

    @cached_property
    def _inverse_table(self) -> tuple[Floats, Floats]:
        v = np.asarray(self.values)
        lower, upper = np.asarray(self.lower), np.asarray(self.upper)
        jump = upper > lower
        keep = np.stack([np.ones_like(jump), jump], 1)
        return np.stack([lower, upper], 1)[keep], np.stack([v, v], 1)[keep]

    def inverse(self, y: Floats) -> Floats:
        knots_y, knots_x = self._inverse_table
        out: Floats = np.interp(y, knots_y, knots_x)
        out[np.isnan(y)] = np.nan
        return out

    def to_json(self) -> dict[str, Any]:
        return {
            "kind": "quantile",
            "values": list(self.values),
            "lower": list(self.lower),
            "middle": list(self.middle),
            "upper": list(self.upper),
        }


Scale = StandardScale | QuantileScale


def scale_from_json(obj: dict[str, Any]) -> Scale:
    """The scale that ``to_json`` described."""
    if obj["kind"] == "standard":
        return StandardScale(float(obj["mean"]), float(obj["scale"]))
    return QuantileScale(*(tuple(map(float, obj[key])) for key in ("values", "lower", "middle", "upper")))


def choose_scale(sample: Floats) -> Scale:
    """A scale for a column from a sample (n,) of its finite values: a straight line where the column is roughly
    bell-shaped, else the rank-normal map (heavy tails, strong skew, many rows on one value)."""
    if sample.size == 0:
        return StandardScale(0.0, 1.0)
    mean, deviation = float(sample.mean()), float(sample.std())
    if not np.isfinite(deviation) or deviation <= 1e-12 * max(1.0, abs(mean)):
        return StandardScale(mean, 1.0)
    z = (sample - mean) / deviation
    z2 = z * z
    skew, kurtosis = float((z2 * z).mean()), float((z2 * z2).mean()) - 3.0
    values, counts = np.unique(sample, return_counts=True)
    spike = counts.max() / sample.size
    crowded = spike > SPIKE_LIMIT and spike > 4.0 / values.size
    if sample.size < 30 or (abs(skew) < SKEW_LIMIT and kurtosis < KURTOSIS_LIMIT and not crowded):
        return StandardScale(mean, deviation)
    return _quantile_scale(values, counts)


def _quantile_scale(values: Floats, counts: npt.NDArray[Any]) -> QuantileScale:
    n = int(counts.sum())
    above = np.cumsum(counts)
    below = above - counts
    if values.size <= KNOTS:
        chosen = np.arange(values.size)
        jump = np.ones(values.size, dtype=bool)
    else:
        spikes = np.flatnonzero(counts * KNOTS >= n)
        even = np.searchsorted(above, np.linspace(0.0, 1.0, KNOTS) * n)
        chosen = np.unique(np.concatenate([even.clip(0, values.size - 1), spikes, [0, values.size - 1]]))
        jump = np.isin(chosen, spikes)
    edge = 0.5 / n
    middle_p = ((below + above) / (2 * n))[chosen].clip(edge, 1 - edge)
    # A value owns most of its share, not all: what lies between two knots needs room between them.
    lower_p = np.where(jump, middle_p + OWNED * ((below / n)[chosen].clip(edge / 2, 1) - middle_p), middle_p)
    upper_p = np.where(jump, middle_p + OWNED * ((above / n)[chosen].clip(0, 1 - edge / 2) - middle_p), middle_p)
    lower, middle, upper = (_normal_quantile(p) for p in (lower_p, middle_p, upper_p))
    # Unit variance over the rows, not over the knots: every row falls on or near a knot of its own rank.
    encoded = np.interp(values, values[chosen], middle)
    mean = float((encoded * counts).sum() / n)
    scale = float(np.sqrt((((encoded - mean) ** 2) * counts).sum() / n)) or 1.0
    lower, middle, upper = ((part - mean) / scale for part in (lower, middle, upper))
    return QuantileScale(
        tuple(values[chosen].tolist()), tuple(lower.tolist()), tuple(middle.tolist()), tuple(upper.tolist())
    )


def _normal_quantile(p: Floats) -> Floats:
    """A few hundred values a column at most, so a loop in plain Python is cheap and needs no scipy."""
    return np.array([_NORMAL.inv_cdf(float(q)) for q in p])
