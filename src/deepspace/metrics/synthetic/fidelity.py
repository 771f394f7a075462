"""How near synthetic rows come to real ones, column by column and pair by pair: the definitions of SDMetrics."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from deepspace.metrics.measure import Measure
from deepspace.metrics.synthetic.tables import Floats, categorical, drawn, need_table, plain

if TYPE_CHECKING:
    from deepspace.metrics.heldout import HeldOut
    from deepspace.space import BaseSpace

__all__ = ["column_pairs", "column_shapes", "fidelity", "fidelity_of"]

MOST_ROWS = 10_000
MOST_PAIRS = 1000
BINS = 10
RESAMPLES = 20

Mask = npt.NDArray[np.bool_]


def fidelity(space: BaseSpace, held: HeldOut) -> tuple[Measure, ...]:
    """``fidelity_of`` as many rows drawn from the prior as are held out, beside the held-out rows."""
    need_table(space, held)
    return fidelity_of(space, held, drawn(space, len(held.rows)))


def fidelity_of(space: BaseSpace, held: HeldOut, synthetic: npt.NDArray[np.float32]) -> tuple[Measure, ...]:
    """Column shapes and column pairs, from 0 to 1, of encoded synthetic rows (N, F) beside the held-out rows.

    The interval is of resampled rows on both sides. The baselines have learned nothing: for shapes, numbers even over
    the range and categories of equal share; for pairs, each column of the training rows in an order of its own. The
    note says what real training rows reach.
    """
    schema, rng = space.schema, np.random.default_rng(0)
    kinds = categorical(schema)
    real, made, training = (
        plain(schema, _some(rows)) for rows in (held.encoded, synthetic, held.encoded_training)
    )  # fmt: skip
    even = _even(training, kinds, len(real), rng)
    shuffled = np.stack([rng.permutation(column) for column in training.T], 1)
    n = min(len(real), len(made))
    out = []
    for name, score, nothing in (
        ("column_shapes", column_shapes, even), ("column_pairs", column_pairs, shuffled)
    ):  # fmt: skip
        each = score(real, made, kinds)
        if not len(each):
            continue
        value, spread = float(np.nanmean(each)), _spread(score, real, made, kinds, rng)
        low, high = value - 1.96 * spread, value + 1.96 * spread
        note = f"real training rows reach {np.nanmean(score(real, training, kinds)):.3f}"
        out.append(
            Measure(
                name, value, n=n, unit="similarity, 0 to 1", better="higher",
                interval=(max(0.0, low), min(1.0, high)),
                baseline=float(np.nanmean(score(real, nothing, kinds))), note=note,
            )
        )  # fmt: skip
        if name == "column_shapes":
            out += [
                Measure("column_shape", float(v), n=n, unit="similarity, 0 to 1", better="higher", about=column.name)
                for column, v in zip(schema.features, each, strict=True)
                if not np.isnan(v)
            ]
    return tuple(out)


def column_shapes(real: Floats, synthetic: Floats, kinds: Mask) -> Floats:
    """(F,): for numbers 1 - sup |F_real - F_synthetic| over observed cells (the complement of the Kolmogorov-Smirnov
    statistic), for categories 1 - half of the sum of |p_real - p_synthetic| (that of the total variation distance),
    missing a category of its own. NaN where a side has no value."""
    out = np.full(real.shape[1], np.nan)
    for j, category in enumerate(kinds):
        a, b = real[:, j], synthetic[:, j]
        if category:
            out[j] = 1 - _variation(_codes(a), _codes(b))
            continue
        a, b = np.sort(a[~np.isnan(a)]), np.sort(b[~np.isnan(b)])
        if len(a) and len(b):
            both = np.concatenate([a, b])
            gap = np.searchsorted(a, both, "right") / len(a) - np.searchsorted(b, both, "right") / len(b)
            out[j] = 1 - np.abs(gap).max()
    return out


def column_pairs(real: Floats, synthetic: Floats, kinds: Mask) -> Floats:
    """(pairs,): for two numbers 1 - |r_real - r_synthetic| / 2, r Pearson's over rows that have both; for others 1 -
    the total variation distance of the two-way table, numbers in ten equal bins of the real range. At most 1,000 pairs,
    evenly spread. NaN where a column never varies."""
    f = real.shape[1]
    pairs = [(i, j) for i in range(f) for j in range(i + 1, f)]
    pairs = pairs[:: -(-len(pairs) // MOST_PAIRS)] if pairs else []
    edges = [None if kinds[j] else _edges(real[:, j]) for j in range(f)]
    a_codes, b_codes = (
        [_codes(rows[:, j]) if edge is None else _binned(rows[:, j], edge) for j, edge in enumerate(edges)]
        for rows in (real, synthetic)
    )
    out = np.empty(len(pairs))
    for p, (i, j) in enumerate(pairs):
        if kinds[i] or kinds[j]:
            width = int(max(a_codes[j].max(initial=0), b_codes[j].max(initial=0))) + 1
            out[p] = 1 - _variation(a_codes[i] * width + a_codes[j], b_codes[i] * width + b_codes[j])
        else:
            out[p] = 1 - abs(_pearson(real[:, i], real[:, j]) - _pearson(synthetic[:, i], synthetic[:, j])) / 2
    return out


def _codes(column: Floats) -> npt.NDArray[np.int64]:
    """Codes from 1, 0 for missing."""
    return np.where(np.isnan(column), 0, np.rint(np.nan_to_num(column)) + 1).astype(np.int64)


def _edges(column: Floats) -> Floats:
    seen = column[~np.isnan(column)]
    return np.histogram_bin_edges(seen, BINS) if len(seen) else np.zeros(2)


def _binned(column: Floats, edges: Floats) -> npt.NDArray[np.int64]:
    """Bins 1 to 10, the outer ones open; 0 for missing."""
    return np.where(np.isnan(column), 0, np.digitize(column, edges[1:-1]) + 1).astype(np.int64)


def _variation(a: npt.NDArray[np.int64], b: npt.NDArray[np.int64]) -> float:
    """Half of the summed difference of two shares of whole numbers from 0."""
    if a.max(initial=0) > 1 << 22 or b.max(initial=0) > 1 << 22:
        known, both = np.unique(np.concatenate([a, b]), return_inverse=True)
        a, b, size = both[: len(a)], both[len(a) :], len(known)
    else:
        size = int(max(a.max(initial=0), b.max(initial=0))) + 1
    shares = [np.bincount(codes, minlength=size) / max(len(codes), 1) for codes in (a, b)]
    return float(np.abs(shares[0] - shares[1]).sum() / 2)


def _pearson(a: Floats, b: Floats) -> float:
    seen = ~(np.isnan(a) | np.isnan(b))
    a, b = a[seen], b[seen]
    if len(a) < 2 or a.std() == 0 or b.std() == 0:
        return float("nan")
    return float(np.corrcoef(a, b)[0, 1])


def _some(rows: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    return rows[:: -(-len(rows) // MOST_ROWS)] if len(rows) else rows


def _even(training: Floats, kinds: Mask, n: int, rng: np.random.Generator) -> Floats:
    out = np.empty((n, training.shape[1]))
    for j, category in enumerate(kinds):
        seen = training[~np.isnan(training[:, j]), j]
        if not len(seen):
            out[:, j] = np.nan
        elif category:
            out[:, j] = rng.choice(np.unique(seen), n)
        else:
            out[:, j] = rng.uniform(seen.min(), seen.max(), n)
    return out


def _spread(
    score: Callable[[Floats, Floats, Mask], Floats], real: Floats, made: Floats, kinds: Mask, rng: np.random.Generator
) -> float:
    """Standard deviation of a mean score over rows drawn again on both sides."""

    def again(rows: Floats) -> Floats:
        return rows[rng.integers(len(rows), size=len(rows))]

    found = [np.nanmean(score(again(real), again(made), kinds)) for _ in range(RESAMPLES)]
    return float(np.std(found, ddof=1))
