"""Two sets of items, and what can be said of each item in words: its columns, or its brightness, level, total."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from deepspace.errors import DataError, SpaceError
from deepspace.metrics.heldout import held_out
from deepspace.results import figure

if TYPE_CHECKING:
    import pyarrow as pa

    from deepspace.space import BaseSpace

__all__ = ["Column", "Items", "columns_of", "given", "own", "told"]

Floats = npt.NDArray[np.float64]

RARE = 10
"""A category with fewer rows in both sets together is counted with the others like it."""
MOST_CATEGORIES, MOST_ELEMENTS = 60, 100
NEIGHBOURS = 15
_NUMBERS = ("numeric", "integer", "date")


@dataclass(frozen=True, eq=False)
class Items:
    """``encoded`` (n, *shape); ``table``: their columns, where they have any; ``rows``: numbers in the space, or None;
    ``raw``: as the user gave them, None for rows of the space."""

    encoded: npt.NDArray[Any]
    table: pa.Table | None
    rows: npt.NDArray[np.int64] | None
    raw: Any = None

    def __len__(self) -> int:
        return len(self.encoded)

    def drawn(self, most: int, rng: np.random.Generator) -> Items:
        if len(self) <= most:
            return self
        some = np.sort(rng.choice(len(self), most, replace=False))
        return replace(
            self,
            encoded=self.encoded[some],
            table=None if self.table is None else self.table.take(some),
            rows=None if self.rows is None else self.rows[some],
        )


@dataclass(frozen=True, eq=False)
class Column:
    """``values`` (N,) of reference rows and then current ones: numbers with NaN, or codes of ``names``."""

    name: str
    kind: str
    values: Floats
    names: tuple[str, ...] = ()


def own(space: BaseSpace, rows: npt.NDArray[np.int64]) -> Items:
    """Rows of the space."""
    table = space.rows.table(None, rows) if space.rows.names else None
    return Items(np.asarray(space.samples[rows]), table, rows)


def given(space: BaseSpace, x: Any, what: str) -> Items:
    """Items in the user's units. Raises SpaceError where they are none, or cannot be read as such."""
    try:
        if space.schema.form == "table":
            table = space.schema._table(x)  # type: ignore[attr-defined]
            items = Items(space.schema.encode_table(table), table, None, x)  # type: ignore[attr-defined]
        else:
            encoded = np.concatenate([np.asarray(block) for block in space._blocks(x)])
            items = Items(encoded, None, None, x)
    except DataError as error:
        raise SpaceError(f"the {what} data cannot be compared with '{space.name}': {error}") from error
    space._check_encoded(items.encoded)
    return items


def columns_of(space: BaseSpace, reference: Items, current: Items, z: npt.NDArray[np.float32]) -> list[Column]:
    """Everything that can be named of both sets. z: (N, D) latents of both, for what the space knows of neighbours."""
    found = _shared(space, reference, current)
    if space.schema.form == "table":
        return found
    found += _summaries(space, np.concatenate([reference.encoded, current.encoded]).astype(np.float32))
    target = space.schema.target
    if target is not None and target.name not in {column.name for column in found} and z.shape[1]:
        by_neighbours = _by_neighbours(space, target.name, z)
        if by_neighbours is not None:
            found.append(by_neighbours)
    return found


def _shared(space: BaseSpace, reference: Items, current: Items) -> list[Column]:
    if reference.table is None or current.table is None:
        return []
    found = []
    for column in space.schema.columns:
        there = column.name in reference.table.column_names and column.name in current.table.column_names
        if there and column.role in ("feature", "target", "metadata") and column.kind not in ("text", "mixed"):
            pair = [items.table.column(column.name) for items in (reference, current)]  # type: ignore[union-attr]
            found.append(_read(column.name, column.kind, pair))
    return found


def _read(name: str, kind: str, pair: list[pa.ChunkedArray]) -> Column:
    import pyarrow as pa

    from deepspace.explore.along import numbers

    if kind in _NUMBERS:
        try:
            return Column(name, kind, np.concatenate([_finite(numbers(part)) for part in pair]))
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
            pass  # numbers that came as text this time: their values are compared as names
    text = [_text(value) for part in pair for value in part.to_pylist()]
    return _coded(name, kind, text)


def _finite(values: Floats) -> Floats:
    return np.where(np.isfinite(values), values, np.nan)


def _text(value: Any) -> str | None:
    if value is None or value != value:
        return None
    return str(int(value)) if isinstance(value, (bool, float)) and float(value).is_integer() else str(value)


