"""Two dimensions to look along."""

from __future__ import annotations

from typing import Literal

from deepspace.server.wire.base import Wire

__all__ = ["AxesInfo", "AxisInfo"]


class AxisInfo(Wire):
    """One axis: a place at p reads ``origin + unit * p``. ``explained``: its share of the latents' variance."""

    label: str
    kind: str
    origin: float
    unit: float
    explained: float | None


class AxesInfo(Wire):
    """``placed`` of the rows have a place; trust is measured on ``n`` of those. ``exact``: a place leads back to
    latents by itself, and else the near rows' are blended."""

    name: str
    kind: Literal["map", "latent", "pca", "columns", "layer"]
    axes: tuple[AxisInfo, AxisInfo]
    exact: bool
    placed: int
    bounds: tuple[float, float, float, float]
    trustworthiness: float | None
    continuity: float | None
    n: int | None
    k: int | None
