"""What data is taken for, before anything is learned: its columns, why, and its first rows."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from deepspace.server.formatting import cell
from deepspace.server.items import Items
from deepspace.server.wire.desk import FamilyInfo, Head, Look, LookColumn

if TYPE_CHECKING:
    from deepspace.data.dataset import Dataset
    from deepspace.data.schema import Column

__all__ = ["look"]

ROWS = 20
"""Rows shown of any data."""

_SHOWN_COLUMNS = 400
_CATEGORIES = 6
_DIMENSIONS = 12


def look(source: str, data: Path, schema: Mapping[str, Any] | None) -> Look:
    """Reads ``data`` as a fit would, with the user's corrections, and says what came of it. Raises DataError."""
    from deepspace.data import load

    with tempfile.TemporaryDirectory(prefix="deepspace-") as work:
        dataset = load(data, schema=dict(schema or {}), workdir=Path(work))
        return _described(source, dataset)


def _described(source: str, dataset: Dataset) -> Look:
    schema = dataset.schema
    target = schema.target
    return Look(
        source=source,
        name=dataset.source.name,
        modality=schema.modality,
        rows=len(dataset),
        shape=list(schema.shape),
        target=target.name if target else None,
        columns=[_column(c) for c in schema.columns[:_SHOWN_COLUMNS]],
        column_count=len(schema.columns),
        correctable=schema.modality == "table",
        notes=list(dataset.notes),
        head=_head(dataset),
        items=_items(dataset),
        families=_families(schema.form),
    )


def _families(modality: str) -> list[FamilyInfo]:
    """Those that can be learned from data of this modality, the one that is taken unasked first."""
    from deepspace.models.families import REGISTRY

    return [
        FamilyInfo(name=name, title=family.config.__name__, says=family.config.summary())
        for name, family in REGISTRY.items()
        if modality in family.config.modalities and not family.config.needs  # which the page does not ask for
    ]


def _column(column: Column) -> LookColumn:
    return LookColumn(
        name=column.name,
        kind=column.kind,
        role=column.role,
        missing=column.missing,
        distinct=column.distinct,
        values=_values(column),
        reason=column.reason,
    )


def _values(column: Column) -> str:
    """What a column holds, in a few words."""
    if column.categories:
        shown = ", ".join(column.categories[:_CATEGORIES])
        more = len(column.categories) - _CATEGORIES
        return f"{shown}, {more} more" if more > 0 else shown
    if column.minimum is not None and column.maximum is not None:
        if column.kind == "date":
            return f"{_day(column.minimum)} to {_day(column.maximum)}"
        return f"{cell(column.minimum, column.kind)} to {cell(column.maximum, column.kind)}"
    return ""


def _day(seconds: float) -> str:
    return str(np.datetime64(int(seconds), "s").astype("datetime64[D]"))


def _head(dataset: Dataset) -> Head:
    """The first rows as text, column by column; of vectors the first numbers as well."""
    schema = dataset.schema
    columns = schema.columns[:_SHOWN_COLUMNS]
    records = dataset.rows.slice(0, ROWS).select([c.name for c in columns]).to_pylist()
    names = [c.name for c in columns]
    count = min(ROWS, len(dataset))
    cells = [[cell(r[c.name], c.kind, digits=6) for c in columns] for r in records] or [[] for _ in range(count)]
    if schema.modality in ("vector", "counts"):
        decoded = np.asarray(schema.decode(np.asarray(dataset.array[:ROWS])))[:, :_DIMENSIONS]
        numbers = [[cell(float(v), "numeric") for v in row] for row in decoded]
        own = getattr(schema, "names", ()) or tuple(str(i) for i in range(decoded.shape[1]))
        names += own[: decoded.shape[1]]
        cells = [known + row for known, row in zip(cells, numbers, strict=True)]
    return Head(names=names, cells=cells)


def _items(dataset: Dataset) -> list[Any] | None:
    """The first pictures or signals, small."""
    if dataset.schema.modality not in {"image", "signal"}:
        return None
    # Of a space, these need the schema alone.
    items = Items(cast(Any, SimpleNamespace(schema=dataset.schema)))
    rows = np.asarray(dataset.array[:ROWS])
    return items.small(rows, range(len(rows)))
