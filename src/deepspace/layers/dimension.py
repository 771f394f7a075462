"""How many directions a layer's answers really vary in, near each row."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["Dimension", "two_nn"]


@dataclass(frozen=True)
class Dimension:
    """An intrinsic dimension with its 95 % interval; ``n``: the rows that told. NaN where too few differ."""

    value: float
    interval: tuple[float, float]
    n: int


def two_nn(x: npt.ArrayLike, *, discard: float = 0.1) -> Dimension:
    """The intrinsic dimension of points (n, p) from the ratio of the distances to their two nearest. Facco 2017
    (Scientific Reports 7, 12140).

    Those ratios have a Pareto distribution whose exponent is the dimension; it is fitted by maximum likelihood to all
    but the largest tenth, which curvature and outliers spoil (censored there), and its interval follows from the gamma
    distribution of the estimate, with half as many rows: neighbours share their distances. Rows that are equal are one.
    """
    from scipy.stats import gamma
    from sklearn.neighbors import NearestNeighbors

    points = np.unique(np.asarray(x, np.float64).reshape(len(np.asarray(x)), -1), axis=0)
    if len(points) < 10:
        return Dimension(float("nan"), (float("nan"), float("nan")), len(points))
    near = NearestNeighbors(n_neighbors=3, algorithm="brute" if points.shape[1] > 15 else "auto").fit(points)
    distances = near.kneighbors(points)[0][:, 1:]
    usable = distances[:, 0] > 1e-9 * max(1.0, float(distances.max()))
    ratios = np.sort(np.log(distances[usable, 1] / distances[usable, 0]))
    kept = int(len(ratios) * (1 - discard))
    if kept < 5 or ratios[kept - 1] <= 0:
        return Dimension(float("nan"), (float("nan"), float("nan")), len(points))
    # Censored exponential: those beyond count with the largest that is kept.
    total = float(ratios[:kept].sum() + (len(ratios) - kept) * ratios[kept - 1])
    low, high = gamma.ppf([0.025, 0.975], kept / 2) / (total / 2)
    return Dimension(kept / total, (float(low), float(high)), len(ratios))
