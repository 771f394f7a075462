"""How well cells that were hidden on purpose are guessed from the others of their row."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from deepspace.errors import SpaceError
from deepspace.metrics.heldout import spread
from deepspace.metrics.measure import Measure
from deepspace.metrics.synthetic.tables import Floats, need_table, plain
from deepspace.results import mean_interval, wilson

if TYPE_CHECKING:
    from deepspace.data.schema import Schema
    from deepspace.metrics.heldout import HeldOut
    from deepspace.space import BaseSpace

__all__ = ["hidden_cells", "imputation"]

SHARE = 0.15
MOST_ROWS = 2000


def imputation(space: BaseSpace, held: HeldOut) -> tuple[Measure, ...]:
    """The error of ``space.impute`` on cells of held-out rows that were hidden at random, 15 % of the observed ones.

    Numbers: root mean squared error over the column's deviation among training rows, in the user's units. Categories:
    share wrong. The baseline fills in the training rows' mean or commonest category.
    """
    from deepspace.space.imputing import impute_encoded

    need_table(space, held)
    schema = space.schema
    truth = np.asarray(space.samples[spread(held.rows, MOST_ROWS)])
    hidden = hidden_cells(truth, seed=0)
    asked = np.where(hidden, np.nan, truth).astype(np.float32)
    made = plain(schema, impute_encoded(space, asked))
    real, training = plain(schema, truth), plain(schema, held.encoded_training)
    squares, wrong = _errors(schema, real, made, training, hidden)
    out = []
    if len(squares):
        error, nothing = squares.T
        low, high = mean_interval(float(error.mean()), float(error.std(ddof=1)), len(error))
        out.append(
            Measure(
                "imputation_rmse", float(np.sqrt(error.mean())), n=len(error), unit="standard deviations",
                better="lower", interval=(float(np.sqrt(max(low, 0.0))), float(np.sqrt(high))),
                baseline=float(np.sqrt(nothing.mean())), note="n is of hidden cells of numbers",
            )
        )  # fmt: skip
    if len(wrong):
        error, nothing = wrong.T
        out.append(
            Measure(
                "imputation_wrong", float(error.mean()), n=len(error), unit="share wrong", better="lower",
                interval=wilson(int(error.sum()), len(error)), baseline=float(nothing.mean()),
                note="n is of hidden cells of categories",
            )
        )  # fmt: skip
    if not out:
        raise SpaceError("the held-out rows have too few observed cells to hide some")
    return tuple(out)


def hidden_cells(rows: npt.NDArray[np.float32], seed: int) -> npt.NDArray[np.bool_]:
    """(N, F): 15 % of the observed cells at random; no row loses all it has."""
    rng = np.random.default_rng(seed)
    seen = ~np.isnan(rows)
    hidden = seen & (rng.random(rows.shape) < SHARE)
    hidden[(hidden == seen).all(1)] = False
    return np.asarray(hidden)


def _errors(
    schema: Schema, real: Floats, made: Floats, training: Floats, hidden: npt.NDArray[np.bool_]
) -> tuple[Floats, Floats]:
    """Squared errors of numbers over their variance, and wrong categories: (cells, 2), ours and the baseline's."""
    squares, wrong = [np.empty((0, 2))], [np.empty((0, 2))]
    for j, codec in enumerate(schema.codecs):  # type: ignore[attr-defined]
        rows, known = np.flatnonzero(hidden[:, j]), training[~np.isnan(training[:, j]), j]
        if not len(rows) or not len(known):
            continue
        truth, guess = real[rows, j], made[rows, j]
        if codec.cardinality:
            codes, counts = np.unique(known, return_counts=True)
            wrong.append(
                np.stack([guess != truth, np.full(len(rows), codes[counts.argmax()]) != truth], 1).astype(float)
            )
        elif known.std() > 0:
            squares.append(np.stack([guess - truth, known.mean() - truth], 1) ** 2 / known.var())
    return np.concatenate(squares), np.concatenate(wrong)
