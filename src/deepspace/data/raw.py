"""What a reader hands to a modality: raw input, opened and checked but not yet typed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy.typing as npt
import pyarrow as pa

from deepspace.data.dataset import Source

__all__ = ["Arrays", "Batches", "Cells", "Entry", "Frame", "ImageFiles", "Options", "Raw"]


@dataclass(frozen=True)
class Entry:
    """One encoded picture: its name relative to the folder or archive, its class, a way to read its bytes, and the
    split (train, test) whose folder it lies in."""

    name: str
    label: str | None
    read: Callable[[], bytes]
    split: str | None = None


@dataclass(frozen=True)
class ImageFiles:
    """Pictures in a folder or an archive."""

    entries: tuple[Entry, ...]
    source: Source
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Arrays:
    """One main array (N, ...) and what came beside it, by name. ``main_name`` is its key in the file, or ''."""

    main: npt.NDArray[Any]
    main_name: str
    side: Mapping[str, npt.NDArray[Any]]
    source: Source
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Frame:
    """A table in memory. ``header`` is False when the names were made up; ``flavour`` is what decoding returns."""

    table: pa.Table
    source: Source
    header: bool = True
    flavour: str = "arrow"
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Batches:
    """A table too big for memory: ``open(columns)`` starts a new pass over it, in record batches of these columns
    (None: all). ``schema`` gives the plain types of all columns; a batch may hold text as a dictionary instead."""

    open: Callable[[Sequence[str] | None], Iterator[pa.RecordBatch]]
    schema: Callable[[], pa.Schema]
    names: tuple[str, ...]
    source: Source
    header: bool = True
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Cells:
    """Counts of genes in cells, or of anything else in anything else. ``matrix``: (N, G), a dense array or a SciPy
    sparse matrix in rows; ``matrix_name`` says which one of several it is. ``genes``: G names, or none; ``rows``: what
    is known of each row."""

    matrix: Any
    matrix_name: str
    genes: tuple[str, ...]
    rows: pa.Table
    source: Source
    notes: tuple[str, ...] = ()


Raw = ImageFiles | Arrays | Frame | Batches | Cells


@dataclass(frozen=True)
class Options:
    """What the caller of ``load`` asked for. ``groups``: the column that rows are grouped by, "" for values
    beside the rows."""

    target: str | None = None
    include_target: bool = False
    image_size: int | None = None
    columns: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    workdir: Path | None = None
    memory_budget: int | None = None
    fingerprint: bool = True
    groups: str | None = None
