"""How strongly latent dimensions and columns go together, by rank, and how strongly they would by chance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from deepspace.data.schema import Column as SchemaColumn
    from deepspace.space import BaseSpace

__all__ = ["Column", "Design", "association", "bootstrap", "permutation_p", "ranks", "read_columns"]

_MOST_CATEGORIES = 50
_CHUNK = 500
_BUDGET = 6_000_000_000
"""Multiplications that the permutations may cost: some seconds on one core."""

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Column:
    """A column at some rows: ``values`` (n,) numbers, or codes of ``categories``; NaN where missing."""

    name: str
    values: Floats
    categories: tuple[str, ...] | None = None

    @property
    def known(self) -> npt.NDArray[np.bool_]:
        return np.asarray(np.isfinite(self.values))

    def means(self, ranked: Floats, rows: slice, fewest: int = 1) -> Floats:
        """(K,): the mean rank of each category, NaN where it has fewer than ``fewest`` rows. ranked: of ``rows``."""
        values = self.values[rows]
        known = np.isfinite(values)
        codes, width = values[known].astype(int), len(self.categories or ())
        counts = np.bincount(codes, minlength=width)
        sums = np.bincount(codes, ranked[known], minlength=width)
        return np.where(counts >= fewest, sums / np.maximum(counts, 1), np.nan)


@dataclass(frozen=True)
class Design:
    """Columns ready for matrix products over n rows.

    ``numbers`` (n, A): ranks of ordered columns, centred and of length 1, 0 where missing; ``groups`` (n, K):
    indicators of all categories of all unordered columns; ``starts``: where each of those begins; ``known`` (n, A + B):
    which cells are there, in the order of ``order``, which says where in the caller's list each column stands.
    """

    numbers: Floats
    groups: Floats
    starts: npt.NDArray[np.int64]
    known: Floats
    order: npt.NDArray[np.int64]
    rows: slice

    @classmethod
    def of(cls, columns: Sequence[Column], rows: slice) -> Design:
        ordered = [i for i, c in enumerate(columns) if c.categories is None]
        unordered = [i for i, c in enumerate(columns) if c.categories is not None]
        order = np.array([*ordered, *unordered], np.int64)
        known = np.stack([columns[i].known[rows] for i in order], 1).astype(np.float64)
        numbers = [_centred(columns[i].values[rows]) for i in ordered]
        blocks, starts, at = [], [], 0
        for i in unordered:
            column = columns[i]
            blocks.append((column.values[rows, None] == np.arange(len(column.categories or ()))).astype(np.float64))
            starts.append(at)
            at += blocks[-1].shape[1]
        n = len(known)
        return cls(
            np.stack(numbers, 1) if numbers else np.empty((n, 0)),
            np.concatenate(blocks, 1) if blocks else np.empty((n, 0)),
            np.array(starts, np.int64),
            known,
            order,
            rows,
        )

    def take(self, chosen: npt.NDArray[np.int64]) -> Design:
        """The same columns at rows drawn again; ranks stay those of the whole."""
        numbers = self.numbers[chosen]
        known = self.known[chosen]
        count = numbers.shape[1]
        numbers = (numbers - numbers.sum(0) / np.maximum(known[:, :count].sum(0), 1)) * known[:, :count]
        length = np.sqrt(np.square(numbers).sum(0))
        numbers = numbers / np.where(length > 0, length, 1)
        return Design(numbers, self.groups[chosen], self.starts, known, self.order, self.rows)


def ranks(values: npt.NDArray[Any]) -> Floats:
    """(M, n) -> ranks 1..n along each line, ties shared."""
    from scipy.stats import rankdata

    return np.asarray(rankdata(values, axis=-1), np.float64)


def association(ranked: Floats, design: Design) -> Floats:
    """Lines of ranks (M, n) against the columns of a design -> (M, C), in the order of the caller's columns.

    Ordered columns: the correlation of ranks over the rows where the column is there, -1..1. Categories: the square
    root of epsilon squared, the share of the ranks' variance between categories less what chance alone puts there
    (Kelley 1935), 0..1. 0 where a column has one value only.
    """
    n = design.known.sum(0)  # (C,)
    centred = ranked - ranked.mean(1, keepdims=True)
    sums, squares = centred @ design.known, np.square(centred) @ design.known
    total = np.maximum(squares - sums**2 / np.maximum(n, 1), 1e-12)  # (M, C)
    count = design.numbers.shape[1]
    found = np.empty((len(ranked), len(design.order)))
    found[:, :count] = centred @ design.numbers / np.sqrt(total[:, :count])
    if design.groups.shape[1]:
        sizes = design.groups.sum(0)
        parts = np.where(sizes > 0, (centred @ design.groups) ** 2 / np.maximum(sizes, 1), 0)
        between = np.add.reduceat(parts, design.starts, axis=1) - sums[:, count:] ** 2 / np.maximum(n[count:], 1)
        levels = np.add.reduceat((sizes > 0).astype(np.float64), design.starts)
        share = between / total[:, count:]
        spare = np.maximum(n[count:] - levels, 1)
        epsilon = 1 - (1 - share) * (n[count:] - 1) / spare
        found[:, count:] = np.sqrt(np.clip(np.where(levels > 1, epsilon, 0), 0, 1))
    out = np.empty_like(found)
    out[:, design.order] = found
    return out


def permutation_p(observed: Floats, design: Design, count: int, rng: np.random.Generator) -> Floats:
    """(D, C): how often rows in a random order go together with a column as strongly, (1 + hits) / (1 + count).

    A dimension's ranks in random order are the same for every dimension, so that one set of orders serves them all.
    Fewer than ``count`` orders where the table is wide, though never under 999. Phipson and Smyth 2010.
    """
    n = len(design.known)
    width = design.numbers.shape[1] + design.groups.shape[1] + 2 * design.known.shape[1]
    count = int(min(count, max(999, _BUDGET // (n * width))))
    hits = np.zeros(observed.shape)
    line = np.arange(1.0, n + 1)
    for start in range(0, count, _CHUNK):
        drawn = rng.permuted(np.tile(line, (min(_CHUNK, count - start), 1)), axis=1)
        chance = np.sort(np.abs(association(drawn, design)), axis=0)  # (B, C)
        for c in range(observed.shape[1]):
            hits[:, c] += len(chance) - np.searchsorted(chance[:, c], observed[:, c] - 1e-12)
    return (1 + hits) / (1 + count)


def bootstrap(ranked: Floats, design: Design, rng: np.random.Generator, draws: int = 400) -> tuple[float, float]:
    """95 % interval of one line's association (n,) with a design's one column: the basic bootstrap over rows.

    The basic one, 2 t - t*, since drawing rows again adds to what categories seem to explain, and it takes that off.
    """
    centre = float(association(ranked[None], design)[0, 0])
    again = np.empty(draws)
    for i in range(draws):
        chosen = rng.integers(0, len(ranked), len(ranked))
        again[i] = association(ranked[None, chosen], design.take(chosen))[0, 0]
    low, high = np.percentile(again, [2.5, 97.5])
    bottom = 0.0 if design.groups.shape[1] else -1.0
    return float(np.clip(2 * centre - high, bottom, 1)), float(np.clip(2 * centre - low, bottom, 1))


def read_columns(space: BaseSpace, rows: npt.NDArray[np.int64]) -> list[Column]:
    """The columns that could name a dimension, at ``rows``: features, target and metadata with an order or with at most
    50 categories, and more than one value."""
    usable = [
        column
        for column in space.schema.columns
        if column.role in ("feature", "target", "metadata")
        and column.kind not in ("text", "mixed")
        and column.name != space.cluster_column  # made from the latents: that they follow it is no news
    ]
    if not usable:
        return []
    table = space.rows.table([column.name for column in usable], rows)
    columns = [_read(column, table.column(column.name).to_pylist()) for column in usable]
    return [c for c in columns if c is not None and len(np.unique(c.values[c.known])) > 1]


def _read(column: SchemaColumn, values: list[Any]) -> Column | None:
    if column.kind in ("categorical", "ordinal"):
        present = [None if _missing(value) else str(value) for value in values]
        names = column.categories or tuple(sorted({value for value in present if value is not None}))
        if column.kind == "categorical" and len(names) > _MOST_CATEGORIES:
            return None
        codes = {name: float(code) for code, name in enumerate(names)}
        numbers = np.array([codes.get(value, np.nan) if value is not None else np.nan for value in present])
        return Column(column.name, numbers, None if column.kind == "ordinal" else names)
    return Column(column.name, np.array([_number(value) for value in values]))


def _number(value: Any) -> float:
    if _missing(value):
        return float("nan")
    if hasattr(value, "timestamp"):
        return float(value.timestamp())
    return float(value.toordinal()) if hasattr(value, "toordinal") else float(value)


def _missing(value: Any) -> bool:
    return value is None or (isinstance(value, float) and not np.isfinite(value))


def _centred(values: Floats) -> Floats:
    """(n,) -> ranks of what is there, centred and of length 1; 0 where missing."""
    out = np.zeros(len(values))
    known = np.isfinite(values)
    if known.any():
        out[known] = ranks(values[known])
        out[known] -= out[known].mean()
    length = float(np.linalg.norm(out))
    return out / length if length > 0 else out
