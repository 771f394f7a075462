"""Linear CKA against its formula, its invariances, and what chance gives."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from deepspace.errors import SpaceError
from deepspace.layers import cka, look, record, similarity

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(60, 10)), RNG.normal(size=(60, 25))
Y[:, :4] = X[:, :4]


def reference(x: np.ndarray, y: np.ndarray) -> float:
    """Kornblith 2019, equation 4 and 5, as written."""
    n = len(x)
    h = np.eye(n) - 1 / n
    k, m = x @ x.T, y @ y.T

    def hsic(a: np.ndarray, b: np.ndarray) -> float:
        return np.trace(a @ h @ b @ h) / (n - 1) ** 2

    return hsic(k, m) / np.sqrt(hsic(k, k) * hsic(m, m))


def unbiased(x: np.ndarray, y: np.ndarray) -> float:
    """Song 2012, equation 4, as written."""
    n = len(x)
    k, m = x @ x.T, y @ y.T
    np.fill_diagonal(k, 0)
    np.fill_diagonal(m, 0)

    def hsic(a: np.ndarray, b: np.ndarray) -> float:
        return (np.trace(a @ b) + a.sum() * b.sum() / ((n - 1) * (n - 2)) - 2 / (n - 2) * (a @ b).sum()) / (n * (n - 3))

    return hsic(k, m) / np.sqrt(hsic(k, k) * hsic(m, m))


def test_it_is_the_formula() -> None:
    assert cka(X, Y, unbiased=False) == pytest.approx(reference(X, Y), rel=1e-9)
    assert cka(X, Y) == pytest.approx(unbiased(X - X.mean(0), Y - Y.mean(0)), rel=1e-9)


@pytest.mark.parametrize("fair", [True, False])
def test_one_on_itself_and_blind_to_rotation_shift_and_scale(fair: bool) -> None:
    turn = np.linalg.qr(RNG.normal(size=(10, 10)))[0]
    assert cka(X, X, unbiased=fair) == pytest.approx(1)
    assert cka(X, 7 * X @ turn + 3, unbiased=fair) == pytest.approx(1)
    assert cka(X @ turn, Y, unbiased=fair) == pytest.approx(cka(X, Y, unbiased=fair), rel=1e-6)
    assert cka(X, X @ np.diag([1] * 9 + [30.0]), unbiased=fair) < 0.9
    assert np.isnan(cka(X, np.ones((60, 3)), unbiased=fair))


def test_unrelated_layers_are_unlike_only_without_the_bias() -> None:
    pairs = [(RNG.normal(size=(50, 200)), RNG.normal(size=(50, 200))) for _ in range(20)]
    fair = [cka(a, b) for a, b in pairs]
    assert abs(np.mean(fair)) < 0.03
    assert np.mean([cka(a, b, unbiased=False) for a, b in pairs]) > 0.5


def test_layers_of_one_and_of_two_networks() -> None:
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(6, 5), nn.Identity(), nn.ReLU(), nn.Linear(5, 3))
    x = RNG.normal(size=(400, 6)).astype(np.float32)
    made = record(look(net, x))
    own = similarity(made)
    assert own.first == own.second == ("input", "0", "1", "2", "3")
    np.testing.assert_allclose(np.diag(own.values), 1, atol=1e-6)
    np.testing.assert_allclose(own.values, own.values.T, atol=1e-6)
    assert own.values[1, 2] == pytest.approx(1, abs=1e-6)
    assert own.values[1, 4] == pytest.approx(cka(made.features("0"), made.features("3")), abs=1e-4)
    other = record(look(nn.Linear(6, 4), x))
    both = similarity(made, other)
    assert both.values.shape == (5, 2)
    assert both.values[0, 0] == pytest.approx(1, abs=1e-6)
    assert both.to_arrow().num_rows == 10
    assert "n = 400" in str(both)
    with pytest.raises(SpaceError, match="compared at the same rows"):
        similarity(made, record(look(nn.Linear(6, 4), x), range(300)))
    with pytest.raises(SpaceError, match="at least 4 rows, got 3"):
        similarity(record(look(net, x), range(3)))
