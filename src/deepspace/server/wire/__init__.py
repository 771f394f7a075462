"""The words that the page and the server exchange: one pydantic model a message, camelCase on the wire.

The page's types are generated from these: `make wire` writes ``explorer/src/lib/wire.gen.ts``.
"""

from __future__ import annotations

from deepspace.server.wire.axes import AxesInfo, AxisInfo
from deepspace.server.wire.base import Sparse, Wire, frame
from deepspace.server.wire.compare import (
    Beside,
    Compared,
    ComparedCurve,
    ComparedGap,
    ComparedItem,
    Comparing,
)
from deepspace.server.wire.directions import (
    DirectionFilm,
    DirectionInfo,
    DirectionRequest,
    EffectInfo,
    GroupInfo,
    GroupRequest,
    SumInfo,
)
from deepspace.server.wire.factors import Change, FactorInfo, FactorsInfo, Film, Frames
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
from deepspace.server.wire.layers import (
    FieldInfo,
    LayersInfo,
    PresenceInfo,
    RegionInfo,
    RegionsInfo,
    SurenessInfo,
    TraitInfo,
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
    "Beside",
    "CellText",
    "Cells",
    "Change",
    "ClientMessage",
    "ColumnInfo",
    "Compared",
    "ComparedCurve",
    "ComparedGap",
    "ComparedItem",
    "Comparing",
    "Content",
    "DecodeRequest",
    "Decoded",
    "Difference",
    "DirectionFilm",
    "DirectionInfo",
    "DirectionRequest",
    "EffectInfo",
    "ErrorMessage",
    "FactorInfo",
    "FactorsInfo",
    "FieldInfo",
    "FieldShape",
    "Film",
    "FoundRow",
    "FoundRows",
    "Frames",
    "GroupInfo",
    "GroupRequest",
    "ImageContent",
    "ImageShape",
    "Item",
    "ItemShape",
    "LayersInfo",
    "MapInfo",
    "NamedValue",
    "NeighbourInfo",
    "PresenceInfo",
    "Preview",
    "PreviewLabels",
    "ProgressInfo",
    "RegionInfo",
    "RegionsInfo",
    "SessionInfo",
    "SignalContent",
    "SignalShape",
    "SpaceInfo",
    "Sparse",
    "SpriteInfo",
    "StopRequest",
    "SumInfo",
    "SurenessInfo",
    "TableContent",
    "TableShape",
    "TraitInfo",
    "VectorContent",
    "VectorShape",
    "Way",
    "Ways",
    "Wire",
    "frame",
    "parse",
]
