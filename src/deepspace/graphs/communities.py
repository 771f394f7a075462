"""A given number of groups in the neighbour graph of points, found without labels."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from deepspace.errors import SpaceError
from deepspace.graphs.fuzzy import fuzzy_graph, nearest
from deepspace.results import Tabular

if TYPE_CHECKING:
    import pyarrow as pa
    from scipy import sparse

__all__ = ["Communities", "partition", "vote"]

_NEIGHBOURS = 10
_SWEEPS = 10
_STARTS = 2  # of k-means with each number of eigenvectors and groups
_SETTLED = 1e-4  # of the rows; when fewer want to move, they may stay

Labels = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Communities(Tabular):
    """labels: (N,), the number of each row's group, the largest group being 0. modularity: how much more of the graph
    lies within groups than would by chance, from below 0 to 1."""

    labels: Labels
    modularity: float

    def __len__(self) -> int:
        return int(self.labels.max()) + 1

    def to_arrow(self) -> pa.Table:
        import pyarrow as pa

        return pa.table({"group": np.arange(len(self)), "rows": np.bincount(self.labels, minlength=len(self))})

    def __str__(self) -> str:
        sizes = ", ".join(f"{n:,}" for n in np.bincount(self.labels))
        return f"{len(self)} groups of {sizes} rows, modularity {self.modularity:.3f}"


def partition(z: npt.NDArray[Any], k: int, *, neighbours: int = _NEIGHBOURS, seed: int = 0) -> Communities:
    """Splits rows (N, D) into at most k groups that share as few edges of their neighbour graph as they can.

    The graph is UMAP's fuzzy one (McInnes 2018). As many groups as asked for, or more, are found by k-means
    of its leading eigenvectors, with rows brought to length 1 (Ng, Jordan & Weiss 2001); rows move where modularity
    gains (Newman 2006; Blondel 2008), and groups are merged by the same measure until k are left. Of several starts,
    with more or fewer eigenvectors and groups, the one of greatest modularity is kept: no label is needed.
    A long thin group may be cut across, where that parts fewer edges than its border does.
    Raises SpaceError where k is not from 2 to N / 10.
    """
    n = len(z)
    if not 2 <= k <= n // 10:
        raise SpaceError(f"cannot find {k} groups in {n:,} rows: the number must be from 2 to a tenth of the rows")
    graph = fuzzy_graph(*nearest(np.ascontiguousarray(z, np.float32), neighbours, seed=seed))
    vectors = _eigenvectors(graph, min(2 * k, n - 2))
    best: tuple[float, Labels] | None = None
    for width in sorted({min(w, vectors.shape[1]) for w in (k, k + k // 2 + 1, 2 * k)}):
        rows = vectors[:, :width]
        rows = rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)
        for many, start in product(sorted({min(m, n // 4) for m in (k, 2 * k, 3 * k)}), range(_STARTS)):
            labels = _move(graph, _k_means(rows, many, seed * _STARTS + start), many, seed)
            labels = _move(graph, _merge(graph, labels, many, k), k, seed)
            value = _modularity(_between(graph, labels, k))
            if best is None or value > best[0]:
                best = value, labels
    assert best is not None
    sizes = np.bincount(best[1], minlength=k)
    rank = np.empty(k, np.int64)
    rank[np.argsort(-sizes, kind="stable")] = np.arange(k)
    return Communities(rank[best[1]], best[0])


def vote(z: npt.NDArray[Any], labels: Labels, query: npt.NDArray[Any], *, neighbours: int = _NEIGHBOURS) -> Labels:
    """New rows (M, D) -> (M,): the commonest group among each one's nearest of the rows z (N, D) with these labels."""
    import faiss

    index: Any = faiss.IndexFlatL2(z.shape[1])
    index.add(np.ascontiguousarray(z, np.float32))
    _, near = index.search(np.ascontiguousarray(query, np.float32), min(neighbours, len(z)))
    count = int(labels.max()) + 1
    cells = np.arange(len(query))[:, None] * count + labels[near]
    return np.asarray(np.bincount(cells.ravel(), minlength=len(query) * count).reshape(-1, count).argmax(1))


def _eigenvectors(graph: sparse.csr_matrix, count: int) -> Floats:
    """(N, count): of the normalised adjacency matrix, by descending eigenvalue."""
    from scipy.sparse import diags
    from scipy.sparse.linalg import eigsh

    root = diags(1 / np.sqrt(np.maximum(_degree(graph), 1e-12)))
    values, vectors = eigsh(root @ graph @ root, k=count, which="LA", tol=1e-3, v0=np.ones(graph.shape[0]))
    return np.asarray(vectors[:, np.argsort(-values)])


def _k_means(rows: Floats, k: int, seed: int) -> Labels:
    from sklearn.cluster import KMeans

    return np.asarray(KMeans(k, n_init=1, random_state=seed).fit_predict(rows), np.int64)


def _degree(graph: sparse.csr_matrix) -> Floats:
    return np.asarray(graph.sum(1), np.float64).ravel()


def _members(labels: Labels, k: int) -> sparse.csr_matrix:
    from scipy.sparse import csr_matrix

    return csr_matrix((np.ones(len(labels)), (np.arange(len(labels)), labels)), shape=(len(labels), k))


def _between(graph: sparse.csr_matrix, labels: Labels, k: int) -> Floats:
    """(k, k): the share of the graph's weight from group to group."""
    members = _members(labels, k)
    weight = np.asarray((members.T @ graph @ members).todense(), np.float64)
    return np.asarray(weight / weight.sum())


def _modularity(between: Floats) -> float:
    return float((np.diag(between) - between.sum(1) ** 2).sum())


def _move(graph: sparse.csr_matrix, labels: Labels, k: int, seed: int) -> Labels:
    """Rows go to the group where modularity gains most. Half of those that would, at a time: two neighbours that
    both move would go on changing places."""
    rng = np.random.default_rng(seed)
    degree, labels = _degree(graph), labels.copy()
    total, every = degree.sum(), np.arange(len(labels))
    for _ in range(_SWEEPS):
        held = np.bincount(labels, degree, k)
        gain = np.asarray((graph @ _members(labels, k)).todense()) - degree[:, None] * held / total
        gain[every, labels] += degree**2 / total  # a row is no part of the group it would join
        wanted = gain.argmax(1)
        moves = (wanted != labels) & (rng.random(len(labels)) < 0.5)
        if moves.sum() < _SETTLED * len(labels):
            break
        labels[moves] = wanted[moves]
    return labels


def _merge(graph: sparse.csr_matrix, labels: Labels, count: int, k: int) -> Labels:
    """The two groups whose union gains modularity most become one, until k are left."""
    between, names = _between(graph, labels, count), np.arange(count)
    while len(between) > k:
        volume = between.sum(1)
        gain = between - np.outer(volume, volume)
        np.fill_diagonal(gain, -np.inf)
        i, j = sorted(int(a) for a in np.unravel_index(gain.argmax(), gain.shape))
        between[i] += between[j]
        between[:, i] += between[:, j]
        between = np.delete(np.delete(between, j, 0), j, 1)
        names = np.where(names == j, i, names)
        names = np.where(names > j, names - 1, names)
    return np.asarray(names[labels])
