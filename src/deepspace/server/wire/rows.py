"""Rows found by what is written in them."""

from __future__ import annotations

from deepspace.server.wire.base import Wire

__all__ = ["FoundRow", "FoundRows"]


class FoundRow(Wire):
    """A row, and the cell in which the text was found; both empty where it was the row's number."""

    index: int
    column: str
    value: str
    label: str | None


class FoundRows(Wire):
    """How many rows hold the text, the first few, and the condition that ``space.rows.select`` takes."""

    count: int
    first: list[FoundRow]
    where: str
