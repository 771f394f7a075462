"""A map per layer, for the page: made in the background when first asked for, then kept as axes of the main map."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from deepspace.errors import SpaceError
from deepspace.explore import Axes
from deepspace.layers import LayerMap, MapSeries, Recording, Separation, layer_maps
from deepspace.server import wire
from deepspace.server.jobs import Job, share_of
from deepspace.server.planes import LAYER, offer
from deepspace.space import BaseSpace

__all__ = ["Maps"]

_RUN = 0.2
"""How far it is once the rows ran through the network."""


@dataclass(frozen=True)
class LayerAxes(Axes):
    """Places decode as those on own columns do: nothing leads back to latents, so the near rows' are blended.

    told: trust against the layer's own features, not against the latents.
    """

    told: Mapping[str, float | int] = field(default_factory=dict, repr=False)

    @cached_property
    def trust(self) -> dict[str, float | int]:
        return dict(self.told)


class Maps(Job[wire.MakingMaps]):
    """The maps of one space's layers, each laid over the one before, the first over the main map."""

    def __init__(self, space: BaseSpace, recording: Callable[[Callable[[str], None]], Recording]) -> None:
        super().__init__(wire.MakingMaps, "Making the maps of the layers")
        self._space, self._recording = space, recording
        self.series: MapSeries | None = None

    def work(self) -> wire.LayerMapsInfo:
        made = self._recording(self._recorded)
        # Of a space "input", the encoder's layers and "latent".
        count = 2 + sum(layer.part != "decoder" for layer in made.layers)
        done = 0

        def tell(said: str) -> None:
            nonlocal done
            done += 1
            layer = said.removeprefix("map of layer ").split(" of '")[0]
            self._tell(f"laid out {layer}, {done} of {count} maps", _RUN + (1 - _RUN) * done / count)

        self._tell(f"laying out the first of {count} maps", _RUN)
        series = layer_maps(made.listed, recording=made, tell=tell)
        self.series = series
        offer(self._space, {LAYER + each.layer: self._axes(each) for each in series})
        held = made.held_out()
        return _info(series, self._space, None if held is None else int(held.sum()))

    def places(self) -> bytes:
        """The rows' numbers, uint32, then every map's places, float32 (M, 2), one after the other."""
        if self.series is None:
            raise SpaceError(f"The layers of '{self._space.name}' have no maps yet: ask for them to be made first.")
        parts = [self.series.rows.astype("<u4"), *(each.positions.astype("<f4") for each in self.series)]
        return b"".join(part.tobytes() for part in parts)

    def _recorded(self, said: str) -> None:
        self._tell("running rows through the network", _RUN * share_of(said))

    def _axes(self, found: LayerMap) -> Axes:
        space = self._space
        positions = np.full((len(space), 2), np.nan, np.float32)
        positions[found.rows] = found.positions
        told: dict[str, float | int] = {}
        if math.isfinite(found.trustworthiness):
            told = {
                "trustworthiness": found.trustworthiness,
                "continuity": found.continuity,
                "n": found.measured,
            }
        return LayerAxes(
            "columns", LAYER + found.layer, (f"{found.layer} 1", f"{found.layer} 2"), ("numeric", "numeric"), positions,
            exact=False, centre=np.asarray(space.latents.mean[found.rows], np.float64).mean(0),
            basis=np.zeros((2, space.latent_dim)), space=space, told=told,
        )  # fmt: skip


def _info(series: MapSeries, space: BaseSpace, held_out: int | None) -> wire.LayerMapsInfo:
    counted = {c.name for c in space.schema.columns if c.kind in {"numeric", "integer", "date"}}
    return wire.LayerMapsInfo(
        maps=[
            wire.LayerMapInfo(
                layer=each.layer,
                axes=LAYER + each.layer,
                trustworthiness=_finite(each.trustworthiness),
                continuity=_finite(each.continuity),
                measured=each.measured,
                moved=each.moved,
                separation=[_separation(s, counted) for s in each.separation.values() if math.isfinite(s.value)],
            )
            for each in series
        ],
        placed=len(series.rows),
        held_out=held_out,
    )


def _separation(found: Separation, numbers: set[str]) -> wire.LayerSeparation:
    categories = found.baseline > 0 or found.column not in numbers
    return wire.LayerSeparation(
        column=found.column, categories=categories, value=found.value, baseline=found.baseline, n=found.n
    )


def _finite(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None
