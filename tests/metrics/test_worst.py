"""The rows that cannot be rebuilt, against planted ones."""

from __future__ import annotations

import numpy as np
import pytest

from deepspace.errors import SpaceError
from deepspace.metrics import measure, worst_rows
from deepspace.metrics.worst import far_limit
from tests.linear import LinearSpace


def test_planted_rows_are_found_worst_first() -> None:
    space = LinearSpace(1000)
    errors = space.figures["reconstruction_error"]
    errors[[40, 7, 991]] = 60, 50, 70
    found = worst_rows(space, 5)
    assert found.rows[:3].tolist() == [991, 40, 7]
    assert found.errors.tolist() == sorted(errors.tolist(), reverse=True)[:5]
    assert found.seen[:3].tolist() == [True, False, True], "every tenth row is held out"
    assert found.far == 3
    assert str(found).startswith("3 of 1,000 rows are rebuilt far worse than the rest")
    assert found.to_arrow().column("far").to_pylist() == [True, True, True, False, False]
    share = measure(space, ["rows_not_rebuilt"])["rows_not_rebuilt"]
    assert share.value == pytest.approx(0.003)
    assert share.interval is not None
    assert share.interval[0] < 0.003 < share.interval[1]


def test_equal_errors_keep_the_order_of_the_rows_and_more_than_there_are_is_all() -> None:
    space = LinearSpace(20)
    space.figures = {"reconstruction_error": np.ones(20, np.float32)}
    assert worst_rows(space, 3).rows.tolist() == [0, 1, 2]
    assert len(worst_rows(space, 99)) == 20


def test_the_fence_is_beyond_what_a_normal_sample_has_and_at_the_known_place_of_an_exponential() -> None:
    rng = np.random.default_rng(0)
    assert (rng.normal(size=100_000) > far_limit(rng.normal(size=100_000))).sum() <= 2
    sample = rng.exponential(size=400_000)
    assert far_limit(sample) == pytest.approx(np.log(4) + 3 * np.log(3), abs=0.05)
    assert (sample > far_limit(sample)).mean() == pytest.approx(1 / 108, rel=0.1)


def test_what_cannot_be_asked_is_said() -> None:
    space = LinearSpace(20)
    with pytest.raises(SpaceError, match="k must be 1 or more"):
        worst_rows(space, 0)
    space.figures = {}
    with pytest.raises(SpaceError, match="holds no reconstruction errors"):
        worst_rows(space)
