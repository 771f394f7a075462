"""Holes and mismatch against spaces whose aggregate posterior is, or is not, the prior; energy against its formula."""

from __future__ import annotations

import numpy as np
import pytest

from deepspace.metrics import health, held_out, measure
from deepspace.metrics.prior import energy, holes, prior_mismatch
from tests.linear import LinearSpace


def by_neighbours(space: LinearSpace) -> LinearSpace:
    """With the density that real spaces use, which knows of the rows and not of the prior."""
    from deepspace.space.density import Density

    unit = np.sqrt(np.square(space.latents.scale).mean(0))
    density = Density(np.ascontiguousarray(space.latents.mean, np.float32), unit)
    space.density = lambda z: density.at(np.asarray(z, np.float32))
    return space


def test_a_space_that_fills_its_prior_has_no_holes() -> None:
    space = by_neighbours(LinearSpace(4000))
    prior, held = holes(space, held_out(space))
    assert (prior.about, held.about) == ("", "held-out rows")
    assert prior.n == 1000
    assert held.n == 400
    for found in (prior, held):
        assert found.interval is not None
        assert found.interval[0] <= 0.02, "one in a hundred is expected"
        assert found.value < 0.04


def test_two_clusters_leave_a_hole() -> None:
    """Rows only where |z_0| > 1: a known share of the prior is empty."""
    space = LinearSpace(4000, widths=(3.0, 2.0), features=3)
    outer = np.abs(space.latents.mean[:, 0]) > 1
    mean = space.latents.mean
    mean[~outer, 0] = np.sign(mean[~outer, 0]) * (2 - np.abs(mean[~outer, 0]))
    space.latents.scale[:] = 0.1
    prior, held = holes(by_neighbours(space), held_out(space))
    # No more than P(|z_0| < 1) = .68 can be empty; near the rows' edge it is as crowded as in their tails.
    assert 0.3 < prior.value < 0.68
    assert held.value < 0.06


def test_the_mismatch_of_a_gaussian_is_the_closed_form() -> None:
    space = LinearSpace(4000)
    space.latents.mean = 0.5 + 2 * np.random.default_rng(0).standard_normal((4000, 4)).astype(np.float32)
    space.latents.scale[:] = 1e-3
    found = {m.about: m for m in prior_mismatch(space, held_out(space)) if m.name == "prior_kl"}
    for d in range(4):
        assert found[f"dimension {d}"].value == pytest.approx(0.5 * (0.25 + 4 - 1 - np.log(4)), abs=0.1)
    assert found[""].value == pytest.approx(sum(m.value for about, m in found.items() if about))


def test_alike_is_near_nought_and_not_significant() -> None:
    space = LinearSpace(4000)
    overall = prior_mismatch(space, held_out(space))[0]
    assert overall.name == "prior_energy"
    assert abs(overall.value) < 0.01
    assert overall.interval is not None
    assert overall.interval[0] < 0.002
    assert "p = " in overall.note
    space.latents.mean = space.latents.mean + 1
    apart = prior_mismatch(space, held_out(space))[0]
    assert apart.value > 0.05
    assert apart.note.endswith("permutation p < 0.01")


def test_energy_is_its_formula_and_p_is_uniform_under_the_null() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(30, 3)), rng.normal(0.7, 1, size=(30, 3))

    def apart(a: np.ndarray, b: np.ndarray) -> list[float]:
        return [float(np.linalg.norm(p - q)) for i, p in enumerate(a) for j, q in enumerate(b) if a is not b or i != j]

    across, first, second = (np.mean(apart(a, b)) for a, b in ((x, y), (x, x), (y, y)))
    value, (low, high), p = energy(x, y, rng)
    assert value == pytest.approx((2 * across - first - second) / (2 * across))
    assert low < value < high
    assert p < 0.05
    small = [energy(rng.normal(size=(20, 2)), rng.normal(size=(20, 2)), rng)[2] <= 0.2 for _ in range(60)]
    assert 0.05 < np.mean(small) < 0.4, "a fifth is expected"


def test_health_speaks_of_what_matters_only() -> None:
    space = by_neighbours(LinearSpace(1000, widths=(3.0, 2.0), features=3))
    assert health(space, measure(space)) == []
    space.latents.mean, space.latents.scale = space.latents.mean * 0.3, space.latents.scale * 0.3
    holes_, mismatch = health(by_neighbours(space), measure(space, ["holes", "prior_mismatch"]))
    share = measure(space, ["holes"])["holes"]
    assert holes_.startswith(f"Holes: {100 * share.value:.0f} % of the samples of the prior")
    assert "n = 1,000) fall where no data lies, against" in holes_
    assert mismatch.startswith("The rows are not where the prior is: ")
    assert "deviation 0.3" in mismatch
