"""Which rows are held out, where they belong together."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deepspace.errors import TrainingError
from deepspace.models import PCA, VAE, Layout, build, choose
from deepspace.training import History, TrainConfig, train
from deepspace.training.history import split
from deepspace.training.plan import validation_rows


@settings(max_examples=80, deadline=None)
@given(st.lists(st.integers(1, 30), min_size=2, max_size=80), st.integers(0, 2**31), st.floats(0.05, 0.5))
def test_groups_are_held_out_whole(sizes: list[int], seed: int, fraction: float) -> None:
    groups = np.random.default_rng(seed).permutation(np.repeat(np.arange(len(sizes)), sizes))
    count = validation_rows(len(groups), fraction)
    held = split(len(groups), count, seed, groups)
    np.testing.assert_array_equal(held, split(len(groups), count, seed, groups))
    if not count:
        assert not len(held)
        return
    out = np.unique(groups[held])
    assert np.isin(groups, out).sum() == len(held)
    assert 1 <= len(out) < len(sizes)
    assert len(out) >= min(5, len(sizes) // 4)
    assert (np.diff(held) > 0).all()


def test_about_the_fraction_is_held_out_and_every_group_as_often_as_another() -> None:
    groups = np.repeat(np.arange(100), np.tile([4, 6], 50))
    held = [split(500, 50, seed, groups) for seed in range(800)]
    assert np.mean([len(h) for h in held]) == pytest.approx(50, rel=0.02)
    assert all(25 <= len(h) <= 100 for h in held)
    often = sum(np.bincount(np.unique(groups[h]), minlength=100) for h in held)
    assert often.mean() == pytest.approx(80)
    assert abs(often[::2].mean() - often[1::2].mean()) < 4  # small ones as often as large ones; an error is 1.2
    assert often.min() > 80 - 5 * 8.5


def test_a_group_of_most_rows_is_not_held_out() -> None:
    groups = np.array([0] * 900 + [1 + i // 10 for i in range(100)])
    for seed in range(50):
        assert len(split(1000, 100, seed, groups)) <= 500


def test_few_groups_still_leave_five_or_a_quarter() -> None:
    for count, expected in ((2, 1), (4, 1), (8, 2), (20, 5), (30, 5), (100, 10)):
        groups = np.repeat(np.arange(count), 20)
        assert len(split(len(groups), len(groups) // 10, 0, groups)) == 20 * expected


@pytest.mark.parametrize("family", ["vae", "pca"])
def test_named_rows_are_held_out_of_any_model(family: str) -> None:
    array = np.random.default_rng(0).normal(size=(120, 5)).astype(np.float32)
    layout = Layout("vector", (5,))
    config = choose(layout, array, VAE(latent_dim=2, hidden=(8,)) if family == "vae" else PCA(latent_dim=2))
    held = np.array([3, 4, 5, 80])
    spoilt = array.copy()
    spoilt[held] = array[held[::-1]]
    made = []
    for rows in (array, spoilt):
        model = build(config, layout, seed=0)
        history = train(model, rows, TrainConfig(epochs=2, threads=1), held_out=held)
        made.append([float(e["reconstruction"]) for e in history.epochs] if family == "vae" else
                    [float(value.double().sum()) for value in model.state_dict().values()])  # fmt: skip
        np.testing.assert_array_equal(history.validation_index, held)
        assert history.validation_rows == 4
        assert len(history.train_index) == 116
    assert made[0] == pytest.approx(made[1], rel=1e-4)
    again = History.from_json(history.to_json())
    with pytest.raises(TrainingError, match="ask its space"):
        _ = again.validation_index


def test_a_checkpoint_of_other_held_out_rows_is_not_gone_on_from(tmp_path: Path) -> None:
    array = np.random.default_rng(0).normal(size=(120, 5)).astype(np.float32)
    layout = Layout("vector", (5,))
    config = choose(layout, array, VAE(latent_dim=2, hidden=(8,)))
    resumed = []
    for held in ([1, 2, 3], [1, 2, 3], [1, 2, 4]):
        training = TrainConfig(epochs=2, threads=1, checkpoint=tmp_path / "c.safetensors")
        history = train(build(config, layout, seed=0), array, training, held_out=np.array(held))
        resumed.append(history.resumed)
    assert resumed == [0, 1, 0]
    with pytest.raises(TrainingError, match="Cannot train on 1 row; at least 2"):
        train(build(config, layout, seed=0), array, held_out=np.arange(119))
