"""What else moves along a score: every column of the data, tested by permutation with a bound on false discoveries."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from deepspace.explore.discovery import adjusted
from deepspace.results import Tabular, figure, text_table

if TYPE_CHECKING:
    import pyarrow as pa

    from deepspace.space import BaseSpace

__all__ = ["SideEffect", "SideEffects", "Values", "columns_of", "numbers", "side_effects"]

FALSE_DISCOVERY = 0.05
"""A column is said to move when its q is at most this: of all the columns so named, one in twenty by chance."""

_DRAWS = (999, 1999)
_MOST_CATEGORIES = 40
_NUMBERS, _NAMES = ("numeric", "integer", "date"), ("categorical", "boolean", "ordinal")

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Values:
    """One column at chosen rows: numbers with NaN where missing (categories: their code), and the categories' names."""

    name: str
    kind: str
    role: str
    numbers: Floats
    names: tuple[str, ...] = ()

    def __getitem__(self, some: slice) -> Values:
        """The same column at some of the rows."""
        return replace(self, numbers=self.numbers[some])

    def strata(self, count: int = 5) -> npt.NDArray[np.int64]:
        """Which rows are alike in this column: categories, or numbers in ``count`` equal shares; -1 where missing."""
        missing = np.isnan(self.numbers)
        if missing.all():
            return np.full(len(missing), -1)
        if self.names:
            return np.where(missing, -1, self.numbers).astype(np.int64)
        edges = np.unique(np.nanquantile(self.numbers, np.linspace(0, 1, count + 1)[1:-1]))
        return np.where(missing, -1, np.searchsorted(edges, self.numbers, side="right")).astype(np.int64)


@dataclass(frozen=True)
class SideEffect:
    """How one column goes with a score among the rows.

    ``strength``: Spearman's rho for numbers and ordered categories (-1 to 1), the correlation ratio of the ranks for
    other categories (0 to 1); ``p``: two-sided, by permutation; ``q``: after Benjamini and Hochberg over the columns;
    ``n``: rows that have a value. ``toward``, ``away``: the categories whose rows score highest and lowest. ``within``:
    the held-out AUC among rows that are alike in this column, None where too few of both groups are; ``defines``: the
    groups were chosen by this column.
    """

    name: str
    kind: str
    role: str
    strength: float
    p: float
    q: float
    n: int
    toward: str = ""
    away: str = ""
    within: float | None = None
    defines: bool = False

    @property
    def moves(self) -> bool:
        """Whether it may be named: q within the bound on false discoveries."""
        return self.q <= FALSE_DISCOVERY


@dataclass(frozen=True)
class SideEffects(Tabular):
    """Every column, the strongest first; ``n`` rows, drawn from all of them, were looked at."""

    items: tuple[SideEffect, ...]
    n: int

    def __len__(self) -> int:
        return len(self.items)

    def __iter__(self) -> Iterator[SideEffect]:
        return iter(self.items)

    def __getitem__(self, place: int | str) -> SideEffect:
        """By place, or by the column's name."""
        if isinstance(place, str):
            return next(item for item in self.items if item.name == place)
        return self.items[place]

    @property
    def moving(self) -> tuple[SideEffect, ...]:
        """Those that may be said to move, the strongest first."""
        return tuple(item for item in self.items if item.moves)

    def to_arrow(self) -> pa.Table:
        import pyarrow as pa

        names = (
            "name", "kind", "role", "strength", "p", "q", "n", "toward", "away", "within", "defines",
        )  # fmt: skip
        return pa.table({name: [getattr(item, name) for item in self.items] for name in names})

    def __str__(self) -> str:
        if not self.items:
            return "no columns beside the data"
        rows = [
            (e.name, figure(e.strength, 2), figure(e.p, 2), figure(e.q, 2), f"{e.n:,}", _way(e))
            for e in (self.moving or self.items)[:12]
        ]
        title = f"{len(self.moving)} of {len(self)} columns move along it (n = {self.n:,}, q <= {FALSE_DISCOVERY})"
        return f"{title}\n{text_table(('column', 'strength', 'p', 'q', 'n', ''), rows)}"


def _way(effect: SideEffect) -> str:
    way = f"from {effect.away} to {effect.toward}" if effect.toward else ""
    return f"{way} (defines the groups)".strip() if effect.defines else way


def columns_of(space: BaseSpace, rows: npt.NDArray[np.int64]) -> list[Values]:
    """The columns that can be tested (features, target, metadata; not free text) at chosen rows."""
    chosen = [
        column
        for column in space.schema.columns
        if column.role in ("feature", "target", "metadata") and column.kind in _NUMBERS + _NAMES
    ]
    if not chosen:
        return []
    table = space.rows.table([column.name for column in chosen], rows)
    found = []
    for column in chosen:
        values = table.column(column.name)
        if column.kind in _NUMBERS:
            found.append(Values(column.name, column.kind, column.role, numbers(values)))
            continue
        codes, names = _codes(values, column.categories if column.kind == "ordinal" else ())
        found.append(Values(column.name, column.kind, column.role, codes, names))
    return found


