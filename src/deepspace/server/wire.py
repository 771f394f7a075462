"""The words that the page and the server exchange: one pydantic model a message, camelCase on the wire."""

from __future__ import annotations

import struct
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter
from pydantic.alias_generators import to_camel

from deepspace.training.events import Phase, Progress

__all__ = [
    "CellText",
    "Cells",
    "Change",
    "ClientMessage",
    "ColumnInfo",
    "Content",
    "DecodeRequest",
    "Decoded",
    "Difference",
    "ErrorMessage",
    "FactorInfo",
    "FactorsInfo",
    "FieldShape",
    "Film",
    "ImageContent",
    "ImageShape",
    "Item",
    "ItemShape",
    "MapInfo",
    "NamedValue",
    "NeighbourInfo",
    "Preview",
    "PreviewLabels",
    "ProgressInfo",
    "SessionInfo",
    "SignalContent",
    "SignalShape",
    "SpaceInfo",
    "SpriteInfo",
    "StopRequest",
    "TableContent",
    "TableShape",
    "VectorContent",
    "VectorShape",
    "frame",
    "parse",
]


class Wire(BaseModel):
    """Base of all messages: snake_case in Python, camelCase on the wire, no NaN or infinity in JSON."""

    model_config = ConfigDict(
        alias_generator=to_camel, populate_by_name=True, frozen=True, extra="forbid", ser_json_inf_nan="null"
    )


class ProgressInfo(Wire):
    """``deepspace.training.events.Progress``, as the page sees it."""

    phase: Phase
    fraction: float
    epoch: int = 0
    epochs: int = 0
    elbo: float | None = None
    reconstruction: float | None = None
    kl: float | None = None
    validation_elbo: float | None = None
    active_units: int | None = None
    rows_per_second: float | None = None
    seconds_left: float | None = None
    message: str = ""

    @classmethod
    def of(cls, progress: Progress) -> ProgressInfo:
        return cls(**{name: getattr(progress, name) for name in cls.model_fields})


class SessionInfo(Wire):
    """Where the session stands; sent on /api/session and, with type "session", to every live connection."""

    type: Literal["session"] = "session"
    phase: Phase
    name: str
    modality: str | None = None
    progress: ProgressInfo | None = None
    error: str | None = None
    version: str
    notes: list[str] = []
    can_stop: bool = False


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
    name: str
    modality: str
    n: int
    latent_dim: int
    columns: list[ColumnInfo]
    item: ItemShape
    map: MapInfo
    health: list[str]
    source: str
    notes: list[str]
    measures: dict[str, object]
    sprites: SpriteInfo | None
    default_colour: int | None


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
    """One formatted cell of a record."""

    name: str
    value: str
    kind: str


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
    """A real row, what the model makes of it, and where it lies."""

    index: int
    real: Content
    reconstruction: Content
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


class FactorInfo(Wire):
    """One latent dimension: mean KL in nats, and how far the decode moves with it, in encoded units."""

    index: int
    rank: int
    kl: float
    effect: float
    active: bool


class FactorsInfo(Wire):
    """All of them, strongest first; KL from ``n`` rows, effects from ``sample`` of them."""

    factors: list[FactorInfo]
    n: int
    sample: int


class Change(Wire):
    """A column of a table along a film; ``numbers`` where it is one."""

    name: str
    kind: str
    texts: list[str]
    numbers: list[float | None] | None = None


class Film(Wire):
    """One dimension moved in equal steps from ``row`` (or the mean): where it was, what it decodes to, where that lies
    on the map, the nearest real row, and how crowded it is there."""

    factor: int
    row: int | None
    values: list[float]
    contents: list[Content]
    places: list[tuple[float, float]]
    nearest: list[int]
    density_percentiles: list[float | None]
    changes: list[Change] | None = None


class Cells(Wire):
    """What the model makes of a grid of places, line by line from above; nothing where there is no data."""

    contents: list[Content | None]


class Decoded(Wire):
    """Header of the binary answer to a decode request."""

    type: Literal["decoded"] = "decoded"
    id: int
    x: float
    y: float
    content: Content
    nearest: NeighbourInfo
    density_percentile: float | None
    has_data: bool
    uncertainty: float | None = None
    neighbours: list[NeighbourInfo] | None = None
    differs: list[Difference] | None = None


class PreviewLabels(Wire):
    categories: list[str]
    encoding: Literal["u8"] = "u8"


class Preview(Wire):
    """Header of the binary preview of a space that is still being fitted."""

    type: Literal["preview"] = "preview"
    epoch: int
    n: int
    labels: PreviewLabels | None = None


class ErrorMessage(Wire):
    """Sent as text to a live connection whose message could not be served."""

    type: Literal["error"] = "error"
    id: int | None = None
    error: str


class DecodeRequest(Wire):
    type: Literal["decode"]
    id: Annotated[int, Field(ge=0, le=2**53)]
    x: Annotated[float, Field(allow_inf_nan=False)]
    y: Annotated[float, Field(allow_inf_nan=False)]
    detail: bool = False


class StopRequest(Wire):
    type: Literal["stop"]


ClientMessage = Annotated[DecodeRequest | StopRequest, Field(discriminator="type")]
_CLIENT: TypeAdapter[DecodeRequest | StopRequest] = TypeAdapter(ClientMessage)


def parse(text: str) -> DecodeRequest | StopRequest:
    """A client's text message. Raises pydantic.ValidationError for anything else."""
    return _CLIENT.validate_json(text)


def frame(header: Wire, *payload: bytes | memoryview) -> bytes:
    """u32 LE header length, header JSON, payload."""
    text = header.model_dump_json(by_alias=True, exclude_none=True).encode()
    return b"".join((struct.pack("<I", len(text)), text, *payload))
