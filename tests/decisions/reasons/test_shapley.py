"""Shapley values against their closed forms, and the test of whether a predictor follows any rule."""

from __future__ import annotations

from collections.abc import Callable, Generator
from itertools import permutations
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deepspace.decisions.reasons.found import STABLE
from deepspace.decisions.reasons.order import CHILDREN, in_order
from deepspace.decisions.reasons.principal import TIED, choose
from deepspace.decisions.reasons.shapley import EXACT, asked_once, row_keys, shapley

Score = Callable[[np.ndarray], np.ndarray]


def run(asking: Generator[Any, Any, Any], score: Score) -> Any:
    """What a generator of questions returns when a function answers them."""
    try:
        rows = next(asking)
        while True:
            rows = asking.send(score(rows.astype(float)))
    except StopIteration as end:
        return end.value


def own(columns: int) -> np.ndarray:
    return np.arange(columns)


def crossed(rows: np.ndarray) -> np.ndarray:
    """Columns that work on each other, two and three at a time, and one without effect."""
    return np.sin(rows[:, 0] * rows[:, 1]) + rows[:, 2] * (rows[:, 3] > 0) - rows[:, 0] ** 2 * rows[:, -1]


def by_definition(score: Score, x: np.ndarray, ref: np.ndarray) -> np.ndarray:
    """The mean gain over all orders, as Shapley 1953 has it."""
    out, orders = np.zeros(len(x)), list(permutations(range(len(x))))
    for order in orders:
        row = x.astype(float).copy()
        for j in order:
            before = score(row[None])[0]
            row[j] = ref[j]
            out[j] += score(row[None])[0] - before
    return out / len(orders)


@pytest.mark.parametrize("columns", [5, 9])
def test_a_linear_score_has_the_closed_form(columns: int) -> None:
    rng = np.random.default_rng(0)
    weights, x, refs = rng.normal(size=columns), rng.normal(size=columns), rng.normal(size=(40, columns))
    x, refs = x.astype(np.float32), refs.astype(np.float32)
    found = run(shapley(x, refs, own(columns), 1, rng), lambda rows: rows @ weights)
    np.testing.assert_allclose(found.values, weights * (refs - x), atol=1e-5)


def test_all_coalitions_give_the_definition() -> None:
    rng = np.random.default_rng(1)
    x, refs = rng.normal(size=5).astype(np.float32), rng.normal(size=(3, 5)).astype(np.float32)
    found = run(shapley(x, refs, own(5), 1, rng), crossed)
    for value, ref in zip(found.values, refs, strict=True):
        np.testing.assert_allclose(value, by_definition(crossed, x, ref), atol=1e-9)


