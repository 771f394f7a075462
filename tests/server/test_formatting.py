"""Cells as text."""

from __future__ import annotations

import datetime as dt
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepspace.server.formatting import MISSING, as_number, cell


@pytest.mark.parametrize(
    ("value", "kind", "text"),
    [
        (3, "integer", "3"),
        (3.0, "integer", "3"),
        (48842, "integer", "48842"),
        (1234.567, "numeric", "1235"),
        (12.3456, "numeric", "12.3"),
        (0.0123456, "numeric", "0.0123"),
        (0.1, "numeric", "0.1"),
        (1.0, "numeric", "1"),
        (0.9999, "numeric", "1"),
        (-0.0001, "numeric", "-0.0001"),
        (-0.0, "numeric", "0"),
        (1.5e-7, "numeric", "1.50e-07"),
        (np.float32(2.5), "numeric", "2.5"),
        (np.int64(7), "integer", "7"),
        (True, "boolean", "true"),
        ("A11", "categorical", "A11"),
        (None, "numeric", MISSING),
        (float("nan"), "numeric", MISSING),
        (float("inf"), "numeric", "infinity"),
        (dt.date(2013, 9, 15), "date", "2013-09-15"),
        (dt.datetime(2013, 9, 15), "date", "2013-09-15"),
        (dt.datetime(2013, 9, 15, 8, 30), "date", "2013-09-15 08:30:00"),
    ],
)
def test_a_cell_reads_as_a_person_would_write_it(value: object, kind: str, text: str) -> None:
    assert cell(value, kind) == text


@given(st.floats(1e-4, 1e14), st.integers(2, 6))
def test_a_number_keeps_its_significant_digits(value: float, digits: int) -> None:
    # Half a unit in the last of `digits` places, or half a whole where the whole part is longer than that.
    unit = min(1.0, 10.0 ** (math.floor(math.log10(value)) + 1 - digits))
    assert abs(float(cell(value, "numeric", digits=digits)) - value) <= 0.5 * unit * (1 + 1e-9) + 1e-12 * value
    assert cell(-value, "numeric", digits=digits) == "-" + cell(value, "numeric", digits=digits)


def test_dates_are_measured_in_days() -> None:
    assert as_number(dt.date(1970, 1, 11)) == 10
    assert as_number(dt.datetime(1970, 1, 1, 12)) == 0.5
    assert math.isnan(as_number("a name"))
