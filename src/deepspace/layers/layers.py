"""The layers of a network: names, shapes, parameters, and what each answers to given rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

from deepspace.errors import SpaceError
from deepspace.layers.network import ModuleNetwork, Network, Part, SpaceNetwork, scripted, watch
from deepspace.results import Tabular, text_table

if TYPE_CHECKING:
    import pyarrow as pa
    import torch

    from deepspace.layers.concepts import Concept
    from deepspace.layers.depth import Depth
    from deepspace.layers.dreaming import Dream
    from deepspace.layers.maps import LayerMap, MapSeries
    from deepspace.layers.recording import Recording
    from deepspace.layers.saliency import Saliency
    from deepspace.layers.similarity import Similarity
    from deepspace.layers.strip import Strip
    from deepspace.layers.units import Driver, Unit, Units
    from deepspace.space import BaseSpace

__all__ = ["Layer", "Layers", "activations", "layers", "list_layers", "look"]

BATCH = 256
_LAST = ("Linear", "LayerNorm", "Embedding", "LSTM", "GRU", "RNN", "MultiheadAttention", "RMSNorm", "Bilinear")


@dataclass(frozen=True)
class Layer:
    """One layer as it runs. ``shape``: its output for one row; ``units``: how many channels, neurons or latents it has,
    along ``axis`` of that shape; ``parameters``: its own weights, shared ones counted once."""

    name: str
    part: Part
    kind: str
    shape: tuple[int, ...]
    parameters: int
    axis: int = 0

    @property
    def units(self) -> int:
        return self.shape[self.axis] if self.shape else 1

    @property
    def size(self) -> int:
        """Numbers for one row."""
        return int(np.prod(self.shape, dtype=np.int64))


@dataclass(frozen=True)
class Layers(Tabular):
    """The layers in the order they run, encoder first. ``parameters``: of the whole model, also outside any layer;
    ``left_out``: layers that cannot be looked into, each with the reason."""

    items: tuple[Layer, ...]
    parameters: int
    network: Network = field(repr=False, compare=False)
    left_out: dict[str, str] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.items)

    def __iter__(self) -> Iterator[Layer]:
        return iter(self.items)

    def __getitem__(self, position: int | str) -> Layer:
        """By position or by name. Raises SpaceError for a name that is not there."""
        if isinstance(position, str):
            return self.chosen([position])[0]
        return self.items[position]

    @property
    def names(self) -> tuple[str, ...]:
        """What ``activations`` calls them."""
        return tuple(layer.name for layer in self.items)

    def chosen(self, names: str | Sequence[str] | Callable[[str], bool] | None) -> tuple[Layer, ...]:
        """The layers of these names, or for which a function of the name says yes; all for None."""
        if names is None:
            return self.items
        if callable(names):
            return tuple(layer for layer in self.items if names(layer.name))
        wanted = [names] if isinstance(names, str) else list(names)
        known = {layer.name: layer for layer in self.items}
        for name in wanted:
            if name in self.left_out:
                raise SpaceError(f"Layer {name!r} of '{self.network.name}' is not looked into: {self.left_out[name]}.")
            if name not in known:
                raise SpaceError(
                    f"'{self.network.name}' has no layer {name!r}: its layers are {', '.join(self.names)}."
                )
        return tuple(known[name] for name in wanted)

    def activations(
        self,
        rows: npt.ArrayLike,
        names: str | Sequence[str] | Callable[[str], bool] | None = None,
        *,
        batch: int = BATCH,
    ) -> dict[str, npt.NDArray[np.float32]]:
        """What layers answer to rows, in batches: name -> (M, *shape) float32. All of it is held in memory; ``record``
        streams what is larger. Of a space, the decoder's layers see the posterior mean."""
        chosen = np.asarray(rows, np.int64)
        if len(chosen) and not (chosen.min() >= 0 and chosen.max() < self.network.rows):
            raise SpaceError(
                f"'{self.network.name}' has {self.network.rows:,} rows, and row {chosen.max():,} was asked for."
            )
        return _collect(self, lambda part: self.network.inputs(chosen[part]), len(chosen), names, batch)

    def record(self, rows: npt.ArrayLike | None = None, **options: Any) -> Recording:
        """A summary of every layer at rows, streamed to disk; see ``deepspace.layers.record``."""
        from deepspace.layers.recording import record

        return record(self, rows, **options)

    def depth(self, columns: str | Sequence[str] | None = None, **options: Any) -> Depth:
        """What can be read off each layer, beside three comparisons; see ``deepspace.layers.depth``."""
        from deepspace.layers.depth import depth

        return depth(self, columns, **options)

    def similarity(self, other: Layers | None = None, *, rows: npt.ArrayLike | None = None) -> Similarity:
        """Linear CKA of all layers, or of these against another network's at the same rows."""
        from deepspace.layers.similarity import similarity

        mine = self.record(rows)
        theirs = None if other is None else other.record(mine.rows)
        try:
            return similarity(mine, theirs)
        finally:
            mine.close()
            if theirs is not None:
                theirs.close()

    def units(self, layer: str, **options: Any) -> Units:
        """What each unit of a layer goes with; see ``deepspace.layers.units``."""
        from deepspace.layers.units import units

        return units(self, layer, **options)

    def unit(self, layer: str, index: int, **options: Any) -> tuple[Unit, tuple[Driver, ...], tuple[Driver, ...]]:
        """One unit: what it goes with, the rows that drive it most, and least; see ``deepspace.layers.unit``."""
        from deepspace.layers.units import unit

        return unit(self, layer, index, **options)

    def strip(self, row: int | None = None, *, z: npt.ArrayLike | None = None, **options: Any) -> Strip:
        """One item's way through all layers; see ``deepspace.layers.strip``."""
        from deepspace.layers.strip import strip

        return strip(self, row, z=z, **options)

    def map(self, layer: str, **options: Any) -> LayerMap:
        """A 2-D map of one layer's answers; see ``deepspace.layers.layer_map``."""
        from deepspace.layers.maps import layer_map

        return layer_map(self, layer, **options)

    def maps(self, names: Sequence[str] | None = None, **options: Any) -> MapSeries:
        """A map a layer, from the input on, each laid upon the one before; see ``deepspace.layers.layer_maps``."""
        from deepspace.layers.maps import layer_maps

        return layer_maps(self, names, **options)

    def concept(self, rows: npt.ArrayLike, **options: Any) -> Concept:
        """A concept given by rows: where it can be read, and whether a conclusion follows it; see
        ``deepspace.layers.concept``."""
        from deepspace.layers.concepts import concept

        return concept(self, rows, **options)

    def saliency(
        self, rows: npt.ArrayLike, target: int | Literal["prediction"] = "prediction", **options: Any
    ) -> Saliency:
        """What of the input a conclusion rests on, with the check by random weights beside it; see
        ``deepspace.layers.saliency``."""
        from deepspace.layers.saliency import saliency

        return saliency(self, rows, target, **options)

    def dream(self, layer: str, unit: int, **options: Any) -> Dream:
        """A made-up item that a unit answers to most; see ``deepspace.layers.dream``."""
        from deepspace.layers.dreaming import dream

        return dream(self, layer, unit, **options)

    def to_arrow(self) -> pa.Table:
        import pyarrow as pa

        plain = ("name", "part", "kind", "parameters", "units")
        columns: dict[str, Any] = {name: [getattr(layer, name) for layer in self.items] for name in plain}
        columns["shape"] = [list(layer.shape) for layer in self.items]
        return pa.table(columns)

    def __str__(self) -> str:
        rows = [
            (layer.name, layer.part, layer.kind, " x ".join(map(str, layer.shape)) or "1", f"{layer.parameters:,}")
            for layer in self.items
        ]
        lines = [text_table(("layer", "part", "kind", "shape", "parameters"), rows)]
        lines += [f"left out: {name}, {why}" for name, why in self.left_out.items()]
        return "\n".join([*lines, f"{self.parameters:,} parameters"])


