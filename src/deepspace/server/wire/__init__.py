"""The words that the page and the server exchange: one pydantic model a message, camelCase on the wire.

The page's types are generated from these: `make wire` writes ``explorer/src/lib/wire.gen.ts``.
"""

from __future__ import annotations

from deepspace.server.wire.axes import AxesInfo, AxisInfo
from deepspace.server.wire.base import Sparse, Wire, frame
from deepspace.server.wire.factors import Change, FactorInfo, FactorsInfo, Film
from deepspace.server.wire.items import (
    Cells,
    CellText,
    Content,
    Difference,
    ImageContent,
    Item,
    NamedValue,
    NeighbourInfo,
    SignalContent,
    TableContent,
    VectorContent,
)
from deepspace.server.wire.live import ClientMessage, Decoded, DecodeRequest, ErrorMessage, StopRequest, parse
from deepspace.server.wire.paths import Way, Ways
from deepspace.server.wire.rows import FoundRow, FoundRows
from deepspace.server.wire.session import Preview, PreviewLabels, ProgressInfo, SessionInfo
from deepspace.server.wire.space import (
    ColumnInfo,
    FieldShape,
    ImageShape,
    ItemShape,
    MapInfo,
    SignalShape,
    SpaceInfo,
    SpriteInfo,
    TableShape,
    VectorShape,
)

__all__ = [
    "AxesInfo",
    "AxisInfo",
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
    "FoundRow",
    "FoundRows",
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
    "Sparse",
    "SpriteInfo",
    "StopRequest",
    "TableContent",
    "TableShape",
    "VectorContent",
    "VectorShape",
    "Way",
    "Ways",
    "Wire",
    "frame",
    "parse",
]
