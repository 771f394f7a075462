"""The ways that are searched for, against decoders whose geodesics have a formula and data with a planted hole."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse
from scipy.sparse import csgraph
from torch import Tensor

from deepspace import Space
from deepspace.explore import KINDS, path, paths
from deepspace.explore.decoded import travelled
from deepspace.explore.graphs import Graph, shortest
from deepspace.explore.routes import Routes, lengths, resampled
from tests.explore.curved import CurvedSpace
from tests.linear import LinearSpace


def polar(z: Tensor) -> Tensor:
    """(angle, radius) -> the plane: what is straight there is an arc here."""
    return torch.stack([z[:, 1] * torch.cos(z[:, 0]), z[:, 1] * torch.sin(z[:, 0])], 1)


def sphere(z: Tensor) -> Tensor:
    """(longitude, latitude) -> the unit sphere."""
    return torch.stack([z[:, 1].cos() * z[:, 0].cos(), z[:, 1].cos() * z[:, 0].sin(), z[:, 1].sin()], 1)


def swiss_roll(z: Tensor) -> Tensor:
    return torch.stack([z[:, 0] * z[:, 0].cos(), z[:, 1], z[:, 0] * z[:, 0].sin()], 1)


def roll_length(u: float) -> float:
    """Arc length of the spiral from its centre."""
    return (u * math.sqrt(1 + u * u) + math.asinh(u)) / 2


def uniform(low: list[float], high: list[float], n: int = 1500) -> np.ndarray:
    return np.random.default_rng(0).uniform(low, high, (n, len(low)))


@pytest.mark.parametrize(
    ("decoder", "low", "high", "a", "b", "expected"),
    [
        (polar, [-3, 0.2], [3, 2], [-1.0, 1.0], [1.0, 1.0], 2 * math.sin(1)),
        (
            sphere, [-2, -1.2], [2, 1.2], [-0.9, 0.8], [0.9, 0.8],
            math.acos(math.cos(0.8) ** 2 * math.cos(1.8) + math.sin(0.8) ** 2),
        ),
        (
            swiss_roll, [1, 0], [12, 10], [2.0, 1.0], [11.0, 9.0],
            math.hypot(roll_length(11) - roll_length(2), 8),
        ),
    ],
    ids=["plane", "sphere", "roll"],
)  # fmt: skip
def test_a_geodesic_has_the_length_that_the_formula_says(decoder, low, high, a, b, expected: float) -> None:
    space = CurvedSpace(uniform(low, high), decoder)
    walk = path(space, a, b, kind="geodesic", steps=17)
    features = space.schema.shape[0]
    assert walk.decoded_length * features**0.5 == pytest.approx(expected, rel=5e-3)
    # Equal steps to the eye.
    t = np.linspace(0, 1, 50)[:, None]
    moved = travelled(space, (1 - t) * walk.z[:-1, None] + t * walk.z[1:, None])[:, -1]
    np.testing.assert_allclose(moved, moved.mean(), rtol=0.02)


def test_it_goes_round_a_hill_that_the_line_climbs() -> None:
    space = CurvedSpace(
        uniform([-2, -2], [2, 2]), lambda z: torch.cat([z, 6 * torch.exp(-2 * z.square().sum(1, keepdim=True))], 1)
    )
    walks = paths(space, [-1.5, 0.0], [1.5, 0.05], steps=21)
    assert np.abs(walks["geodesic"].z[:, 1]).max() > 0.9
    assert walks["geodesic"].gain.decoded > 0.6
    assert min(walks, key=lambda w: w.decoded_length) is walks["geodesic"]
    assert walks["geodesic"].length > walks["linear"].length


def test_the_decoded_length_is_the_integral_of_the_jacobian() -> None:
    """Against the pullback metric itself: sqrt(dz' J'J dz / features), J by automatic differentiation."""
    space = CurvedSpace(uniform([-2, -1.2], [2, 1.2], 300), sphere)
    walk = path(space, [-0.9, 0.8], [0.7, -0.3])
    t = np.linspace(0, 1, 2001)
    z = torch.tensor((1 - t)[:, None] * np.array([-0.9, 0.8]) + t[:, None] * np.array([0.7, -0.3]))
    speed = torch.func.vmap(lambda p: torch.func.jacfwd(lambda q: sphere(q[None])[0])(p))(z) @ (z[-1] - z[0])
    assert walk.decoded_length == pytest.approx(float(np.trapezoid(speed.norm(dim=1), t)) / 3**0.5, rel=1e-3)


def test_where_the_decoder_is_linear_the_geodesic_is_the_line() -> None:
    space = LinearSpace(800)
    walk, line = path(space, 3, 8, kind="geodesic"), path(space, 3, 8)
    assert walk.decoded_length == pytest.approx(line.decoded_length, rel=1e-5)
    np.testing.assert_allclose(walk.z, line.z, atol=2e-2 * line.length)


def ring(n: int = 2000) -> CurvedSpace:
    random = np.random.default_rng(0)
    angle, radius = random.uniform(0, 2 * np.pi, n), 2 + 0.15 * random.normal(size=n)
    return CurvedSpace(np.stack([radius * np.cos(angle), radius * np.sin(angle)], 1), lambda z: 1.0 * z)


def test_the_dense_way_goes_round_the_hole_of_a_ring() -> None:
    walks = paths(ring(), [-2.0, 0.0], [2.0, 0.1], steps=33)
    dense, line = walks["density"], walks["linear"]
    radius = np.linalg.norm(dense.z, axis=1)
    assert ((radius > 1.6) & (radius < 2.4)).all()
    assert dense.length == pytest.approx(2 * math.pi, rel=0.06)
    assert line.density_percentile.min() == 0
    assert dense.density_percentile.min() > 20
    assert dense.gain.percentile == pytest.approx(dense.density_percentile.min())
    # A decoder without curvature: nothing is shorter to the eye than the line.
    np.testing.assert_allclose(walks["geodesic"].length, line.length, rtol=1e-3)


def test_it_crosses_to_another_island_where_the_gap_is_narrowest() -> None:
    random = np.random.default_rng(1)
    island = random.uniform([0, 0], [1, 4], (600, 2))
    other = random.uniform([2, 0], [3, 4], (600, 2))
    bridge = random.uniform([1.0, 3.7], [1.7, 4.0], (60, 2))  # ends 0.3 short of the other island
    space = CurvedSpace(np.concatenate([island, other, bridge]), lambda z: 1.0 * z)
    walk = path(space, [0.5, 0.5], [2.5, 0.5], kind="density", steps=41)
    crossing = walk.z[(walk.z[:, 0] > 1.1) & (walk.z[:, 0] < 1.9)]
    assert (crossing[:, 1] > 3.4).all()


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000))
def test_the_lazy_way_is_the_shortest_of_all(seed: int) -> None:
    random = np.random.default_rng(seed)
    graph = Graph.of(random.normal(size=(30, 2)).astype(np.float32))
    points, edges, sizes = graph.with_ends(*random.normal(size=(2, 2)))
    rough = random.uniform(1, 2, len(points))

    def cost(p: np.ndarray, q: np.ndarray) -> np.ndarray:
        """Dearer than the length by what the ends ask for."""
        ends = [rough[np.linalg.norm(points[None] - x[:, None], axis=2).argmin(1)] for x in (p, q)]
        return np.linalg.norm(p - q, axis=1) * ends[0] * ends[1]

    way = shortest(points, edges, sizes, cost, rounds=500)
    true = cost(points[edges[:, 0]], points[edges[:, 1]])
    matrix = sparse.csr_matrix((true, edges.T), (len(points), len(points)))
    expected = csgraph.dijkstra(matrix, directed=False, indices=len(points) - 2)[-1]
    assert cost(way[:-1], way[1:]).sum() == pytest.approx(expected, rel=1e-9)


def test_islands_are_joined_by_their_closest_pair() -> None:
    random = np.random.default_rng(0)
    near, far = random.normal(size=(40, 2)), random.normal(size=(20, 2)) + 100
    graph = Graph.of(np.concatenate([near, far]).astype(np.float32))
    crossing = graph.edges[(graph.edges[:, 0] < 40) & (graph.edges[:, 1] >= 40)]
    distance = np.linalg.norm(near[:, None] - far[None], axis=2)
    assert crossing.tolist() == [[distance.min(1).argmin(), 40 + distance.min(0).argmin()]]


@pytest.mark.parametrize("pair", [(0, 1), (3, 100), (17, 40)])
def test_promises_that_hold_in_every_modality(any_space: Space, pair: tuple[int, int]) -> None:
    walks = paths(any_space, *pair, steps=65)
    line = walks["linear"]
    for walk in walks:
        np.testing.assert_array_equal(walk.z[[0, -1]], any_space.latents.mean[list(pair)])
        assert len(walk) == 65
        assert walk.anchors == (0, 64)
        assert walk.length >= line.length * (1 - 1e-6)
        assert walk.gain.decoded == pytest.approx(1 - walk.decoded_length / line.decoded_length)
        # Measured again at ten times as many places.
        again = travelled(any_space, resampled(walk.z.astype(float), None, 650))[-1]
        assert again == pytest.approx(walk.decoded_length, rel=0.03)
    assert walks["geodesic"].decoded_length <= line.decoded_length * (1 + 1e-9)
    assert walks["density"].density_percentile.min() >= line.density_percentile.min() - 1e-6
    step = np.diff(lengths(walks["density"].z.astype(float)))
    np.testing.assert_allclose(step, step.mean(), rtol=0.05)


def test_the_same_walk_every_time_and_alone_as_among_others(any_space: Space) -> None:
    walks = paths(any_space, 2, 50)
    for kind in KINDS:
        np.testing.assert_array_equal(path(any_space, 2, 50, kind=kind).z, walks[kind].z)
    a, b = (np.asarray(any_space.latents.mean[row], np.float64) for row in (2, 50))
    fresh = Routes(any_space)
    np.testing.assert_array_equal(fresh.geodesic(any_space, a, b), Routes(any_space).geodesic(any_space, a, b))
    np.testing.assert_array_equal(fresh.dense(a, b), Routes(any_space).dense(a, b))


def test_a_sample_of_the_rows_is_said_to_be_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("deepspace.explore.routes._CROWD_ROWS", 500)
    walks = paths(ring(), [-2.0, 0.0], [2.0, 0.1], steps=33)
    assert "a graph of 500 of 2,000 rows" in walks["density"].found
    assert "all 2,000 rows" in walks["geodesic"].found
    assert walks["linear"].found == ""
    radius = np.linalg.norm(walks["density"].z, axis=1)
    assert ((radius > 1.5) & (radius < 2.5)).all()


def test_no_way_at_all_and_dead_ends(any_space: Space) -> None:
    for walk in paths(any_space, 4, 4, 9, steps=6):
        assert walk.anchors == (0, 1, 5)
        np.testing.assert_array_equal(walk.z[[0, 1]], any_space.latents.mean[[4, 4]])
        assert np.isfinite(walk.z).all()
    for walk in paths(any_space, 4, 4, steps=3):
        assert walk.length == walk.decoded_length == 0
        assert walk.gain == (0, 0)
