"""Inside the networks: which layers there are, what each answers, and what it has learned to tell apart.

The package can be called: ``deepspace.layers(net, x)`` is ``deepspace.layers.look(net, x)``.
"""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

from deepspace.layers.concepts import Concept, LayerConcept, concept
from deepspace.layers.depth import Depth, Reading, depth
from deepspace.layers.descriptors import descriptors
from deepspace.layers.dimension import Dimension, two_nn
from deepspace.layers.dreaming import Dream, dream
from deepspace.layers.layers import Layer, Layers, activations, layers, list_layers, look
from deepspace.layers.maps import LayerMap, MapSeries, Separation, layer_map, layer_maps
from deepspace.layers.network import ModuleNetwork, Network, SpaceNetwork
from deepspace.layers.recording import Recording, record
from deepspace.layers.saliency import RandomisationCheck, Saliency, saliency
from deepspace.layers.similarity import Similarity, cka, similarity
from deepspace.layers.strip import LayerMaps, Strip, strip
from deepspace.layers.units import Driver, Link, Unit, Units, drivers, unit, units

__all__ = [
    "Concept",
    "Depth",
    "Dimension",
    "Dream",
    "Driver",
    "Layer",
    "LayerConcept",
    "LayerMap",
    "LayerMaps",
    "Layers",
    "Link",
    "MapSeries",
    "ModuleNetwork",
    "Network",
    "RandomisationCheck",
    "Reading",
    "Recording",
    "Saliency",
    "Separation",
    "Similarity",
    "SpaceNetwork",
    "Strip",
    "Unit",
    "Units",
    "activations",
    "cka",
    "concept",
    "depth",
    "descriptors",
    "dream",
    "drivers",
    "layer_map",
    "layer_maps",
    "layers",
    "list_layers",
    "look",
    "record",
    "saliency",
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