@given(st.integers(1, 9), st.integers(1, 12), st.integers(0, 10_000))
@settings(max_examples=30, deadline=None)
def test_contributions_add_up_to_the_gap(columns: int, count: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    weights = rng.normal(size=(columns, columns))
    x, refs = rng.normal(size=columns).astype(np.float32), rng.normal(size=(count, columns)).astype(np.float32)

    def score(rows: np.ndarray) -> np.ndarray:
        return np.tanh(np.einsum("ni,ij,nj->n", rows, weights, rows))

    found = run(shapley(x, refs, own(columns), 1, rng), score)
    np.testing.assert_allclose(found.values.sum(1), score(refs.astype(float)) - score(x.astype(float)[None]), atol=1e-9)
    np.testing.assert_allclose(found.ends, score(refs.astype(float)), atol=1e-12)


def test_walks_agree_with_the_definition_within_their_error() -> None:
    rng = np.random.default_rng(2)
    columns = EXACT + 1
    x, ref = rng.normal(size=columns).astype(np.float32), rng.normal(size=(1, columns)).astype(np.float32)
    draws = [run(shapley(x, ref, own(columns), 20, np.random.default_rng(s)), crossed).values[0] for s in range(30)]
    error = np.std(draws, 0, ddof=1) / np.sqrt(len(draws))
    assert (np.abs(np.mean(draws, 0) - by_definition(crossed, x, ref[0])) <= 4.5 * error + 1e-9).all()


def test_columns_that_are_one_player_move_together() -> None:
    rng = np.random.default_rng(3)
    x, refs = rng.normal(size=4).astype(np.float32), rng.normal(size=(6, 4)).astype(np.float32)
    found = run(shapley(x, refs, np.array([0, 1, 0, 1]), 1, rng), lambda rows: rows[:, 0] * rows[:, 2])
    gap = refs[:, 0] * refs[:, 2] - x[0] * x[2]
    np.testing.assert_allclose(found.values, np.stack([gap, np.zeros(6)], 1), atol=1e-6)


def test_missing_cells_are_values_and_equal_rows_are_asked_about_once() -> None:
    rows = np.array([[np.nan, 1], [np.nan, 1], [0.0, 1], [-0.0, 1], [1, np.nan]], np.float32)
    first, place = asked_once(rows)
    assert len(first) == 3
    assert place[0] == place[1] != place[2] == place[3]
    asked: list[int] = []

    def score(given: np.ndarray) -> np.ndarray:
        asked.append(len(given))
        return np.isnan(given[:, 0]).astype(float)

    found = run(shapley(rows[0], rows[[2, 2, 2]], own(2), 1, np.random.default_rng(0)), score)
    np.testing.assert_allclose(found.values, [[-1, 0]] * 3)
    assert asked == [2]


def hashed(seed: int) -> Score:
    """A score that has nothing to do with the row, yet is always the same for it."""

    def score(rows: np.ndarray) -> np.ndarray:
        words = np.ascontiguousarray(rows.astype(np.float32)).view(np.uint32).astype(np.uint64)
        state = np.full(len(rows), 1469598103934665603 + 7919 * seed, np.uint64)
        for column in words.T:
            state = (state ^ column) * np.uint64(1099511628211)
            state ^= state >> np.uint64(29)
        return (state % np.uint64(100_003)) / 100_003 - 0.5

    return score


def test_without_a_rule_the_test_errs_as_often_as_it_says() -> None:
    """Few values a column, so that the same made-up rows come up again and again."""
    p_values = []
    for seed in range(300):
        rng = np.random.default_rng(seed)
        rows = np.unique(rng.integers(0, 4, (250, 5)).astype(np.float32), axis=0)
        scores = hashed(seed)(rows)
        below, above = rows[scores < 0], rows[scores >= 0]
        p_values.append(
            run(in_order(np.concatenate([below[:40], above[:64]]), np.sort(row_keys(rows)), rng), hashed(seed))
        )
    assert np.mean(np.array(p_values) <= 0.05) <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 300)
    assert np.mean(p_values) == pytest.approx(0.5, abs=0.06)


def test_columns_of_few_values_leave_enough_made_up_rows() -> None:
    """Nearly all children of such rows are real rows; more are drawn until the test can say something."""
    rng = np.random.default_rng(0)
    rows = np.unique(rng.geometric(0.75, (2000, 6)).astype(np.float32), axis=0)  # most are 1, as counts are 0

    def sums(given: np.ndarray) -> np.ndarray:
        return given.sum(1) - 9.5

    below, above = rows[sums(rows) < 0], rows[sums(rows) >= 0]
    near = np.concatenate([below[:40], above[:60]])
    asking = in_order(near, np.sort(row_keys(rows)), rng)
    made = next(asking)[: -len(near)]
    first = np.random.default_rng(1).integers(0, len(near), (2, CHILDREN))
    once = np.where(rng.random((CHILDREN, 6)) < 0.5, near[first[0]], near[first[1]]).astype(np.float32)
    assert len(made) > 1.5 * (~np.isin(row_keys(np.unique(once, axis=0)), row_keys(rows))).sum()
    assert not np.isin(row_keys(made), row_keys(rows)).any()
    assert len(np.unique(row_keys(made))) == len(made)
    with pytest.raises(StopIteration) as end:
        asking.send(sums(np.concatenate([made, near])))
    assert end.value.value <= 0.01


