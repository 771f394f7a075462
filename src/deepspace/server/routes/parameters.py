"""Parameters that several addresses take."""

from __future__ import annotations

from typing import Annotated

from fastapi import Path, Query

__all__ = ["Count", "Finite", "Index", "Positive"]

Index = Annotated[int, Path(ge=0)]
Finite = Annotated[float, Query(allow_inf_nan=False)]
Positive = Annotated[float, Query(gt=0, allow_inf_nan=False)]
Count = Annotated[int, Query(ge=1, le=200)]