def layers(space: BaseSpace) -> Layers:
    """List the layers of a space's encoder and decoder by running a row through both."""
    return list_layers(SpaceNetwork(space))


def look(net: Any, x: Any, **options: Any) -> Layers:
    """The layers of any ``torch.nn.Module`` on rows x: an array or tensor (N, ...), or a space whose rows are meant.

    options: ``name``, ``columns``, ``held_out``, ``prepare`` and ``call``, as ``ModuleNetwork`` has them.
    """
    from deepspace.space import BaseSpace

    made = ModuleNetwork.on(net, x, **options) if isinstance(x, BaseSpace) else ModuleNetwork(net, x, **options)
    return list_layers(made)


def list_layers(network: Network) -> Layers:
    """List the layers by running two rows, so that an answer without an axis for the rows is found out."""
    import torch

    found: dict[str, Layer] = {}
    left_out = dict.fromkeys(scripted(network.module), "it is scripted, and no hook reaches what it runs")
    counted: set[int] = set()
    count = min(2, network.rows)

    def note(name: str, part: Part, module: torch.nn.Module, output: torch.Tensor) -> None:
        if name in found or name in left_out:
            return
        if not output.ndim or len(output) != count:
            shape = tuple(output.shape)
            left_out[name] = f"its answer to {count} rows has shape {shape}, whose first axis is not the rows"
            return
        if not output.is_floating_point():
            left_out[name] = f"its answer is {str(output.dtype).removeprefix('torch.')}, not floats"
            return
        own = [p for p in module.parameters() if id(p) not in counted]
        counted.update(id(p) for p in own)
        shape, kind = tuple(output.shape[1:]), getattr(module, "original_name", type(module).__name__)
        axis = _axis(kind, shape, list(found.values()))
        found[name] = Layer(name, part, kind, shape, sum(p.numel() for p in own), axis)

    with watch(network, note) as run, torch.inference_mode():
        run(network.inputs(np.arange(count)))
    if not found:
        why = "; ".join(f"{name}: {reason}" for name, reason in left_out.items()) or "it runs no module of its own"
        raise SpaceError(f"'{network.name}' has no layer that can be looked into: {why}.")
    return Layers(tuple(found.values()), sum(p.numel() for p in network.module.parameters()), network, left_out)


