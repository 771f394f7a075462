"""Distortion of each row: it averages to the map's own figures, and it is high where the map was torn by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deepspace.space.map.distortion import measure_distortion
from deepspace.space.map.trust import measure_trust
from tests.spaces import fit


@settings(max_examples=20, deadline=None)
@given(n=st.integers(1, 120), width=st.integers(2, 6), k=st.integers(1, 9), seed=st.integers(0, 999))
def test_its_means_are_the_maps_figures(n: int, width: int, k: int, seed: int) -> None:
    x = np.random.default_rng(seed).normal(size=(n, width))
    found = measure_distortion(x, x[:, :2], k=k, rows=90, seed=seed)
    header = measure_trust(x, x[:, :2], k=k, rows=90, seed=seed)
    assert found.trustworthiness.mean() == pytest.approx(header["trustworthiness"], abs=1e-12)
    assert found.continuity.mean() == pytest.approx(header["continuity"], abs=1e-12)
    assert len(found) == header["n"] == min(n, 90)


def test_kept_is_counted_by_hand() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(80, 4)), rng.normal(size=(80, 2))
    found = measure_distortion(x, y, k=6)
    for i in range(80):
        near = [set(np.argsort(np.linalg.norm(rows - rows[i], axis=1))[1:7].tolist()) for rows in (x, y)]
        assert found.kept[i] == pytest.approx(len(near[0] & near[1]) / 6)


def test_a_faithful_map_has_none_and_a_random_one_is_all_distortion() -> None:
    rng = np.random.default_rng(1)
    x = rng.normal(size=(300, 2))
    assert measure_distortion(x, -2 * x).distortion.max() == 0
    assert measure_distortion(x, rng.normal(size=(300, 2))).distortion.mean() > 0.85


def test_rows_moved_by_hand_are_the_distorted_ones() -> None:
    rng = np.random.default_rng(2)
    x = rng.uniform(size=(600, 2))
    y = x.copy()
    moved = rng.choice(600, 20, replace=False)
    y[moved] = rng.uniform(size=(20, 2))
    worst = np.argsort(-measure_distortion(x, y).distortion)[:20]
    assert len(set(worst.tolist()) & set(moved.tolist())) >= 15


def test_rows_that_were_not_measured_take_what_is_near() -> None:
    """The left half of the map is scattered; what is spread to all rows says so, and measured rows keep their own."""
    rng = np.random.default_rng(3)
    x = rng.uniform(size=(3000, 2))
    y = x.copy()
    left = x[:, 0] < 0.5
    y[left] = rng.uniform(size=(int(left.sum()), 2)) * [0.5, 1]
    found = measure_distortion(x, y, rows=600)
    every = found.spread(y)
    assert every.shape == (3000,)
    np.testing.assert_allclose(every[found.rows], found.distortion, rtol=1e-6)
    assert every[left].mean() > 0.5
    assert every[y[:, 0] > 0.55].mean() < 0.05
    assert "600 of 3,000 rows, k = 5" in str(found)


@pytest.mark.parametrize("seed", [0, 7])
def test_a_space_measures_the_rows_of_its_header(seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import deepspace as ds
    from deepspace.space.map import trust

    monkeypatch.setattr(trust.measure_trust, "__kwdefaults__", {"k": 5, "rows": 120, "seed": 0})
    data = np.random.default_rng(0).normal(size=(260, 6)).astype(np.float32)
    space = ds.fit(data, path=tmp_path / "s.space", seed=seed, training=ds.TrainConfig(epochs=2, threads=1))
    found = space.distortion()
    assert len(found) == 120
    assert found.trustworthiness.mean() == pytest.approx(space.map.trust["trustworthiness"], abs=1e-12)
    assert found.continuity.mean() == pytest.approx(space.map.trust["continuity"], abs=1e-12)


def test_it_measures_a_table_too(tmp_path: Path) -> None:
    space = fit("table", tmp_path)
    assert space.distortion().spread(space.map.positions).shape == (len(space),)
