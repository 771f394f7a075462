"""Rows ready for a model, with everything known about them that the model must not see."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from deepspace.data.groups import Groups
from deepspace.data.schema import Schema

__all__ = ["Dataset", "Source"]


@dataclass(frozen=True)
class Source:
    """Where rows came from: a name to show, the files read, and a SHA-256 fingerprint of the content."""

    name: str
    files: tuple[str, ...] = ()
    fingerprint: str = ""


@dataclass(frozen=True)
class Dataset:
    """Typed, encoded rows.

    ``array`` is (N, *schema.shape) of ``schema.dtype``: an ordinary array when it fits in memory, else a read-only
    memory-mapped file. ``rows`` has N rows and one column for each of ``schema.columns`` in the user's own units
    (for a table, all its columns, features included); it too may be memory-mapped. ``notes`` are sentences
    for the user: what was inferred, left out or repaired. ``kept``: which rows of the source these are, a mask over
    all of them; None where none was left out. ``groups``: which rows belong together, where that was said.
    """

    schema: Schema
    array: npt.NDArray[Any]
    rows: pa.Table
    source: Source
    notes: tuple[str, ...] = field(default=())
    kept: npt.NDArray[np.bool_] | None = None
    groups: Groups | None = None

    def __len__(self) -> int:
        return int(self.array.shape[0])

    @property
    def memory_mapped(self) -> bool:
        return isinstance(self.array, np.memmap)
