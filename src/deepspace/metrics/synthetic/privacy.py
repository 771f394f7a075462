"""Whether synthetic rows give training rows away: how near they come to them, beside how near unseen real rows come."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from deepspace.metrics.heldout import spread
from deepspace.metrics.measure import Measure
from deepspace.metrics.synthetic.tables import drawn, need_table, plain
from deepspace.results import wilson

if TYPE_CHECKING:
    from deepspace.data.schema import Schema
    from deepspace.metrics.heldout import HeldOut
    from deepspace.space import BaseSpace

__all__ = ["Points", "nearest", "privacy", "privacy_of"]

MOST_TRAINING = 50_000
MOST_QUERIES = 2000
MOST_CATEGORIES = 64
NEAR = 0.05
_BLOCK = 512

Floats32 = npt.NDArray[np.float32]


def privacy(space: BaseSpace, held: HeldOut) -> tuple[Measure, ...]:
    """``privacy_of`` as many rows drawn from the prior as are held out."""
    need_table(space, held)
    return privacy_of(space, held, drawn(space, len(held.rows)))


def privacy_of(space: BaseSpace, held: HeldOut, synthetic: Floats32) -> tuple[Measure, ...]:
    """Distance of encoded synthetic rows (N, F) to the closest training record (DCR), beside that of held-out rows.

    ``nearer_than_held_out``: how probable it is that a synthetic row lies nearer to a training row than a held-out row
    does (ties count half); .5 for rows like unseen real ones, toward 1 where training rows are repeated.
    ``very_near``: the share of synthetic rows nearer to a training row than all but the nearest 5 % of held-out rows.
    ``copies``: the share of synthetic rows that are a training row, cell by cell, in all training rows; the baseline is
    the share of held-out rows that are. Distances are Euclidean over standardised numbers, a differing category
    counting 1; at most 50,000 training rows and 2,000 of each side are compared.
    """
    schema = space.schema
    known = np.setdiff1d(np.arange(len(space)), space.validation_index)
    training = np.asarray(space.samples[spread(known, MOST_TRAINING)])
    scale = Points(schema, training)
    reference = scale(training)
    unseen = nearest(scale(_few(held.encoded)), reference)
    made = nearest(scale(_few(synthetic)), reference)
    order = np.sort(unseen)
    below = len(order) - np.searchsorted(order, made, "right")
    ties = np.searchsorted(order, made, "right") - np.searchsorted(order, made, "left")
    each = (below + 0.5 * ties) / len(order)
    value = float(each.mean())
    # The variance of the two-sample statistic, from its two one-sample parts (DeLong 1988).
    ranks = np.sort(made)
    other = (np.searchsorted(ranks, unseen, "left") + np.searchsorted(ranks, unseen, "right")) / (2 * len(ranks))
    half = 1.96 * float(np.sqrt(each.var() / len(each) + other.var() / len(other)))
    limit = float(np.quantile(unseen, NEAR, method="lower"))
    near, usual = int((made < limit).sum()), float((unseen < limit).mean())
    twins, own = (copies(schema, rows, np.asarray(space.samples[known])) for rows in (synthetic, held.encoded))
    medians = f"median distance {np.median(made):.2f}, held-out rows {np.median(unseen):.2f}"
    note = f"against {len(training):,} training rows; {medians}"
    return (
        Measure(
            "nearer_than_held_out", value, n=len(made), unit="probability", better="lower",
            interval=(max(0.0, value - half), min(1.0, value + half)), baseline=0.5, note=note,
        ),
        Measure(
            "very_near", near / len(made), n=len(made), unit="share of synthetic rows", better="lower",
            interval=wilson(near, len(made)), baseline=usual, note="nearer than all but 5 % of held-out rows",
        ),
        Measure(
            "copies", twins / max(len(synthetic), 1), n=len(synthetic), unit="share of synthetic rows", better="lower",
            interval=wilson(twins, len(synthetic)), baseline=own / len(held.encoded),
            note=f"{twins:,} rows; baseline: held-out rows that are equal to a training row",
        ),
    )  # fmt: skip


class Points:
    """Encoded rows (N, F) -> (N, W) float32 whose Euclidean distance the privacy figures use: numbers over their
    deviation in ``training``, categories as indicators of sqrt(1/2), a missing number at the mean with a flag."""

    def __init__(self, schema: Schema, training: Floats32) -> None:
        self.sizes = [codec.cardinality for codec in schema.codecs]  # type: ignore[attr-defined]
        with np.errstate(invalid="ignore"):
            seen = np.ma.masked_invalid(training.astype(np.float64))
            self.mean = np.asarray(seen.mean(0).filled(0.0))
            self.deviation = np.maximum(np.asarray(seen.std(0).filled(1.0)), 1e-6)

    def __call__(self, rows: Floats32) -> Floats32:
        parts = []
        for j, size in enumerate(self.sizes):
            column = rows[:, j]
            if size:
                codes = np.where(np.isnan(column), 0, np.minimum(np.nan_to_num(column) + 1, MOST_CATEGORIES)).astype(
                    int
                )
                parts.append(np.eye(min(size, MOST_CATEGORIES) + 1, dtype=np.float32)[codes] * np.float32(0.5**0.5))
            else:
                absent = np.isnan(column)
                value = np.where(absent, 0, (column - self.mean[j]) / self.deviation[j])
                parts.append(np.stack([value, absent], 1).astype(np.float32))
        return np.concatenate(parts, 1)


def nearest(query: Floats32, reference: Floats32) -> npt.NDArray[np.float64]:
    """(Q,): the Euclidean distance of each query to its nearest reference row. A block of queries at a time."""
    square = (reference**2).sum(1)
    out = np.empty(len(query))
    for start in range(0, len(query), _BLOCK):
        block = query[start : start + _BLOCK]
        closest = (square - 2 * block @ reference.T).argmin(1)
        out[start : start + _BLOCK] = np.sqrt(((block - reference[closest]) ** 2).sum(1))  # no cancellation
    return out


def copies(schema: Schema, rows: Floats32, training: Floats32) -> int:
    """How many rows are equal to a training row in every cell, as they are written."""
    keys = [_keys(plain(schema, part)) for part in (rows, training)]
    return int(np.isin(keys[0], keys[1]).sum())


def _keys(rows: npt.NDArray[np.float64]) -> npt.NDArray[np.uint64]:
    """A 64-bit key of each row: equal rows have equal ones, and others do not but once in 10^19 pairs."""
    single = np.where(np.isnan(rows), np.nan, rows + 0.0).astype(np.float32)  # one NaN, and no minus zero
    bits = np.ascontiguousarray(single).view(np.uint32).astype(np.uint64)
    multipliers: npt.NDArray[np.uint64] = np.random.default_rng(0).integers(1, 2**63, rows.shape[1], np.uint64) | 1
    mixed = (bits + np.uint64(1)) * multipliers
    mixed ^= mixed >> np.uint64(32)
    return np.asarray((mixed * multipliers[::-1]).sum(1, dtype=np.uint64))


def _few(rows: Floats32) -> Floats32:
    return rows[:: -(-len(rows) // MOST_QUERIES)] if len(rows) else rows
