"""A graph of near rows, and the shortest way on it where the cost of an edge is dear to know.

Costs are worked out lazily ("LazySP", Dellin and Srinivasa 2016): find the shortest way by cheap
lower bounds, work out the true cost of its edges, and repeat until the shortest way is one whose edges are all known.
A few dozen edges are then looked at instead of tens of thousands.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import sparse
from scipy.sparse import csgraph

from deepspace.space.neighbours import Index

__all__ = ["NEIGHBOURS", "Graph", "sample_rows", "shortest"]

NEIGHBOURS = 12
"""Edges of each node to its nearest others."""

Floats = npt.NDArray[np.float64]
Whole = npt.NDArray[np.int64]


def sample_rows(n: int, most: int) -> Whole:
    """The rows that a graph is made of: all of them, or ``most`` drawn always alike."""
    if n <= most:
        return np.arange(n)
    return np.sort(np.random.default_rng(0).choice(n, most, replace=False))


@dataclass(frozen=True)
class Graph:
    """Rows as nodes, each joined to its nearest others. points: (M, D) float32; edges: (E, 2), i < j, each once;
    sizes: (E,), their latent lengths."""

    points: npt.NDArray[np.float32]
    edges: Whole
    sizes: Floats

    @classmethod
    def of(cls, points: npt.NDArray[np.float32]) -> Graph:
        """Symmetric nearest neighbours; each part that they leave apart is joined to the largest by its closest pair,
        so that there is always a way."""
        m = len(points)
        near = Index(points).search(points, min(NEIGHBOURS + 1, m), exact=True).index
        pairs = np.stack([np.repeat(np.arange(m), near.shape[1]), near.reshape(-1)], 1)
        edges = _once(pairs)
        ones = np.ones(len(edges))
        count, part = csgraph.connected_components(sparse.coo_matrix((ones, edges.T), (m, m)), directed=False)
        if count > 1:
            edges = _once(np.concatenate([edges, _bridges(points, part)]))
        return cls(points, edges, _sizes(points, edges))

    def with_ends(self, a: Floats, b: Floats) -> tuple[Floats, Whole, Floats]:
        """Nodes, edges and their sizes with a and b as the last two nodes, joined to what is near them and, by the last
        edge, to each other."""
        m = len(self.points)
        ends = np.stack([a, b]).astype(np.float32)
        near = Index(self.points).search(ends, min(NEIGHBOURS, m), exact=True).index
        joined = [np.stack([near[i], np.full(near.shape[1], m + i)], 1) for i in (0, 1)]
        points = np.concatenate([self.points.astype(np.float64), a[None], b[None]])
        more = np.concatenate([*joined, [[m, m + 1]]])
        return points, np.concatenate([self.edges, more]), np.concatenate([self.sizes, _sizes(points, more)])


def _sizes(points: npt.NDArray[np.floating], edges: Whole) -> Floats:
    difference = points[edges[:, 0]].astype(np.float64) - points[edges[:, 1]]
    return np.asarray(np.linalg.norm(difference, axis=1))


def _once(pairs: Whole) -> Whole:
    pairs = np.sort(pairs[pairs[:, 0] != pairs[:, 1]], axis=1)
    return np.unique(pairs, axis=0)


def _bridges(points: npt.NDArray[np.float32], part: npt.NDArray[np.int32]) -> Whole:
    """(B, 2): the closest pair between each smaller part and the largest."""
    largest = int(np.bincount(part).argmax())
    main, rest = np.flatnonzero(part == largest), np.flatnonzero(part != largest)
    found = Index(points[main]).search(points[rest], 1, exact=True)
    order = np.lexsort((found.distance[:, 0], part[rest]))
    _, first = np.unique(part[rest][order], return_index=True)
    nearest = order[first]
    return np.stack([rest[nearest], main[found.index[nearest, 0]]], 1)


def shortest(
    points: Floats, edges: Whole, bounds: Floats, cost: Callable[[Floats, Floats], Floats], rounds: int = 12
) -> npt.NDArray[np.float64]:
    """The cheapest way from the last but one node to the last, as places (P, D).

    bounds: (E,) no more than the true cost of each edge (where one is more, the way is only nearly the cheapest);
    cost: ends (B, D), (B, D) -> true costs (B,), which may be infinite. The last edge, straight from end to end, is
    worked out first, so that there is always an answer; after ``rounds`` the cheapest way known is given.
    """
    weights = bounds.astype(np.float64) + 1e-12  # a sparse matrix takes 0 for no edge
    known = np.zeros(len(edges), bool)
    keys = edges[:, 0] * len(points) + edges[:, 1]
    order = np.argsort(keys)
    start, end = len(points) - 2, len(points) - 1

    def work_out(which: Whole) -> None:
        i, j = edges[which].T
        weights[which] = cost(points[i], points[j]) + 1e-12
        known[which] = True

    work_out(np.array([len(edges) - 1]))
    best, least = [start, end], float(weights[-1])
    for _ in range(rounds):
        open_ = np.isfinite(weights)
        graph = sparse.csr_matrix((weights[open_], edges[open_].T), (len(points), len(points)))
        _, previous = csgraph.dijkstra(graph, directed=False, indices=start, return_predecessors=True)
        nodes = [end]
        while nodes[-1] != start and previous[nodes[-1]] >= 0:
            nodes.append(int(previous[nodes[-1]]))
        if nodes[-1] != start:
            break
        steps = np.sort(np.stack([nodes[:-1], nodes[1:]], 1), 1)
        way = order[np.searchsorted(keys, steps[:, 0] * len(points) + steps[:, 1], sorter=order)]
        unknown = way[~known[way]]
        if len(unknown):
            work_out(unknown)
        total = float(weights[way].sum())
        if total < least:
            best, least = nodes[::-1], total
        if not len(unknown):
            break
    return points[best]
