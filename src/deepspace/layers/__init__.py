"""Inside the networks: which layers there are, what each answers, and what it has learned to tell apart.

The package can be called: ``deepspace.layers(net, x)`` is ``deepspace.layers.look(net, x)``.
"""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

from deepspace.layers.depth import Depth, Reading, depth
from deepspace.layers.descriptors import descriptors
from deepspace.layers.dimension import Dimension, two_nn
from deepspace.layers.layers import Layer, Layers, activations, layers, list_layers, look
from deepspace.layers.network import ModuleNetwork, Network, SpaceNetwork
from deepspace.layers.recording import Recording, record
from deepspace.layers.similarity import Similarity, cka, similarity
from deepspace.layers.strip import LayerMaps, Strip, strip
from deepspace.layers.units import Driver, Link, Unit, Units, drivers, unit, units

__all__ = [
    "Depth",
    "Dimension",
    "Driver",
    "Layer",
    "LayerMaps",
    "Layers",
    "Link",
    "ModuleNetwork",
    "Network",
    "Reading",
    "Recording",
    "Similarity",
    "SpaceNetwork",
    "Strip",
    "Unit",
    "Units",
    "activations",
    "cka",
    "depth",
    "descriptors",
    "drivers",
    "layers",
    "list_layers",
    "look",
    "record",
    "similarity",
    "strip",
    "two_nn",
    "unit",
    "units",
]


class _Callable(ModuleType):
    """``ds.layers(net, x)``: once this package is imported, its name in ``deepspace`` is the package itself."""

    def __call__(self, net: Any, x: Any, **options: Any) -> Layers:
        return look(net, x, **options)


sys.modules[__name__].__class__ = _Callable
