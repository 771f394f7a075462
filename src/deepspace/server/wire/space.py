"""What the page needs to know of a space before it asks for more."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from deepspace.server.wire.base import Wire

__all__ = [
    "ColumnInfo",
    "FieldShape",
    "ImageShape",
    "ItemShape",
    "MapInfo",
    "SignalShape",
    "SpaceInfo",
    "SpriteInfo",
    "TableShape",
    "VectorShape",
]


class ColumnInfo(Wire):
    """A column that the map can be coloured by. Bytes of it come from /api/columns/{index}."""

    index: int
    name: str
    kind: str
    role: str
    group: Literal["column", "figure", "latent"]
    encoding: Literal["f32", "u8", "u16"]
    categories: list[str] | None = None
    counts: list[int] | None = None
    minimum: float | None = None
    maximum: float | None = None
    missing: int = 0


class ImageShape(Wire):
    modality: Literal["image"] = "image"
    width: int
    height: int
    channels: int


class SignalShape(Wire):
    modality: Literal["signal"] = "signal"
    channels: int
    length: int
    channel_names: list[str]


class FieldShape(Wire):
    name: str
    kind: str
    unit: str | None = None


class TableShape(Wire):
    modality: Literal["table"] = "table"
    fields: list[FieldShape]


class VectorShape(Wire):
    modality: Literal["vector"] = "vector"
    dim: int


ItemShape = Annotated[ImageShape | SignalShape | TableShape | VectorShape, Field(discriminator="modality")]


class MapInfo(Wire):
    """Bounds [x0, y0, x1, y1] and how far the map can be trusted, over n rows and k neighbours."""

    bounds: tuple[float, float, float, float]
    trustworthiness: float | None = None
    continuity: float | None = None
    n: int | None = None
    k: int | None = None


class SpriteInfo(Wire):
    """Sheets of thumbnails in row order: tile [w, h] in pixels, ``columns`` tiles a line, ``per_sheet`` a sheet."""

    tile: tuple[int, int]
    per_sheet: int
    sheets: int
    columns: int


class SpaceInfo(Wire):
    """``decodes``: whether there is a decoder; without one, places are shown by the real rows nearest to them."""

    name: str
    modality: str
    n: int
    latent_dim: int
    decodes: bool
    columns: list[ColumnInfo]
    item: ItemShape
    map: MapInfo
    health: list[str]
    source: str
    notes: list[str]
    measures: dict[str, object]
    sprites: SpriteInfo | None
    default_colour: int | None