def _coded(name: str, kind: str, text: list[str | None]) -> Column:
    """A missing cell is a value like any other."""
    counted = Counter("missing" if value is None else value for value in text)
    kept = [v for v, n in sorted(counted.items(), key=lambda c: (-c[1], c[0])) if n >= RARE][:MOST_CATEGORIES]
    places = {value: float(i) for i, value in enumerate(kept)}
    rest = float(len(kept))
    values = np.array([places.get("missing" if v is None else v, rest) for v in text])
    return Column(name, kind, values, (*kept, "rare values"))


def _summaries(space: BaseSpace, x: npt.NDArray[np.float32]) -> list[Column]:
    """What can be said of an item that has no columns."""
    form, flat = space.schema.form, x.reshape(len(x), -1).astype(np.float64)
    if form == "image":
        shade = x.mean(1).reshape(len(x), -1).astype(np.float64)
        # Relative to the mean, so that a lamp turned up is brightness alone.
        contrast = shade.std(1) / np.maximum(shade.mean(1), 1.0)
        return [Column("brightness", "numeric", shade.mean(1)), Column("contrast", "numeric", contrast)]
    if form == "signal":
        names = [f"channel {c}" for c in range(x.shape[1])]
        level = [Column(f"level of {n}", "numeric", x[:, c].mean(1).astype(np.float64)) for c, n in enumerate(names)]
        spread = [Column(f"spread of {n}", "numeric", x[:, c].std(1).astype(np.float64)) for c, n in enumerate(names)]
        return level + spread
    names = list(getattr(space.schema, "genes", ())) or [f"x{i}" for i in range(flat.shape[1])]
    some = np.sort(np.argsort(-flat.var(0), kind="stable")[:MOST_ELEMENTS])
    total = [Column("total", "numeric", flat.sum(1))] if form == "counts" else []
    return total + [Column(names[i], "numeric", flat[:, i]) for i in some]


def _by_neighbours(space: BaseSpace, name: str, z: npt.NDArray[np.float32]) -> Column | None:
    """What the target of the nearest training rows is, by majority: both sets are asked of rows that neither is of."""
    import faiss

    column = next(c for c in space.schema.columns if c.name == name)
    training = held_out(space).training
    if column.kind in _NUMBERS or len(training) < 10 * NEIGHBOURS or "encoder" in space.lacks:
        return None
    told = [_text(v) for v in space.rows.table([name], training).column(0).to_pylist()]
    names = sorted({t for t in told if t is not None})
    if not 2 <= len(names) <= MOST_CATEGORIES:
        return None
    codes = np.array([-1 if t is None else names.index(t) for t in told])
    points = np.ascontiguousarray(space.latents.mean[training], np.float32)
    _, near = faiss.knn(np.ascontiguousarray(z, np.float32), points, NEIGHBOURS)
    votes = np.stack([(codes[near] == k).sum(1) for k in range(len(names))], 1)
    return _coded(f"{name}, as its neighbours have it", "categorical", [names[k] for k in votes.argmax(1)])


def told(column: Column, reference: int) -> tuple[float, str]:
    """How far a column moved, and in words. Numbers: the means, in deviations of the reference; categories: the largest
    change of a share."""
    before, after = column.values[:reference], column.values[reference:]
    if column.names:
        shares = [np.bincount(part.astype(int), minlength=len(column.names)) / len(part) for part in (before, after)]
        most = int(np.argmax(np.abs(shares[1] - shares[0])))
        change = f"{column.names[most]}: {100 * shares[0][most]:.3g} % -> {100 * shares[1][most]:.3g} %"
        return float(shares[1][most] - shares[0][most]), change
    gone = [float(np.isnan(part).mean()) for part in (before, after)]
    lost = f"missing: {100 * gone[0]:.3g} % -> {100 * gone[1]:.3g} %"
    if gone[0] == 1 or gone[1] == 1:
        return float("nan"), lost
    means, deviation = (float(np.nanmean(before)), float(np.nanmean(after))), float(np.nanstd(before))
    shift = (means[1] - means[0]) / deviation if deviation > 0 else 0.0
    words = f"mean {_shown(means[0], column.kind)} -> {_shown(means[1], column.kind)}"
    return shift, f"{words}, {lost}" if abs(gone[1] - gone[0]) > 0.01 else words


def _shown(value: float, kind: str) -> str:
    from datetime import UTC, datetime

    if kind == "date":
        return datetime.fromtimestamp(value / 1000, tz=UTC).strftime("%Y-%m-%d")
    return figure(value)