def test_a_rule_is_seen_even_where_two_columns_must_both_hold() -> None:
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(400, 4)).astype(np.float32)

    def both(given: np.ndarray) -> np.ndarray:
        return np.where((given[:, 0] > 0) & (given[:, 1] > 0), 1.0, -1.0)

    near = np.concatenate([rows[both(rows) < 0][:60], rows[both(rows) > 0][:60]])
    assert run(in_order(near, np.sort(row_keys(rows)), rng), both) <= 0.01
    assert run(in_order(near[:1], np.sort(row_keys(rows)), rng), both) == 1.0


def test_the_chosen_set_is_the_one_that_moves_the_score() -> None:
    """Two columns only work together, so that neither alone would be found; a third weighs little."""
    x, refs = np.zeros(6, np.float32), np.ones((20, 6), np.float32)

    def score(rows: np.ndarray) -> np.ndarray:
        return 2 * rows[:, 1] * rows[:, 4] + 0.1 * rows[:, 2] - 1

    values = np.array([0, 1, 0.1, 0, 1, 0.0])
    resamples = np.full((50, 20), 1 / 20)
    for most, expected in ((1, {2}), (2, {1, 4}), (4, {1, 2, 4})):
        chosen = run(choose(x, refs, refs[:3], own(6), values, values > 0, resamples, most, STABLE), score)
        assert set(chosen.players) == expected
        assert chosen.often == (1.0,) * len(expected)
    same = refs[:1].copy()
    same[0, 1] = 0  # what is typical of the accepted is what the case has: that is no reason
    assert 1 not in run(choose(x, refs, same, own(6), values, values > 0, resamples, 4, STABLE), score).players
    # A column that could not be stated takes no other's place, and is told only where there is no other.
    for certain, expected in (([0, 1, 0, 0, 1, 0], {1, 4}), ([0] * 6, {1, 2, 4})):
        sure = np.array(certain, bool)
        assert (
            set(run(choose(x, refs, refs[:3], own(6), values, sure, resamples, 4, STABLE), score).players) == expected
        )


def test_of_sets_that_are_as_good_the_one_that_turns_the_decision_goes_first() -> None:
    """The first column brings a little more of the score than the second, on real rows, but not what is typical."""
    refs = np.tile(np.array([1.04, 1.0], np.float32), (40, 1))
    typical, resamples = np.array([[0.99, 1.0]], np.float32), np.full((50, 40), 1 / 40)

    def picked(least: float) -> tuple[int, ...]:
        asking = choose(
            np.zeros(2, np.float32), refs, typical, own(2), np.ones(2), np.ones(2, bool), resamples, 1, STABLE
        )
        return run(asking, lambda rows: rows.max(1) - least).players

    assert picked(1.0) == (1,)  # the first has .99
    assert picked(0.9) == (0,)  # both turn it
    assert picked(1.1) == (0,)  # neither does


@pytest.mark.parametrize(("noise", "stable"), [(0.05, True), (3.0, False)])
def test_a_reason_is_not_lost_to_one_that_is_as_good(noise: float, stable: bool) -> None:
    """Two columns whose references have the same mean: which is best is chance in each resample, but matters only where
    the difference is more than a trifle of the gap."""
    rng = np.random.default_rng(0)
    refs = 1 + noise * rng.standard_normal((100, 2)).astype(np.float32)
    refs[:, 1] = refs[rng.permutation(100), 0]
    resamples = rng.multinomial(100, np.full(100, 1 / 100), 400) / 100
    typical = np.ones((1, 2), np.float32)
    chosen = run(
        choose(np.zeros(2, np.float32), refs, typical, own(2), np.ones(2), np.ones(2, bool), resamples, 1, STABLE),
        lambda rows: rows.sum(1) - 1,
    )
    assert len(chosen.players) == 1
    means = resamples @ refs
    ahead = means[:, 1 - chosen.players[0]] - means[:, chosen.players[0]]
    assert 0.3 < (ahead < 0).mean() < 0.7
    assert chosen.often[0] == pytest.approx((0.7 * ahead <= TIED * refs.sum(1).mean()).mean(), abs=1e-9)
    assert (chosen.often[0] >= STABLE) == stable
