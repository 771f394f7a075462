"""How well held-out rows are rebuilt, overall and column by column, beside what predicting the mean would reach."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from deepspace.data.counts import CountsSchema
from deepspace.metrics.heldout import HeldOut
from deepspace.metrics.measure import Measure
from deepspace.results import mean_interval, wilson

if TYPE_CHECKING:
    from deepspace.data.schema import Column
    from deepspace.space import BaseSpace

__all__ = ["reconstruction"]

UNITS = {
    "image": "mean squared error, pixels in 0..1",
    "signal": "mean squared error, standardised units",
    "vector": "mean squared error, standardised units",
    "counts": "mean squared error, log(1 + count) at the median total",
    "table": "mean of squared error (numbers, standardised) and share wrong (categories)",
}


def reconstruction(space: BaseSpace, held: HeldOut) -> tuple[Measure, ...]:
    """The error of decode(posterior mean of x) against x. Only observed cells count.

    Numbers: squared error in encoded units (pixels in 0..1; counts by their logarithms). Unordered categories and
    booleans: 1 where the category is wrong. The baseline gives every row the training rows' mean, or their
    commonest category.
    """
    if space.schema.form == "table":
        return _table(space, held)
    truth, rebuilt, training = (
        _comparable(space, x) for x in (held.encoded, held.reconstruction, held.encoded_training)
    )
    error = ((rebuilt - truth) ** 2).reshape(len(truth), -1)
    mean = training.mean(0)
    baseline = (truth - mean) ** 2
    overall = _mean_measure("reconstruction_error", error.mean(1), float(baseline.mean()), UNITS[space.schema.form])
    if space.schema.form != "signal" or truth.shape[1] == 1:
        return (overall,)
    channels = [
        _mean_measure(
            "reconstruction_error",
            error.reshape(truth.shape)[:, channel].mean(1),
            float(baseline[:, channel].mean()),
            UNITS["signal"],
            about=f"channel {channel}",
        )
        for channel in range(truth.shape[1])
    ]
    return (overall, *channels)


def _comparable(space: BaseSpace, x: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    """Encoded rows on the scale that errors are taken on."""
    if isinstance(space.schema, CountsSchema):
        return space.schema.normalise(x).astype(np.float64)
    return x.astype(np.float64) / (255.0 if space.schema.form == "image" else 1.0)


def _table(space: BaseSpace, held: HeldOut) -> tuple[Measure, ...]:
    truth, rebuilt = held.encoded.astype(np.float64), held.reconstruction.astype(np.float64)
    training = held.encoded_training.astype(np.float64)
    columns, cells, baselines = [], [], []
    for position, column in enumerate(space.schema.features):
        observed = ~np.isnan(truth[:, position])
        known = training[:, position][~np.isnan(training[:, position])]
        if not observed.any() or not len(known):
            continue
        error, baseline = _column_error(column, truth[observed, position], rebuilt[observed, position], known)
        columns.append(_column_measure(column, error, float(baseline.mean())))
        cells.append(error)
        baselines.append(baseline)
    every, guess = np.concatenate(cells), np.concatenate(baselines)
    overall = Measure(
        "reconstruction_error",
        float(every.mean()),
        n=len(truth),
        unit=UNITS["table"],
        better="lower",
        baseline=float(guess.mean()),
        note=f"{len(every):,} observed cells",
    )
    return (overall, *columns)


def _column_error(
    column: Column, truth: npt.NDArray[Any], rebuilt: npt.NDArray[Any], known: npt.NDArray[Any]
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """The error of each observed cell, and what the baseline's would be, both (m,)."""
    if _unordered(column):
        codes, counts = np.unique(known, return_counts=True)
        commonest = codes[counts.argmax()]
        return (np.rint(rebuilt) != truth).astype(np.float64), (truth != commonest).astype(np.float64)
    return (rebuilt - truth) ** 2, (truth - known.mean()) ** 2


def _column_measure(column: Column, error: npt.NDArray[np.float64], baseline: float) -> Measure:
    if _unordered(column):
        return Measure(
            "reconstruction_error",
            float(error.mean()),
            n=len(error),
            unit="share wrong",
            better="lower",
            interval=wilson(int(error.sum()), len(error)),
            baseline=baseline,
            about=column.name,
        )
    unit = "squared error, category steps" if column.kind == "ordinal" else "squared error, standardised units"
    return _mean_measure("reconstruction_error", error, baseline, unit, about=column.name)


def _unordered(column: Column) -> bool:
    return column.kind in ("categorical", "boolean")


def _mean_measure(name: str, errors: npt.NDArray[np.float64], baseline: float, unit: str, about: str = "") -> Measure:
    mean, n = float(errors.mean()), len(errors)
    interval = mean_interval(mean, float(errors.std(ddof=1)), n) if n > 1 else None
    return Measure(name, mean, n=n, unit=unit, better="lower", interval=interval, baseline=baseline, about=about)
