"""Uncertainty against the closed form of a linear decoder, and against plain sampling on fitted spaces."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import deepspace as ds
from deepspace.errors import SpaceError
from deepspace.space.uncertainty import nearby_scale, uncertainty
from tests.linear import LinearSpace
from tests.spaces import MODALITIES, fit

pytestmark = pytest.mark.filterwarnings("ignore")


def closed_form(space: LinearSpace) -> float:
    """s_d |W_d| added in squares, a mean over features; every row has the same scale."""
    return float(np.sqrt((space.latents.scale[0] ** 2 * (space.weights**2).sum(0)).sum() / len(space.weights)))


def test_a_linear_decoder_has_its_closed_form() -> None:
    space = LinearSpace(400)
    z = np.random.default_rng(1).normal(size=(7, 4)).astype(np.float32)
    np.testing.assert_allclose(uncertainty(space, z), closed_form(space), rtol=1e-4)


def test_fewer_draws_are_right_on_average() -> None:
    """Many wide latents, a quarter of them sampled: each rotation is off, but not by much."""
    space = LinearSpace(300, widths=tuple(np.linspace(0.5, 3.0, 24)), features=30)
    z = np.zeros((1, 24), np.float32)
    assert uncertainty(space, z)[0] == pytest.approx(closed_form(space), rel=0.25)
    assert uncertainty(space, z)[0] != pytest.approx(closed_form(space), rel=1e-6)


def test_twice_the_posterior_scale_is_twice_as_unsure_and_a_dead_latent_does_not_count() -> None:
    space = LinearSpace(200, widths=(2.0, 0.0))
    z = np.zeros((1, 2), np.float32)
    before = uncertainty(space, z)
    space.latents.scale[:, 1] *= 1000  # the decoder does not read it
    np.testing.assert_allclose(uncertainty(space, z), before, rtol=1e-3)
    space.latents.scale[:, 0] *= 2
    np.testing.assert_allclose(uncertainty(space, z), 2 * before, rtol=1e-3)


def test_the_scale_is_that_of_near_rows() -> None:
    space = LinearSpace(400)
    space.latents.scale[:] = np.where(space.latents.mean[:, :1] > 0, 2.0, 1.0)
    right = np.array([[2.0, 0, 0, 0], [-2.0, 0, 0, 0]], np.float32)
    np.testing.assert_allclose(nearby_scale(space, right), [[2.0] * 4, [1.0] * 4])


@pytest.fixture(scope="module", params=MODALITIES)
def space(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> ds.Space:
    return fit(request.param, Path(tmp_path_factory.mktemp("uncertain")))


def test_it_agrees_with_plain_sampling(space: ds.Space) -> None:
    """1,500 draws a place, each element of the change counted by hand."""
    rng = np.random.default_rng(5)
    rows = rng.choice(len(space), 12, replace=False)
    z = np.asarray(space.latents.mean[rows])
    kinds = [c.kind for c in space.schema.features] if space.schema.modality == "table" else []
    expected = []
    for place in z:
        near = np.argsort(np.linalg.norm(space.latents.mean - place, axis=1))[:10]
        scale = np.sqrt((space.latents.scale[near].astype(float) ** 2).mean(0))
        shaken = space.decode_encoded(place + scale * rng.normal(size=(1500, len(place))))
        still = space.decode_encoded(place)
        if space.schema.form == "counts":  # judged by their logarithms at one depth
            shaken, still = space.schema.normalise(shaken), space.schema.normalise(still)
        change = np.abs(shaken - still)
        for i, kind in enumerate(kinds):
            if kind in ("categorical", "boolean"):
                change[:, i] = change[:, i] > 0.5
        expected.append(np.sqrt((change.astype(float) ** 2).mean()))
    ratio = space.uncertainty(z) / np.array(expected)
    # A table's decode leaps between a column's common values, which a few directions of one length meet by chance.
    assert 0.85 < np.median(ratio) < (1.4 if kinds else 1.18)
    assert (ratio > 0.5).all()
    assert (ratio < 2).all()


def test_it_is_the_same_each_time_alone_or_in_a_batch(space: ds.Space) -> None:
    z = np.asarray(space.latents.mean[:5])
    together = space.uncertainty(z)
    assert together.shape == (5,)
    np.testing.assert_allclose(np.concatenate([space.uncertainty(one) for one in z]), together, rtol=1e-3)
    np.testing.assert_array_equal(space.uncertainty(z), together)


def test_percentiles_of_the_rows_themselves_are_even(space: ds.Space) -> None:
    percentiles = space.uncertainty_percentile(space.latents.mean)
    assert 0 <= percentiles.min() <= 2
    assert percentiles.max() < 100
    assert percentiles.mean() == pytest.approx(50, abs=2)


def test_a_place_elsewhere_is_refused(space: ds.Space) -> None:
    with pytest.raises(SpaceError, match=r"cannot measure uncertainty with .* latent dimensions"):
        space.uncertainty(np.zeros((1, space.latent_dim + 1)))
