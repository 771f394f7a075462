"""Refining against the whole lattice, on fields whose boundary is known."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deepspace.decisions.boundary.lines import trace
from deepspace.decisions.boundary.refine import Lattice, Refined, refine

Field = Callable[[np.ndarray], np.ndarray]


def asking(field: Field, heard: list[int] | None = None) -> Any:
    """field: places (M, 2) -> (M, K), what decides."""

    def ask(places: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        if heard is not None:
            heard.append(len(places))
        lead = field(np.asarray(places, np.float64))
        return lead.argmax(1), lead

    return ask


def circle(radius: float) -> Field:
    def field(p: np.ndarray) -> np.ndarray:
        side = np.hypot(p[:, 0], p[:, 1]) - radius
        return np.stack([-side, side], 1)

    return field


def whole(lattice: Lattice, there: np.ndarray, field: Field) -> tuple[np.ndarray, set[int]]:
    """Every node's outcome, and the fine cells that matter whose corners disagree, by their lower left nodes."""
    nodes = np.arange(lattice.rows * lattice.columns)
    outcome = field(lattice.places(nodes).astype(np.float64)).argmax(1).reshape(lattice.rows, lattice.columns)
    corners = [outcome[:-1, :-1], outcome[:-1, 1:], outcome[1:, 1:], outcome[1:, :-1]]
    held = there[:-1, :-1] | there[:-1, 1:] | there[1:, 1:] | there[1:, :-1]
    torn = held & np.any([c != corners[0] for c in corners], 0)
    row, column = np.nonzero(torn)
    return outcome, set((row * lattice.columns + column).tolist())


def everywhere(lattice: Lattice) -> np.ndarray:
    return np.ones((lattice.rows, lattice.columns), bool)


def torn(found: Refined) -> set[int]:
    return set(found.torn[:, 0].tolist())


@pytest.mark.parametrize("radius", [1.0, 2.3, 3.7])
def test_a_circle_is_found_as_on_the_whole_lattice_for_a_tenth_of_the_price(radius: float) -> None:
    lattice = Lattice.over((-4, -4, 4, 4), 16, 4)
    heard: list[int] = []
    found = refine(lattice, everywhere(lattice), asking(circle(radius), heard))
    outcome, expected = whole(lattice, everywhere(lattice), circle(radius))
    assert torn(found) == expected
    np.testing.assert_array_equal(found.outcome, outcome)
    assert found.calls == sum(heard)
    assert found.full == lattice.rows * lattice.columns
    assert found.calls < 0.1 * found.full
    assert len(heard) <= lattice.depth + 2, "few large batches"


@settings(max_examples=40)
@given(st.integers(0, 10_000), st.integers(2, 4))
def test_smooth_fields_of_several_outcomes_are_found_as_on_the_whole_lattice(seed: int, kinds: int) -> None:
    """Waves longer than two coarse cells; where an island hides inside a coarse cell all the same, it is small."""
    rng = np.random.default_rng(seed)
    wave, phase, weight = rng.normal(0, 0.5, (kinds, 2)), rng.uniform(0, 6.3, kinds), rng.normal(0, 0.5, (kinds, 2))

    def field(p: np.ndarray) -> np.ndarray:
        return np.sin(p @ wave.T + phase) + p @ weight.T / 4

    lattice = Lattice.over((-4, -3, 4, 3), 16, 3)
    found = refine(lattice, everywhere(lattice), asking(field))
    outcome, expected = whole(lattice, everywhere(lattice), field)
    assert torn(found) <= expected
    missed = expected - torn(found)
    assert len(missed) <= 0.01 * len(expected) + 8
    assert (found.outcome != outcome).mean() < 0.002


def test_an_island_inside_a_coarse_cell_is_missed_unless_a_witness_speaks_for_it() -> None:
    def field(p: np.ndarray) -> np.ndarray:
        side = np.hypot(p[:, 0] - 0.26, p[:, 1] - 0.26) - 0.15
        return np.stack([side, -side], 1)

    lattice = Lattice.over((-4, -4, 4, 4), 16, 4)
    blind = refine(lattice, everywhere(lattice), asking(field))
    assert not len(blind.torn)
    told = (np.array([[0.26, 0.26]], np.float32), np.array([1]))
    seeing = refine(lattice, everywhere(lattice), asking(field), witnesses=told)
    assert torn(seeing) == whole(lattice, everywhere(lattice), field)[1]


