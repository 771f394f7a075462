"""Whether a linear model can read the target off latents, beside the same off principal components of the rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from deepspace.errors import SpaceError
from deepspace.metrics.heldout import HeldOut, spread
from deepspace.metrics.knn import NUMERIC, known_values
from deepspace.metrics.measure import Measure
from deepspace.metrics.ood_scores import Scored
from deepspace.results import wilson

if TYPE_CHECKING:
    from deepspace.space import BaseSpace

__all__ = ["linear_probe"]

Floats = npt.NDArray[np.float64]

MOST_TRAINING = 5000
_BOOTSTRAPS = 400
_PENALTY = 1.0


def linear_probe(space: BaseSpace, held: HeldOut, *, seed: int = 0) -> tuple[Measure, ...]:
    """A linear model of the target, fitted on training rows, scored on held-out rows (Alain & Bengio 2017,
    arXiv:1610.01644).

    Categories: logistic regression, accuracy, with the Wilson interval and the commonest class as the baseline.
    Numbers: ridge regression, R^2 = 1 - error / error of the mean of the training rows, with a bootstrap interval and 0
    as the baseline. Once from posterior means, and once, ``about`` "principal components", from as many components of
    the same training rows. Inputs of both are standardised by the training rows. Raises SpaceError where there is no
    target, no record of held-out rows, or too few rows to tell apart.
    """
    target = space.schema.target
    if target is None:
        raise SpaceError("the data has no target column")
    if held.seen:
        raise SpaceError("the space has no record of held-out rows")
    numeric = target.kind in NUMERIC
    training = spread(held.training, MOST_TRAINING)
    y, seen = known_values(space, target.name, training, numeric)
    truth, asked = known_values(space, target.name, held.rows, numeric)
    training, rows = training[seen], held.rows[asked]
    if len(y) < 10 or not len(truth) or len(np.unique(y)) < 2:
        raise SpaceError(f"too few rows have a value of '{target.name}' that differs")
    inputs = {"": [np.asarray(space.latents.mean[at], np.float64) for at in (training, rows)]}
    inputs["principal components"] = _components(space, training, rows)
    score = _numbers if numeric else _classes
    note = f"from {len(y):,} training rows, predicting '{target.name}'"
    return tuple(score(*_scaled(*x), y, truth, about, note, seed) for about, x in inputs.items())


def _components(space: BaseSpace, training: npt.NDArray[np.int64], rows: npt.NDArray[np.int64]) -> list[Floats]:
    from sklearn.decomposition import PCA

    points, asked = (Scored(space, np.asarray(space.samples[at])).flat for at in (training, rows))
    count = min(space.latent_dim, *points.shape)
    fitted = PCA(count, svd_solver="randomized", random_state=0).fit(points)
    return [np.asarray(fitted.transform(x), np.float64) for x in (points, asked)]


def _scaled(x: Floats, query: Floats) -> tuple[Floats, Floats]:
    middle, width = x.mean(0), x.std(0)
    width[width == 0] = 1.0
    return (x - middle) / width, (query - middle) / width


def _classes(
    x: Floats, query: Floats, y: npt.NDArray[Any], truth: npt.NDArray[Any], about: str, note: str, seed: int
) -> Measure:
    from sklearn.linear_model import LogisticRegression

    right = int((LogisticRegression(C=_PENALTY, max_iter=500).fit(x, y).predict(query) == truth).sum())
    classes, counts = np.unique(y, return_counts=True)
    return Measure(
        "probe_accuracy", right / len(truth), n=len(truth), unit="share right", better="higher",
        interval=wilson(right, len(truth)), baseline=float((truth == classes[counts.argmax()]).mean()),
        about=about, note=f"logistic regression {note}",
    )  # fmt: skip


def _numbers(
    x: Floats, query: Floats, y: npt.NDArray[Any], truth: npt.NDArray[Any], about: str, note: str, seed: int
) -> Measure:
    from sklearn.linear_model import Ridge

    error = (Ridge(alpha=_PENALTY).fit(x, y).predict(query) - truth) ** 2
    whole = (truth - y.mean()) ** 2
    picks = np.random.default_rng(seed).integers(0, len(truth), (_BOOTSTRAPS, len(truth)))
    again = 1 - error[picks].sum(1) / np.maximum(whole[picks].sum(1), 1e-300)
    low, high = np.percentile(again, [2.5, 97.5])
    return Measure(
        "probe_r2", float(1 - error.sum() / max(whole.sum(), 1e-300)), n=len(truth), unit="R^2", better="higher",
        interval=(float(low), float(high)), baseline=0.0, about=about, note=f"ridge regression {note}",
    )  # fmt: skip
