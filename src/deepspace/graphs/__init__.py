"""Neighbour graphs of points, and the groups in them: arrays in, arrays out."""

from __future__ import annotations

from deepspace.graphs.communities import Communities, partition, vote
from deepspace.graphs.fuzzy import fuzzy_graph, nearest

__all__ = ["Communities", "fuzzy_graph", "nearest", "partition", "vote"]
