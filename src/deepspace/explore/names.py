"""Names of latent dimensions: which column a dimension follows, said only where tests allow it, and how sure it is.

Every active dimension is set against every column by rank: Spearman's correlation for what has an order, the
correlation ratio of the ranks for categories (Kruskal and Wallis's test is a function of it). Some rows find an
association, others, that training never saw where there are enough, must confirm it. Kim 2018, arXiv:1802.05983.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from deepspace.errors import SpaceError
from deepspace.explore.association import Column, Design, association, bootstrap, permutation_p, ranks, read_columns
from deepspace.explore.discovery import adjusted
from deepspace.results import Tabular, text_table
from deepspace.space.moments import latent_moments

if TYPE_CHECKING:
    import pyarrow as pa

    from deepspace.space import BaseSpace

__all__ = ["FactorNames", "Name", "name_factors"]

STRONG = 0.5
"""Half the spread of the ranks, a quarter of their variance: less is no name, however sure."""
SURELY = 0.3
"""The lower end of the interval on the rows that confirm must be above this."""
ENOUGH_HELD_OUT = 50
MOST = 2000
_PERMUTATIONS = 9999

Rows = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Name:
    """A dimension follows a column.

    ``strength``: on the rows that found it, Spearman's rho (-1..1) or, with ``ends``, the correlation ratio eta (0..1);
    ``interval``: 95 % of the same on the ``confirmed`` rows; ``ends``: the categories at the dimension's low and high
    end; ``q``: the false discovery rate at which it holds, over ``n`` rows; ``seeds``: models of other seeds in which
    the column was found again.
    """

    factor: int
    column: str
    strength: float
    interval: tuple[float, float]
    q: float
    n: int
    confirmed: int
    held_out: bool
    seeds: int
    ends: tuple[str, str] | None = None

    @property
    def title(self) -> str:
        """The name alone: "petal length, rising"."""
        if self.ends is not None:
            return f"{self.column}, from {self.ends[0]} to {self.ends[1]}"
        return f"{self.column}, {'rising' if self.strength > 0 else 'falling'}"

    @property
    def certainty(self) -> str:
        """How sure: "rho .91, q < .001, n = 120; .87 to .94 on 30 held-out rows; stable over seeds not tested"."""
        low, high = (_short(v) for v in self.interval)
        measure = "rho" if self.ends is None else "eta"
        q = "q < .001" if self.q < 0.001 else f"q = {_short(self.q, 3)}"
        rows = "held-out rows" if self.held_out else "other rows"
        seeds = f"found again with {self.seeds} other seed{'s' if self.seeds > 1 else ''}" if self.seeds else ""
        return (
            f"{measure} {_short(self.strength)}, {q}, n = {self.n:,}; {low} to {high} on {self.confirmed:,} {rows}; "
            f"{seeds or 'stable over seeds not tested'}"
        )

    def __str__(self) -> str:
        return f"{self.title} ({self.certainty})"


@dataclass(frozen=True)
class FactorNames(Tabular):
    """Every name that the tests allow, by dimension and then the strongest first. ``tested``: pairs of ``dimensions``
    active dimensions and ``columns`` that were looked at, with false discoveries held to ``level``."""

    items: tuple[Name, ...]
    dimensions: tuple[int, ...]
    columns: tuple[str, ...]
    level: float

    def __len__(self) -> int:
        return len(self.items)

    def __iter__(self) -> Iterator[Name]:
        return iter(self.items)

    @property
    def tested(self) -> int:
        return len(self.dimensions) * len(self.columns)

    def of(self, factor: int) -> tuple[Name, ...]:
        """The names of one dimension, strongest first; none where no name is allowed."""
        return tuple(name for name in self.items if name.factor == factor)

    def to_arrow(self) -> pa.Table:
        import pyarrow as pa

        plain = ("factor", "column", "title", "strength", "q", "n", "confirmed", "held_out", "seeds")
        columns: dict[str, Any] = {name: [getattr(item, name) for item in self.items] for name in plain}
        columns["low"] = [item.interval[0] for item in self.items]
        columns["high"] = [item.interval[1] for item in self.items]
        return pa.table(columns)

    def __str__(self) -> str:
        rows = [(f"{item.factor}", item.title, item.certainty) for item in self.items]
        named = len({item.factor for item in self.items})
        title = (
            f"{named} of {len(self.dimensions)} active dimensions have a name "
            f"({self.tested:,} pairs tested, false discoveries held to {100 * self.level:.0f} %)"
        )
        return f"{title}\n{text_table(('dimension', 'name', 'certainty'), rows)}" if rows else title


def name_factors(
    space: BaseSpace, *, others: Sequence[BaseSpace] = (), level: float = 0.05, most: int = MOST, seed: int = 0
) -> FactorNames:
    """The columns, trained on or beside the data, that single active dimensions follow.

    A name is allowed when, on up to ``most`` rows, the association is at least 0.5, its p under permutations of the
    rows passes Benjamini and Hochberg's bound over all pairs at ``level``, and on up to ``most`` other rows (held out
    of training where there are 50 or more) it has the same direction and a bootstrap interval above 0.3. ``others``:
    spaces of the same rows learned with other seeds; in each of them some dimension must follow the column as
    strongly. Without them the answer says that stability over seeds was not tested. Raises SpaceError where ``others``
    hold other rows.
    """
    for other in others:
        if len(other) != len(space):
            raise SpaceError(
                f"cannot compare names of '{space.name}' with '{other.name}': they hold {len(space):,} and "
                f"{len(other):,} rows; give spaces of the same rows."
            )
    rng = np.random.default_rng(seed)
    moments = latent_moments(space.latents.mean, space.latents.scale)
    dimensions = np.flatnonzero(moments.active)[np.argsort(-moments.kl[moments.active], kind="stable")]
    find, confirm, held_out = _two_samples(space, most, rng)
    columns = read_columns(space, np.concatenate([find, confirm]))
    found: list[Name] = []
    if len(dimensions) and columns:
        pairs = _Pairs(space, dimensions, columns, find, confirm)
        q = pairs.q_values(rng)
        stable = [_found_again(others, column, find) for column in columns]
        for i, c in zip(*np.nonzero((q < level) & (np.abs(pairs.strength) >= STRONG)), strict=True):
            name = pairs.confirmed(int(i), int(c), float(q[i, c]), held_out, len(others), rng) if stable[c] else None
            if name is not None:
                found.append(name)
    order = {int(d): rank for rank, d in enumerate(dimensions)}
    found.sort(key=lambda name: (order[name.factor], -abs(name.strength)))
    names = tuple(column.name for column in columns)
    return FactorNames(tuple(found), tuple(int(d) for d in dimensions), names, level)


class _Pairs:
    """Dimensions against columns, on the rows that find (f) and the rows that confirm (c)."""

    def __init__(self, space: BaseSpace, dimensions: Rows, columns: list[Column], find: Rows, confirm: Rows) -> None:
        self.dimensions, self.columns, self.find, self.confirm = dimensions, columns, find, confirm
        self.ranked = ranks(np.asarray(space.latents.mean[find])[:, dimensions].T)  # (D, n)
        self.ranked_confirm = ranks(np.asarray(space.latents.mean[confirm])[:, dimensions].T)
        self.design = Design.of(columns, slice(0, len(find)))
        self.strength = association(self.ranked, self.design)  # (D, C)

    def q_values(self, rng: np.random.Generator) -> npt.NDArray[np.float64]:
        """(D, C): Benjamini and Hochberg's adjusted p."""
        return adjusted(permutation_p(np.abs(self.strength), self.design, _PERMUTATIONS, rng))

    def confirmed(self, i: int, c: int, q: float, held_out: bool, seeds: int, rng: np.random.Generator) -> Name | None:
        """The name, where the other rows say the same."""
        column, strength = self.columns[c], float(self.strength[i, c])
        there = Design.of([column], slice(len(self.find), len(self.find) + len(self.confirm)))
        interval = bootstrap(self.ranked_confirm[i], there, rng)
        nearest, farthest = interval if strength > 0 else (-interval[1], -interval[0])
        if not nearest > SURELY or not farthest > 0:
            return None
        ends = None
        if column.categories is not None:
            ends = _ends(column, self.ranked[i], slice(0, len(self.find)))
            again = column.means(self.ranked_confirm[i], there.rows)
            if ends is None or not again[ends[0]] < again[ends[1]]:
                return None
        return Name(
            factor=int(self.dimensions[i]),
            column=column.name,
            strength=strength,
            interval=interval,
            q=q,
            n=int(column.known[: len(self.find)].sum()),
            confirmed=int(column.known[len(self.find) :].sum()),
            held_out=held_out,
            seeds=seeds,
            ends=None if ends is None else (column.categories[ends[0]], column.categories[ends[1]]),  # type: ignore[index]
        )


