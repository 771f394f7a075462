"""Precision, recall, density, coverage: against the authors' formulas written out, closed forms and their example."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import pairwise_distances

from deepspace.errors import SpaceError
from deepspace.metrics.coverage import prdc
from deepspace.metrics.coverage.manifolds import expected_coverage, nearest, radii


def by_hand(real: np.ndarray, made: np.ndarray, k: int) -> tuple[float, float, float, float]:
    """github.com/clovaai/generative-evaluation-prdc, prdc/prdc.py, formula by formula."""
    real_radii = np.sort(pairwise_distances(real), axis=1)[:, k]
    made_radii = np.sort(pairwise_distances(made), axis=1)[:, k]
    across = pairwise_distances(real, made)
    inside = across < real_radii[:, None]
    return (
        inside.any(0).mean(),
        (across < made_radii[None]).any(1).mean(),
        inside.sum(0).mean() / k,
        (across.min(1) < real_radii).mean(),
    )


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6), st.integers(8, 90), st.integers(8, 90), st.integers(1, 12), st.integers(1, 6))
def test_equal_to_the_authors_formulas(seed: int, n: int, m: int, width: int, k: int) -> None:
    rng = np.random.default_rng(seed)
    real = 100 + rng.normal(size=(n, width)).astype(np.float32)
    made = 100 + rng.normal(rng.normal(), rng.uniform(0.3, 2), size=(m, width)).astype(np.float32)
    found = prdc(real, made, k)
    expected = by_hand(real.astype(np.float64), made.astype(np.float64), k)
    np.testing.assert_allclose((found.precision, found.recall, found.density, found.coverage), expected, atol=1e-6)


def test_the_same_however_few_distances_are_held_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    real, made = rng.normal(size=(300, 5)), rng.normal(size=(250, 5))
    whole = prdc(real, made)
    monkeypatch.setattr("deepspace.metrics.coverage.manifolds._CELLS", 2_000)
    parts = prdc(real, made)
    for name in ("precise", "balls", "recalled", "covered"):
        assert np.array_equal(getattr(whole, name), getattr(parts, name)), name
    np.testing.assert_allclose(whole.nearest, parts.nearest, rtol=1e-5)


def test_one_sample_split_in_two_has_the_coverage_of_the_closed_form() -> None:
    assert expected_coverage(1000, 1000, 5) == pytest.approx(1 - 0.5**5, abs=2e-3)
    rng = np.random.default_rng(1)
    values = [prdc(rng.normal(size=(400, 3)), rng.normal(size=(800, 3)), 3).coverage for _ in range(30)]
    error = np.std(values) / np.sqrt(len(values))
    assert abs(np.mean(values) - expected_coverage(400, 800, 3)) < 4 * error


def test_a_forgotten_mode_costs_recall_and_coverage_alone_and_an_invented_one_precision_and_density() -> None:
    rng = np.random.default_rng(2)
    two = np.concatenate([rng.normal(0, 1, (500, 2)), rng.normal(20, 1, (500, 2))])
    one, other = rng.normal(0, 1, (1000, 2)), rng.normal(-40, 1, (500, 2))
    forgot = prdc(two, one)
    assert (forgot.precision > 0.95, forgot.covered[500:].any(), forgot.recalled[500:].any()) == (True, False, False)
    invented = prdc(two, np.concatenate([two + rng.normal(0, 1e-3, two.shape), other]))
    assert invented.coverage == 1
    assert invented.precision == pytest.approx(2 / 3, abs=0.01)


def test_copies_of_a_row_are_covered_by_another_copy() -> None:
    copies, others = np.zeros((10, 4)) + 7.3, np.random.default_rng(0).normal(size=(10, 4))
    found = prdc(np.concatenate([copies, others]), np.concatenate([copies[:1], others + 50]), 5)
    assert found.covered[:10].all()
    assert found.radii[:10].tolist() == [0.0] * 10


@pytest.mark.parametrize(
    ("real", "made", "k", "says"),
    [
        (np.zeros((9, 2)), np.zeros((9, 3)), 5, "rows of 2 features with generated ones of 3"),
        (np.zeros((5, 2)), np.zeros((9, 2)), 5, "cannot look at 5 neighbours among 5 real rows"),
        (np.zeros((9, 2)), np.zeros((9, 2)), 0, "cannot look at 0 neighbours"),
        (np.zeros((9, 2)), np.full((9, 2), np.nan), 5, "cannot compare generated row 0"),
    ],
)
def test_what_does_not_fit_is_refused(real: np.ndarray, made: np.ndarray, k: int, says: str) -> None:
    with pytest.raises(SpaceError, match=says):
        prdc(real, made, k)


def test_radii_and_nearest_are_those_of_all_distances() -> None:
    rng = np.random.default_rng(4)
    real, made = rng.normal(size=(80, 6)), rng.normal(size=(70, 6))
    np.testing.assert_allclose(radii(real, 4), np.sort(pairwise_distances(real), 1)[:, 4], rtol=1e-5)
    np.testing.assert_allclose(nearest(real, made), pairwise_distances(real, made).min(1), rtol=1e-5)


@pytest.mark.slow
def test_the_published_example() -> None:
    """10,000 rows against 10,000 of N(0, I) in 1,000 dimensions, k = 5. The authors print .4772, .4705, 1.0555, .9735
    without a seed, so that those are one draw: they must lie among ours, and ours equal what their code (e320c1d) gives
    on the same rows (numpy's RandomState(1): .4615, .4955, .86196, .9536)."""
    draws = []
    for seed in (1, 0, 42):
        state = np.random.RandomState(seed)
        real, made = state.normal(size=(10_000, 1_000)), state.normal(size=(10_000, 1_000))
        found = prdc(real, made, 5)
        draws.append((found.precision, found.recall, found.density, found.coverage))
    np.testing.assert_allclose(draws[0], (0.4615, 0.4955, 0.86196, 0.9536), atol=2e-4)
    for published, ours in zip((0.4772, 0.4705, 1.0555, 0.9735), np.array(draws).T, strict=True):
        assert ours.min() - 0.02 * published <= published <= ours.max() + 0.02 * published
