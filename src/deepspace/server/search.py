"""Finding rows by what is written in them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from deepspace.server.formatting import cell
from deepspace.server.wire import FoundRow, FoundRows
from deepspace.space.rows import quoted

if TYPE_CHECKING:
    from deepspace.server.items import Items
    from deepspace.space import BaseSpace

__all__ = ["condition", "found", "matching"]

FIRST = 8
_WRITTEN = {"text", "mixed", "categorical", "boolean", "ordinal"}


def condition(space: BaseSpace, text: str) -> str:
    """The SQL condition on ``space.rows`` that some written column, or the identifier, holds the text.

    Case is not told apart. "false" where nothing is written in this space or nothing is sought.
    """
    sought = "'" + text.strip().lower().replace("'", "''") + "'"
    names = [c.name for c in space.schema.columns if c.kind in _WRITTEN or c.role == "identifier"]
    held = [f"contains(lower(CAST({quoted(n)} AS VARCHAR)), {sought})" for n in names if n in space.rows.names]
    return " OR ".join(held) if held and text.strip() else "false"


def matching(space: BaseSpace, text: str) -> npt.NDArray[np.uint32]:
    """Row numbers (M,), ascending: those that hold the text, and the row of that number."""
    rows = space.rows.select(condition(space, text))
    plain = text.strip().removeprefix("row ").replace(",", "")
    if plain.isdecimal() and int(plain) < len(space):
        rows = np.union1d(rows, int(plain))
    return rows.astype("<u4")


def found(items: Items, text: str) -> FoundRows:
    """How many rows match, the first of them with the cell that does, and the condition for a script."""
    space = items.space
    rows = matching(space, text)
    first = [_row(items, int(row), text.strip().lower()) for row in rows[:FIRST]]
    return FoundRows(count=len(rows), first=first, where=condition(space, text))


def _row(items: Items, row: int, sought: str) -> FoundRow:
    record = items.record(row)
    held = [(name, cell(value, items.kinds[name])) for name, value in record.items() if name in items.kinds]
    name, value = next(((n, v) for n, v in held if sought in v.lower()), ("", ""))
    return FoundRow(index=row, column=name, value=value, label=items.label(row))
