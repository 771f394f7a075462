"""The decision on the map: where it changes, how far that picture is the predictor's, and other pictures of it."""

from __future__ import annotations

from deepspace.decisions.boundary.comparing import PredictorComparison, PredictorPair, compare_boundaries
from deepspace.decisions.boundary.doubt import Doubt, doubt
from deepspace.decisions.boundary.proxy import Proxy, proxy
from deepspace.decisions.boundary.traced import Boundary, boundary, static_boundary
from deepspace.decisions.boundary.triangle import Triangle, triangle
from deepspace.decisions.boundary.trust import MapTrust, Share, map_trust

__all__ = [
    "Boundary",
    "Doubt",
    "MapTrust",
    "PredictorComparison",
    "PredictorPair",
    "Proxy",
    "Share",
    "Triangle",
    "boundary",
    "compare_boundaries",
    "doubt",
    "map_trust",
    "proxy",
    "static_boundary",
    "triangle",
]
