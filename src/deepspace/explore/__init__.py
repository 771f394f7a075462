"""Questions asked of a space: what its dimensions do, and what lies on the way from one place to another."""

from __future__ import annotations

from deepspace.explore.factors import Factor, Factors, changed, factors
from deepspace.explore.paths import Path, Traversal, lerp, path, slerp, traverse

__all__ = [
    "Factor",
    "Factors",
    "Path",
    "Traversal",
    "changed",
    "factors",
    "lerp",
    "path",
    "slerp",
    "traverse",
]
