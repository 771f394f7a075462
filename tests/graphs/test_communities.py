"""Groups of the neighbour graph: those that are there; modularity by its definition."""

from __future__ import annotations

from typing import Any, cast

import numpy as np
import pytest
from sklearn.datasets import load_digits, make_circles
from sklearn.metrics import adjusted_rand_score

from deepspace.errors import SpaceError
from deepspace.explore import communities
from deepspace.graphs import fuzzy_graph, nearest
from deepspace.graphs.communities import _between, _merge, _modularity, _move, partition, vote
from deepspace.metrics.clustering import agreement
from tests.linear import LinearSpace


def test_rings_that_k_means_cannot_part() -> None:
    x, truth = make_circles(1000, noise=0.05, random_state=0, factor=0.4)
    found = partition(x, 2)
    assert adjusted_rand_score(truth, found.labels) > 0.99
    fresh, more = make_circles(200, noise=0.05, random_state=1, factor=0.4)
    assert adjusted_rand_score(more, vote(x, found.labels, fresh)) > 0.98


def test_digits_by_their_pixels() -> None:
    digits = load_digits()
    found = partition(digits.data, 10)
    assert agreement(digits.target, found.labels).accuracy > 0.9  # 10-means: .79
    assert len(found) == 10
    assert (np.diff(found.to_arrow()["rows"].to_numpy()) <= 0).all(), "the largest group is number 0"
    again = partition(digits.data, 10)
    assert np.array_equal(found.labels, again.labels)


def graph_and_labels(k: int = 5) -> tuple[Any, np.ndarray]:
    rng = np.random.default_rng(0)
    graph = fuzzy_graph(*nearest(rng.normal(size=(300, 3)).astype(np.float32), 8))
    return graph, rng.integers(0, k, 300)


def brute(graph: Any, labels: np.ndarray) -> float:
    """Newman 2006: sum over pairs in one group of A_ij - d_i d_j / 2m, over 2m."""
    dense = graph.toarray()
    degree, total = dense.sum(1), dense.sum()
    same = labels[:, None] == labels[None]
    return float(((dense - np.outer(degree, degree) / total) * same).sum() / total)


def test_modularity_is_newmans() -> None:
    graph, labels = graph_and_labels()
    assert _modularity(_between(graph, labels, 5)) == pytest.approx(brute(graph, labels), abs=1e-6)


def test_moves_and_merges_gain_modularity() -> None:
    graph, labels = graph_and_labels(12)
    moved = _move(graph, labels, 12, 0)
    assert brute(graph, moved) > brute(graph, labels) + 0.2
    merged = _merge(graph, moved, 12, 11)
    best = max(
        brute(graph, np.where(moved == j, i, moved)) for i in range(12) for j in range(i + 1, 12)
    )  # fmt: skip
    assert brute(graph, merged) == pytest.approx(best, abs=1e-6)
    assert set(merged) == set(range(11))


def test_of_a_space_and_what_it_refuses() -> None:
    space = cast(Any, LinearSpace(400))
    found = communities(space, 4)
    assert len(found.labels) == 400
    assert str(found).startswith("4 groups of ")
    with pytest.raises(SpaceError, match="cannot find 41 groups in 400 rows: the number must be from 2 to a tenth"):
        communities(space, 41)