def numbers(values: pa.ChunkedArray) -> Floats:
    """Numbers, dates in milliseconds; NaN where missing."""
    import pyarrow as pa

    if pa.types.is_temporal(values.type):
        values = values.cast(pa.timestamp("ms"), safe=False).cast(pa.int64())
    return np.asarray(values.cast(pa.float64(), safe=False).to_numpy(), np.float64)


def _codes(values: pa.ChunkedArray, ordered: tuple[str, ...]) -> tuple[Floats, tuple[str, ...]]:
    """Codes (N,), NaN where missing, and their names: in the order given, else the most frequent first; beyond the most
    that is looked at, all that are rarer are one, "other"."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if pa.types.is_dictionary(values.type):
        values = values.cast(values.type.value_type)
    text = values.cast(pa.string()).combine_chunks()
    names = list(ordered)
    if not names:
        counted = sorted(text.drop_null().value_counts().to_pylist(), key=lambda c: (-c["counts"], c["values"]))
        names = [c["values"] for c in counted]
    codes = np.asarray(pc.index_in(text, value_set=pa.array(names, pa.string())).cast(pa.float64()).to_numpy(False))
    if not ordered and len(names) > _MOST_CATEGORIES:
        codes = np.where(codes >= _MOST_CATEGORIES - 1, _MOST_CATEGORIES - 1, codes)
        names = [*names[: _MOST_CATEGORIES - 1], "other"]
    return codes.astype(np.float64), tuple(names)


def side_effects(
    scores: Floats, columns: list[Values], *, defining: tuple[str, ...] = (), within: dict[str, float] | None = None,
    seed: int = 0,
) -> SideEffects:  # fmt: skip
    """Test every column against scores (N,), one permutation of the scores serving all columns.

    Ranks of the scores are those among all N rows, also for a column that some rows lack.
    """
    from scipy.stats import rankdata

    tested = [c for c in columns if np.unique(c.numbers[~np.isnan(c.numbers)]).size > 1 and len(scores) > 2]
    if not tested:
        return SideEffects((), len(scores))
    rng = np.random.default_rng(seed)
    draws = int(np.clip(20 * len(tested), *_DRAWS))
    ranks = rankdata(scores).astype(np.float32)
    ranks -= ranks.mean()
    shuffled = np.stack([ranks, *rng.permuted(np.repeat(ranks[None], draws, 0), axis=1)])
    found = [_tested(shuffled, column) for column in tested]
    q = adjusted([p for _, p in found])
    items = []
    for column, (strength, p), each in zip(tested, found, q, strict=True):
        toward, away = _ends(ranks, column)
        items.append(
            SideEffect(
                name=column.name,
                kind=column.kind,
                role=column.role,
                strength=strength,
                p=p,
                q=float(each),
                n=int((~np.isnan(column.numbers)).sum()),
                toward=toward,
                away=away,
                within=(within or {}).get(column.name),
                defines=column.name in defining,
            )
        )
    return SideEffects(tuple(sorted(items, key=lambda e: (not e.moves, -abs(e.strength), e.name))), len(scores))


def _tested(shuffled: npt.NDArray[np.float32], column: Values) -> tuple[float, float]:
    """Strength and p of one column. shuffled: (R + 1, N), the scores' ranks as they are and then R times permuted."""
    present = ~np.isnan(column.numbers)
    values = column.numbers[present]
    scores, mean = shuffled, np.zeros(len(shuffled))
    if not present.all():
        scores = shuffled[:, present]
        mean = scores.mean(1, dtype=np.float64)
    squares = (scores[:, None] @ scores[:, :, None])[:, 0, 0].astype(np.float64) - len(values) * mean**2
    if column.names and column.kind != "ordinal":
        strength = np.sqrt(np.clip(_between(scores, values.astype(np.int64), mean) / squares, 0, 1))
    else:
        from scipy.stats import rankdata

        ranks = rankdata(values)
        ranks -= ranks.mean()
        strength = (scores @ ranks.astype(np.float32)) / np.sqrt(squares * (ranks**2).sum())
    # As many permutations as go at least as far, the true order counted among them.
    p = (np.abs(strength) >= abs(strength[0]) - 1e-6).mean()
    return float(strength[0]), float(p)


def _between(scores: npt.NDArray[np.float32], codes: npt.NDArray[np.int64], mean: Floats) -> Floats:
    """Sum of squares between categories, for each row of scores (R, N)."""
    kinds, codes = np.unique(codes, return_inverse=True)
    member = np.zeros((len(codes), len(kinds)), np.float32)
    member[np.arange(len(codes)), codes] = 1
    counts = member.sum(0, dtype=np.float64)
    sums = (scores @ member).astype(np.float64)
    return np.asarray((sums**2 / counts).sum(1) - len(codes) * mean**2)


def _ends(ranks: npt.NDArray[np.float32], column: Values) -> tuple[str, str]:
    """The categories with the highest and the lowest mean rank, of those with a few rows."""
    if not column.names:
        return "", ""
    present = ~np.isnan(column.numbers)
    codes = column.numbers[present].astype(np.int64)
    counts = np.bincount(codes, minlength=len(column.names))
    middle = np.bincount(codes, ranks[present], len(column.names)) / np.maximum(counts, 1)
    there = np.flatnonzero(counts >= min(5, counts.max()))
    return column.names[there[np.argmax(middle[there])]], column.names[there[np.argmin(middle[there])]]
