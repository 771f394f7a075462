"""Statistics of directions and side effects against scikit-learn, scipy and brute force."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import false_discovery_control, norm, spearmanr
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from deepspace.explore.along import Values, side_effects
from deepspace.explore.discovery import adjusted
from deepspace.explore.separation import auc, auc_interval, auc_within, logistic

scores = st.lists(st.integers(-3, 3), min_size=1, max_size=12)


@given(scores, scores)
def test_auc_is_that_of_scikit_learn(a: list[int], b: list[int]) -> None:
    assert auc(a, b) == pytest.approx(roc_auc_score([1] * len(a) + [0] * len(b), a + b))


@given(st.data())
@settings(max_examples=50)
def test_auc_within_strata_counts_pairs_of_the_same_stratum(data: st.DataObject) -> None:
    a, b = data.draw(scores), data.draw(scores)
    strata = [np.array(data.draw(st.lists(st.integers(-1, 2), min_size=len(s), max_size=len(s)))) for s in (a, b)]
    pairs = [
        (x > y) + 0.5 * (x == y)
        for x, s in zip(a, strata[0], strict=True)
        for y, t in zip(b, strata[1], strict=True)
        if s == t >= 0
    ]
    found, m, n = auc_within(a, b, (strata[0], strata[1]))
    assert found == pytest.approx(np.mean(pairs)) if pairs else np.isnan(found)
    assert m == sum(s in strata[1] and s >= 0 for s in strata[0])
    assert n == sum(s in strata[0] and s >= 0 for s in strata[1])


@pytest.mark.parametrize("shift", [0.0, 1.0, 3.0])
def test_the_interval_of_an_auc_holds_as_often_as_it_says(shift: float) -> None:
    rng = np.random.default_rng(0)
    truth = norm.cdf(shift / np.sqrt(2))
    inside = []
    for _ in range(400):
        low, high = auc_interval(auc(rng.normal(size=20) + shift, rng.normal(size=35)), 20, 35)
        inside.append(low <= truth <= high)
    assert 0.92 <= np.mean(inside) <= 1


@given(st.floats(0, 1), st.integers(2, 500), st.integers(2, 500))
def test_the_interval_of_an_auc_holds_it_and_has_a_width(value: float, m: int, n: int) -> None:
    low, high = auc_interval(value, m, n)
    assert 0 <= low <= value <= high <= 1
    assert high - low > 0
    assert auc_interval(1 - value, m, n) == pytest.approx((1 - high, 1 - low), abs=1e-6)


@pytest.mark.parametrize("shift", [0.5, 20.0])
def test_the_logistic_normal_is_that_of_scikit_learn(shift: float) -> None:
    """Also for groups that a plane parts without a mistake, where only the ridge keeps the weights finite."""
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(40, 4)) + shift * np.eye(4)[1], rng.normal(size=(150, 4))
    peer = LogisticRegression(class_weight="balanced", tol=1e-10, max_iter=1000)
    peer.fit(np.concatenate([a, b]), [1] * 40 + [0] * 150)
    np.testing.assert_allclose(logistic(a, b), peer.coef_[0], rtol=1e-3, atol=1e-4)


@given(st.lists(st.floats(0.0001, 1), min_size=1, max_size=30))
def test_q_is_that_of_scipy(p: list[float]) -> None:
    np.testing.assert_allclose(adjusted(p), false_discovery_control(p))


def test_strengths_and_p_are_those_of_scipy() -> None:
    rng = np.random.default_rng(0)
    line = rng.normal(size=200)
    weak = 0.15 * line + rng.normal(size=200)
    kinds = rng.integers(0, 3, 200)
    kinds[line > 1] = 2
    columns = [
        Values("weak", "numeric", "feature", weak),
        Values("cubed", "numeric", "feature", line**3),
        Values("noise", "numeric", "feature", rng.normal(size=200)),
        Values("kind", "categorical", "feature", kinds.astype(float), ("x", "y", "z")),
        Values("flat", "numeric", "feature", np.ones(200)),
    ]
    found = side_effects(line, columns)
    assert {e.name for e in found} == {"weak", "cubed", "noise", "kind"}
    assert found["cubed"].strength == pytest.approx(1, abs=1e-6)
    for name, values in (("weak", weak), ("noise", columns[2].numbers)):
        rho, p = spearmanr(line, values)
        assert found[name].strength == pytest.approx(rho, abs=1e-5)
        assert found[name].p == pytest.approx(p, abs=4 * np.sqrt(p / 999) + 0.002)
    ranks = line.argsort().argsort() + 1.0
    between = sum((kinds == k).sum() * (ranks[kinds == k].mean() - ranks.mean()) ** 2 for k in range(3))
    assert found["kind"].strength == pytest.approx(np.sqrt(between / ((ranks - ranks.mean()) ** 2).sum()), abs=1e-5)
    assert found["kind"].toward == "z"


def test_false_discoveries_stay_in_bounds() -> None:
    """Forty columns of noise: hardly any is said to move, and in most repeats none."""
    rng = np.random.default_rng(0)
    named = []
    for seed in range(20):
        columns = [Values(str(i), "numeric", "feature", rng.normal(size=100)) for i in range(40)]
        named.append(len(side_effects(rng.normal(size=100), columns, seed=seed).moving))
    assert np.mean(np.array(named) > 0) <= 0.2


def test_missing_values_are_left_out_and_counted() -> None:
    rng = np.random.default_rng(0)
    line = rng.normal(size=300)
    holes = np.where(rng.random(300) < 0.3, np.nan, line)
    found = side_effects(line, [Values("holes", "numeric", "feature", holes)])
    assert found["holes"].n == int((~np.isnan(holes)).sum())
    assert found["holes"].strength > 0.999
    assert found["holes"].moves
