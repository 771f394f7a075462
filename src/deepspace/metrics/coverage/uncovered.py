"""Which real rows nobody generates, and of what kind they are."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from deepspace.errors import SpaceError
from deepspace.metrics.coverage.features import Kind, features
from deepspace.metrics.coverage.manifolds import nearest, radii
from deepspace.metrics.heldout import MOST_TRAINING, spread
from deepspace.results import Tabular, figure, text_table

if TYPE_CHECKING:
    from collections.abc import Callable

    import pyarrow as pa

    from deepspace.data.schema import Column
    from deepspace.space import BaseSpace

__all__ = ["Group", "Uncovered", "over_represented", "uncovered"]

_ROWS = 5_000
_TIMES = 4
_FALSE = 0.05
_CATEGORIES = 100
_PARTS = 5
_NUMERIC = ("numeric", "integer", "date")


@dataclass(frozen=True)
class Group:
    """Rows whose ``column`` has ``value``: ``missed`` of ``rows`` are not covered, where ``usual`` is the share among
    all rows. ``q``: of a one-sided hypergeometric test, over all groups looked at (Benjamini and Hochberg 1995)."""

    column: str
    value: str
    missed: int
    rows: int
    usual: float
    q: float

    @property
    def share(self) -> float:
        """Missed rows of its rows."""
        return self.missed / self.rows

    def __str__(self) -> str:
        return (
            f"{self.column} {self.value}: {self.missed:,} of {self.rows:,} ({100 * self.share:.1f} %, "
            f"all rows {100 * self.usual:.1f} %, q = {figure(self.q)})"
        )


@dataclass(frozen=True)
class Uncovered(Tabular):
    """Real rows that have no generated row in their ball, which reaches to their k-th real neighbour; the most forsaken
    first, by ``distances`` to the nearest generated row over the ball's radius.

    ``rows`` (u,) row numbers; ``seen`` (u,) whether training saw them; ``n`` rows were looked at against ``made``
    generated ones, in ``features``. ``expected``: how many rows would be left out by chance if generated rows were as
    real ones. ``groups``: values that are over-represented among the rows left out, at a false discovery rate of 5 %;
    ``tested``: how many were looked at.
    """

    rows: npt.NDArray[np.int64]
    distances: npt.NDArray[np.float32]
    seen: npt.NDArray[np.bool_]
    n: int
    made: int
    k: int
    features: str
    expected: float
    groups: tuple[Group, ...]
    tested: int

    def __len__(self) -> int:
        return len(self.rows)

    def to_arrow(self) -> pa.Table:
        import pyarrow as pa

        return pa.table({"row": self.rows, "distance": self.distances, "seen": self.seen})

    def __str__(self) -> str:
        title = (
            f"{len(self):,} of {self.n:,} real rows have none of {self.made:,} generated ones near them "
            f"(by chance: {self.expected:.1f}; k = {self.k}, in {self.features})"
        )
        found = [f"  {group}" for group in self.groups]
        if self.tested:
            found.insert(0, "more often than others:" if found else f"none of {self.tested} groups more than others")
        lines = [
            (f"{row}", figure(float(distance)), "trained on" if seen else "held out")
            for row, distance, seen in zip(self.rows[:12], self.distances[:12], self.seen[:12], strict=True)
        ]
        return "\n".join([title, *found, text_table(("row", "distance in radii", ""), lines)])


def uncovered(
    space: BaseSpace, *, k: int = 5, seed: int = 0, kind: Kind | Callable[[Any], npt.ArrayLike] = "principal"
) -> Uncovered:
    """Look at up to 5,000 rows of all, evenly, against four times as many generated ones.

    Were generated rows as real ones, each would be left out with probability prod_i (n - i) / (n + m - i), i = 1..k
    (Naeem 2020, arXiv:2002.09797): 3 in 10,000 at k = 5, so that nearly every row that is named is left out in truth.
    Principal components are fitted to training rows. Raises SpaceError for too few rows and a k beyond them.
    """
    rows = spread(np.arange(len(space), dtype=np.int64), _ROWS)
    n, m = len(rows), _TIMES * len(rows)
    if not 1 <= k < n:
        raise SpaceError(f"cannot look for rows of '{space.name}' left out: k is {k}, it must be from 1 to {n - 1}.")
    training = np.setdiff1d(np.arange(len(space)), space.validation_index, assume_unique=True)
    how = features(space, np.asarray(space.samples[spread(training, MOST_TRAINING)]), kind)
    real, made = how.of(np.asarray(space.samples[rows])), how.of(space.sample_encoded(m, seed))
    around, away = radii(real, k), nearest(real, made)
    missed = away > around
    with np.errstate(divide="ignore"):
        ratio = np.where(missed, away / around, 0).astype(np.float32)
    order = np.argsort(-ratio, kind="stable")[: int(missed.sum())]
    groups, tested = _groups(space, rows, missed)
    i = np.arange(1, k + 1)
    return Uncovered(
        rows=rows[order], distances=ratio[order], seen=~np.isin(rows[order], space.validation_index),
        n=n, made=m, k=k, features=how.name, expected=float(n * np.prod((n - i) / (n + m - i))),
        groups=groups, tested=tested,
    )  # fmt: skip


def _groups(
    space: BaseSpace, rows: npt.NDArray[np.int64], missed: npt.NDArray[np.bool_]
) -> tuple[tuple[Group, ...], int]:
    columns = [c for c in space.schema.columns if c.role in ("feature", "target", "metadata")]
    labelled = {c.name: _labels(space, c, rows) for c in columns}
    return over_represented({name: found for name, found in labelled.items() if found is not None}, missed)


def over_represented(
    labels: dict[str, npt.NDArray[Any]], missed: npt.NDArray[np.bool_]
) -> tuple[tuple[Group, ...], int]:
    """{column: (n,) strings} and (n,) flags -> the groups that hold more flags than chance would give them, those that
    hold most beyond chance first; and how many groups were looked at.

    Given the group's size and the number of flags, its flags are hypergeometric if they do not hang together.
    """
    from scipy.stats import hypergeom

    n, total = len(missed), int(missed.sum())
    if not total or total == n:
        return (), 0
    found = []
    for column, values in labels.items():
        names, codes, counts = np.unique(values, return_inverse=True, return_counts=True)
        if len(names) < 2:
            continue
        hits = np.bincount(codes.ravel(), missed, minlength=len(names)).astype(int)
        chance = hypergeom.sf(hits - 1, n, total, counts)
        found += list(zip([column] * len(names), names.tolist(), hits.tolist(), counts.tolist(), chance, strict=True))
    if not found:
        return (), 0
    p = np.array([entry[4] for entry in found])
    order = np.argsort(p)
    q = np.empty(len(p))
    q[order] = np.minimum.accumulate((p[order] * len(p) / np.arange(1, len(p) + 1))[::-1])[::-1]
    usual = total / n
    kept = [
        Group(column, str(name), hit, count, usual, float(value))
        for (column, name, hit, count, _), value in zip(found, q, strict=True)
        if value <= _FALSE
    ]
    return tuple(sorted(kept, key=lambda g: g.rows * g.usual - g.missed)), len(found)


def _labels(space: BaseSpace, column: Column, rows: npt.NDArray[np.int64]) -> npt.NDArray[Any] | None:
    """A column's values as strings: numbers by fifths; None where there are too many different ones."""
    values = space.rows.column(column.name).take(rows).to_pylist()
    missing = np.array([v is None or v != v for v in values])
    if column.kind not in _NUMERIC or column.distinct <= _PARTS:
        labels = np.array(["(missing)" if gone else str(v) for v, gone in zip(values, missing, strict=True)])
        return labels if len(np.unique(labels)) <= _CATEGORIES else None
    plain = [
        np.nan if gone else v.toordinal() if hasattr(v, "toordinal") else float(v)
        for v, gone in zip(values, missing, strict=True)
    ]
    numbers = np.array(plain, np.float64)
    if missing.all():
        return None
    edges = np.unique(np.quantile(numbers[~missing], np.linspace(0, 1, _PARTS + 1)))
    if len(edges) < 2:
        return None
    part = np.clip(np.searchsorted(edges, numbers, side="left") - 1, 0, len(edges) - 2)
    names = np.array([f"over {_edge(column, a)} to {_edge(column, b)}" for a, b in pairwise(edges)])
    names[0] = f"{_edge(column, edges[0])} to {_edge(column, edges[1])}"
    return np.where(missing, "(missing)", names[part])


def _edge(column: Column, value: float) -> str:
    if column.kind == "date":
        from datetime import date

        return date.fromordinal(int(value)).isoformat()
    return figure(float(value))
