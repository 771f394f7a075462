"""Questions asked of a space: what its dimensions do, and what lies on the way from one place to another."""

from __future__ import annotations

from deepspace.explore.arithmetic import Sum, arithmetic
from deepspace.explore.axes import Axes, axes
from deepspace.explore.communities import Communities, communities
from deepspace.explore.directions import Direction, Shift, direction
from deepspace.explore.factors import Factor, Factors, factors
from deepspace.explore.field import Field, map_field
from deepspace.explore.local import LocalFactor, LocalFactors, local_factors
from deepspace.explore.names import FactorNames, Name, name_factors
from deepspace.explore.paths import KINDS, Gain, Path, Paths, Traversal, lerp, path, paths, slerp, traverse
from deepspace.explore.regions import Region, Regions, regions
from deepspace.explore.sureness import Sureness, map_uncertainty
from deepspace.explore.traits import Trait
from deepspace.space.change import changed

__all__ = [
    "KINDS",
    "Axes",
    "Communities",
    "Direction",
    "Factor",
    "FactorNames",
    "Factors",
    "Field",
    "Gain",
    "LocalFactor",
    "LocalFactors",
    "Name",
    "Path",
    "Paths",
    "Region",
    "Regions",
    "Shift",
    "Sum",
    "Sureness",
    "Trait",
    "Traversal",
    "arithmetic",
    "axes",
    "changed",
    "communities",
    "direction",
    "factors",
    "lerp",
    "local_factors",
    "map_field",
    "map_uncertainty",
    "name_factors",
    "path",
    "paths",
    "regions",
    "slerp",
    "traverse",
]
