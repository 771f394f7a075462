"""Which of a row's neighbours two spaces agree on, and which only one of them sees."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from deepspace.errors import SpaceError
from deepspace.results import mean_interval

if TYPE_CHECKING:
    from deepspace.space import BaseSpace

__all__ = ["Kept", "Sides", "kept", "nearest", "sides"]

Rows = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Kept:
    """The share of a row's k nearest neighbours that are the same rows in both spaces.

    rows: (n,) row numbers, ascending: all, or an even spread of them; share: (n,), each row's own; mean with its 95 %
    ``interval``; chance: the share that two unrelated spaces would have; recall: of the worse index, 1 where exact.
    """

    k: int
    rows: Rows
    share: npt.NDArray[np.float64]
    mean: float
    interval: tuple[float, float]
    chance: float
    recall: float

    @property
    def n(self) -> int:
        """How many rows were asked."""
        return len(self.rows)


@dataclass(frozen=True)
class Sides:
    """The k nearest neighbours of one row in two spaces: those in both, those only in a, those only in b; each nearest
    first. ``places``: where a row stands among the neighbours in (a, b), from 0, or None."""

    row: int
    both: tuple[int, ...]
    only_a: tuple[int, ...]
    only_b: tuple[int, ...]
    places: dict[int, tuple[int | None, int | None]]


def nearest(space: BaseSpace, rows: Rows, k: int) -> tuple[Rows, float]:
    """(n, k): the nearest other rows of each, nearest first; and the recall of the search."""
    z = np.asarray(space.latents.mean[rows], np.float32)
    found = space.neighbors(z=z, k=min(k + 1, len(space)))
    index = np.asarray(found.index, np.int64)
    own = index == rows[:, None]
    drop = np.where(own.any(1), own.argmax(1), index.shape[1] - 1)  # among exact doubles the row itself may be lost
    keep = np.arange(index.shape[1]) != drop[:, None]
    return index[keep].reshape(len(rows), -1), float(found.recall)


def kept(a: BaseSpace, b: BaseSpace, rows: Rows, k: int) -> tuple[Kept, Rows, Rows]:
    """The shares, and the neighbours (n, k) in each space that they come from."""
    k = min(k, len(a) - 1)
    if k < 1:
        raise SpaceError(f"cannot compare neighbours in '{a.name}': it has {len(a)} row, and a row needs another one.")
    (in_a, recall_a), (in_b, recall_b) = nearest(a, rows, k), nearest(b, rows, k)
    share = (in_a[:, :, None] == in_b[:, None, :]).any(2).mean(1)
    mean = float(share.mean())
    interval = mean_interval(mean, float(share.std(ddof=1)), len(share)) if len(share) > 1 else (0.0, 1.0)
    interval = (max(0.0, interval[0]), min(1.0, interval[1]))
    return Kept(k, rows, share, mean, interval, k / (len(a) - 1), min(recall_a, recall_b)), in_a, in_b


def sides(a: BaseSpace, b: BaseSpace, row: int, k: int = 10) -> Sides:
    """The neighbours of one row. Raises SpaceError for a row that is not there."""
    if not 0 <= row < len(a):
        raise SpaceError(f"'{a.name}' has no row {row}: it has rows 0 to {len(a) - 1}.")
    one = np.array([row], np.int64)
    in_a, in_b = (nearest(s, one, min(k, len(a) - 1))[0][0].tolist() for s in (a, b))
    places = {i: (in_a.index(i) if i in in_a else None, in_b.index(i) if i in in_b else None) for i in [*in_a, *in_b]}
    return Sides(
        row,
        both=tuple(i for i in in_a if i in in_b),
        only_a=tuple(i for i in in_a if i not in in_b),
        only_b=tuple(i for i in in_b if i not in in_a),
        places=places,
    )
