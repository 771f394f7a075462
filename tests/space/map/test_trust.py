"""Trustworthiness and continuity against scikit-learn and against the definition, spelt out."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.manifold import trustworthiness as reference

from deepspace.space.map import continuity, measure_trust, trustworthiness


def by_definition(x: np.ndarray, y: np.ndarray, k: int) -> float:
    n = len(x)

    def order(rows: np.ndarray) -> list[list[int]]:
        apart = np.linalg.norm(rows[:, None] - rows, axis=2)
        return [[j for j in np.argsort(apart[i], kind="stable").tolist() if j != i] for i in range(n)]

    order_x, order_y = order(x), order(y)
    penalty = 0
    for i in range(n):
        for j in set(order_y[i][:k]) - set(order_x[i][:k]):
            penalty += order_x[i].index(j) + 1 - k
    return 1 - penalty * 2 / (n * k * (2 * n - 3 * k - 1))


@pytest.mark.parametrize("k", [1, 5, 12])
def test_it_equals_the_definition_and_scikit_learn(k: int) -> None:
    rng = np.random.default_rng(k)
    x = rng.normal(size=(60, 7)) + 1000.0
    y = x[:, :2] + 0.5 * rng.normal(size=(60, 2))
    assert trustworthiness(x, y, k) == pytest.approx(by_definition(x, y, k), abs=1e-12)
    assert continuity(x, y, k) == pytest.approx(by_definition(y, x, k), abs=1e-12)
    assert trustworthiness(x, y, k) == pytest.approx(reference(x, y, n_neighbors=k), abs=1e-12)


def test_it_equals_scikit_learn_on_digits_over_several_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    x = load_digits().data[:400] + np.random.default_rng(0).normal(scale=1e-3, size=(400, 64))
    y = x[:, [20, 43]]
    monkeypatch.setattr("deepspace.space.map.trust._BLOCK_BYTES", 8 * 400 * 37)
    assert trustworthiness(x, y, 5) == pytest.approx(reference(x, y, n_neighbors=5), abs=1e-12)


def test_a_faithful_copy_has_both_and_noise_has_neither() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(300, 2))
    assert trustworthiness(x, 3.0 * x[:, ::-1] + 1.0) == 1.0
    assert continuity(x, x) == 1.0
    assert trustworthiness(x, rng.normal(size=(300, 2))) < 0.6


def test_a_fold_is_not_trusted_and_a_tear_is_not_continuous() -> None:
    line = np.linspace(-1.0, 1.0, 201)[:, None]
    folded, torn = np.abs(line), line + 10.0 * (line > 0) * np.array([[1.0]])
    assert trustworthiness(line, folded) < 0.8
    assert continuity(line, folded) > trustworthiness(line, folded)
    assert trustworthiness(line, torn) > continuity(line, torn[:, ::-1]) - 1e-9


def test_a_large_set_is_measured_on_a_stated_sample() -> None:
    x = np.random.default_rng(0).normal(size=(500, 3)).astype(np.float32)
    measured = measure_trust(x, x[:, :2], rows=200)
    assert measured["n"] == 200
    assert measured["k"] == 5
    assert measured == measure_trust(x, x[:, :2], rows=200)
    assert measured["trustworthiness"] < 1.0


@pytest.mark.parametrize("n", [1, 2, 3, 4])
def test_a_handful_of_rows_still_has_a_figure(n: int) -> None:
    x = np.random.default_rng(n).normal(size=(n, 3))
    measured = measure_trust(x, x[:, :2])
    assert 0.0 <= measured["trustworthiness"] <= 1.0
    assert measured["n"] == n


def test_rows_must_match() -> None:
    with pytest.raises(ValueError, match=r"same number of rows, got 3 and 2"):
        trustworthiness(np.zeros((3, 2)), np.zeros((2, 2)))
