"""The words that the page and the server exchange: one pydantic model a message, camelCase on the wire.

One file a feature. The page's types are generated from these: `make wire` writes ``explorer/src/lib/wire.gen.ts``.
"""

from __future__ import annotations

from deepspace.server.wire import (
    axes,
    base,
    compare,
    decisions,
    desk,
    directions,
    factors,
    health,
    items,
    layers,
    live,
    network,
    paths,
    rows,
    session,
    shared,
    space,
    uncovered,
)
from deepspace.server.wire.axes import *
from deepspace.server.wire.base import *
from deepspace.server.wire.compare import *
from deepspace.server.wire.decisions import *
from deepspace.server.wire.desk import *
from deepspace.server.wire.directions import *
from deepspace.server.wire.factors import *
from deepspace.server.wire.health import *
from deepspace.server.wire.items import *
from deepspace.server.wire.layers import *
from deepspace.server.wire.live import *
from deepspace.server.wire.network import *
from deepspace.server.wire.paths import *
from deepspace.server.wire.rows import *
from deepspace.server.wire.session import *
from deepspace.server.wire.shared import *
from deepspace.server.wire.space import *
from deepspace.server.wire.uncovered import *

__all__ = [
    *axes.__all__,
    *base.__all__,
    *compare.__all__,
    *decisions.__all__,
    *desk.__all__,
    *directions.__all__,
    *factors.__all__,
    *health.__all__,
    *items.__all__,
    *layers.__all__,
    *live.__all__,
    *network.__all__,
    *paths.__all__,
    *rows.__all__,
    *session.__all__,
    *shared.__all__,
    *space.__all__,
    *uncovered.__all__,
]
