"""What the server derives from a space once and then keeps: columns, items, sprites, and a tag for caches."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from deepspace.server.columns import Columns
from deepspace.server.comparing import Comparisons
from deepspace.server.decisions import Decisions, add_columns
from deepspace.server.directions import Directions
from deepspace.server.films import Films
from deepspace.server.items import Items
from deepspace.server.layers import MapLayers
from deepspace.server.network import Inside
from deepspace.server.sprites import Sprites
from deepspace.server.uncovered import LeftOut
from deepspace.server.walks import Walks
from deepspace.server.wire import MapInfo, SpaceInfo

if TYPE_CHECKING:
    from deepspace.decisions import Audit
    from deepspace.server.cases import Recourse
    from deepspace.space import BaseSpace

__all__ = ["View", "Views"]


def _plain(value: Any) -> Any:
    """``value`` with numpy scalars and arrays turned into what JSON knows."""
    if isinstance(value, dict):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]
    if isinstance(value, np.ndarray):
        return _plain(value.tolist())
    if isinstance(value, np.generic):
        return value.item()
    return value


class View:
    """One space as the page sees it."""

    def __init__(
        self,
        space: BaseSpace,
        beside: BaseSpace | None = None,
        audits: Sequence[Audit] = (),
        recourse: Recourse | None = None,
    ) -> None:
        self.space = space
        self.items = Items(space)
        self.columns = Columns(space)
        self.decisions = Decisions(self.items, audits, add_columns(self.columns, audits), recourse)
        self.films = Films(self.items)
        self.layers = MapLayers(space)
        self.network = Inside(self.items)
        self.walks = Walks(self.films)
        self.directions = Directions(self.films)
        self.left_out = LeftOut(space)
        self.comparisons = Comparisons(self.items, beside)
        self.sprites = Sprites(space) if space.schema.modality == "image" else None
        asked = [[a.predictor.name, a.predictor.source, id(a)] for a in audits]  # columns of another one are others
        stamp = json.dumps([str(space.folder), len(space), _plain(space.manifest), asked], sort_keys=True, default=str)
        self.tag = hashlib.blake2b(stamp.encode(), digest_size=12).hexdigest()

    def positions(self) -> npt.NDArray[np.float32]:
        """(N, 2), little-endian."""
        return np.ascontiguousarray(self.space.map.positions, dtype="<f4")

    def info(self) -> SpaceInfo:
        """Everything the page needs to know before it asks for columns."""
        space = self.space
        measures: dict[str, Any] = _plain(dict(space.measures))
        provenance = space.manifest.get("provenance", {})
        source = provenance.get("source", space.manifest.get("source", ""))
        return SpaceInfo(
            name=space.name,
            modality=self.items.modality,
            n=len(space),
            latent_dim=int(space.latent_dim),
            decodes="decoder" not in space.lacks,
            columns=self.columns.infos,
            item=self.items.shape(),
            map=self._map(),
            health=[str(s) for s in measures.get("health", [])],
            source=str(source.get("name", "") if isinstance(source, dict) else source),
            notes=[str(n) for n in space.manifest.get("notes", provenance.get("notes", []))],
            measures=measures,
            sprites=self.sprites.info if self.sprites else None,
            default_colour=self.columns.default,
        )

    def _map(self) -> MapInfo:
        trust: dict[str, Any] = _plain(dict(self.space.map.trust))
        x0, y0, x1, y1 = (float(v) for v in np.asarray(self.space.map.bounds).reshape(-1))
        return MapInfo(
            bounds=(x0, y0, x1, y1), **{k: trust.get(k) for k in ("trustworthiness", "continuity", "n", "k")}
        )


class Views:
    """The view of whichever space a session holds, made once."""

    def __init__(
        self, beside: BaseSpace | None = None, audits: Sequence[Audit] = (), recourse: Recourse | None = None
    ) -> None:
        self._beside, self._audits, self._recourse = beside, audits, recourse
        self._lock = threading.Lock()
        self._view: View | None = None

    def of(self, space: BaseSpace) -> View:
        with self._lock:
            if self._view is None or self._view.space is not space:
                self._view = View(space, self._beside, self._audits, self._recourse)
            return self._view
