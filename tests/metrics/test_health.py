"""Every way of being unwell is found, said in a sentence, worst first; a healthy space is told nothing."""

from __future__ import annotations

import numpy as np
import pytest

from deepspace.metrics import Measure, Measures, health, measure
from tests.linear import LinearSpace


@pytest.fixture
def space() -> LinearSpace:
    return LinearSpace(1000, widths=(3.0, 2.0), features=3)


def error(value: float, baseline: float, about: str = "") -> Measure:
    return Measure("reconstruction_error", value, n=100, better="lower", baseline=baseline, about=about)


def test_a_healthy_space_is_told_nothing(space: LinearSpace) -> None:
    assert health(space, measure(space)) == []


def test_posterior_collapse_comes_first(space: LinearSpace) -> None:
    space.latents.mean[:] = 0
    space.history = {"stopped": "user", "epochs": [{}] * 3}
    found = health(space, Measures((error(1.0, 1.0),)))
    assert found[0].startswith("Posterior collapse: none of the 2 latent dimensions")
    assert found[1].startswith(
        "Poor fit: held-out rows are rebuilt no better than by the mean (error 1, the mean's 1, n = 100)"
    )
    assert found[2] == "Training was stopped by hand after 3 epochs: the model is unfinished."


def test_many_dead_dimensions_but_not_a_few() -> None:
    few = LinearSpace(500, widths=(3.0, 2.0, 0.0), features=3)
    assert not [s for s in health(few) if "dead" in s]
    many = LinearSpace(500, widths=(3.0, 0.0, 0.0), features=3)
    assert "2 of 3 latent dimensions are dead" in " ".join(health(many))
    assert "collapse" not in " ".join(health(many))


def elbos(*values: float | None) -> list[dict]:
    return [{"validation_elbo": value} for value in values]


@pytest.mark.parametrize(
    ("history", "sentence"),
    [
        ({"stopped": "time", "epochs": [{}] * 4, "best_epoch": 2}, "ran out of time after 4 epochs"),
        ({"stopped": "epochs", "epochs": elbos(-9, -7, -5, -3)}, "limit of 4 epochs while still improving"),
        ({"stopped": "epochs", "epochs": elbos(-9, -5)}, "limit of 2 epochs while still improving"),
        ({"stopped": "epochs", "epochs": elbos(-9, -5, -4.9, -4.8)}, None),  # the end of a schedule, not of learning
        ({"stopped": "epochs", "epochs": elbos(-9, -5, -6, -7)}, None),
        ({"stopped": "epochs", "epochs": elbos(None, None)}, None),
        ({"stopped": "early", "epochs": elbos(-9, -7, -5, -3)}, None),
        ({}, None),
    ],
)
def test_unfinished_training(space: LinearSpace, history: dict, sentence: str | None) -> None:
    space.history = history
    found = health(space)
    assert found == [] if sentence is None else sentence in found[0]


def test_a_map_that_misleads(space: LinearSpace) -> None:
    space.map.trust = {"trustworthiness": 0.71, "continuity": 0.95, "n": 1000, "k": 5}
    (sentence,) = health(space)
    assert sentence.startswith("The map is a weak guide: trustworthiness 0.710 (n = 1,000, k = 5)")


def test_columns_that_were_not_learned(space: LinearSpace) -> None:
    columns = [error(0.99, 1.0, f"c{i}") for i in range(7)] + [error(0.5, 1.0, "learned")]
    (sentence,) = health(space, Measures((error(0.7, 1.0), *columns)))
    assert sentence.startswith("7 of 8 columns are rebuilt no better")
    assert sentence.endswith("c0, c1, c2, c3, c4 and 2 more.")


def test_rows_that_the_model_cannot_rebuild(space: LinearSpace) -> None:
    errors = np.random.default_rng(0).uniform(1, 2, 1000).astype(np.float32)
    space.figures = {"reconstruction_error": errors}
    assert health(space) == []
    errors[:40] = 50
    (sentence,) = health(space)
    assert sentence.startswith("40 of 1,000 rows (4.0 %) are rebuilt far worse than the rest")


def test_rows_learned_by_heart(space: LinearSpace) -> None:
    errors = np.random.default_rng(0).uniform(1, 2, 1000).astype(np.float32)
    errors[space.validation_index] *= 1.2
    space.figures = {"reconstruction_error": errors}
    assert health(space) == []
    errors[space.validation_index] *= 1.2
    (sentence,) = health(space)
    assert sentence.startswith("Learned by heart in part: rows that training saw are rebuilt better than new ones")
    assert "n = 100" in sentence
    space.validation_index = space.validation_index[:10]
    assert health(space) == [], "ten rows are too few to tell"


def test_few_rows() -> None:
    assert health(LinearSpace(60, widths=(3.0, 2.0), features=3))[-1].startswith("Only 60 rows")
