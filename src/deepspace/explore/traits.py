"""What is distinctive of groups of rows: columns that lie elsewhere there, and only those a test allows to be named.

Every column is asked of every group against all other rows. A category: is its share greater here than a draw of as
many rows without regard to the group would give (hypergeometric tail, Fisher 1935; exact)? A number: do its ranks lie
elsewhere (Mann and Whitney 1947, with ties; normal limit of the permutation distribution)? All questions together are
held to a false-discovery rate (Benjamini and Hochberg 1995), and what passes must also be worth saying: Cliff's delta,
P(inside > outside) - P(inside < outside), at least .2. For a category that is its share inside less its share outside,
so numbers and categories are ranked by one measure.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

from deepspace.explore.discovery import adjusted
from deepspace.results import figure

if TYPE_CHECKING:
    from deepspace.data.schema import Column
    from deepspace.space import BaseSpace

__all__ = ["FDR", "Trait", "traits_of"]

FDR: Final = 0.05
LEAST: Final = 0.2
"""The smallest Cliff's delta that is worth a name."""
LARGE: Final = 0.474
"""From here on a shift is large (Romano 2006)."""

_NUMBERS = ("numeric", "integer", "date")
_NAMES = ("categorical", "boolean", "ordinal", "text")
_ROLES = ("feature", "target", "metadata")
_MOST_NAMES: Final = 1_000
_CATEGORIES: Final = 50
_ROWS: Final = 100_000
_VALUES: Final = 10_000_000

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Trait:
    """A column that is unlike the rest in a group of rows.

    ``value``: the category that is over-represented, None for a number; ``inside`` and ``outside``: its share there and
    in all other rows, or the number's mean (dates in days since 1970-01-01); ``lift``: inside / outside for a category;
    ``shift``: (inside - outside) in the column's standard deviations, for a number; ``delta``: Cliff's; ``p`` of the
    test and ``q``, adjusted for all that was asked; ``n``: rows of the group that have a value.
    """

    column: str
    kind: str
    role: str
    value: str | None
    inside: float
    outside: float
    lift: float | None
    shift: float | None
    delta: float
    p: float
    q: float
    n: int

    @property
    def phrase(self) -> str:
        """In a few words: "mostly 7 (91 %)", "high age (mean 52, elsewhere 38)"."""
        if self.value is None:
            way = {(1, True): "high", (1, False): "higher", (0, True): "low", (0, False): "lower"}
            if self.kind == "date":
                way = {(1, True): "late", (1, False): "later", (0, True): "early", (0, False): "earlier"}
            word = way[(int(self.delta > 0), abs(self.delta) >= LARGE)]
            return f"{word} {self.column} (mean {self._shown(self.inside)}, elsewhere {self._shown(self.outside)})"
        about = "" if self.role == "target" and self._speaks else f"{self.column} "
        if self.inside > 0.5:
            return f"{about}mostly {self.value} ({_percent(self.inside)})"
        return f"{about}more often {self.value} ({_percent(self.inside)}, elsewhere {_percent(self.outside)})"

    @property
    def short(self) -> str:
        """The phrase without the figures that lie elsewhere, for where there is little room."""
        if self.value is None:
            return self.phrase.split(" (mean ")[0]
        return self.phrase.split(", elsewhere")[0] + (")" if ", elsewhere" in self.phrase else "")

    @property
    def _speaks(self) -> bool:
        """Does the label say by itself what it is of? "setosa" does, "1" does not unless the column is just a label."""
        bare = str(self.value).lower() in ("true", "false") or str(self.value).lstrip("-").replace(".", "", 1).isdigit()
        return not bare or self.column.lower() in ("label", "class", "target")

    def _shown(self, value: float) -> str:
        if self.kind == "date":
            return datetime.fromtimestamp(value * 86_400, tz=UTC).strftime("%Y-%m-%d")
        return figure(value)


@dataclass(frozen=True)
class _Asked:
    """One question: column, category or None, and per group what was found. All (G,)."""

    column: Column
    value: str | None
    inside: Floats
    outside: Floats
    spread: float
    delta: Floats
    p: Floats
    n: Ints


