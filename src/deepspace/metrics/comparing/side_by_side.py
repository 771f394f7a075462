"""Any number of spaces of the same rows under the same measures: what each model family gives on one's own data."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from deepspace.errors import SpaceError
from deepspace.metrics.comparing.compare import check_same_rows
from deepspace.metrics.measure import Measure, Measures
from deepspace.results import Tabular, figure, text_table

if TYPE_CHECKING:
    import pyarrow as pa

    from deepspace.space import BaseSpace

__all__ = ["SideBySide", "side_by_side"]


@dataclass(frozen=True)
class SideBySide(Tabular):
    """Measures of several spaces of the same rows, each on the rows that none of them was trained on.

    names: (S,) of the spaces; families: (S,); minutes: (S,) of training, as each was trained; measures: (S,).
    ``densities``: (S,), equal for spaces whose nats are of the same density, so that they may be compared.
    """

    names: tuple[str, ...]
    families: tuple[str, ...]
    minutes: tuple[float, ...]
    measures: tuple[Measures, ...]
    densities: tuple[str, ...]

    def rows(self) -> list[tuple[Measure | None, ...]]:
        """One entry a measure of the whole space, in the order they are taken; None where a space lacks it."""
        names = list(dict.fromkeys(m.name for measures in self.measures for m in measures if not m.about))
        return [tuple(measures.get(name) for measures in self.measures) for name in names]

    def best(self, row: Sequence[Measure | None]) -> int | None:
        """Which space is best at a measure: its 95 % interval clears every other's. None where none does, where there
        is no better or worse, or where the nats are of different densities."""
        first = next((m for m in row if m is not None), None)
        known = [i for i, m in enumerate(row) if m is not None and m.interval is not None]
        if first is None or not first.better or len(known) < 2:
            return None
        if first.unit.startswith("nats") and len({self.densities[i] for i in known}) > 1:
            return None
        sign = 1.0 if first.better == "higher" else -1.0
        ends = {i: sorted(sign * end for end in _interval(row[i])) for i in known}
        leader = max(known, key=lambda i: ends[i][0])
        return leader if all(ends[leader][0] > ends[i][1] for i in known if i != leader) else None

    @property
    def sentences(self) -> tuple[str, ...]:
        """What each space is best at beyond doubt, and what kept nats from being compared."""
        won: dict[int, list[str]] = {}
        for row in self.rows():
            leader = self.best(row)
            if leader is not None:
                won.setdefault(leader, []).append(next(m.name for m in row if m is not None))
        found = [f"'{self.names[i]}' is best at {', '.join(names)}." for i, names in sorted(won.items())]
        if not won:
            found.append("None is best at anything, as far as these rows can tell.")
        if len(set(self.densities)) > 1:
            found.append(
                "Nats are of different densities here, so no likelihood or ELBO is called better than another."
            )
        return tuple(found)

    def to_arrow(self) -> pa.Table:
        import pyarrow as pa

        entries: list[dict[str, Any]] = []
        for name, family, minutes, measures in zip(self.names, self.families, self.minutes, self.measures, strict=True):
            entries += [
                {"space": name, "family": family, "minutes": minutes, **entry}
                for entry in measures.to_arrow().to_pylist()
            ]
        return pa.Table.from_pylist(entries)

    def __str__(self) -> str:
        lines = [("training minutes", *(figure(m, 2) for m in self.minutes), "")]
        for row in self.rows():
            leader = self.best(row)
            cells = [_cell(m) + (" *" if i == leader else "") for i, m in enumerate(row)]
            lines.append(
                (next(m.name for m in row if m is not None), *cells, next(m.unit for m in row if m is not None))
            )
        titles = [f"{n} ({f})" if f not in n else n for n, f in zip(self.names, self.families, strict=True)]
        everywhere = set.intersection(*(set(measures.skipped) for measures in self.measures))
        skipped = [
            f"{name} of '{space}' ({why})"
            for space, measures in zip(self.names, self.measures, strict=True)
            for name, why in measures.skipped.items()
            if name not in everywhere
        ]
        return "\n".join(
            [
                *self.sentences,
                "",
                text_table(("measure", *titles, "unit"), lines),
                "* best: its 95 % interval clears every other's",
                *(f"not measured: {text}" for text in skipped),
            ]
        )


def side_by_side(
    *spaces: BaseSpace,
    measure: Callable[[BaseSpace], Measures] | None = None,
) -> SideBySide:
    """Measure two or more spaces of the same rows. ``measure``: what is taken of each; all there is by default.

    Raises SpaceError unless there are two, all of the same rows with the same rows held out.
    """
    from deepspace.metrics import measure as measured

    if len(spaces) < 2:
        raise SpaceError("cannot set spaces side by side: give at least two.")
    first = spaces[0]
    for other in spaces[1:]:
        check_same_rows(first, other)
        if not np.array_equal(first.validation_index, other.validation_index):
            raise SpaceError(
                f"cannot set '{other.name}' beside '{first.name}': other rows were held out of it, so that one "
                "would be judged on rows it knows; fit both with the same seed."
            )
    take = measure or measured
    return SideBySide(
        names=tuple(s.name for s in spaces),
        families=tuple(str(s.manifest["model"].get("family", "")) for s in spaces),
        minutes=tuple(float(s.history.get("seconds") or 0.0) / 60 for s in spaces),
        measures=tuple(take(s) for s in spaces),
        densities=tuple(_density(s) for s in spaces),
    )


def _density(space: BaseSpace) -> str:
    """What the space's nats are a density of: its likelihood's name, or its family where that has its own."""
    described = space.manifest["model"]
    return str(described.get("config", {}).get("likelihood") or described.get("family", ""))


def _interval(measure: Measure | None) -> tuple[float, float]:
    assert measure is not None
    assert measure.interval is not None
    return measure.interval


def _cell(measure: Measure | None) -> str:
    if measure is None:
        return "-"
    low, high = measure.interval or (None, None)
    return figure(measure.value) + ("" if low is None else f" [{figure(low)}, {figure(high)}]")
