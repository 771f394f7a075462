"""The map: the two-dimensional view of a latent space, on which every position decodes."""

from __future__ import annotations

from deepspace.space.map.fit import fit_map
from deepspace.space.map.fitted import FittedMap
from deepspace.space.map.trust import continuity, measure_trust, trustworthiness

__all__ = ["FittedMap", "continuity", "fit_map", "measure_trust", "trustworthiness"]
