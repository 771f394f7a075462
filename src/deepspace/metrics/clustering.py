"""Whether rows that lie together have the same label: clusters found without labels, scored by them."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from deepspace.errors import SpaceError
from deepspace.metrics.heldout import HeldOut
from deepspace.metrics.knn import NUMERIC
from deepspace.metrics.measure import Measure
from deepspace.results import wilson

if TYPE_CHECKING:
    from deepspace.space import BaseSpace

__all__ = ["Agreement", "agreement", "clustering"]

_BOOTSTRAPS = 200
_MOST_CLASSES = 1000

Counts = npt.NDArray[np.int64]


class Agreement(NamedTuple):
    """How two partitions of the same rows agree, each from 0 to 1.

    accuracy: the share of rows in the class that their cluster stands for, where each cluster stands for one class of
    its own (Kuhn 1955, the Hungarian method). nmi: 2 I(C; Y) / (H(C) + H(Y)), which is also the V-measure, the
    harmonic mean of homogeneity 1 - H(Y|C) / H(Y) and completeness 1 - H(C|Y) / H(C) (Rosenberg & Hirschberg 2007).
    """

    accuracy: float
    nmi: float
    homogeneity: float
    completeness: float


def agreement(labels: npt.NDArray[np.generic], clusters: npt.NDArray[np.generic]) -> Agreement:
    """(N,), (N,), values of any kind -> how far they agree. N >= 1."""
    return _agreement(_table(labels, clusters))


def _table(labels: npt.NDArray[np.generic], clusters: npt.NDArray[np.generic]) -> Counts:
    """(classes, clusters): rows of each class in each cluster."""
    classes, y = np.unique(labels, return_inverse=True)
    groups, c = np.unique(clusters, return_inverse=True)
    return np.bincount(y * len(groups) + c, minlength=len(classes) * len(groups)).reshape(len(classes), len(groups))


def _agreement(table: Counts) -> Agreement:
    from scipy.optimize import linear_sum_assignment

    n = table.sum()
    matched = table[linear_sum_assignment(table, maximize=True)].sum()
    of_classes, of_clusters, both = _entropy(table.sum(1)), _entropy(table.sum(0)), _entropy(table.ravel())
    shared = max(of_classes + of_clusters - both, 0.0)
    homogeneity = shared / of_classes if of_classes > 0 else 1.0
    completeness = shared / of_clusters if of_clusters > 0 else 1.0
    whole = of_classes + of_clusters
    return Agreement(float(matched / n), 2 * shared / whole if whole > 0 else 1.0, homogeneity, completeness)


def _entropy(counts: Counts) -> float:
    share = counts[counts > 0] / counts.sum()
    return float(-(share * np.log(share)).sum())


def clustering(space: BaseSpace, held: HeldOut, *, seed: int = 0) -> tuple[Measure, ...]:
    """Clusters against the target, on held-out rows: those of the model's prior, or else k-means of the training rows'
    posterior means with as many clusters as there are classes.

    Labels only score. Accuracy has the Wilson interval and the commonest class as baseline; the others a bootstrap
    over rows, and what clusters dealt at random reach. Raises SpaceError where the target is no category.
    """
    target = space.schema.target
    if target is None or target.kind in NUMERIC:
        raise SpaceError("the data has no target of categories to compare clusters with")
    if held.seen:
        raise SpaceError("the space has no record of held-out rows")
    values = space.rows.column(target.name).take(held.rows)
    known = np.asarray(values.is_valid())
    labels = np.array([str(value) for value in values.filter(values.is_valid()).to_pylist()])
    classes = len(np.unique(labels))
    if not 2 <= classes <= _MOST_CLASSES:
        raise SpaceError(f"'{target.name}' has {classes} classes on the held-out rows; from 2 to {_MOST_CLASSES} do")
    clusters, how = _clusters(space, held, held.rows[known], classes, seed)
    table = _table(labels, clusters)
    found, n = _agreement(table), len(labels)
    rng = np.random.default_rng(seed)
    again = [_agreement(t.reshape(table.shape)) for t in rng.multinomial(n, table.ravel() / n, _BOOTSTRAPS)]
    chance = _agreement(_table(labels, rng.permutation(clusters)))
    note = f"{how}, against '{target.name}'"
    measures = [
        Measure(
            "cluster_accuracy", found.accuracy, n=n, unit="share right", better="higher",
            interval=wilson(round(found.accuracy * n), n), baseline=float(table.sum(1).max() / n), note=note,
        )
    ]  # fmt: skip
    for name in ("nmi", "homogeneity", "completeness"):
        low, high = np.percentile([getattr(a, name) for a in again], [2.5, 97.5])
        measures.append(
            Measure(
                f"cluster_{name}", getattr(found, name), n=n, unit="0 to 1", better="higher",
                interval=(float(low), float(high)), baseline=getattr(chance, name), note=note,
            )
        )  # fmt: skip
    return tuple(measures)


def _clusters(
    space: BaseSpace, held: HeldOut, rows: npt.NDArray[np.int64], classes: int, seed: int
) -> tuple[npt.NDArray[np.generic], str]:
    """(n,) the cluster of each row, and where it is from."""
    column = space.cluster_column
    if column is not None:
        values = space.rows.column(column).take(rows)
        return np.asarray(values.to_pylist()), "clusters of the model's prior"
    from sklearn.cluster import KMeans

    z = np.asarray(space.latents.mean[held.training])
    fitted = KMeans(min(classes, len(z)), n_init=3, random_state=seed).fit(z)
    labels: npt.NDArray[np.generic] = fitted.predict(np.asarray(space.latents.mean[rows]))
    return labels, f"{classes}-means of {len(z):,} training rows in latent space"
