"""Parameters that several addresses take."""

from __future__ import annotations

from typing import Annotated

from fastapi import Path, Query

__all__ = ["AxesName", "Count", "Finite", "Index", "Positive"]

AxesName = Annotated[str, Query(max_length=500)]
"""Axes as ``deepspace.explore.axes`` takes them: map, pca, latent:0,3, columns:x,y."""
Index = Annotated[int, Path(ge=0)]
Finite = Annotated[float, Query(allow_inf_nan=False)]
Positive = Annotated[float, Query(gt=0, allow_inf_nan=False)]
Count = Annotated[int, Query(ge=1, le=200)]
