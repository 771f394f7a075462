"""Intervals against their definitions, and numbers as a reader wants them."""

from __future__ import annotations

import builtins
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepspace.errors import DeepspaceError
from deepspace.results import Tabular, figure, mean_interval, text_table, wilson


@given(st.integers(1, 400).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_wilson_ends_solve_the_score_equation(case: tuple[int, int]) -> None:
    successes, n = case
    share = successes / n
    low, high = wilson(successes, n)
    assert 0 <= low <= share <= high <= 1
    for end in (low, high):
        if 0 < end < 1:
            assert abs(share - end) == pytest.approx(1.959963984540054 * math.sqrt(end * (1 - end) / n), abs=1e-9)


def test_an_interval_of_no_rows_is_everything() -> None:
    assert wilson(0, 0) == (0.0, 1.0)
    assert mean_interval(3.0, 0.0, 1) == (-math.inf, math.inf)


def test_mean_interval_covers_as_often_as_it_says() -> None:
    import numpy as np

    draws = np.random.default_rng(0).normal(2.0, 3.0, size=(4000, 50))
    ends = [mean_interval(float(r.mean()), float(r.std(ddof=1)), 50) for r in draws]
    covered = sum(low <= 2.0 <= high for low, high in ends) / len(ends)
    assert covered == pytest.approx(0.945, abs=0.012)  # the normal approximation at n = 50 covers 94.4 %


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"), (7.0, "7"), (-2.0, "-2"), (1234.5, "1,234"), (123.4, "123"), (12.34, "12.3"), (0.5, "0.500"),
        (0.01234, "0.0123"), (1.5e-7, "1.50e-07"), (math.nan, "-"), (None, "-"), (math.inf, "inf"),
        (1e9, "1,000,000,000"),
    ],
)  # fmt: skip
def test_figure(value: float | None, text: str) -> None:
    assert figure(value) == text


def test_text_table_lines_up() -> None:
    assert text_table(("a", "b"), [("one", "1"), ("three", "100")]) == "a        b\none      1\nthree  100"


def test_to_pandas_without_pandas_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    class Answer(Tabular):
        def to_arrow(self) -> Any:
            class Table:
                def to_pandas(self) -> Any:
                    import pandas  # noqa: F401

            return Table()

    real = builtins.__import__

    def refuse(name: str, *rest: Any, **more: Any) -> Any:
        if name == "pandas":
            raise ImportError(name)
        return real(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", refuse)
    with pytest.raises(DeepspaceError, match=r"pip install 'deepspace\[pandas\]'"):
        Answer().to_pandas()
