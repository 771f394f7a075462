"""Inside the networks: which layers there are, what each answers, and what it has learned to tell apart."""

from __future__ import annotations

from deepspace.layers.layers import Layer, Layers, activations, layers, list_layers
from deepspace.layers.network import ModuleNetwork, Network, SpaceNetwork
from deepspace.layers.recording import Recording, record

__all__ = [
    "Layer",
    "Layers",
    "ModuleNetwork",
    "Network",
    "Recording",
    "SpaceNetwork",
    "activations",
    "layers",
    "list_layers",
    "record",
]
