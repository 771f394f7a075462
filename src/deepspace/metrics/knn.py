"""Whether the target can be read off a row's neighbours in latent space, on rows that training never saw."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from deepspace.errors import SpaceError
from deepspace.metrics.heldout import HeldOut
from deepspace.metrics.measure import Measure
from deepspace.results import mean_interval, wilson

if TYPE_CHECKING:
    from deepspace.space import BaseSpace

__all__ = ["NUMERIC", "knn", "known_values"]

NUMERIC = ("numeric", "integer", "date")


def knn(space: BaseSpace, held: HeldOut, *, k: int = 5) -> tuple[Measure, ...]:
    """k-nearest-neighbour prediction of the target from posterior means, learned on training rows, scored on held-out
    rows.

    Categories: accuracy, with the Wilson interval and the commonest class as the baseline. Numbers: mean absolute
    error in the user's units, with the median as the baseline. The target was not trained on unless it was asked for.
    Raises SpaceError when there is no target, or no rows to tell apart.
    """
    target = space.schema.target
    if target is None:
        raise SpaceError("the data has no target column")
    if held.seen:
        raise SpaceError("the space has no record of held-out rows")
    numeric = target.kind in NUMERIC
    values = space.rows.column(target.name)
    training, test = _values(values, held.training, numeric), _values(values, held.rows, numeric)
    known, asked = _present(training), _present(test)
    if known.sum() < k or not asked.any():
        raise SpaceError(f"too few rows have a value of '{target.name}'")
    z = np.asarray(space.latents.mean[held.training[known]])
    query = np.asarray(space.latents.mean[held.rows[asked]])
    return (_score(z, training[known], query, test[asked], numeric=numeric, k=k, target=target.name),)


def _score(
    z: npt.NDArray[Any], y: npt.NDArray[Any], query: npt.NDArray[Any], truth: npt.NDArray[Any],
    *, numeric: bool, k: int, target: str,
) -> Measure:  # fmt: skip
    from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor

    note = f"{k} nearest of {len(z):,} training rows in latent space, predicting '{target}'"
    if numeric:
        predicted = KNeighborsRegressor(k).fit(z, y).predict(query)
        error, guess = np.abs(predicted - truth), np.abs(np.median(y) - truth)
        interval = mean_interval(float(error.mean()), float(error.std(ddof=1)), len(error)) if len(error) > 1 else None
        return Measure(
            "knn_error", float(error.mean()), n=len(error), unit="mean absolute error", better="lower",
            interval=interval, baseline=float(guess.mean()), note=note,
        )  # fmt: skip
    right = int((KNeighborsClassifier(k).fit(z, y).predict(query) == truth).sum())
    classes, counts = np.unique(y, return_counts=True)
    return Measure(
        "knn_accuracy", right / len(truth), n=len(truth), unit="share right", better="higher",
        interval=wilson(right, len(truth)), baseline=float((truth == classes[counts.argmax()]).mean()), note=note,
    )  # fmt: skip


def known_values(
    space: BaseSpace, name: str, rows: npt.NDArray[np.int64], numeric: bool
) -> tuple[npt.NDArray[Any], npt.NDArray[np.bool_]]:
    """A column's values where it has any, and at which of the rows (n,) that is."""
    values = _values(space.rows.column(name), rows, numeric)
    known = _present(values)
    return values[known], known


def _values(column: Any, rows: npt.NDArray[np.int64], numeric: bool) -> npt.NDArray[Any]:
    """An Arrow column's values at the rows: float64 with NaN, or strings with "" for what is missing."""
    chosen = column.take(rows).to_pylist()
    if numeric:
        return np.array([_number(value) for value in chosen], np.float64)
    return np.array(["" if _missing(value) else str(value) for value in chosen])


def _number(value: Any) -> float:
    if _missing(value):
        return float("nan")
    return float(value.toordinal()) if hasattr(value, "toordinal") else float(value)


def _missing(value: Any) -> bool:
    return value is None or (isinstance(value, float) and np.isnan(value))


def _present(values: npt.NDArray[Any]) -> npt.NDArray[np.bool_]:
    return np.asarray(~np.isnan(values) if values.dtype.kind == "f" else values != "")
