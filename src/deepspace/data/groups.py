"""Rows that come in clumps: which rows are of one person, patient or object, and are therefore held out together."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from deepspace.errors import DataError

if TYPE_CHECKING:
    from deepspace.data.dataset import Dataset

__all__ = ["Groups", "find_groups", "no_such_column"]


@dataclass(frozen=True, eq=False)
class Groups:
    """``codes``: (N,) int32, the group of each row, from 0 without gaps; ``name``: the column that they came from, ""
    where they were given beside the rows; ``missing``: rows without a value, each of which is a group of its own."""

    codes: npt.NDArray[np.int32]
    name: str = ""
    missing: int = 0

    def __len__(self) -> int:
        """How many groups there are."""
        return int(self.codes.max()) + 1 if len(self.codes) else 0

    def among(self, rows: npt.NDArray[np.int64]) -> int:
        """How many groups some rows, given by number, are of."""
        return len(np.unique(self.codes[rows]))

    def told(self, rows: npt.NDArray[np.int64]) -> str:
        """In words: "2,061 rows of 5 groups ('subject')"."""
        count = self.among(rows)
        named = f" ('{self.name}')" if self.name else ""
        return f"{len(rows):,} row{'s' * (len(rows) != 1)} of {count:,} group{'s' * (count != 1)}{named}"


def find_groups(given: Any, dataset: Dataset) -> tuple[Groups, tuple[str, ...]]:
    """The groups of a data set's rows, and what there is to say of them.

    given: the name of one of its columns, or one value for each row of the source (N,), those included that were left
    out on reading. Raises DataError for a column that is not there, another number of values, and a single group.
    """
    name, values = (given, _column(given, dataset)) if isinstance(given, str) else ("", _beside(given, dataset))
    coded = values.combine_chunks() if isinstance(values, pa.ChunkedArray) else values
    coded = coded if pa.types.is_dictionary(coded.type) else coded.dictionary_encode()
    raw = np.array(coded.indices.fill_null(-1).to_numpy(zero_copy_only=False), np.int64)
    absent = np.flatnonzero(raw < 0)
    raw[absent] = len(coded.dictionary) + np.arange(len(absent))
    codes = np.unique(raw, return_inverse=True)[1].astype(np.int32)
    groups = Groups(codes, name, len(absent))
    return groups, _notes(groups)


def _column(name: str, dataset: Dataset) -> pa.ChunkedArray:
    if name not in dataset.rows.column_names:
        raise DataError(no_such_column(name, dataset.rows.column_names))
    return dataset.rows.column(name)


def no_such_column(name: str, names: list[str]) -> str:
    """The sentence for groups= with a name that no column has."""
    close = get_close_matches(name, names, 1)
    known = f"the columns are {', '.join(names[:10])}" if names else "there are none"
    hint = f"did you mean '{close[0]}'?" if close else f"{known}; an array of one value a row will do as well."
    return f"there is no column '{name}' to group rows by; {hint}"


def _beside(given: Any, dataset: Dataset) -> Any:
    kept = dataset.kept
    rows = len(dataset) if kept is None else len(kept)
    try:
        plain = hasattr(given, "__arrow_array__") or isinstance(given, (pa.Array, pa.ChunkedArray))
        values = given if isinstance(given, (pa.Array, pa.ChunkedArray)) else None
        if values is None:
            array = given if plain or hasattr(given, "dtype") else np.asarray(given)
            if getattr(array, "ndim", 1) != 1:
                raise DataError(
                    f"groups= is an array of shape {tuple(array.shape)}; give one value a row, ({rows:,},)."
                )
            values = pa.array(array, from_pandas=True)
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError, TypeError, ValueError) as error:
        first = str(error).splitlines()[0]
        raise DataError(f"groups= is neither the name of a column nor an array of one value a row ({first}).") from None
    if len(values) != rows:
        raise DataError(f"groups= has {len(values):,} values for {rows:,} rows; give one value a row.")
    return values if kept is None else values.filter(pa.array(kept))


def _notes(groups: Groups) -> tuple[str, ...]:
    by = f"'{groups.name}'" if groups.name else "groups="
    sizes = np.bincount(groups.codes)
    if len(sizes) < 2:
        raise DataError(f"{by} puts all rows into one group, so that none can be held out; choose another column.")
    if sizes.max() == 1:
        return (f"every value of {by} occurs once: to hold out whole groups is to hold out rows one by one.",)
    size = f"{sizes.min():,} to {sizes.max():,}" if sizes.min() < sizes.max() else f"{sizes.max():,}"
    notes = [f"rows are held out in whole groups by {by}: {len(sizes):,} groups of {size} rows."]
    if groups.missing:
        several = groups.missing > 1
        notes.append(
            f"{groups.missing:,} row{'s' * several} without a value of {by} "
            f"{'are each' if several else 'is'} a group of {'their' if several else 'its'} own."
        )
    return tuple(notes)
