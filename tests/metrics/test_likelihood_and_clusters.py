"""Importance sampling against the likelihood in closed form; clustering scores against scikit-learn's."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import multivariate_normal
from sklearn import metrics as known

from deepspace.errors import SpaceError
from deepspace.metrics import measure
from deepspace.metrics.clustering import agreement
from deepspace.metrics.importance import estimate
from tests.linear import NOISE, LinearModel, LinearSpace


def truth(space: LinearSpace, x: np.ndarray) -> np.ndarray:
    covariance = space.weights @ space.weights.T + NOISE**2 * np.eye(x.shape[1])
    return np.asarray(multivariate_normal(space.mean, covariance).logpdf(x))


def test_one_draw_from_the_exact_posterior_is_the_likelihood() -> None:
    space = LinearSpace(50)
    found = estimate(space.model, space.samples, 1)
    np.testing.assert_allclose(found.log_likelihood, truth(space, space.samples), rtol=1e-4)
    np.testing.assert_allclose(estimate(space.model, space.samples, 64).effective, 64, rtol=1e-2)


class Vague(LinearModel):
    """Whose encoder is off by some and twice as vague as it should be."""

    def encode(self, x: torch.Tensor) -> Any:
        exact = super().encode(x)
        return type(exact)(exact.mean + 0.3 * exact.scale, 2 * exact.scale)


def test_a_poor_posterior_gets_there_with_more_draws() -> None:
    space = LinearSpace(200)
    model = Vague(space.weights, space.mean).eval()
    exact = truth(space, space.samples)
    with torch.no_grad():
        elbo = model.terms(torch.from_numpy(space.samples)).elbo.mean()
    gaps = [float((exact - estimate(model, space.samples, k).log_likelihood).mean()) for k in (1, 10, 5000)]
    assert gaps[0] > gaps[1] > gaps[2]
    assert abs(gaps[2]) < 0.02
    assert float(exact.mean() - elbo) > 0.5
    many = estimate(model, space.samples[:3], 20_000)  # more draws than are decoded at once
    np.testing.assert_allclose(many.log_likelihood, exact[:3], atol=0.1)
    assert (many.effective < 20_000).all()


def test_the_measure_says_what_it_rests_on() -> None:
    space = cast(Any, LinearSpace(2000))
    found = measure(space, ["marginal"])["marginal_log_likelihood"]
    exact = truth(space, space.samples[space.validation_index])
    assert found.n == 200
    assert found.value == pytest.approx(float(exact.mean()), abs=1e-3)
    assert found.interval is not None
    assert found.interval[0] < found.value < found.interval[1]
    assert "500 draws a row" in found.note


@given(
    st.integers(1, 60).flatmap(
        lambda n: st.tuples(*[st.lists(st.integers(0, 5), min_size=n, max_size=n) for _ in range(2)])
    )
)
@settings(max_examples=150, deadline=None)
def test_agreement_is_scikit_learns(pair: tuple[list[int], list[int]]) -> None:
    labels, clusters = (np.array(side) for side in pair)
    found = agreement(labels, clusters)
    homogeneity, completeness, v = known.homogeneity_completeness_v_measure(labels, clusters)
    assert found.nmi == pytest.approx(known.normalized_mutual_info_score(labels, clusters), abs=1e-9)
    assert found.nmi == pytest.approx(v, abs=1e-9)
    assert (found.homogeneity, found.completeness) == pytest.approx((homogeneity, completeness), abs=1e-9)
    table = known.cluster.contingency_matrix(labels, clusters)
    from itertools import permutations

    wide = table if table.shape[0] <= table.shape[1] else table.T
    if wide.shape[1] <= 5:
        best = max(sum(wide[i, j] for i, j in enumerate(p)) for p in permutations(range(wide.shape[1]), wide.shape[0]))
        assert found.accuracy == pytest.approx(best / len(labels))


def test_clusters_that_are_the_classes_by_other_names() -> None:
    labels = np.array(["a", "b", "c"] * 10)
    assert agreement(labels, np.array([2, 0, 1] * 10)) == pytest.approx((1, 1, 1, 1))
    assert agreement(labels, np.zeros(30)).accuracy == pytest.approx(1 / 3)


def test_k_means_of_latents_where_the_prior_has_no_clusters() -> None:
    space = cast(Any, LinearSpace(3000, widths=(6.0, 0.2)))
    found = measure(space, ["clustering"])
    accuracy = found["cluster_accuracy"]
    assert accuracy.n == 300
    assert accuracy.value > 0.8  # two halves of a line, on either side of the middle
    assert accuracy.note.startswith("2-means of 2,700 training rows in latent space")
    assert found["cluster_nmi"].baseline == pytest.approx(0, abs=0.02)
    for m in found:
        assert m.interval is not None
        assert m.interval[0] <= m.value <= m.interval[1]


def test_numbers_are_no_classes() -> None:
    space = cast(Any, LinearSpace(100))
    space.schema = SimpleNamespace(target=SimpleNamespace(kind="numeric", name="y"))
    assert "no target of categories" in measure(space, ["clustering"]).skipped["clustering"]
    with pytest.raises(SpaceError, match="the metrics are"):
        measure(space, ["clusterings"])
