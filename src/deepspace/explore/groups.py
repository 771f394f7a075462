"""Groups of rows, however a user names them: row numbers, a mask, values of columns, or an SQL condition."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from deepspace.errors import SpaceError

if TYPE_CHECKING:
    import pyarrow as pa

    from deepspace.space import BaseSpace

__all__ = ["Group", "group", "pair"]


@dataclass(frozen=True, eq=False)
class Group:
    """Rows under one name. ``rows``: ascending, those that are used; ``total``: how many the group has in all."""

    name: str
    rows: npt.NDArray[np.int64]
    total: int
    columns: tuple[str, ...] = ()
    """The columns that the group was chosen by, where it was chosen by values."""

    def __len__(self) -> int:
        return len(self.rows)

    def __str__(self) -> str:
        drawn = f"{len(self):,} drawn of {self.total:,}" if len(self) < self.total else f"n = {self.total:,}"
        return f"{self.name} ({drawn})"

    def drawn(self, most: int, rng: np.random.Generator) -> Group:
        """At most ``most`` of the rows, drawn at random."""
        if len(self) <= most:
            return self
        return Group(self.name, np.sort(rng.choice(self.rows, most, replace=False)), self.total, self.columns)


def group(space: BaseSpace, given: Any, what: str) -> Group:
    """What a user means by ``given``, as a group.

    given: row numbers, a boolean mask over all rows, ``{column: value or values}`` (all of them have to hold; values
    are matched by type, else by their text; None is a missing cell), an SQL condition as in ``space.rows.select``, or
    a Group. what: how the group is called in errors, "positive" or "negative". Raises SpaceError for rows and columns
    that are not there, and for a group without rows.
    """
    if isinstance(given, Group):
        return given
    columns: tuple[str, ...] = ()
    if isinstance(given, str):
        name, rows = given, space.rows.select(given)
    elif isinstance(given, Mapping):
        columns = tuple(str(column) for column in given)
        name = " and ".join(f"{column} = {_shown(values)}" for column, values in given.items())
        rows = np.flatnonzero(_where(space, given))
    else:
        rows = _numbered(space, given, what)
        name = f"row {rows[0]}" if len(rows) == 1 else f"{len(rows):,} rows"
    if not len(rows):
        why = f"no row has {name}" if columns or isinstance(given, str) else "it has no rows"
        raise SpaceError(f"cannot use the {what} group in '{space.name}': {why}; choose rows that are there.")
    return Group(name, rows, len(rows), columns)


def pair(space: BaseSpace, positive: Any, negative: Any = None) -> tuple[Group, Group]:
    """Two groups without a row in common; without a second one it is the rest. Raises SpaceError as ``group`` does,
    and for groups that overlap."""
    a = group(space, positive, "positive")
    if negative is None:
        inside = np.zeros(len(space), bool)
        inside[a.rows] = True
        if inside.all():
            raise SpaceError(
                f"cannot part '{space.name}': the positive group holds all {len(space):,} rows; leave some."
            )
        rest = np.flatnonzero(~inside)
        return a, Group("the rest", rest, len(rest), a.columns)
    b = group(space, negative, "negative")
    both = np.intersect1d(a.rows, b.rows, assume_unique=True)
    if len(both):
        raise SpaceError(
            f"cannot part '{space.name}': {len(both):,} rows are in both groups, the first of them row {both[0]}; "
            "take them out of one."
        )
    return a, b


def _numbered(space: BaseSpace, given: Any, what: str) -> npt.NDArray[np.int64]:
    rows = np.atleast_1d(np.asarray(given))
    if rows.dtype == bool:
        if rows.shape != (len(space),):
            raise SpaceError(
                f"the {what} group in '{space.name}' is a mask of shape {rows.shape}; it needs one value for each of "
                f"the {len(space):,} rows."
            )
        return np.flatnonzero(rows)
    if rows.size == 0:
        return np.empty(0, np.int64)
    if rows.dtype.kind not in "iu" or rows.ndim != 1:
        raise SpaceError(
            f"the {what} group in '{space.name}' is {rows.dtype} of shape {rows.shape}; give row numbers, a mask, "
            "{column: value} or an SQL condition."
        )
    rows = np.unique(rows.astype(np.int64))
    if rows[0] < 0 or rows[-1] >= len(space):
        wrong = rows[0] if rows[0] < 0 else rows[-1]
        raise SpaceError(f"'{space.name}' has no row {wrong}: it has {len(space):,} rows, counted from 0.")
    return rows


def _listed(values: Any) -> list[Any]:
    return list(values) if isinstance(values, (list, tuple, set, frozenset, np.ndarray)) else [values]


def _shown(values: Any) -> str:
    return " or ".join("missing" if value is None else str(value) for value in _listed(values))


def _where(space: BaseSpace, conditions: Mapping[Any, Any]) -> npt.NDArray[np.bool_]:
    """(N,): the rows for which every column has one of its values."""
    if not conditions:
        raise SpaceError(
            f"cannot choose rows of '{space.name}' by no column at all; name one, as in {{column: value}}."
        )
    known = space.rows.names
    found = np.ones(len(space), bool)
    for name, values in conditions.items():
        if name not in known:
            listed = ", ".join(known[:12]) or "none"
            raise SpaceError(f"'{space.name}' has no column '{name}'; its columns are: {listed}.")
        found &= _holds(space.rows.column(name), _listed(values))
    return found


def _holds(column: pa.ChunkedArray, values: list[Any]) -> npt.NDArray[np.bool_]:
    import pyarrow as pa
    import pyarrow.compute as pc

    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    present = [value.item() if isinstance(value, np.generic) else value for value in values if value is not None]
    try:
        wanted = pa.array(present, column.type)
    except (pa.ArrowException, TypeError, OverflowError):
        column = column.cast(pa.string())
        wanted = pa.array([str(value).lower() if isinstance(value, bool) else str(value) for value in present])
    found = np.asarray(pc.is_in(column, value_set=wanted).to_numpy(), bool)
    if len(present) < len(values):
        found |= np.asarray(pc.is_null(column, nan_is_null=True).to_numpy(), bool)
    return found
