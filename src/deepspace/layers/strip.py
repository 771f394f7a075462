"""One item's way through the network: the maps of every layer, those first that matter most to what is concluded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from deepspace.errors import SpaceError
from deepspace.layers.layers import Layers
from deepspace.layers.network import Part, SpaceNetwork, watch

if TYPE_CHECKING:
    import torch

__all__ = ["LayerMaps", "Strip", "strip"]

MOST = 12


@dataclass(frozen=True)
class LayerMaps:
    """What one layer answers to one item. ``maps``: (m, h, w) of a picture, (m, length) of a signal, (m,) of neurons,
    of the ``units`` (m,) that matter most, in that order; ``shares`` (m,): how much each matters, of all the layer's
    units together; ``low``, ``high``: the layer's colour scale, over all its units at this item."""

    name: str
    part: Part
    kind: str
    maps: npt.NDArray[np.float32]
    units: npt.NDArray[np.int64]
    shares: npt.NDArray[np.float32]
    count: int
    low: float
    high: float


@dataclass(frozen=True)
class Strip:
    """Layer by layer from the input to what is concluded, and of a space back to the output. ``concluded``: (K,)
    latent mean or answer. ``about``: what mattering was measured by."""

    layers: tuple[LayerMaps, ...]
    item: npt.NDArray[np.float32]
    concluded: npt.NDArray[np.float32]
    about: str


def strip(listed: Layers, row: int | None = None, *, z: npt.ArrayLike | None = None, most: int = MOST) -> Strip:
    """The strip of a row, or of what a place z (D,) of a space decodes to.

    A unit matters by |sum over positions of answer x gradient|: to first order, how much the conclusion would change
    were it silent. The conclusion is ``network.worth``: how well the item is rebuilt, or the largest answer.
    """
    import torch

    x = _item(listed, row, z)
    network, seen = listed.network, dict[str, torch.Tensor]()

    def note(name: str, part: Part, module: torch.nn.Module, output: torch.Tensor) -> torch.Tensor | None:
        if name not in kept:
            return None
        seen[name] = output
        # What goes on is a copy: a layer that works in place would spoil the answer and its gradient.
        return output.clone()

    kept = {layer.name: layer for layer in listed}
    with watch(network, note, worth=True) as run, torch.enable_grad():
        x = x.detach().clone().requires_grad_(True)
        worth, concluded = run(x)
        asked = [name for name, output in seen.items() if output.requires_grad]
        slopes = torch.autograd.grad(worth.sum(), [seen[name] for name in asked], allow_unused=True) if asked else ()
    gradient = dict(zip(asked, slopes, strict=True))
    layers = tuple(
        _maps(listed[name], output.detach(), gradient.get(name), most) for name, output in seen.items() if name in kept
    )
    about = "how well the item is rebuilt" if isinstance(network, SpaceNetwork) else "the largest answer"
    return Strip(layers, _plain(x[0]), _plain(concluded[0]), about)


def _item(listed: Layers, row: int | None, z: npt.ArrayLike | None) -> torch.Tensor:
    import torch

    network = listed.network
    if (row is None) == (z is None):
        raise SpaceError(f"A strip of '{network.name}' needs either a row or a place z, and not both.")
    if row is not None:
        if not 0 <= row < network.rows:
            raise SpaceError(f"'{network.name}' has rows 0 to {network.rows - 1:,}, and row {row:,} was asked for.")
        return network.inputs([row])
    if not isinstance(network, SpaceNetwork):
        raise SpaceError(f"'{network.name}' has no decoder, so that a place z is no item of it; give a row.")
    place = np.asarray(z, np.float32).reshape(1, -1)
    return torch.from_numpy(np.array(network.space.decode_encoded(place))).to(network.device).float()


def _maps(layer: Any, output: torch.Tensor, slope: torch.Tensor | None, most: int) -> LayerMaps:
    import torch

    answer = output.float().movedim(layer.axis + 1, 1)[0] if output.ndim > 1 else output.float()
    if slope is None:
        weight = torch.zeros(layer.units)
    else:
        lean = slope.float().movedim(layer.axis + 1, 1)[0] if slope.ndim > 1 else slope.float()
        weight = (answer * lean).reshape(layer.units, -1).sum(1).abs()
    order = torch.argsort(weight, descending=True, stable=True)[:most]
    total = float(weight.sum())
    return LayerMaps(
        layer.name, layer.part, layer.kind, _plain(answer[order]), order.cpu().numpy(),
        _plain(weight[order] / total if total > 0 else torch.zeros(len(order))), layer.units,
        float(answer.min()), float(answer.max()),
    )  # fmt: skip


def _plain(x: torch.Tensor) -> npt.NDArray[np.float32]:
    return np.asarray(x.detach().cpu().numpy(), np.float32)
