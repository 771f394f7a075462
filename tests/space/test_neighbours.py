"""Nearest rows: against scikit-learn's brute force, exactly; the index against the exact answer."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.neighbors import NearestNeighbors

from deepspace.space import neighbours
from deepspace.space.neighbours import Index, _smallest


def brute(points: np.ndarray, queries: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    distance, index = (
        NearestNeighbors(n_neighbors=k, algorithm="brute")
        .fit(points.astype(np.float64))
        .kneighbors(queries.astype(np.float64))
    )
    return distance, index


@pytest.mark.parametrize(("n", "dim", "k", "m"), [(5, 2, 5, 1), (300, 8, 10, 3), (9000, 16, 7, 4), (9000, 16, 7, 100)])
def test_equals_brute_force(n: int, dim: int, k: int, m: int) -> None:
    rng = np.random.default_rng(n + m)
    points = rng.normal(size=(n, dim)).astype(np.float32)
    queries = rng.normal(size=(m, dim)).astype(np.float32)
    distance, index = brute(points, queries, k)
    found = Index(points).search(queries, k)
    np.testing.assert_array_equal(found.index, index)
    np.testing.assert_allclose(found.distance, distance, rtol=1e-6)
    assert found.recall == 1.0
    assert found.index.dtype == np.int64
    assert found.distance.dtype == np.float32


def test_far_from_the_origin_no_digits_are_lost() -> None:
    # The product form |m|^2 - 2 m.z + |z|^2 alone would give distances of 0 or about 1 here.
    rng = np.random.default_rng(0)
    points = (1000 + 1e-2 * rng.normal(size=(2000, 4))).astype(np.float32)
    distance, _ = brute(points, points[:2], 3)
    found = Index(points).search(points[:2], 3)
    np.testing.assert_array_equal(found.index[:, 0], [0, 1])
    assert found.distance[0, 0] == 0
    assert (found.distance <= distance * 1.2 + 1e-3).all()


def test_weights_scale_each_dimension() -> None:
    rng = np.random.default_rng(1)
    points, queries = (rng.normal(size=(n, 5)).astype(np.float32) for n in (4000, 50))
    weights = np.array([1, 4, 9, 0.25, 1e-3], np.float32)
    distance, index = brute(points * np.sqrt(weights), queries * np.sqrt(weights), 6)
    for block in (queries, queries[:3]):  # the crowd's way and the cursor's
        found = Index(points, weights=weights).search(block, 6)
        np.testing.assert_array_equal(found.index, index[: len(block)])
        np.testing.assert_allclose(found.distance, distance[: len(block)], rtol=1e-5)


def test_the_index_states_the_recall_it_has(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(neighbours, "EXACT_BATCH_ROWS", 1000)
    rng = np.random.default_rng(2)
    centres = rng.normal(size=(40, 12)) * 4
    points = (centres[rng.integers(0, 40, 20_000)] + rng.normal(size=(20_000, 12))).astype(np.float32)
    queries = points[::40]
    found = Index(points).search(queries, 10)
    true = Index(points).search(queries, 10, exact=True)
    recall = np.mean([len(np.intersect1d(a, b)) / 10 for a, b in zip(found.index, true.index, strict=True)])
    assert found.recall >= 0.98
    assert recall == pytest.approx(found.recall, abs=0.03)
    np.testing.assert_array_equal(Index(points).search(queries, 10).index, found.index)
    assert Index(points).search(queries[:3], 10).recall == 1.0  # a cursor is answered exactly
    assert "recall 0." in repr(found) or "exact" in repr(found)


@settings(max_examples=60, deadline=None)
@given(n=st.integers(1, 9000), k=st.integers(1, 40), seed=st.integers(0, 1000), levels=st.sampled_from([3, 50, 10**6]))
def test_smallest_keeps_the_k_smallest(n: int, k: int, seed: int, levels: int) -> None:
    k = min(k, n)
    scores = np.random.default_rng(seed).integers(0, levels, n).astype(np.float32)
    chosen = _smallest(scores, k)
    assert len(np.unique(chosen)) == len(chosen) >= k
    np.testing.assert_array_equal(np.sort(scores[chosen])[:k], np.sort(scores)[:k])


def test_no_queries_give_no_neighbours() -> None:
    found = Index(np.zeros((4, 2), np.float32)).search(np.zeros((0, 2), np.float32), 3)
    assert found.index.shape == (0, 3)
