"""The Frechet distance, against closed forms and scipy's matrix root."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.linalg import sqrtm

from deepspace.errors import SpaceError
from deepspace.metrics.coverage import frechet, frechet_endless, frechet_interval
from deepspace.metrics.coverage.frechet import frechet_moments


def test_equal_to_the_matrix_root_of_the_product() -> None:
    rng = np.random.default_rng(0)
    for width in (1, 3, 12):
        a, b = (rng.normal(size=(width, width)) for _ in range(2))
        c1, c2, m1, m2 = a @ a.T, b @ b.T, rng.normal(size=width), rng.normal(size=width)
        root = np.real(sqrtm(c1 @ c2))
        expected = ((m1 - m2) ** 2).sum() + np.trace(c1 + c2 - 2 * root)
        assert frechet_moments(m1, c1, m2, c2) == pytest.approx(expected, rel=1e-6)


def test_of_spheres_it_is_the_distance_of_means_and_deviations() -> None:
    """Of N(m1, s1^2 I) and N(m2, s2^2 I) in F dimensions: |m1 - m2|^2 + F (s1 - s2)^2."""
    rng = np.random.default_rng(1)
    real, made = rng.normal(0, 1, (40_000, 3)), rng.normal(0.5, 2, (40_000, 3))
    assert frechet(real, made) == pytest.approx(3 * 0.25 + 3, rel=0.03)


def test_with_few_rows_it_is_too_large_and_extrapolated_it_is_not() -> None:
    plain, endless = [], []
    for seed in range(30):
        rng = np.random.default_rng(seed)
        real, made = rng.normal(size=(300, 10)), rng.normal(size=(300, 10))
        plain.append(frechet(real, made))
        endless.append(frechet_endless(real, made, seed))
    spread = np.std(endless) / np.sqrt(len(endless))
    assert np.mean(plain) > 0.2
    assert abs(np.mean(endless)) < max(4 * spread, 0.1 * np.mean(plain))


def test_the_interval_holds_the_distance_and_narrows_with_rows() -> None:
    rng = np.random.default_rng(2)
    real, made = rng.normal(size=(4_000, 4)), rng.normal(0.3, 1, (4_000, 4))
    low, high = frechet_interval(real, made)
    few_low, few_high = frechet_interval(real[:400], made[:400])
    assert low < 4 * 0.09 < high
    assert 2 * (high - low) < few_high - few_low


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(SpaceError, match="rows of 2 features with generated ones of 3"):
        frechet(np.zeros((9, 2)), np.zeros((9, 3)))
    with pytest.raises(SpaceError, match="of 2 real and 9 generated rows"):
        frechet(np.zeros((2, 2)), np.zeros((9, 2)))
    with pytest.raises(SpaceError, match="NaN or infinity"):
        frechet(np.full((9, 2), np.inf), np.zeros((9, 2)))
