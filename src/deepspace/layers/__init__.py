"""Inside the networks: which layers there are and what each answers."""

from __future__ import annotations

from deepspace.layers.layers import Layer, Layers, activations, layers

__all__ = ["Layer", "Layers", "activations", "layers"]
