"""What every answer has in common: it becomes a table, it prints well, and a share comes with an interval."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from deepspace.errors import DeepspaceError

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["Tabular", "figure", "mean_interval", "text_table", "wilson"]

Z95 = 1.959963984540054
"""The normal quantile behind every 95 % interval."""


class Tabular:
    """A result that is a table underneath: ``to_arrow`` always works, ``to_pandas`` where pandas is installed."""

    @abstractmethod
    def to_arrow(self) -> pa.Table:
        """The result as an Arrow table, one row an entry."""

    def to_pandas(self) -> Any:
        """The result as a pandas DataFrame. Raises DeepspaceError when pandas is not installed."""
        try:
            return self.to_arrow().to_pandas()
        except ImportError as error:
            message = "to_pandas() needs pandas, which is missing: pip install 'deepspace[pandas]', or use to_arrow()."
            raise DeepspaceError(message) from error


def wilson(successes: int, n: int) -> tuple[float, float]:
    """95 % interval of a share: the score interval, good for small n and for shares near 0 or 1. Wilson 1927.

    >>> low, high = wilson(0, 10)
    >>> low, round(high, 3)
    (0.0, 0.278)
    """
    if n <= 0:
        return 0.0, 1.0
    share, z2 = successes / n, Z95 * Z95
    centre = (share + z2 / (2 * n)) / (1 + z2 / n)
    half = Z95 * math.sqrt(share * (1 - share) / n + z2 / (4 * n * n)) / (1 + z2 / n)
    low = 0.0 if successes == 0 else max(0.0, centre - half)
    return low, 1.0 if successes == n else min(1.0, centre + half)


def mean_interval(mean: float, deviation: float, n: int) -> tuple[float, float]:
    """95 % interval of a mean by the normal approximation; deviation is the sample's standard deviation."""
    half = Z95 * deviation / math.sqrt(n) if n > 1 else math.inf
    return mean - half, mean + half


def figure(value: float | None, digits: int = 3) -> str:
    """A number as a reader wants it: ``digits`` significant figures, whole numbers whole, no exponent where avoidable.

    >>> figure(1234.567), figure(0.012345), figure(7.0), figure(None)
    ('1,235', '0.0123', '7', '-')
    """
    if value is None or math.isnan(value):
        return "-"
    if math.isinf(value):
        return "inf" if value > 0 else "-inf"
    if value == int(value) or abs(value) >= 10**digits:
        return f"{value:,.0f}"
    if abs(value) < 1e-4:
        return f"{value:.{digits - 1}e}"
    decimals = max(0, digits - 1 - math.floor(math.log10(abs(value))))
    return f"{value:,.{decimals}f}"


def text_table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Columns set under their names; the first is flush left, the others flush right."""
    cells = [tuple(header), *(tuple(row) for row in rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(header))]
    lines = []
    for row in cells:
        first = row[0].ljust(widths[0])
        others = [cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True)]
        lines.append("  ".join([first, *others]).rstrip())
    return "\n".join(lines)
