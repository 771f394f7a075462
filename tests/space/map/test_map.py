"""The fitted map: exact and continuous on the way back, faithful to neighbourhoods on the way there, and repeatable."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from sklearn.datasets import load_digits
from sklearn.neighbors import KNeighborsClassifier

from deepspace.errors import SpaceError
from deepspace.space.map import FittedMap, fit_map

Float = NDArray[np.float32]


@pytest.fixture(scope="module")
def digits() -> tuple[Float, NDArray[np.int64]]:
    data = load_digits()
    pixels = data.data.astype(np.float32)
    centred = pixels - pixels.mean(0)
    _, _, axes = np.linalg.svd(centred, full_matrices=False)
    return (centred @ axes[:16].T / 8.0).astype(np.float32), data.target


@pytest.fixture(scope="module")
def fitted(digits: tuple[Float, NDArray[np.int64]]) -> FittedMap:
    return fit_map(digits[0][:700], seed=3, threads=1)


def blobs(n: int = 90, *, apart: float = 30.0, seed: int = 0) -> tuple[Float, NDArray[np.int64]]:
    rng = np.random.default_rng(seed)
    label = np.arange(n) % 3
    centres = apart * np.eye(3, 6)
    return (centres[label] + rng.normal(size=(n, 6))).astype(np.float32), label


# The way back


def test_at_a_data_point_the_inverse_is_its_latent(fitted: FittedMap, digits: tuple[Float, NDArray[np.int64]]) -> None:
    np.testing.assert_array_equal(fitted.inverse_transform(fitted.positions), digits[0][:700])
    np.testing.assert_array_equal(fitted.inverse_transform(fitted.positions[5]), digits[0][5:6])


def test_the_inverse_is_continuous_through_data_points_and_between(fitted: FittedMap) -> None:
    rng = np.random.default_rng(0)
    ends = fitted.positions[rng.choice(700, (15, 2))]
    worst = []
    for steps in (1_000, 8_000):
        t = np.linspace(0.0, 1.0, steps + 1)[:, None]
        lines = [fitted.inverse_transform(a + t * (b - a)) for a, b in ends.astype(np.float64)]
        jumps = [np.abs(np.diff(line, axis=0)).max() for line in lines]
        worst.append(np.array(jumps))
    # A jump would stay as high however fine the steps; a slope shrinks with them.
    assert np.median(worst[1] / worst[0]) < 0.2
    assert worst[1].max() < 0.5 * worst[0].max()


def test_beside_a_data_point_the_inverse_hardly_moves(fitted: FittedMap) -> None:
    at = fitted.positions[:200]
    offsets = np.random.default_rng(1).normal(size=at.shape)
    for size, bound in ((1e-5, 0.05), (1e-3, 1.0)):
        moved = fitted.inverse_transform(at + size * offsets) - fitted.inverse_transform(at)
        assert np.median(np.abs(moved).max(1)) < bound


def test_between_data_points_the_decode_is_nearer_the_truth_than_the_nearest_point_is(
    fitted: FittedMap, digits: tuple[Float, NDArray[np.int64]]
) -> None:
    held = digits[0][700:]
    places = fitted.transform(held)
    rebuilt = fitted.inverse_transform(places)
    nearest = np.square(fitted.positions[:, None] - places).sum(2).argmin(0)
    error = np.square(rebuilt - held).mean()
    assert error < np.square(digits[0][:700][nearest] - held).mean()
    assert error < 0.6 * held.var(0).mean()


def test_every_place_decodes_and_one_point_is_as_good_as_many(fitted: FittedMap) -> None:
    places = np.array([[0.0, 0.0], [50.0, -50.0], [1e6, 1e6], fitted.positions[0]], dtype=np.float32)
    together = fitted.inverse_transform(places)
    assert np.isfinite(together).all()
    for place, row in zip(places, together, strict=True):
        np.testing.assert_allclose(fitted.inverse_transform(place)[0], row, rtol=1e-3, atol=1e-3)


def test_rows_that_share_a_place_give_back_their_mean() -> None:
    z = np.array([[0.0, 0.0, 1.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]], dtype=np.float32)
    whole = fit_map(z)
    shared = np.zeros((3, 2), np.float32)
    collapsed = FittedMap.load(whole.tensors(), whole.config_json(), shared, z)
    np.testing.assert_allclose(collapsed.inverse_transform([0.0, 0.0]), z.mean(0, keepdims=True), atol=1e-6)


# The way there


def test_the_map_keeps_neighbourhoods(fitted: FittedMap) -> None:
    assert fitted.trust["trustworthiness"] > 0.96
    assert fitted.trust["continuity"] > 0.96
    assert fitted.trust["n"] == 700


def test_new_rows_land_among_their_own_kind(fitted: FittedMap, digits: tuple[Float, NDArray[np.int64]]) -> None:
    z, label = digits
    seen = KNeighborsClassifier(5).fit(fitted.positions, label[:700]).score(fitted.transform(z[700:]), label[700:])
    whole = KNeighborsClassifier(5).fit(z[:700], label[:700]).score(z[700:], label[700:])
    assert seen > whole - 0.05


def test_a_row_the_map_was_fitted_on_is_placed_where_it_lies(
    fitted: FittedMap, digits: tuple[Float, NDArray[np.int64]]
) -> None:
    np.testing.assert_allclose(fitted.transform(digits[0][:700]), fitted.positions, atol=1e-4)
    np.testing.assert_allclose(fitted.transform(digits[0][7]), fitted.positions[7:8], atol=1e-4)


def test_clusters_far_apart_stay_apart() -> None:
    z, label = blobs()
    places = fit_map(z, threads=1).positions
    within = max(np.linalg.norm(places[label == c] - places[label == c].mean(0), axis=1).mean() for c in range(3))
    centres = np.array([places[label == c].mean(0) for c in range(3)])
    between = min(np.linalg.norm(centres[i] - centres[j]) for i in range(3) for j in range(i))
    assert between > 2 * within
    assert KNeighborsClassifier(5).fit(places, label).score(places, label) == 1.0


def test_dimensions_the_decoder_ignores_do_not_shape_the_map() -> None:
    rng = np.random.default_rng(0)
    signal = rng.normal(size=(200, 3)).astype(np.float32)
    z = np.column_stack([signal, 3.0 * rng.normal(size=(200, 5))]).astype(np.float32)
    weights = torch.from_numpy(rng.normal(size=(3, 16)).astype(np.float32))

    def decode(latent: torch.Tensor) -> torch.Tensor:
        return (latent[:, :3] @ weights).view(-1, 1, 4, 4)

    def agreement(places: Float) -> float:
        near = np.square(places[:, None] - places).sum(2).argsort(1)[:, 1:6]
        truth = np.square(signal[:, None] - signal).sum(2).argsort(1)[:, 1:31]
        return float(np.mean([len(set(a) & set(b)) / 5 for a, b in zip(near, truth, strict=True)]))

    informed = agreement(fit_map(z, decode=decode, threads=1).positions)
    assert informed > agreement(fit_map(z, threads=1).positions) + 0.2
    assert informed > 0.8


def test_one_or_two_dimensions_are_shown_as_they_are() -> None:
    rng = np.random.default_rng(0)
    for width in (1, 2):
        z = rng.normal(size=(50, width)).astype(np.float32)
        seen = fit_map(z)
        distance = np.linalg.norm(z[:, None] - z, axis=2)
        on_map = np.linalg.norm(seen.positions[:, None] - seen.positions, axis=2)
        ratio = on_map[distance > 0.1] / distance[distance > 0.1]
        np.testing.assert_allclose(ratio, ratio[0], rtol=1e-3)
        assert seen.trust["trustworthiness"] == 1.0
        np.testing.assert_array_equal(seen.inverse_transform(seen.positions), z)


# Where there is data


def test_there_is_data_at_data_and_none_far_away(fitted: FittedMap) -> None:
    assert fitted.has_data(fitted.positions).all()
    x0, y0, x1, y1 = fitted.bounds
    far = [[x0 - 5, y0], [x1 + 5, y1], [1e9, 0.0], [np.nan, 0.0], [np.inf, 0.0]]
    assert not fitted.has_data(far).any()


def test_between_clusters_there_is_none() -> None:
    z, label = blobs(150)
    seen = fit_map(z, threads=1)
    centres = np.array([seen.positions[label == c].mean(0) for c in range(3)])
    assert not seen.has_data([(centres[0] + centres[1]) / 2, (centres[1] + centres[2]) / 2]).any()


# Small, odd and broken input


@pytest.mark.parametrize("n", [1, 2, 3, 7, 8, 9, 20])
def test_a_handful_of_rows_is_a_map(n: int) -> None:
    z = np.random.default_rng(n).normal(size=(n, 5)).astype(np.float32)
    seen = fit_map(z, threads=1)
    assert np.isfinite(seen.positions).all()
    np.testing.assert_array_equal(seen.inverse_transform(seen.positions), z)
    assert seen.has_data(seen.positions).all()
    assert np.isfinite(seen.inverse_transform([[3.0, -3.0]])).all()


def test_identical_rows_share_one_place_that_decodes_to_them() -> None:
    z = np.full((30, 4), 2.5, np.float32)
    seen = fit_map(z, threads=1)
    assert (seen.positions == seen.positions[0]).all()
    np.testing.assert_array_equal(seen.inverse_transform(seen.positions), z)
    assert seen.has_data(seen.positions).all()


def test_duplicates_and_dead_dimensions_are_no_islands() -> None:
    rng = np.random.default_rng(0)
    distinct = rng.normal(size=(60, 5)).astype(np.float32)
    distinct[:, 3] = 7.0
    z = np.concatenate([distinct, np.repeat(distinct[:1], 100, axis=0)])
    seen = fit_map(z, threads=1)
    assert (np.abs(seen.positions[60:] - seen.positions[0]) < 1e-4).all()
    np.testing.assert_allclose(seen.inverse_transform(seen.positions), z, atol=1e-5)


@pytest.mark.parametrize(("z", "words"), [(np.zeros((0, 3)), "shape"), (np.full((4, 3), np.nan), "NaN or infinity")])
def test_unusable_latents_are_refused(z: Float, words: str) -> None:
    with pytest.raises(SpaceError, match=words):
        fit_map(z.astype(np.float32))


def test_a_question_of_the_wrong_shape_is_refused(fitted: FittedMap) -> None:
    with pytest.raises(SpaceError, match=r"got shape \(4, 3\), this map has 16 latent dimensions; pass \(n, 16\)"):
        fitted.transform(np.zeros((4, 3)))
    with pytest.raises(SpaceError, match=r"row 1 holds NaN"):
        fitted.inverse_transform([[0.0, 0.0], [np.nan, 0.0]])


# Saved, opened, repeated, watched


def test_the_same_seed_gives_the_same_map_bit_for_bit_and_leaves_random_state_alone(
    digits: tuple[Float, NDArray[np.int64]],
) -> None:
    torch.manual_seed(0)
    before = torch.get_rng_state()
    a, b = (fit_map(digits[0][:120], seed=1, threads=1) for _ in range(2))
    assert torch.equal(before, torch.get_rng_state())
    np.testing.assert_array_equal(a.positions, b.positions)
    for name, value in a.tensors().items():
        assert torch.equal(value, b.tensors()[name]), name
    other = fit_map(digits[0][:120], seed=2, threads=1)
    assert not torch.equal(other.tensors()["encoder.layers.0.weight"], a.tensors()["encoder.layers.0.weight"])


def test_a_loaded_map_is_the_fitted_one(fitted: FittedMap, digits: tuple[Float, NDArray[np.int64]]) -> None:
    config = json.loads(json.dumps(fitted.config_json()))
    again = FittedMap.load(fitted.tensors(), config, fitted.positions, digits[0][:700])
    places = np.random.default_rng(0).uniform(-2, 2, (200, 2))
    np.testing.assert_array_equal(again.inverse_transform(places), fitted.inverse_transform(places))
    np.testing.assert_array_equal(again.transform(digits[0][700:800]), fitted.transform(digits[0][700:800]))
    np.testing.assert_array_equal(again.has_data(places), fitted.has_data(places))
    assert again.trust == fitted.trust
    assert again.bounds == fitted.bounds


def test_weights_of_another_map_are_refused_in_a_sentence(fitted: FittedMap) -> None:
    wrong = {**fitted.config_json(), "hidden": [8]}
    with pytest.raises(SpaceError, match="cannot rebuild the map"):
        FittedMap.load(fitted.tensors(), wrong, fitted.positions, np.zeros((700, 16), np.float32))


def test_it_tells_how_far_it_is_and_stops_when_asked(digits: tuple[Float, NDArray[np.int64]]) -> None:
    told: list[float] = []
    fit_map(digits[0][:60], on_progress=told.append, threads=1)
    assert told == sorted(told)
    assert told[-1] == 1.0
    full = len(told)
    told.clear()
    stopped = fit_map(digits[0][:60], on_progress=told.append, should_stop=lambda: True, threads=1)
    assert len(told) < full / 10
    np.testing.assert_array_equal(stopped.inverse_transform(stopped.positions), digits[0][:60])


def test_beyond_the_sample_rows_are_placed_beside_their_neighbours(
    monkeypatch: pytest.MonkeyPatch, digits: tuple[Float, NDArray[np.int64]]
) -> None:
    monkeypatch.setattr("deepspace.space.map.fit._FIT_ROWS", 300)
    z, label = digits[0][:600], digits[1][:600]
    seen = fit_map(z, threads=1)
    assert seen.config_json()["fitted_on"] == 300
    on_map, whole = (
        KNeighborsClassifier(5).fit(x[::2], label[::2]).score(x[1::2], label[1::2]) for x in (seen.positions, z)
    )
    assert on_map > whole - 0.12
    np.testing.assert_allclose(seen.inverse_transform(seen.positions), z, atol=1e-5)


@pytest.mark.slow
def test_a_hundred_thousand_rows_are_mapped_in_reasonable_memory() -> None:
    import tracemalloc

    rng = np.random.default_rng(0)
    centres = rng.normal(size=(20, 16)) * 4.0
    label = rng.integers(0, 20, 100_000)
    z = (centres[label] + rng.normal(size=(100_000, 16))).astype(np.float32)
    tracemalloc.start()
    seen = fit_map(z, threads=1)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2 * 2**30
    assert np.isfinite(seen.positions).all()
    some = rng.choice(100_000, 2_000)
    np.testing.assert_allclose(seen.inverse_transform(seen.positions[some]), z[some], atol=1e-4)
    knn = KNeighborsClassifier(5).fit(seen.positions[::2], label[::2])
    assert knn.score(seen.positions[1::2][:5_000], label[1::2][:5_000]) > 0.95
    assert seen.has_data(seen.positions).all()
