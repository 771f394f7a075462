"""Inside the networks, for the page: one item's way through the layers, units' pages, and what each layer tells."""

from __future__ import annotations

import base64
import copy
import threading
from collections import OrderedDict
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from deepspace.errors import SpaceError
from deepspace.layers import Layers, Recording, SpaceNetwork, list_layers, record
from deepspace.layers.strip import LayerMaps, Strip, strip
from deepspace.layers.units import FDR, Driver, Units, drivers, units
from deepspace.server import places, wire
from deepspace.server.concepts import Concepts
from deepspace.server.depths import Depths
from deepspace.server.dreams import Dreams
from deepspace.server.items import Items
from deepspace.server.jobs import share_of
from deepspace.server.layermaps import Maps
from deepspace.server.saliencies import Saliencies
from deepspace.space.figures import own_condition

if TYPE_CHECKING:
    from deepspace.space import BaseSpace

__all__ = ["Inside"]

MAPS = 8
"""Units of a layer that a strip shows."""
_SIDE, _LENGTH = 64, 128
_FIELDS = 7
_DRIVERS = 8
_LAYERS_KEPT = 64


class Inside:
    """What the page asks of one space's networks. Safe to call from several threads.

    Layers are watched by hooks, and the cursor decodes through the model meanwhile: all of this works on copies.
    """

    def __init__(self, items: Items) -> None:
        self.items, self.space = items, items.space
        self._looking = threading.Lock()
        self._recording = threading.Lock()
        self._recorded: Recording | None = None
        self._testing = threading.Lock()
        self._units: OrderedDict[str, Units] = OrderedDict()
        self._work = wire.NetworkWork(doing="", fraction=0.0)
        self.depths = Depths(self.recording)
        self.maps = Maps(self.space, self.recording)
        self.concepts = Concepts(self._own)
        self.dreams = Dreams(items, self._own)
        self.saliencies = Saliencies(items, self._own)

    @cached_property
    def _found(self) -> Layers | SpaceError:
        try:
            return copied(self.space)
        except SpaceError as error:
            return error

    def _own(self) -> Layers:
        """Layers of one more copy, for work that goes on while others watch theirs."""
        self.listed()  # which says why where there are none
        return copied(self.space)

    def listed(self) -> Layers:
        """Raises SpaceError where there are no layers to look into."""
        with self._looking:
            found = self._found
        if isinstance(found, SpaceError):
            raise SpaceError(str(found))
        return found

    def info(self) -> wire.NetworkInfo:
        try:
            listed = self.listed()
        except SpaceError as error:
            return wire.NetworkInfo(layers=[], parameters=0, left_out=[], reason=str(error))
        return wire.NetworkInfo(
            layers=[
                wire.NetworkLayer(
                    name=layer.name,
                    part=layer.part,
                    kind=layer.kind,
                    shape=list(layer.shape),
                    units=layer.units,
                    parameters=layer.parameters,
                )
                for layer in listed
            ],
            parameters=listed.parameters,
            left_out=[f"{name}: {why}" for name, why in listed.left_out.items()],
        )

    # One item

    def strip(self, place: str) -> wire.StripInfo:
        """place: as ``places.latent`` takes it. A row runs itself, of any other place runs what it decodes to."""
        listed, z = self.listed(), places.latent(self.space, place)
        row = int(place.removeprefix("row:")) if place.startswith("row:") else None
        with self._looking:
            made = strip(listed, row, most=MAPS) if row is not None else strip(listed, z=z, most=MAPS)
        here = row if row is not None else int(self.space.neighbors(z=z[None], k=1).index[0, 0])
        into, out = self._ends(made, row, z, here)
        return wire.StripInfo(
            place=place,
            generated=row is None,
            input=into,
            layers=[_layer(found, self._units.get(found.name)) for found in made.layers],
            latent=[float(v) for v in np.nan_to_num(made.concluded)],
            output=out,
            about=made.about,
        )

    def _ends(self, made: Strip, row: int | None, z: npt.NDArray[Any], here: int) -> tuple[wire.Content, wire.Content]:
        """What goes in and what comes out. Of records, the fields that are most unlike the others'."""
        space, items = self.space, self.items
        condition = own_condition(space, slice(row, row + 1)) if row is not None else {}
        first = np.asarray(space.decode_encoded(z[None])) if row is None else None
        last = np.asarray(space.decode_encoded(made.concluded[None], **condition))
        into = items.real(here) if first is None else items.inline(first, [here])[0]
        out = items.inline(last, [here])[0]
        if not isinstance(into, wire.TableContent) or not isinstance(out, wire.TableContent):
            return into, out
        kept = self._telling(made.item, [f.name for f in into.fields])
        return _only(into, kept), _only(out, kept)

    def _telling(self, item: npt.NDArray[np.float32], names: list[str]) -> list[str]:
        if self.items.genes or len(item) != len(names):
            return names[:_FIELDS]
        numbers = [i for i, n in enumerate(names) if self.items.kinds[n] in {"numeric", "integer", "date"}]
        order = sorted(numbers, key=lambda i: -abs(float(np.nan_to_num(item[i]))))
        rest = [i for i in range(len(names)) if i not in set(numbers)]
        return [names[i] for i in sorted([*order[:_FIELDS], *rest][:_FIELDS])]

    # Units

    def recording(self, tell: Any = None) -> Recording:
        """What all layers answer to many rows, made once. ``tell`` may raise to end it."""
        with self._recording:
            if self._recorded is None:
                self._recorded = record(copied(self.space), tell=tell)
            return self._recorded

    def work(self) -> wire.NetworkWork:
        return self._work

    def unit(self, layer: str, index: int) -> wire.UnitInfo:
        """Takes some seconds at the first ask of all and of each layer. Raises SpaceError for one that is not there."""
        listed = self.listed()
        chosen = listed[layer]
        if not 0 <= index < chosen.units:
            raise SpaceError(f"Layer '{layer}' has units 0 to {chosen.units - 1:,}, and unit {index:,} was asked for.")
        try:
            recording = self.recording(self._tell)
            tested = self._tested(listed, layer, recording)
        finally:
            self._work = wire.NetworkWork(doing="", fraction=0.0)
        with self._looking:
            most, least = (drivers(listed, layer, index, recording, count=_DRIVERS, least=few) for few in (False, True))
        one = tested[index]
        return wire.UnitInfo(
            layer=layer,
            index=index,
            count=chosen.units,
            links=[
                wire.LinkInfo(
                    phrase=k.phrase, column=k.column, strength=k.strength, q=k.q, area=k.area, descriptor=k.descriptor
                )
                for k in one.links
            ],
            mean=one.mean,
            deviation=one.deviation,
            fires=one.fires,
            most=[_driver(d) for d in most],
            least=[_driver(d) for d in least],
            named=[
                wire.NamedUnit(index=u.index, name=u.name or "", strength=u.links[0].strength) for u in tested.named
            ],
            n=tested.n,
            tested=tested.tested,
            level=FDR,
        )

    def _tested(self, listed: Layers, layer: str, recording: Recording) -> Units:
        with self._testing:
            if layer not in self._units:
                self._work = wire.NetworkWork(doing=f"finding what the units of {layer} go with", fraction=0.9)
                self._units[layer] = units(listed, layer, recording=recording)
                while len(self._units) > _LAYERS_KEPT:
                    self._units.popitem(last=False)
            self._units.move_to_end(layer)
            return self._units[layer]

    def _tell(self, said: str) -> None:
        self._work = wire.NetworkWork(doing="running rows through the network", fraction=0.85 * share_of(said))


