"""Cells as people read them: whole numbers without decimals, three significant digits, ISO dates, names as they are."""

from __future__ import annotations

import datetime as dt
import math
from typing import Any

import numpy as np

__all__ = ["MISSING", "as_number", "cell"]

MISSING = "missing"


def _is_missing(value: Any) -> bool:
    return (
        value is None or (isinstance(value, float | np.floating) and math.isnan(float(value))) or value is np.ma.masked
    )


def _number(value: float, digits: int) -> str:
    """``digits`` significant digits, but never fewer than the whole part has: 1234.5 is 1234, not 1230."""
    if not math.isfinite(value):
        return "infinity" if value > 0 else "-infinity"
    size = abs(value)
    if size != 0 and (size < 1e-4 or size >= 1e15):
        return f"{value:.{digits - 1}e}"
    whole = len(str(int(size))) if size >= 1 else 1 - math.ceil(-math.log10(size)) if size > 0 else 1
    text = f"{value:.{max(0, digits - whole)}f}"
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text in {"-0", ""} else text


def cell(value: Any, kind: str, *, digits: int = 3) -> str:
    """One value of a column of this kind, as text. ``digits``: significant digits of numbers."""
    if isinstance(value, np.generic):
        value = value.item()
    if _is_missing(value):
        return MISSING
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dt.datetime):
        midnight = value.time() == dt.time() and value.tzinfo is None
        return value.date().isoformat() if midnight else value.isoformat(sep=" ", timespec="seconds")
    if isinstance(value, dt.date | dt.time):
        return value.isoformat()
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        if kind in {"integer", "ordinal", "categorical", "boolean"} and value.is_integer():
            return str(int(value))
        return _number(value, digits)
    return str(value)


def as_number(value: Any) -> float:
    """A number to measure distances with: dates as days since 1970, NaN where there is nothing to measure."""
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, dt.datetime):
        return value.replace(tzinfo=value.tzinfo or dt.UTC).timestamp() / 86400
    if isinstance(value, dt.date):
        return float((value - dt.date(1970, 1, 1)).days)
    if isinstance(value, int | float):
        return float(value)
    return math.nan
