"""Which columns are principal reasons, and how often, over many cases."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from deepspace.decisions.reasons.results import Reasons
from deepspace.errors import SpaceError
from deepspace.results import Tabular, figure, text_table, wilson

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["Overall", "overall"]

CHANCE = 0.05
"""Where no more cases than this have a stable reason, what was found is what chance finds."""


@dataclass(frozen=True)
class Overall(Tabular):
    """``columns``: the commonest reason first; ``counts``: in how many of the n adverse cases each is stated;
    ``shares`` and ``intervals``: the same as shares, 95 %; ``contributions``: mean where stated. without: adverse
    cases with no stable reason; flipped: those whose decision turns when the stated reasons are set to the reference.
    nothing: a sentence where nothing stable was found at all, else "".
    """

    n: int
    columns: tuple[str, ...]
    counts: tuple[int, ...]
    shares: tuple[float, ...]
    intervals: tuple[tuple[float, float], ...]
    contributions: tuple[float, ...]
    without: int
    flipped: int
    nothing: str = ""

    def __len__(self) -> int:
        return len(self.columns)

    def to_arrow(self) -> pa.Table:
        import pyarrow as pa

        return pa.table({
            "column": pa.array(self.columns, pa.string()),
            "n": pa.array(self.counts, pa.int64()),
            "share": pa.array(self.shares, pa.float64()),
            "low": pa.array([low for low, _ in self.intervals], pa.float64()),
            "high": pa.array([high for _, high in self.intervals], pa.float64()),
            "contribution": pa.array(self.contributions, pa.float64()),
        })  # fmt: skip

    def __str__(self) -> str:
        if self.nothing:
            return self.nothing
        flipped, without = (_share(count, self.n) for count in (self.flipped, self.without))
        head = (
            f"{self.n:,} adverse decisions: {without} have no stable reason; {flipped} turn when their stated reasons "
            "are set to what is typical of cases decided otherwise."
        )
        rows = [
            (name, f"{count:,}", f"{100 * share:.1f} %", f"[{100 * low:.1f}, {100 * high:.1f}]", figure(weight))
            for name, count, share, (low, high), weight in zip(
                self.columns, self.counts, self.shares, self.intervals, self.contributions, strict=True
            )
        ]
        return f"{head}\n{text_table(('principal reason', 'n', 'share', '95 %', 'contribution'), rows)}"


def overall(found: Reasons) -> Overall:
    """Of the adverse cases among ``found``. Raises SpaceError where there is none."""
    cases = [case for case in found if case.adverse]
    if not cases:
        raise SpaceError(f"none of the {len(found):,} cases is adverse, so that no reasons can be summed up.")
    weights: dict[str, list[float]] = defaultdict(list)
    for case in cases:
        for reason in case.reasons:
            weights[reason.column].append(reason.contribution)
    n, names = len(cases), sorted(weights, key=lambda name: (-len(weights[name]), name))
    counts = tuple(len(weights[name]) for name in names)
    told = sum(bool(case.reasons) for case in cases)
    nothing = ""
    if wilson(told, n)[0] <= CHANCE:
        nothing = (
            f"Nothing stable was found: {told:,} of {n:,} adverse decisions have a stable reason, no more than "
            "chance would give."
        )
    return Overall(
        n, tuple(names), counts, tuple(count / n for count in counts), tuple(wilson(count, n) for count in counts),
        tuple(float(np.mean(weights[name])) for name in names), n - told, sum(bool(case.flips) for case in cases),
        nothing,
    )  # fmt: skip


def _share(count: int, n: int) -> str:
    low, high = wilson(count, n)
    return f"{100 * count / n:.0f} % [{100 * low:.0f} %, {100 * high:.0f} %]"
