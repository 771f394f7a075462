"""The rows that a model leaves out, against planted ones; and coverage as a measure of a space."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.stats import fisher_exact

from deepspace.errors import SpaceError
from deepspace.metrics import measure, uncovered
from deepspace.metrics.coverage import features, over_represented
from tests.linear import LinearSpace


class Forgetful(LinearSpace):
    """Generates only what lies on one side."""

    def sample_encoded(self, n: int, seed: int = 0) -> np.ndarray:
        rows = super().sample_encoded(8 * n, seed)
        return rows[self.encode(rows)[:, 0] > 0.3][:n]


def test_a_model_that_is_the_truth_leaves_out_what_chance_does_and_no_group() -> None:
    found = uncovered(LinearSpace(3000))
    assert found.made == 12_000
    assert found.expected == pytest.approx(3000 * 0.2**5, rel=0.02)
    assert len(found) <= found.expected + 4 * found.expected**0.5
    assert found.groups == ()
    assert "none of 2 groups more than others" in str(found)


def test_a_side_that_is_never_generated_is_found_and_named() -> None:
    space = Forgetful(2000)
    found = uncovered(space)
    left = np.asarray(space.table["side"])[found.rows] == "left"
    assert len(found) > 500
    assert left.mean() > 0.85, "the rest lies on the right, but short of what is generated"
    assert [g.value for g in found.groups] == ["left"]
    assert found.groups[0].missed == left.sum()
    assert found.groups[0].q < 1e-10
    assert (np.diff(found.distances) <= 0).all()
    assert found.distances[0] > 1
    held = np.isin(found.rows, space.validation_index)
    assert np.array_equal(found.seen, ~held)
    assert "side left: " in str(found)
    assert found.to_arrow().num_rows == len(found)


def test_the_test_of_groups_is_fishers_and_its_false_discoveries_are_bounded() -> None:
    rng = np.random.default_rng(0)
    labels = {"a": rng.choice(list("xyz"), 200), "b": np.array(["one"] * 200)}
    missed = (labels["a"] == "x") & (rng.random(200) < 0.5)
    groups, tested = over_represented(labels, missed)
    assert tested == 3
    (x,) = groups
    table = [[x.missed, x.rows - x.missed], [0, 200 - x.rows]]
    assert x.q == pytest.approx(3 * fisher_exact(table, alternative="greater").pvalue, rel=1e-6)
    false = sum(
        bool(over_represented({"a": rng.choice(list("vwxyz"), 300)}, rng.random(300) < 0.2)[0]) for _ in range(300)
    )
    assert false <= 300 * 0.05 + 3 * (300 * 0.05 * 0.95) ** 0.5


def test_measures_of_the_truth_are_those_of_training_rows_and_beat_mixed_up_columns() -> None:
    taken = measure(LinearSpace(6000), ["coverage", "frechet_distance"])
    assert not taken.skipped
    for name in ("precision", "recall", "density", "coverage"):
        ours, (perfect,) = taken[name], taken.each(name)
        assert ours.n == 600
        assert ours.interval is not None
        assert ours.interval[0] <= perfect.value + 0.03
        assert perfect.value - 0.03 <= ours.interval[1]
        assert ours.beats_baseline, name
    distance = taken["frechet_distance"]
    assert distance.beats_baseline
    assert distance.value < 3 * taken.each("frechet_distance")[0].value


def test_what_a_model_leaves_out_costs_coverage_and_recall() -> None:
    whole, half = (measure(s, ["coverage"]) for s in (LinearSpace(4000), Forgetful(4000)))
    assert half["coverage"].value < whole["coverage"].value - 0.3
    assert half["recall"].value < whole["recall"].value - 0.3


def test_features_are_named_and_the_users_own_are_asked_in_the_users_units() -> None:
    space: Any = LinearSpace(300)
    asked: list[Any] = []

    def own(rows: Any) -> Any:
        asked.append(rows)
        return rows[:, :2]

    for kind, width, name in ((own, 2, "your own"), ("latent", 4, "the model's 4 latents"), ("raw", 6, "all 6 values")):
        found = features(space, space.samples, kind)
        assert found.of(space.samples[:7]).shape == (7, width)
        assert name in found.name
    assert len(asked[0]) == 7
    principal = features(space, space.samples).of(space.samples)
    apart = np.linalg.norm(space.samples[:50, None] - space.samples[None, :50], axis=2)
    np.testing.assert_allclose(np.linalg.norm(principal[:50, None] - principal[None, :50], axis=2), apart, atol=1e-3)
    with pytest.raises(SpaceError, match="no features are called 'inception'"):
        features(space, space.samples, "inception")  # type: ignore[arg-type]
    with pytest.raises(SpaceError, match="gave 1 rows for 7"):
        features(space, space.samples, lambda rows: rows[:1]).of(space.samples[:7])


def test_what_cannot_be_asked_is_refused() -> None:
    with pytest.raises(SpaceError, match="k is 0, it must be from 1 to 49"):
        uncovered(LinearSpace(50), k=0)
    assert "only 10 rows are held out" in measure(LinearSpace(100), ["coverage"]).skipped["coverage"]