def copied(space: BaseSpace) -> Layers:
    """The layers of a copy of the space's model, on which hooks do no harm."""
    network = SpaceNetwork(space)
    network.module = copy.deepcopy(network.module)
    return list_layers(network)


def _only(content: wire.TableContent, names: list[str]) -> wire.TableContent:
    return content.model_copy(update={"fields": [f for f in content.fields if f.name in set(names)]})


def _driver(found: Driver) -> wire.DriverInfo:
    return wire.DriverInfo(row=found.row, answer=found.answer, box=None if found.box is None else list(found.box))


def _layer(found: LayerMaps, known: Units | None) -> wire.StripLayer:
    maps = np.nan_to_num(found.maps)
    if maps.ndim == 3 and maps.shape[1] == 1:  # a signal that runs through two-dimensional layers
        maps = maps[:, 0]
    peaks = maps.reshape(len(maps), -1).max(1)
    small = shrunk(maps)
    low, high = float(np.nan_to_num(found.low)), float(np.nan_to_num(found.high))
    scaled = np.rint(255 * (small - low) / (high - low)) if high > low else np.zeros_like(small)
    return wire.StripLayer(
        name=found.name,
        part=found.part,
        kind=found.kind,
        form="cell" if maps.ndim == 1 else "line" if maps.ndim == 2 else "map",
        units=found.units.tolist(),
        names=[known[int(u)].name if known is not None else None for u in found.units],
        shares=found.shares.tolist(),
        peaks=peaks.tolist(),
        count=found.count,
        low=low,
        high=high,
        height=small.shape[1],
        width=small.shape[2],
        data=base64.b64encode(scaled.clip(0, 255).astype(np.uint8).tobytes()).decode(),
    )


def shrunk(maps: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """(m, ...) -> (m, h, w), averaged down to 64 x 64, lines to 128."""
    import torch
    from torch.nn import functional

    m = len(maps)
    flat = maps.reshape(m, 1, -1) if maps.ndim < 3 else maps.reshape(m, -1, maps.shape[-1])
    _, height, width = flat.shape
    scale = min(1.0, _LENGTH / width) if maps.ndim < 3 else min(1.0, _SIDE / max(height, width))
    if scale == 1.0:
        return np.asarray(flat)
    size = max(1, round(height * scale)), max(1, round(width * scale))
    return np.asarray(functional.adaptive_avg_pool2d(torch.from_numpy(np.ascontiguousarray(flat)), size).numpy())