def traits_of(
    space: BaseSpace, group: npt.NDArray[np.integer], groups: int, *, fdr: float = FDR, seed: int = 0
) -> tuple[list[tuple[Trait, ...]], int]:
    """What is distinctive of each group, strongest first, and the number of rows that were looked at.

    group: (N,) 0 .. groups - 1, or -1 for rows of none. Of more than 100,000 rows (fewer where columns are many) a
    fixed sample is looked at.
    """
    columns = [c for c in space.schema.columns if _nameable(c) and c.name in space.rows.names]
    most = max(1_000, min(_ROWS, _VALUES // max(1, len(columns))))
    rows = np.arange(len(group))
    if len(rows) > most:
        rows = np.sort(np.random.default_rng(seed).choice(len(rows), most, replace=False))
    inside = np.asarray(group)[rows].astype(np.int64)
    asked: list[_Asked] = []
    for column in columns:
        values = _values(space, column.name, rows)
        asked += _ask_names(column, values, inside, groups) if _named(column, values) else []
        asked += [] if _named(column, values) else _ask_number(column, values, inside, groups)
    if not asked or not groups:
        return [() for _ in range(groups)], len(rows)
    q = adjusted(np.stack([question.p for question in asked]))
    return [_allowed(asked, q, g, fdr) for g in range(groups)], len(rows)


def _allowed(asked: Sequence[_Asked], q: Floats, g: int, fdr: float) -> tuple[Trait, ...]:
    found = []
    for at, question in enumerate(asked):
        delta = float(question.delta[g])
        if not q[at, g] <= fdr or abs(delta) < LEAST or (question.value is not None and delta < 0):
            continue
        inside, outside = float(question.inside[g]), float(question.outside[g])
        numeric = question.value is None
        found.append(
            Trait(
                column=question.column.name,
                kind=question.column.kind,
                role=question.column.role,
                value=question.value,
                inside=inside,
                outside=outside,
                lift=None if numeric else inside / outside if outside > 0 else np.inf,
                shift=(inside - outside) / question.spread if numeric else None,
                delta=delta,
                p=float(question.p[g]),
                q=float(q[at, g]),
                n=int(question.n[g]),
            )
        )
    # What most of a group is called by the user's own label says more than any feature.
    return tuple(sorted(found, key=lambda t: (not (t.role == "target" and t.inside > 0.5), -abs(t.delta))))


def _ask_names(column: Column, values: Any, group: Ints, groups: int) -> list[_Asked]:
    """Each of the commonest categories of a column: (G,) shares and the tail of the hypergeometric distribution."""
    import pyarrow.compute as pc
    from scipy.stats import hypergeom

    text = pc.dictionary_encode(pc.cast(values, "string"))
    codes = np.asarray(pc.fill_null(text.indices, -1).to_numpy(zero_copy_only=False), np.int64)
    names = text.dictionary.to_pylist()
    present = codes >= 0
    total = np.bincount(codes[present], minlength=len(names))
    in_group = present & (group >= 0)
    table = np.bincount(group[in_group] * len(names) + codes[in_group], minlength=groups * len(names))
    table = table.reshape(groups, len(names))
    n, every = table.sum(1), int(total.sum())
    questions = []
    for code in np.argsort(-total, kind="stable")[:_CATEGORIES]:
        count, rest = table[:, code], every - n
        usable = (n > 0) & (rest > 0)
        share = count / np.maximum(n, 1)
        other = (total[code] - count) / np.maximum(rest, 1)
        p = np.where(usable, hypergeom.sf(count - 1, every, int(total[code]), n), np.nan)
        questions.append(_Asked(column, str(names[code]), share, other, 1.0, share - other, p, n))
    return questions


def _ask_number(column: Column, values: Any, group: Ints, groups: int) -> list[_Asked]:
    """A number: (G,) means and the rank-sum test of each group against all other rows with a value."""
    from scipy.stats import norm, rankdata

    numbers = _numbers(values)
    known = np.isfinite(numbers)
    numbers, group = numbers[known], group[known]
    if len(numbers) < 2 or not (spread := float(numbers.std())) > 0:
        return []
    ranks = rankdata(numbers)
    _, ties = np.unique(ranks, return_counts=True)
    member = group >= 0
    n = np.bincount(group[member], minlength=groups).astype(np.float64)
    total = float(len(numbers))
    rest = total - n
    u = np.bincount(group[member], ranks[member], groups) - n * (n + 1) / 2
    tied = float((ties.astype(np.float64) ** 3 - ties).sum()) / max(total * (total - 1), 1.0)
    deviation = np.sqrt(np.maximum(n * rest / 12 * (total + 1 - tied), 1e-12))
    usable = (n > 0) & (rest > 0)
    off = np.abs(u - n * rest / 2) - 0.5
    p = np.where(usable, np.minimum(1.0, 2 * norm.sf(np.maximum(off, 0.0) / deviation)), np.nan)
    delta = 2 * u / np.maximum(n * rest, 1) - 1
    sums = np.bincount(group[member], numbers[member], groups)
    inside = sums / np.maximum(n, 1)
    outside = (numbers.sum() - sums) / np.maximum(rest, 1)
    return [_Asked(column, None, inside, outside, spread, delta, p, n.astype(np.int64))]


def _nameable(column: Column) -> bool:
    few = column.kind != "text" or 0 < column.distinct <= _MOST_NAMES
    return column.role in _ROLES and column.kind in (*_NUMBERS, *_NAMES) and few


def _named(column: Column, values: Any) -> bool:
    """Are its values names? An ordinal column may hold numbers, whose order a test of ranks can use."""
    import pyarrow as pa

    number = pa.types.is_integer(values.type) or pa.types.is_floating(values.type)
    return column.kind in _NAMES and not (column.kind == "ordinal" and number)


def _values(space: BaseSpace, name: str, rows: Ints) -> Any:
    """A column's values at rows, as one Arrow array."""
    import pyarrow as pa

    column = space.rows.column(name)
    taken = column if len(rows) == len(column) else column.take(pa.array(rows))
    if pa.types.is_dictionary(taken.type):
        taken = taken.cast(taken.type.value_type)
    whole: Any = taken.combine_chunks()
    return pa.concat_arrays(whole.chunks) if isinstance(whole, pa.ChunkedArray) else whole


def _numbers(values: Any) -> Floats:
    """float64, dates as days since 1970-01-01, NaN where missing."""
    import pyarrow as pa

    if pa.types.is_date(values.type) or pa.types.is_timestamp(values.type):
        stamps = values.cast(pa.timestamp("ms")).cast(pa.int64())
        return np.asarray(stamps.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False), np.float64) / 86_400_000
    return np.asarray(values.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False), np.float64)


def _percent(share: float) -> str:
    """Never 100 % where one is missing, nor 0 % where one is there."""
    if 0 < share < 0.005:
        return "under 1 %"
    return "over 99 %" if 0.995 <= share < 1 else f"{100 * share:.0f} %"
