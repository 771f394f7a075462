"""Walks: the sphere kept, ends met, lengths and densities by formula, wrong places refused."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from deepspace.errors import SpaceError
from deepspace.explore import KINDS, lerp, path, paths, slerp, traverse
from tests.linear import LinearSpace

vectors = arrays(np.float64, 5, elements=st.floats(-3, 3, width=32))


@pytest.fixture(scope="module")
def space() -> LinearSpace:
    return LinearSpace(500)


@given(vectors, vectors)
def test_slerp_between_unit_vectors_keeps_to_the_sphere_at_constant_speed(a: np.ndarray, b: np.ndarray) -> None:
    assume(np.linalg.norm(a) > 0.1)
    assume(np.linalg.norm(b) > 0.1)
    a, b = a / np.linalg.norm(a), b / np.linalg.norm(b)
    assume(abs(a @ b) < 0.999)
    way = slerp(a, b, 9)
    np.testing.assert_allclose(np.linalg.norm(way, axis=1), 1.0, atol=1e-9)
    np.testing.assert_allclose(way[[0, -1]], [a, b], atol=1e-9)
    angles = np.arccos(np.clip((way[:-1] * way[1:]).sum(1), -1, 1))
    np.testing.assert_allclose(angles, np.arccos(a @ b) / 8, atol=1e-6)


@given(vectors, vectors)
def test_slerp_back_is_slerp_reversed(a: np.ndarray, b: np.ndarray) -> None:
    np.testing.assert_allclose(slerp(a, b, 5), slerp(b, a, 5)[::-1], atol=1e-6)


def test_slerp_has_a_straight_way_where_no_great_circle_is_singled_out() -> None:
    a = np.array([1.0, 2.0])
    for b in (a, 2 * a, -a, np.zeros(2)):
        np.testing.assert_allclose(slerp(a, b, 4), lerp(a, b, 4))


def test_a_linear_path_has_the_length_of_the_line(space: LinearSpace) -> None:
    a, b = space.latents.mean[3], space.latents.mean[8]
    walk = path(space, 3, 8, steps=7)
    assert walk.length == pytest.approx(float(np.linalg.norm(a - b)), rel=1e-5)
    np.testing.assert_allclose(walk.z[[0, -1]], [a, b], rtol=1e-6)
    # The decoder is linear: every step moves it as far, by |W (b - a)| / sqrt(features) in all.
    assert walk.decoded_length == pytest.approx(float(np.linalg.norm(space.weights @ (b - a)) / 6**0.5), rel=1e-4)
    np.testing.assert_allclose(walk.log_density, space.density(walk.z), rtol=1e-6)
    assert walk.lowest == int(np.argmin(space.density(walk.z)))


def test_through_the_centre_or_round_it(space: LinearSpace) -> None:
    """Between opposite quadrants the line crosses the dense centre, the arc stays as far out as its ends."""
    a, b = np.array([2.0, 0.1, 0, 0]), np.array([-2.0, 0.1, 0, 0])
    line, arc = path(space, a, b, steps=21), path(space, a, b, kind="spherical", steps=21)
    assert np.linalg.norm(line.z, axis=1).min() < 0.2
    np.testing.assert_allclose(np.linalg.norm(arc.z, axis=1), np.linalg.norm(a), rtol=1e-5)
    assert arc.length > line.length


def test_traverse_moves_one_dimension_only(space: LinearSpace) -> None:
    walk = traverse(space, 1, start=5, steps=5, span=3)
    others = np.delete(walk.z, 1, axis=1)
    np.testing.assert_array_equal(others, np.repeat(others[:1], 5, 0))
    np.testing.assert_allclose(others[0], np.delete(space.latents.mean[5], 1))
    steps = np.diff(walk.positions)
    np.testing.assert_allclose(steps, steps[0])
    content = np.asarray(walk.content)
    np.testing.assert_allclose(np.diff(content, axis=0), np.outer(steps, space.weights[:, 1]), atol=1e-5)


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (lambda s: path(s, 0, 500), "'linear' has no row 500: it has 500 rows"),
        (lambda s: path(s, 0, [1.0, 2.0]), "4 finite latent values, got an array of shape"),
        (lambda s: path(s, 0, [np.nan] * 4), "4 finite latent values"),
        (lambda s: path(s, 0, 1, kind="scenic"), "use 'linear', 'spherical', 'geodesic', 'density'"),
        (lambda s: path(s, 0, 1, steps=1), "at least 2 steps, got 1"),
        (lambda s: path(s, 0), "needs 2 or more places, got 1"),
        (lambda s: path(s, 0, 1, 2, 3, steps=3), "through 4 places needs as many steps or more, got steps=3"),
        (lambda s: traverse(s, 4), "it has dimensions 0 to 3"),
    ],
)
def test_places_that_are_not_there(space: LinearSpace, ask, message: str) -> None:
    with pytest.raises(SpaceError, match=message):
        ask(space)


def test_they_print_and_convert(space: LinearSpace) -> None:
    walk = path(space, 0, 1, kind="spherical", steps=3)
    assert str(walk).startswith("spherical path of 3 steps")
    assert "generated" in str(walk)
    table = walk.to_arrow()
    assert table.column_names == ["step", "log_density", "density_percentile", "content"]
    assert len(table.column("content")[0]) == 6
    assert len(traverse(space, 0).to_pandas()) == 9


@given(st.lists(st.integers(0, 499), min_size=2, max_size=6), st.integers(0, 30))
def test_a_walk_through_many_places_is_at_each_and_shares_its_steps_by_length(rows: list[int], more: int) -> None:
    space = LinearSpace(500)
    steps = len(rows) + more
    walk = path(space, *rows, steps=steps)
    assert len(walk) == steps
    np.testing.assert_array_equal(walk.z[list(walk.anchors)], space.latents.mean[rows])
    legs = np.linalg.norm(np.diff(space.latents.mean[rows].astype(float), axis=0), axis=1)
    assert walk.length == pytest.approx(legs.sum(), rel=1e-5)
    counts = np.diff(walk.anchors)
    assert counts.min() >= 1
    if legs.sum() > 0:  # nobody is more than a step from an even share of those that are left
        np.testing.assert_allclose(counts - 1, more * legs / legs.sum(), atol=1)


def test_all_four_kinds_side_by_side(space: LinearSpace) -> None:
    walks = paths(space, 0, 1, 2, steps=5)
    assert [w.kind for w in walks] == list(KINDS)
    table = walks.to_arrow()
    assert table.column("kind").to_pylist() == list(KINDS)
    assert table.column("lowest_step").to_pylist() == [w.lowest for w in walks]
    np.testing.assert_allclose(table.column("lowest_percentile"), [w.density_percentile.min() for w in walks])
    assert len(str(walks).splitlines()) == 5
    assert "generated" in str(walks)
