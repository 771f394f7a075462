"""The networks of a space, layer by layer: names, shapes, parameters, and what each answers to given rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

from deepspace.errors import SpaceError
from deepspace.results import Tabular, text_table

if TYPE_CHECKING:
    import pyarrow as pa
    import torch

    from deepspace.space import BaseSpace

__all__ = ["Layer", "Layers", "activations", "layers"]

Part = Literal["encoder", "decoder"]
BATCH = 256


@dataclass(frozen=True)
class Layer:
    """One layer as it runs. ``shape``: its output for one row; ``parameters``: its own weights, shared ones counted
    once."""

    name: str
    part: Part
    kind: str
    shape: tuple[int, ...]
    parameters: int


@dataclass(frozen=True)
class Layers(Tabular):
    """The layers in the order they run, encoder first. ``parameters``: of the whole model, also outside any layer."""

    items: tuple[Layer, ...]
    parameters: int

    def __len__(self) -> int:
        return len(self.items)

    def __iter__(self) -> Iterator[Layer]:
        return iter(self.items)

    def __getitem__(self, position: int) -> Layer:
        return self.items[position]

    @property
    def names(self) -> tuple[str, ...]:
        """What ``activations`` calls them."""
        return tuple(layer.name for layer in self.items)

    def to_arrow(self) -> pa.Table:
        import pyarrow as pa

        plain = ("name", "part", "kind", "parameters")
        columns: dict[str, Any] = {name: [getattr(layer, name) for layer in self.items] for name in plain}
        columns["shape"] = [list(layer.shape) for layer in self.items]
        return pa.table(columns)

    def __str__(self) -> str:
        rows = [
            (layer.name, layer.part, layer.kind, " x ".join(map(str, layer.shape)) or "1", f"{layer.parameters:,}")
            for layer in self.items
        ]
        return f"{text_table(('layer', 'part', 'kind', 'shape', 'parameters'), rows)}\n{self.parameters:,} parameters"


def layers(space: BaseSpace) -> Layers:
    """List the layers by running one row through encoder and decoder. A layer is a torch module without children."""

    found: dict[str, Layer] = {}
    counted: set[int] = set()

    def note(name: str, part: Part, module: torch.nn.Module, output: torch.Tensor) -> None:
        if name not in found:
            own = [p for p in module.parameters() if id(p) not in counted]
            counted.update(id(p) for p in own)
            size = sum(p.numel() for p in own)
            found[name] = Layer(name, part, type(module).__name__, tuple(output.shape[1:]), size)

    with _watch(space, note) as run:
        run(np.asarray(space.samples[:1]))
    total = sum(parameter.numel() for parameter in space.model.parameters())
    return Layers(tuple(found.values()), total)


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
    mean. A layer that runs more than once gives its last answer. Raises SpaceError for a name that is not there.
    """
    if (x is None) == (rows is None):
        raise SpaceError(f"activations of '{space.name}' need either items x or row numbers, and not both.")
    encoded = space.schema.encode(x) if rows is None else np.asarray(space.samples[np.asarray(rows, np.int64)])
    listed = layers(space).names
    wanted = list(listed) if names is None else list(names)
    unknown = [name for name in wanted if name not in listed]
    if unknown:
        raise SpaceError(f"'{space.name}' has no layer {unknown[0]!r}: its layers are {', '.join(listed)}.")
    collected: dict[str, list[npt.NDArray[np.float32]]] = {name: [] for name in wanted}
    latest: dict[str, npt.NDArray[np.float32]] = {}

    def note(name: str, part: Part, module: torch.nn.Module, output: torch.Tensor) -> None:
        if name in collected:
            # A copy: the next layer may work in place on this one's answer.
            latest[name] = np.array(output.float().cpu().numpy())

    with _watch(space, note) as run:
        for start in range(0, max(1, len(encoded)), batch):
            latest.clear()
            run(encoded[start : start + batch])
            for name, output in latest.items():
                collected[name].append(output)
    return {name: np.concatenate(parts) for name, parts in collected.items()}


@contextmanager
def _watch(
    space: BaseSpace, note: Callable[[str, Part, torch.nn.Module, torch.Tensor], None]
) -> Iterator[Callable[[npt.NDArray[Any]], None]]:
    """Hooks on every layer for as long as the block lasts; yields what runs encoded rows through both networks.

    A layer used by both networks is called by its name in the encoder, and NAME (decoder) in the decoder.
    """
    import torch

    if space.lacks:
        raise SpaceError(f"'{space.name}' was made around a model trained elsewhere, whose layers are not looked into.")
    part: Part = "encoder"
    runs: dict[str, Part] = {}

    def hook(name: str) -> Callable[[torch.nn.Module, Any, Any], None]:
        def seen(module: torch.nn.Module, _inputs: Any, output: Any) -> None:
            first = output[0] if isinstance(output, (tuple, list)) else output
            if isinstance(first, torch.Tensor):
                label = name if runs.setdefault(name, part) == part else f"{name} ({part})"
                note(label, part, module, first.detach())

        return seen

    leaves = [(name, module) for name, module in space.model.named_modules() if name and not any(module.children())]
    handles = [module.register_forward_hook(hook(name)) for name, module in leaves]
    device = next((p.device for p in space.model.parameters()), torch.device("cpu"))

    def run(encoded: npt.NDArray[Any]) -> None:
        nonlocal part
        with torch.inference_mode():
            part = "encoder"
            posterior = space.model.encode(torch.from_numpy(np.array(encoded)).to(device))
            part = "decoder"
            space.model.decode(posterior.mean)

    try:
        yield run
    finally:
        for handle in handles:
            handle.remove()
