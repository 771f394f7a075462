"""Precision, recall, density, coverage and Frechet distance of a space, beside what real rows reach and chance."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from deepspace.errors import SpaceError
from deepspace.metrics.coverage.features import Features, features
from deepspace.metrics.coverage.frechet import frechet, frechet_interval
from deepspace.metrics.coverage.manifolds import Prdc, prdc
from deepspace.metrics.heldout import HeldOut, spread
from deepspace.metrics.measure import Measure
from deepspace.results import mean_interval, wilson

if TYPE_CHECKING:
    from deepspace.space import BaseSpace

__all__ = ["FEWEST", "K", "measure_coverage", "measure_frechet"]

K = 5
FEWEST = 20
"""Held-out rows; with fewer the balls around them say nothing."""
_MOST = 5_000


def measure_coverage(space: BaseSpace, held: HeldOut, *, seed: int = 0) -> tuple[Measure, ...]:
    """Precision, recall, density and coverage (``Prdc``) of as many generated rows as there are held-out ones, at most
    5,000, k = 5, in principal components of training rows.

    The same of training rows in the place of generated ones is what a perfect model would reach; of rows whose values
    are each drawn by themselves from training rows, what one would that learned nothing of how they go together.
    Intervals are over the rows at given balls. Raises SpaceError where there is no prior to draw from, or too few rows.
    """
    real, made, same, mixed, named = _sides(space, held, seed)
    found, perfect, chance = (prdc(real, other, K) for other in (made, same, mixed))
    return (*_measures(found, chance, "", named), *_measures(perfect, None, "training rows", named))


def measure_frechet(space: BaseSpace, held: HeldOut, *, seed: int = 0) -> tuple[Measure, ...]:
    """The Frechet distance of the same rows in the same features, the interval by bootstrap over rows. It grows as rows
    get fewer: compare it with that of training rows, which is of as many."""
    real, made, same, mixed, named = _sides(space, held, seed)
    n = len(real)

    def take(rows: npt.NDArray[np.float32], about: str, baseline: float | None) -> Measure:
        return Measure(
            "frechet_distance", frechet(real, rows), n=n, unit="squared distance", better="lower",
            interval=frechet_interval(real, rows), baseline=baseline, about=about, note=named,
        )  # fmt: skip

    return take(made, "", frechet(real, mixed)), take(same, "training rows", None)


def _sides(space: BaseSpace, held: HeldOut, seed: int) -> tuple[Any, Any, Any, Any, str]:
    """Features of held-out, generated, training and mixed-up rows, as many of each; and what they are."""
    rows = spread(held.rows, min(_MOST, len(held.training)))
    if len(rows) < FEWEST:
        raise SpaceError(f"only {len(rows)} rows are held out; coverage needs {FEWEST}")
    if held.seen:
        raise SpaceError("the space has no record of held-out rows")
    how: Features = features(space, held.encoded_training)
    n, training = len(rows), held.encoded_training
    same = training[np.linspace(0, len(training) - 1, n).round().astype(np.int64)]
    real = np.asarray(space.samples[rows])
    made = space.sample_encoded(n, seed)
    return how.of(real), how.of(made), how.of(same), how.of(_mixed(training, n, seed)), f"in {how.name}, k = {K}"


def _mixed(training: npt.NDArray[Any], n: int, seed: int) -> npt.NDArray[Any]:
    """(n, *shape): each value taken from a training row of its own."""
    rng = np.random.default_rng(seed)
    flat = training.reshape(len(training), -1)
    mixed = np.empty((n, flat.shape[1]), flat.dtype)
    for column in range(flat.shape[1]):
        mixed[:, column] = flat[rng.integers(0, len(flat), n), column]
    return mixed.reshape(n, *training.shape[1:])


def _measures(found: Prdc, chance: Prdc | None, about: str, note: str) -> list[Measure]:
    balls = found.balls / found.k
    shares = (
        ("precision", found.precise, "share of generated rows"),
        ("recall", found.recalled, "share of real rows"),
        ("coverage", found.covered, "share of real rows"),
    )
    measures = [
        Measure(
            name, float(flags.mean()), n=len(flags), unit=unit, better="higher",
            interval=wilson(int(flags.sum()), len(flags)), about=about, note=note,
            baseline=None if chance is None else float(getattr(chance, name)),
        )
        for name, flags, unit in shares
    ]  # fmt: skip
    density = Measure(
        "density", found.density, n=len(balls), unit="1 where alike", better="higher", about=about, note=note,
        interval=mean_interval(found.density, float(balls.std(ddof=1)), len(balls)),
        baseline=None if chance is None else chance.density,
    )  # fmt: skip
    return [*measures[:2], density, measures[2]]
