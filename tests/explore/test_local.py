"""Local factors against a linear decoder's own singular value decomposition, and a bent one against autograd."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from deepspace import Space
from deepspace.errors import SpaceError
from deepspace.explore import local_factors
from deepspace.explore.decoded import expected_tensor
from deepspace.explore.local import decoder_jacobian
from deepspace.space.moments import latent_moments
from tests.linear import LinearSpace


@pytest.fixture(scope="module")
def space() -> LinearSpace:
    return LinearSpace(2000)


def deviation(space: LinearSpace) -> np.ndarray:
    return latent_moments(space.latents.mean, space.latents.scale).deviation


@settings(max_examples=15, deadline=None)
@given(place=st.lists(st.floats(-4, 4), min_size=4, max_size=4))
def test_a_linear_decoder_gives_its_own_svd_everywhere(place: list[float]) -> None:
    space = LinearSpace(300, seed=1)
    found = local_factors(space, place, k=3)
    root = np.sqrt(space.schema.shape[0])  # gains are root mean squares over elements
    _, gains, axes = np.linalg.svd(space.weights * deviation(space) / root, full_matrices=False)
    np.testing.assert_allclose(found.gains, gains, rtol=1e-3, atol=1e-3)
    for item, axis in zip(found, axes, strict=False):
        cosine = (item.direction / deviation(space)) @ axis
        assert abs(cosine) == pytest.approx(1, abs=1e-4)
        assert item.direction[np.abs(item.direction / deviation(space)).argmax()] > 0
    np.testing.assert_allclose([f.share for f in found], gains[:3] ** 2 / (gains**2).sum(), rtol=1e-3)


def test_a_step_moves_the_decode_by_the_gain(space: LinearSpace) -> None:
    found = local_factors(space, 7, k=2, steps=5, span=2.0)
    for item in found:
        encoded = space.decode_encoded(item.z).astype(np.float64)
        np.testing.assert_allclose(np.sqrt(np.square(np.diff(encoded, axis=0)).mean(1)), item.gain, rtol=1e-3)
        np.testing.assert_allclose(item.z[2], space.latents.mean[7], atol=1e-6)
        np.testing.assert_allclose(item.content, space.decode(item.z))
        np.testing.assert_allclose(item.log_density, space.density(item.z))


def test_a_bent_decoder_has_the_jacobian_of_autograd() -> None:
    space = LinearSpace(300, seed=2)
    torch.manual_seed(0)
    space.model.decoder = torch.nn.Sequential(torch.nn.Linear(4, 32), torch.nn.Tanh(), torch.nn.Linear(32, 6))
    assert_autograd(space, [0.3, -1.0, 0.5, 0.2], deviation(space))


def test_each_modality_has_the_jacobian_of_autograd(any_space: Space) -> None:
    """Of a table too, whose categories jump from one to another but whose probabilities do not."""
    z = np.asarray(any_space.latents.mean[3])
    moments = latent_moments(any_space.latents.mean, any_space.latents.scale)
    # These networks have corners, with a slope to either side, and a step may cross one.
    assert_autograd(any_space, z, moments.deviation, within=0.05)
    gains = local_factors(any_space, 3).gains
    assert gains[0] > 0
    assert np.all(np.diff(gains) <= 0)


def assert_autograd(space: Any, z: Any, unit: np.ndarray, within: float = 0.002) -> None:
    assert space.model is not None  # loaded before the transform, whose tensors its weights would else be for ever
    exact = torch.func.jacrev(lambda v: expected_tensor(space, v[None])[0])(torch.tensor(z, dtype=torch.float32))
    exact = exact.detach().numpy() * unit
    found = decoder_jacobian(space, np.asarray(z), unit) * unit
    assert np.linalg.norm(found - exact) < within * np.linalg.norm(exact)


def test_it_prints_and_converts(space: LinearSpace) -> None:
    found = local_factors(space, np.zeros(4), k=2)
    assert str(found).startswith("2 of 4 local factors")
    table = found.to_arrow()
    np.testing.assert_allclose(np.stack(table.column("direction").to_numpy()), found.directions)
    assert found.directions.shape == (2, 4)


@pytest.mark.parametrize(
    ("k", "place", "words"),
    [(0, 0, "k must be 1 or more"), (3, 99999, "has no row 99999"), (3, [1.0], "4 finite latent values")],
)
def test_what_cannot_be_asked_is_said(space: LinearSpace, k: int, place: object, words: str) -> None:
    with pytest.raises(SpaceError, match=words):
        local_factors(space, place, k=k)


def test_more_than_there_are_is_all(space: LinearSpace) -> None:
    assert len(local_factors(space, 0, k=99)) == 4
