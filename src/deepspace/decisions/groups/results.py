"""What is known of subgroups: one entry a group and measure."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from deepspace.results import Tabular, figure, text_table

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["LEVEL", "Entry", "Groups"]

LEVEL = 0.05
"""A difference counts as found when its adjusted p is at most this."""


@dataclass(frozen=True)
class Entry:
    """One measure of one group. ``n``: the group's rows that the measure is of; ``value`` with its 95 % interval;
    ``difference``: to the rest of the rows (``rest_n``), with its interval; ``p`` of the difference and ``adjusted``,
    which holds for all tests made together. None where the group, or the rest, is too small to say anything.
    ``ratio``: of a decision rate to that of the ``reference`` group, with its interval.
    """

    column: str
    group: str
    measure: str
    n: int
    value: float | None = None
    low: float | None = None
    high: float | None = None
    rest_n: int = 0
    difference: float | None = None
    difference_low: float | None = None
    difference_high: float | None = None
    p: float | None = None
    adjusted: float | None = None
    ratio: tuple[float, float, float] | None = None
    reference: str = ""

    @property
    def found(self) -> bool:
        """Whether the difference may be said to be one."""
        return self.adjusted is not None and self.adjusted <= LEVEL


@dataclass(frozen=True, eq=False)
class Groups(Tabular):
    """``entries`` in the order of columns, groups, measures. ``sizes``: all rows of each (column, group); ``small``:
    those with fewer than ``least`` rows, of which no rate is stated. ``tests``: how many were made and corrected for,
    by ``correction``. ``positive``: the outcome whose share is the decision rate, and which a false positive has.
    """

    entries: tuple[Entry, ...]
    sizes: dict[tuple[str, str], int]
    small: tuple[tuple[str, str], ...]
    least: int
    tests: int
    correction: str
    positive: str
    notes: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.entries)

    @property
    def columns(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(column for column, _ in self.sizes))

    @property
    def measures(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(entry.measure for entry in self.entries))

    @property
    def found(self) -> tuple[Entry, ...]:
        """Differences that may be believed, the surest first."""
        return tuple(sorted((e for e in self.entries if e.found), key=lambda e: (e.adjusted or 0.0, e.p or 0.0)))

    def get(self, column: str, group: str, measure: str) -> Entry:
        """One entry. Raises KeyError."""
        for entry in self.entries:
            if (entry.column, entry.group, entry.measure) == (column, group, measure):
                return entry
        raise KeyError((column, group, measure))

    def to_arrow(self) -> pa.Table:
        import pyarrow as pa

        texts = ("column", "group", "measure")
        numbers = (
            "value", "low", "high", "difference", "difference_low", "difference_high", "p", "adjusted",
        )  # fmt: skip
        table: dict[str, pa.Array] = {t: pa.array([getattr(e, t) for e in self.entries], pa.string()) for t in texts}
        table |= {name: pa.array([getattr(e, name) for e in self.entries], pa.int64()) for name in ("n", "rest_n")}
        table |= {name: pa.array([getattr(e, name) for e in self.entries], pa.float64()) for name in numbers}
        for place, name in enumerate(("ratio", "ratio_low", "ratio_high")):
            ratios = [None if e.ratio is None else e.ratio[place] for e in self.entries]
            table[name] = pa.array(ratios, pa.float64())
        table["reference"] = pa.array([e.reference for e in self.entries], pa.string())
        return pa.table(table)

    def __str__(self) -> str:
        lines = list(self.notes)
        if "false positive rate" in self.measures:
            lines.append(f"a false positive is decided '{self.positive}' and was not; a false negative the reverse.")
        found = self.distinct
        many = f"{len(found)} difference{'s' * (len(found) != 1)} between a group and the rest"
        lines.append(f"{many} at {LEVEL} after {self.correction}, of {self.tests} tests" + (":" if found else ""))
        lines += [f"  {sentence(entry)}" for entry in found[:12]]
        if len(found) > 12:
            lines.append(f"  and {len(found) - 12} more")
        for column in self.columns:
            lines += ["", self._table(column)]
        return "\n".join(lines)

    @property
    def distinct(self) -> list[Entry]:
        """Differences found, each once: of two groups that make up a column, the larger one's."""
        groups = Counter(column for column, _ in self.sizes)
        ordered = sorted(self.found, key=lambda e: (e.adjusted or 0.0, e.p or 0.0, -self.sizes[e.column, e.group]))
        shown: dict[tuple[str, str, str], Entry] = {}
        for entry in ordered:
            shown.setdefault((entry.column, entry.measure, "" if groups[entry.column] == 2 else entry.group), entry)
        return list(shown.values())

    def _table(self, column: str) -> str:
        rows = []
        for name, group in self.sizes:
            if name != column:
                continue
            n = self.sizes[name, group]
            if (name, group) in self.small:
                rows.append((group, f"{n:,}", "too small", *[""] * (len(self.measures) - 1)))
                continue
            own = {e.measure: e for e in self.entries if (e.column, e.group) == (name, group)}
            cells = [_cell(own[m]) if m in own else "-" for m in self.measures]
            rows.append((group, f"{n:,}", *cells))
        return text_table((column, "rows", *self.measures), rows)


def _cell(entry: Entry) -> str:
    if entry.value is None:
        return f"n = {entry.n}"
    return f"{figure(entry.value, 2)} [{figure(entry.low, 2)}, {figure(entry.high, 2)}]" + ("*" if entry.found else "")


def sentence(entry: Entry) -> str:
    """One difference in words."""
    way = "higher" if (entry.difference or 0) > 0 else "lower"
    return (
        f"{entry.column} = {entry.group}: {entry.measure} {figure(entry.value)} (n = {entry.n:,}), "
        f"{figure(abs(entry.difference or 0.0))} {way} than the rest "
        f"[{figure(entry.difference_low)}, {figure(entry.difference_high)}], adjusted p {figure(entry.adjusted, 2)}"
    )
