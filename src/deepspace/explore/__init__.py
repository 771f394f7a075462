"""Questions asked of a space: what its dimensions do, and what lies on the way from one place to another."""

from __future__ import annotations

from deepspace.explore.axes import Axes, axes
from deepspace.explore.factors import Factor, Factors, changed, factors
from deepspace.explore.paths import KINDS, Gain, Path, Paths, Traversal, lerp, path, paths, slerp, traverse

__all__ = [
    "KINDS",
    "Axes",
    "Factor",
    "Factors",
    "Gain",
    "Path",
    "Paths",
    "Traversal",
    "axes",
    "changed",
    "factors",
    "lerp",
    "path",
    "paths",
    "slerp",
    "traverse",
]