def test_nothing_is_asked_where_nothing_matters() -> None:
    lattice = Lattice.over((-4, -4, 4, 4), 16, 3)
    places = lattice.places(np.arange(lattice.rows * lattice.columns))
    there = (places[:, 0] > 0).reshape(lattice.rows, lattice.columns)
    asked: list[np.ndarray] = []

    def field(p: np.ndarray) -> np.ndarray:
        asked.append(p)
        return circle(2.0)(p)

    found = refine(lattice, there, asking(field))
    coarse = lattice.cell * 2**lattice.depth
    assert np.concatenate(asked)[:, 0].min() > -coarse
    assert torn(found) == whole(lattice, there, circle(2.0))[1]
    assert found.full < 0.6 * lattice.rows * lattice.columns


def test_what_is_told_on_the_way_ends_with_the_answer() -> None:
    lattice = Lattice.over((-4, -4, 4, 4), 16, 3)
    told: list[tuple[int, bool]] = []
    found = refine(lattice, everywhere(lattice), asking(circle(2.0)), tell=lambda f, last: told.append((f.calls, last)))
    calls = [c for c, _ in told]
    assert calls == sorted(calls)
    assert [last for _, last in told] == [False] * (len(told) - 1) + [True]
    assert told[-1][0] == found.calls


def mesh(field: Field, resolution: int = 40) -> tuple[Any, ...]:
    lattice = Lattice.over((-3, -3, 3, 3), resolution, 0)
    nodes = np.arange(lattice.rows * lattice.columns)
    places = lattice.places(nodes).astype(np.float64)
    lead = field(places)
    row, column = np.meshgrid(np.arange(lattice.rows - 1), np.arange(lattice.columns - 1), indexing="ij")
    low = (row * lattice.columns + column).ravel()
    cells = low[:, None] + np.array([0, 1, lattice.columns + 1, lattice.columns])
    return places, lead.argmax(1), lead, cells


def test_the_line_around_a_circle_is_one_closed_line_as_long_as_it() -> None:
    lines, between = trace(*mesh(circle(2.0)))
    assert len(lines) == 1
    assert between == ((0, 1),)
    line = lines[0]
    np.testing.assert_array_equal(line[0], line[-1])
    np.testing.assert_allclose(np.hypot(*line.T), 2.0, atol=0.01)
    length = np.linalg.norm(np.diff(line, axis=0), axis=1).sum()
    assert length == pytest.approx(4 * np.pi, rel=0.01)


def test_three_outcomes_meet_in_one_point() -> None:
    angles = np.deg2rad([90, 210, 330])
    towards = np.stack([np.cos(angles), np.sin(angles)])
    lines, between = trace(*mesh(lambda p: p @ towards))
    assert sorted(between) == [(0, 1), (0, 2), (1, 2)]
    ends = np.array([min((line[0], line[-1]), key=lambda e: float(np.hypot(*e))) for line in lines])
    assert np.ptp(ends, 0).max() == 0
    assert np.hypot(*ends[0]) < 0.15
    for line, (a, b) in zip(lines, between, strict=True):
        lead = line @ towards
        np.testing.assert_allclose(lead[2:-2, a], lead[2:-2, b], atol=1e-6)


def test_triangles_are_traced_like_squares() -> None:
    places, outcome, lead, cells = mesh(circle(2.0))
    halves = np.concatenate([cells[:, [0, 1, 2]], cells[:, [0, 2, 3]]])
    lines, _ = trace(places, outcome, lead, halves)
    assert len(lines) == 1
    np.testing.assert_allclose(np.hypot(*lines[0].T), 2.0, atol=0.02)


def test_labels_without_a_score_are_parted_half_way() -> None:
    def field(p: np.ndarray) -> np.ndarray:
        return np.eye(2)[(p[:, 0] > 0.01).astype(int)]

    lines, _ = trace(*mesh(field))
    assert len(lines) == 1
    places = mesh(field)[0]
    across = np.unique(places[:, 0])
    left, right = across[across <= 0.01].max(), across[across > 0.01].min()
    np.testing.assert_allclose(lines[0][:, 0], (left + right) / 2, atol=1e-6)


def test_one_outcome_has_no_line() -> None:
    assert trace(*mesh(lambda p: np.stack([np.ones(len(p)), np.zeros(len(p))], 1))) == ((), ())
