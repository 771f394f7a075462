"""Directions that the page asked for, kept for the session so that it can walk along them again."""

from __future__ import annotations

import base64
import binascii
import hashlib
import threading
from collections import OrderedDict
from typing import Any

import numpy as np
import numpy.typing as npt

from deepspace.errors import SpaceError
from deepspace.explore import Direction, arithmetic, direction
from deepspace.explore.groups import Group
from deepspace.server.films import STEPS, Films
from deepspace.server.places import latent
from deepspace.server.planes import MAP
from deepspace.server.wire import (
    DirectionFilm,
    DirectionInfo,
    DirectionRequest,
    EffectInfo,
    GroupInfo,
    GroupRequest,
    NeighbourInfo,
    SumInfo,
)

__all__ = ["Directions"]

_KEPT = 64
_EFFECTS = 40


class Directions:
    """What the directions panel asks of one space. Safe to call from several threads."""

    def __init__(self, films: Films) -> None:
        self.films, self.items, self.space = films, films.items, films.space
        self._kept: OrderedDict[str, Direction] = OrderedDict()
        self._lock = threading.Lock()

    def find(self, asked: DirectionRequest) -> DirectionInfo:
        """The direction between the groups, worked out once."""
        key = hashlib.blake2b(asked.model_dump_json().encode(), digest_size=8).hexdigest()
        with self._lock:
            found = self._kept.get(key)
        if found is None:
            groups = [self._group(g, what) for g, what in ((asked.positive, "A"), (asked.negative, "B")) if g]
            found = direction(self.space, *groups, method=asked.method)
            with self._lock:
                self._kept[key] = found
                while len(self._kept) > _KEPT:
                    self._kept.popitem(last=False)
        return _told(key, found)

    def _group(self, asked: GroupRequest, what: str) -> Group:
        n = len(self.space)
        try:
            packed = base64.b64decode(asked.bits, validate=True)
        except binascii.Error:
            packed = b""
        if len(packed) != (n + 7) // 8:
            raise SpaceError(f"group {what} is chosen with {(n + 7) // 8} bytes, one bit a row; {len(packed)} came.")
        rows = np.flatnonzero(np.unpackbits(np.frombuffer(packed, np.uint8), count=n, bitorder="little"))
        if not len(rows):
            raise SpaceError(f"group {what} has no rows; choose some first.")
        return Group(asked.name, rows, len(rows), tuple(asked.columns))

    def _of(self, key: str) -> Direction:
        with self._lock:
            found = self._kept.get(key)
        if found is None:
            raise SpaceError("this direction is no longer known here; find it again.")
        return found

    def film(self, key: str, start: str, axes: str = MAP) -> DirectionFilm:
        """Seven frames along a direction from a place as ``places.latent`` takes it."""
        walk = self._of(key).traverse(latent(self.space, start), steps=STEPS)
        return DirectionFilm(start=start, **self.films.frames(walk.amounts, walk.z, axes))

    def scores(self, key: str) -> npt.NDArray[np.float32]:
        """(N,): how far along every row lies."""
        return np.ascontiguousarray(self._of(key).project(), "<f4")

    def sum(self, plus: list[str], minus: list[str]) -> SumInfo:
        """a - b + c of places."""
        made = arithmetic(self.space, *([_place(self.space, p) for p in places] for places in (plus, minus)))
        x, y = (float(v) for v in np.asarray(self.space.map.transform(made.z[None]))[0])
        nearest = int(made.index[0]) if len(made.index) else 0
        encoded = self.items.shown(made.z[None], [nearest])
        percentile = made.density_percentile
        return SumInfo(
            formula=made.formula,
            content=self.items.inline(encoded, [nearest])[0],
            x=x,
            y=y,
            density_percentile=percentile if np.isfinite(percentile) else None,
            neighbours=[
                NeighbourInfo(index=int(i), distance=float(d)) for i, d in zip(made.index, made.distance, strict=True)
            ],
            warnings=list(made.warnings),
        )


def _place(space: Any, place: str) -> Any:
    """A row stays a number, so that it is left out among its own neighbours."""
    z = latent(space, place)
    return int(place.removeprefix("row:")) if place.startswith("row:") else z


def _told(key: str, found: Direction) -> DirectionInfo:
    a, b = (GroupInfo(name=g.name, n=len(g), total=g.total) for g in (found.positive, found.negative))
    names = list(EffectInfo.model_fields)
    return DirectionInfo(
        id=key,
        positive=a,
        negative=b,
        method=found.method,
        angle=found.angle,
        step=found.step,
        step_interval=found.step_interval,
        auc=found.auc,
        auc_interval=found.auc_interval,
        held_out=sum(found.held_out),
        null=float(found.null.mean()) if len(found.null) else None,
        pairs=len(found.null),
        p=found.p,
        effects=[EffectInfo(**{name: getattr(e, name) for name in names}) for e in found.effects.items[:_EFFECTS]],
        effects_n=found.effects.n,
        warnings=list(found.warnings),
    )
