"""Spaces of the same rows beside each other; the built-in case is a space and its principal components."""

from __future__ import annotations

from deepspace.metrics.comparing.compare import check_same_rows, compare
from deepspace.metrics.comparing.neighbours import Kept, Sides, sides
from deepspace.metrics.comparing.result import Comparison, Curve, Gap
from deepspace.metrics.comparing.side_by_side import SideBySide, side_by_side
from deepspace.metrics.comparing.twin import find_twin, twin

__all__ = [
    "Comparison",
    "Curve",
    "Gap",
    "Kept",
    "SideBySide",
    "Sides",
    "check_same_rows",
    "compare",
    "find_twin",
    "side_by_side",
    "sides",
    "twin",
]
