"""Tables that are really rows of samples or pixels: numbers only, under no names or names that only count."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from deepspace.data.raw import Arrays, Frame
from deepspace.data.scan import is_number

__all__ = ["Grid", "are_pixels", "grid_of", "matrix", "square", "to_arrays"]

MIN_COLUMNS = 24
_LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_ -."
_HEAD = 500


@dataclass(frozen=True)
class Grid:
    """Which columns are samples, in order, and which one is the label of the row."""

    label: str | None
    samples: tuple[str, ...]


def grid_of(frame: Frame) -> Grid | None:
    """The grid in a table, or None. With a header, all names but the label's must count (0, 1, 2 or pixel0, pixel1);
    without one, a first column of few whole numbers is the label, as in the UCR archive; or a last one, if the
    others then make a square."""
    names = tuple(frame.table.schema.names)
    if len(names) < MIN_COLUMNS or not all(is_number(kind) for kind in frame.table.schema.types):
        return None
    if frame.header:
        for label, samples in ((None, names), (names[0], names[1:]), (names[-1], names[:-1])):
            if _counting(samples):
                return Grid(label, samples)
        return None
    head = frame.table.slice(0, 1000)
    if _few_classes(head.column(0)) and not (square(len(names)) and not square(len(names) - 1)):
        return Grid(names[0], names[1:])
    if _few_classes(head.column(len(names) - 1)) and square(len(names) - 1):
        return Grid(names[-1], names[:-1])
    return Grid(None, names)


def _few_classes(column: pa.ChunkedArray) -> bool:
    values = column.drop_null().to_numpy()
    distinct = np.unique(values)
    return bool(2 <= distinct.size <= max(2, values.size // 2) and np.all(distinct == np.rint(distinct)))


def _counting(names: tuple[str, ...]) -> bool:
    digits = [name.lstrip(_LETTERS) for name in names]
    prefixes = {name[: len(name) - len(d)] for name, d in zip(names, digits, strict=True)}
    if len(prefixes) != 1 or not all(d.isdigit() for d in digits):
        return False
    numbers = [int(d) for d in digits]
    return numbers == list(range(numbers[0], numbers[0] + len(numbers)))


def square(pixels: int) -> tuple[int, int, int] | None:
    """(C, side, side) if that many numbers can be a square picture of at least 8 x 8."""
    for channels in (1, 3):
        side = round((pixels / channels) ** 0.5)
        if side >= 8 and channels * side * side == pixels:
            return channels, side, side
    return None


def matrix(frame: Frame, grid: Grid, rows: int | None = None) -> npt.NDArray[np.float32]:
    """(N, samples) of the whole table or its first ``rows``; missing cells are NaN."""
    table = frame.table if rows is None else frame.table.slice(0, rows)
    out = np.empty((table.num_rows, len(grid.samples)), np.float32)
    for i, name in enumerate(grid.samples):
        out[:, i] = table.column(name).cast(pa.float64(), safe=False).to_numpy()
    return out


def are_pixels(frame: Frame, grid: Grid) -> bool:
    """Whether the samples make a square of whole numbers from 0 to at most 255."""
    if not square(len(grid.samples)):
        return False
    head = matrix(frame, grid, _HEAD)
    return bool(head.size and head.min() >= 0 and 8 <= head.max() <= 255 and np.all(head == np.rint(head)))


def to_arrays(frame: Frame, grid: Grid) -> Arrays:
    """The samples as the main array and the label beside it, whole numbers as such."""
    side: dict[str, npt.NDArray[np.generic]] = {}
    if grid.label is not None:
        label = frame.table.column(grid.label).to_numpy()
        name = grid.label if frame.header else "label"
        side[name] = label.astype(np.int64) if np.all(label == np.rint(label)) else label
    return Arrays(matrix(frame, grid), "", side, frame.source, frame.notes)
