"""Single items, real and generated, as the page shows them."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from deepspace.server.wire.base import Wire

__all__ = [
    "CellText",
    "Cells",
    "Content",
    "Difference",
    "ImageContent",
    "Item",
    "NamedValue",
    "NeighbourInfo",
    "SignalContent",
    "TableContent",
    "VectorContent",
]


class ImageContent(Wire):
    kind: Literal["image"] = "image"
    width: int
    height: int
    channels: int
    data: str | None = None


class SignalContent(Wire):
    kind: Literal["signal"] = "signal"
    channels: int
    length: int
    data: list[list[float | None]] | None = None


class CellText(Wire):
    """One formatted cell of a record. ``share``, 0..1, is drawn as a bar behind a count."""

    name: str
    value: str
    kind: str
    share: float | None = None


class TableContent(Wire):
    kind: Literal["table"] = "table"
    fields: list[CellText]


class VectorContent(Wire):
    kind: Literal["vector"] = "vector"
    note: str
    fields: list[CellText]


Content = Annotated[ImageContent | SignalContent | TableContent | VectorContent, Field(discriminator="kind")]


class NeighbourInfo(Wire):
    index: int
    distance: float


class NamedValue(Wire):
    name: str
    value: str


class Item(Wire):
    """A real row, what the model makes of it (nothing without a decoder), and where it lies."""

    index: int
    real: Content
    reconstruction: Content | None
    neighbours: list[NeighbourInfo]
    density_percentile: float | None
    reconstruction_error: float | None
    x: float
    y: float
    label: str | None
    fields: list[NamedValue]


class Difference(Wire):
    """A field in which a generated record is unlike the nearest real one."""

    name: str
    generated: str
    real: str


class Cells(Wire):
    """What the model makes of a grid of places, line by line from above; nothing where there is no data."""

    contents: list[Content | None]
