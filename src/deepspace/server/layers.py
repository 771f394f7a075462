"""What lies over the map, worked out when first asked for and then kept."""

from __future__ import annotations

import threading
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from deepspace.explore import Field, Regions, Sureness, map_field, map_uncertainty, regions
from deepspace.server.wire import (
    FieldInfo,
    LayersInfo,
    PresenceInfo,
    RegionInfo,
    RegionsInfo,
    SurenessInfo,
    TraitInfo,
)

if TYPE_CHECKING:
    from deepspace.space import BaseSpace

__all__ = ["MapLayers"]

_PRESENCE_CELLS = 384
_TRAITS = 6
_UNITS = {"image": "grey levels, 0 to 255", "table": "standard deviations; a changed category counts 1"}


class MapLayers:
    """The layers of one space. Safe to call from several threads."""

    def __init__(self, space: BaseSpace) -> None:
        self.space = space
        self._lock = threading.RLock()

    @cached_property
    def _field(self) -> Field:
        return map_field(self.space)

    @cached_property
    def _regions(self) -> Regions:
        return regions(self.space)

    @cached_property
    def _sureness(self) -> Sureness:
        return map_uncertainty(self.space)

    @cached_property
    def _presence(self) -> tuple[PresenceInfo, npt.NDArray[np.uint8]]:
        x0, y0, x1, y1 = (float(v) for v in self.space.map.bounds)
        extent = max(x1 - x0, y1 - y0) or 1.0
        pad, bare = 0.04 * extent, False
        while not bare:  # wide enough that the outermost cells hold nothing, so that all beyond them holds nothing
            cell = (extent + 2 * pad) / _PRESENCE_CELLS
            columns, rows = (int(np.ceil((high - low + 2 * pad) / cell)) + 1 for low, high in ((x0, x1), (y0, y1)))
            across, up = np.meshgrid(x0 - pad + cell * np.arange(columns), y0 - pad + cell * np.arange(rows))
            there = self.space.map.has_data(np.stack([across.ravel(), up.ravel()], 1).astype(np.float32))
            grid = there.reshape(rows, columns)
            info = PresenceInfo(origin=(x0 - pad, y0 - pad), cell=cell, columns=columns, rows=rows)
            bare = not (grid[[0, -1]].any() or grid[:, [0, -1]].any())
            pad *= 2
        return info, np.asarray(grid, np.uint8)

    def info(self) -> LayersInfo:
        with self._lock:
            field = self._field
            density = FieldInfo(
                **_grid(field),
                bandwidth=field.bandwidth,
                shares=list(field.shares),
                levels=list(field.levels),
                n=field.n,
            )
            return LayersInfo(density=density, presence=self._presence[0])

    def density(self) -> npt.NDArray[np.float32]:
        with self._lock:
            return np.ascontiguousarray(self._field.values, "<f4")

    def presence(self) -> npt.NDArray[np.uint8]:
        with self._lock:
            return self._presence[1]

    def sureness(self) -> SurenessInfo:
        with self._lock:
            found = self._sureness
        known = found.values[np.isfinite(found.values)]
        return SurenessInfo(
            **_grid(found),
            measured=found.n,
            typical=float(np.median(known)) if len(known) else None,
            unit=_UNITS.get(self.space.schema.modality, "standard deviations"),
        )

    def percentiles(self) -> npt.NDArray[np.float32]:
        """Of the uncertainty, (rows, columns)."""
        with self._lock:
            return np.ascontiguousarray(self._sureness.percentiles, "<f4")

    def regions(self) -> RegionsInfo:
        with self._lock:
            found = self._regions
        return RegionsInfo(
            regions=[
                RegionInfo(
                    index=r.index,
                    n=r.n,
                    share=r.share,
                    x=r.at[0],
                    y=r.at[1],
                    label=r.label,
                    traits=[
                        TraitInfo(column=t.column, phrase=t.phrase, short=t.short, delta=t.delta, q=t.q, n=t.n)
                        for t in r.traits[:_TRAITS]
                    ],
                    exemplar=r.exemplar,
                )
                for r in found
            ],
            n=len(found.of),
            without=int((found.of < 0).sum()),
            tested=found.tested,
            fdr=found.fdr,
        )

    def region_of(self) -> npt.NDArray[np.int16]:
        """(N,): the region of each row, -1 for none."""
        with self._lock:
            return np.ascontiguousarray(self._regions.of, "<i2")


def _grid(grid: Field | Sureness) -> dict[str, Any]:
    rows, columns = grid.values.shape
    return {"origin": grid.origin, "cell": grid.cell, "columns": columns, "rows": rows}
