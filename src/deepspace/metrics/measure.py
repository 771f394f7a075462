"""A measure: one number with what is needed to believe it; and the registry that collects them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from deepspace.results import Tabular, figure, text_table

if TYPE_CHECKING:
    import pyarrow as pa

    from deepspace.metrics.heldout import HeldOut
    from deepspace.space import BaseSpace

__all__ = ["Measure", "Measures", "Metric", "Registry"]


@dataclass(frozen=True)
class Measure:
    """One number. ``n``: rows it rests on; ``interval``: 95 %; ``baseline``: what a method that learned nothing
    reaches; ``better``: which way is good; ``about``: the column or dimension it speaks of, empty for the whole
    space."""

    name: str
    value: float
    n: int
    unit: str = ""
    better: Literal["higher", "lower", ""] = ""
    interval: tuple[float, float] | None = None
    baseline: float | None = None
    about: str = ""
    note: str = ""

    @property
    def beats_baseline(self) -> bool | None:
        """Whether it is better than learning nothing; None where there is nothing to compare with."""
        if self.baseline is None or not self.better:
            return None
        return self.value > self.baseline if self.better == "higher" else self.value < self.baseline

    def __str__(self) -> str:
        about = f" of {self.about}" if self.about else ""
        unit = f" {self.unit}" if self.unit else ""
        interval = f" [{figure(self.interval[0])}, {figure(self.interval[1])}]" if self.interval else ""
        baseline = f", learning nothing: {figure(self.baseline)}" if self.baseline is not None else ""
        return f"{self.name}{about} {figure(self.value)}{unit}{interval} (n = {self.n:,}{baseline})"


@dataclass(frozen=True)
class Measures(Tabular):
    """Every measure of a space, in the order of the registry. ``skipped``: metrics that could not be taken, and why.
    ``held_out``: where rows were held out in groups, which they are."""

    items: tuple[Measure, ...]
    skipped: dict[str, str] = field(default_factory=dict)
    held_out: str = ""

    def __len__(self) -> int:
        return len(self.items)

    def __iter__(self) -> Iterator[Measure]:
        return iter(self.items)

    def __getitem__(self, name: str) -> Measure:
        """The measure of the whole space with this name."""
        found = self.get(name)
        if found is None:
            names = ", ".join(sorted({m.name for m in self.items}))
            raise KeyError(f"no measure is called {name!r}; there are: {names}")
        return found

    def get(self, name: str) -> Measure | None:
        """As indexing, but None when the measure was not taken."""
        return next((m for m in self.items if m.name == name and not m.about), None)

    def each(self, name: str) -> tuple[Measure, ...]:
        """The measures of single columns or dimensions with this name."""
        return tuple(m for m in self.items if m.name == name and m.about)

    def to_arrow(self) -> pa.Table:
        import pyarrow as pa

        plain = ("name", "about", "value", "unit", "n", "baseline", "better", "note")
        columns: dict[str, Any] = {name: [getattr(m, name) for m in self.items] for name in plain}
        columns["low"] = [m.interval[0] if m.interval else None for m in self.items]
        columns["high"] = [m.interval[1] if m.interval else None for m in self.items]
        return pa.table(columns)

    def to_json(self) -> list[dict[str, Any]]:
        """Plain values, one object a measure."""
        rows: list[dict[str, Any]] = self.to_arrow().to_pylist()
        return rows

    def __str__(self) -> str:
        rows = [
            (
                f"{m.name} of {m.about}" if m.about else m.name,
                figure(m.value),
                f"[{figure(m.interval[0])}, {figure(m.interval[1])}]" if m.interval else "",
                figure(m.baseline) if m.baseline is not None else "",
                m.unit,
                f"{m.n:,}",
            )
            for m in self.items
        ]
        table = text_table(("measure", "value", "95 %", "learning nothing", "unit", "n"), rows)
        head = [f"held out: {self.held_out}; intervals take rows for independent"] if self.held_out else []
        return "\n".join([*head, table, *(f"not measured: {name} ({why})" for name, why in self.skipped.items())])


Metric = Callable[["BaseSpace", "HeldOut"], Sequence[Measure]]
"""A metric looks at a space and its held-out rows, and returns its measures, or raises SpaceError saying why it
cannot."""


@dataclass(frozen=True)
class Registry:
    """The metrics by name, in the order they are taken and shown. ``slow``: those that take over a second or two on
    50,000 rows; they are left out when a space is built, and taken when somebody measures it."""

    metrics: dict[str, Metric] = field(default_factory=dict)
    slow: set[str] = field(default_factory=set)

    def register(self, name: str, metric: Metric, *, slow: bool = False) -> None:
        """Add a metric. Raises ValueError when the name is taken."""
        if name in self.metrics:
            raise ValueError(f"a metric called {name!r} is registered already")
        self.metrics[name] = metric
        if slow:
            self.slow.add(name)