def _two_samples(space: BaseSpace, most: int, rng: np.random.Generator) -> tuple[Rows, Rows, bool]:
    """Rows that find and rows that confirm, ascending, apart from each other; whether training never saw the latter."""
    held = space.validation_index
    if len(held) >= ENOUGH_HELD_OUT and len(held) < len(space):
        seen = np.ones(len(space), bool)
        seen[held] = False
        return _some(np.flatnonzero(seen), most, rng), _some(held, most, rng), True
    both = rng.permutation(len(space))[: 2 * most]
    half = len(both) // 2
    return np.sort(both[:half]), np.sort(both[half:]), False


def _some(rows: Rows, most: int, rng: np.random.Generator) -> Rows:
    return rows if len(rows) <= most else np.sort(rng.choice(rows, most, replace=False))


def _ends(column: Column, ranked: npt.NDArray[np.float64], rows: slice) -> tuple[int, int] | None:
    """The categories with the lowest and the highest mean rank, of those with five rows or more."""
    means = column.means(ranked, rows, fewest=5)
    if np.isfinite(means).sum() < 2:
        return None
    return int(np.nanargmin(means)), int(np.nanargmax(means))


def _found_again(others: Sequence[BaseSpace], column: Column, rows: Rows) -> bool:
    """Whether in every other space some active dimension follows the column as strongly."""
    for other in others:
        active = latent_moments(other.latents.mean, other.latents.scale).active
        if not active.any():
            return False
        ranked = ranks(np.asarray(other.latents.mean[rows])[:, active].T)
        if np.abs(association(ranked, Design.of([column], slice(0, len(rows))))).max() < STRONG:
            return False
    return True


def _short(value: float, digits: int = 2) -> str:
    """.91, as statisticians write what is at most 1."""
    text = f"{value:.{digits}f}"
    return text.replace("0.", ".", 1) if abs(value) < 1 else text
