"""Questions asked of a space: what its dimensions do, what parts two groups, what lies on the way."""

from __future__ import annotations

from deepspace.explore.arithmetic import Sum, arithmetic
from deepspace.explore.directions import Direction, Shift, direction
from deepspace.explore.factors import Factor, Factors, changed, factors
from deepspace.explore.paths import KINDS, Gain, Path, Paths, Traversal, lerp, path, paths, slerp, traverse

__all__ = [
    "KINDS",
    "Direction",
    "Factor",
    "Factors",
    "Gain",
    "Path",
    "Paths",
    "Shift",
    "Sum",
    "Traversal",
    "arithmetic",
    "changed",
    "direction",
    "factors",
    "lerp",
    "path",
    "paths",
    "slerp",
    "traverse",
]
