"""What comes beside images, signals and vectors: labels, names of labels, and other columns of one value a row."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from deepspace.data.frames import finite, normalise
from deepspace.data.infer import Guess, guess, hint_at_groups
from deepspace.data.raw import Options
from deepspace.data.scan import ColumnStatistics, scan
from deepspace.data.schema import Column
from deepspace.errors import DataError

__all__ = ["describe_rows", "rows_from_side"]

_LABELS = ("label", "labels", "y", "target", "targets", "class", "classes", "category", "y_train", "train_y", "arr_1")
_NOT_LABELS = frozenset(
    ["split", "fold", "subject", "file", "filename", "name", "names", "id", "index", "phase", "batch", "path"]
)
MAX_CLASSES = 1000


def rows_from_side(
    side: Mapping[str, npt.NDArray[Any]], count: int, notes: list[str], used: frozenset[str] = frozenset()
) -> pa.Table:
    """Columns (N rows) out of the arrays beside the main one. A (N, k) array with k <= 8 becomes k columns; an array of
    K names turns integer labels 0..K-1 (or 1..K) into names. What does not fit is left out with a note."""
    columns: dict[str, Any] = {}
    lists: dict[str, list[str]] = {}
    for name, array in side.items():
        if name in used:
            continue
        if array.ndim == 1 and array.shape[0] == count:
            columns[name] = _plain(array)
        elif array.ndim == 2 and array.shape[0] == count and array.shape[1] <= 8 and array.dtype.kind in "biuf":
            columns.update({f"{name}_{i}": np.ascontiguousarray(array[:, i]) for i in range(array.shape[1])})
        elif array.ndim == 1 and array.dtype.kind in "US" and array.shape[0] < count:
            lists[name] = [str(v) for v in _plain(array)]
        else:
            notes.append(f"'{name}' of shape {array.shape} does not give one value a row and is left out.")
    for name, names in lists.items():
        column = _named_by(columns, names)
        if column is None:
            notes.append(f"'{name}' ({len(names)} names) belongs to no column of labels and is left out.")
            continue
        codes = columns[column].astype(np.int64)
        columns[column] = np.asarray(names)[codes - codes.min() if codes.min() == 1 else codes]
        notes.append(f"'{column}' is shown by the names in '{name}'.")
    return pa.table({name: pa.array(values) for name, values in columns.items()}) if columns else _empty(count)


def _plain(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    if array.dtype.kind == "S":
        return np.char.decode(array, "utf-8", "replace")
    if array.dtype.kind == "f" and array.dtype.itemsize == 2:
        return array.astype(np.float32)
    return array if array.dtype.isnative else array.astype(array.dtype.newbyteorder("="))


def _empty(count: int) -> pa.Table:
    """A table with rows but no columns keeps its length through a column that is dropped again."""
    return pa.table({"_": pa.nulls(count)}).select([])


def _named_by(columns: Mapping[str, npt.NDArray[Any]], names: list[str]) -> str | None:
    """The column of labels that a list of K names belongs to: whole numbers that span exactly K values."""
    fitting = []
    for name, values in columns.items():
        if values.dtype.kind not in "iu" or not values.size:
            continue
        low, high = int(values.min()), int(values.max())
        exact = high - low + 1 == len(names) and low in (0, 1)
        if exact or (low >= 0 and high < len(names)):
            fitting.append((not exact, _label_rank(name), name))
    return min(fitting)[2] if fitting else None


def _label_rank(name: str) -> int:
    lowered = name.lower()
    return _LABELS.index(lowered) if lowered in _LABELS else len(_LABELS)


def describe_rows(rows: pa.Table, options: Options, notes: list[str]) -> tuple[pa.Table, tuple[Column, ...]]:
    """(rows with plain types, their columns): at most one has role target, the others are metadata."""
    rows = finite(normalise(rows), notes)
    statistics = scan([rows], rows.schema).columns
    guesses = [_as_metadata(column, guess(column, leave_out=False)) for column in statistics]
    target = _target(statistics, guesses, options)
    columns = []
    hints = [] if options.groups is not None else [hint_at_groups(c) for i, c in enumerate(statistics) if i != target]
    notes += [hint for hint in hints if hint]
    for i, (column, verdict) in enumerate(zip(statistics, guesses, strict=True)):
        if i == target:
            verdict = replace(_as_label(column, verdict), role="target", reason="")
        numeric = verdict.kind in ("numeric", "integer", "ordinal")
        columns.append(
            Column(
                column.name,
                verdict.kind,
                verdict.role,
                verdict.reason,
                verdict.categories,
                column.missing,
                column.distinct,
                column.minimum if numeric else None,
                column.maximum if numeric else None,
            )
        )
    return rows, tuple(columns)


def _as_metadata(column: ColumnStatistics, verdict: Guess) -> Guess:
    if column.name == "file":
        return replace(verdict, kind="text", role="identifier", reason="names the file", categories=())
    return replace(verdict, role="constant" if verdict.role == "constant" else "metadata")


def _as_label(column: ColumnStatistics, verdict: Guess) -> Guess:
    if column.values is not None and column.distinct <= MAX_CLASSES and (column.whole or verdict.kind != "numeric"):
        names = tuple(map(str, column.values.cast(pa.string()).to_pylist()))
        return replace(verdict, kind="boolean" if verdict.kind == "boolean" else "categorical", categories=names)
    return verdict


def _target(columns: tuple[ColumnStatistics, ...], guesses: list[Guess], options: Options) -> int | None:
    names = [column.name for column in columns]
    if options.target is not None:
        if options.target in names:
            return names.index(options.target)
        if options.target.lower() in ("", "none"):
            return None
        raise DataError(
            f"there is no column '{options.target}' to be the target; there are {', '.join(names) or 'none'}."
        )
    ranked = sorted(range(len(names)), key=lambda i: _label_rank(names[i]))
    for i in ranked:
        if names[i] == options.groups:
            continue
        label = _label_rank(names[i]) < len(_LABELS)
        few = columns[i].values is not None and 2 <= columns[i].distinct <= MAX_CLASSES
        classes = columns[i].whole or pa.types.is_string(columns[i].type) or pa.types.is_boolean(columns[i].type)
        repeats = columns[i].distinct <= 0.5 * columns[i].rows
        if label and (columns[i].distinct >= 2):
            return i
        if few and classes and repeats and names[i].lower() not in _NOT_LABELS:
            return i
    return None
