"""What is wrong with a space, in figures: how training went, where the rows stand, which are not rebuilt."""

from __future__ import annotations

from deepspace.server.wire.base import Wire

__all__ = ["DimensionInfo", "EpochInfo", "HealthInfo", "WorstRow"]


class EpochInfo(Wire):
    """One epoch, in nats a row, of the rows trained on and of those held out."""

    epoch: int
    elbo: float | None
    reconstruction: float | None
    kl: float | None
    validation_elbo: float | None
    validation_reconstruction: float | None
    validation_kl: float | None


class DimensionInfo(Wire):
    """Mean and deviation of the aggregate posterior in one dimension; the prior's are 0 and 1."""

    index: int
    mean: float
    deviation: float
    active: bool


class WorstRow(Wire):
    row: int
    error: float
    seen: bool


class HealthInfo(Wire):
    """``limit``: the reconstruction error beyond which a row is far outside the others, as ``far`` of ``n`` are.
    ``held_out``: where rows were held out in groups, which they are, in words; else empty."""

    epochs: list[EpochInfo]
    best_epoch: int | None
    stopped: str | None
    dimensions: list[DimensionInfo]
    worst: list[WorstRow]
    limit: float | None
    far: int
    median: float | None
    error_unit: str
    n: int
    held_out: str