def _axis(kind: str, shape: tuple[int, ...], before: list[Layer]) -> int:
    """Where the units are: last behind a linear layer or in a sequence, and as before where a layer keeps the shape."""
    if len(shape) < 2:
        return 0
    if kind in _LAST:
        return len(shape) - 1
    if kind.startswith(("Conv", "BatchNorm", "InstanceNorm", "GroupNorm", "MaxPool", "AvgPool", "Adaptive")):
        return 0
    return next((layer.axis for layer in reversed(before) if layer.shape == shape), 0)


def activations(
    space: BaseSpace,
    x: Any = None,
    names: Sequence[str] | None = None,
    *,
    rows: npt.ArrayLike | None = None,
    batch: int = BATCH,
) -> dict[str, npt.NDArray[np.float32]]:
    """What layers answer to items, in batches: name -> (M, *shape) float32, as ``layers`` names and orders them.

    x: items in the user's units; or rows: numbers of the space's own rows. The decoder's layers see the posterior
    mean. Raises SpaceError for a name that is not there.
    """
    import torch

    if (x is None) == (rows is None):
        raise SpaceError(f"activations of '{space.name}' need either items x or row numbers, and not both.")
    listed = layers(space)
    if rows is not None:
        return listed.activations(rows, names, batch=batch)
    encoded, device = space.schema.encode(x), listed.network.device
    return _collect(
        listed, lambda part: torch.from_numpy(np.array(encoded[part])).to(device), len(encoded), names, batch
    )


def _collect(
    listed: Layers,
    inputs: Callable[[slice], torch.Tensor],
    count: int,
    names: str | Sequence[str] | Callable[[str], bool] | None,
    batch: int,
) -> dict[str, npt.NDArray[np.float32]]:
    import torch

    chosen = listed.chosen(names)
    found = {layer.name: np.empty((count, *layer.shape), np.float32) for layer in chosen}

    def note(name: str, part: Part, module: torch.nn.Module, output: torch.Tensor) -> None:
        if name in found:
            # Copied at once: the next layer may work in place on this one's answer.
            found[name][at] = output.detach().float().cpu().numpy()

    with watch(listed.network, note) as run, torch.inference_mode():
        for start in range(0, count, batch):
            at = slice(start, start + batch)
            run(inputs(at))
    return found
