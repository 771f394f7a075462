"""Health for the page: the history of training, the moments of each dimension, the rows that are not rebuilt."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from deepspace.metrics import worst_rows
from deepspace.server.wire import DimensionInfo, EpochInfo, HealthInfo, WorstRow
from deepspace.space.moments import latent_moments

if TYPE_CHECKING:
    from deepspace.space import BaseSpace

__all__ = ["health_info"]

_WORST = 12
_SERIES = ("elbo", "reconstruction", "kl", "validation_elbo", "validation_reconstruction", "validation_kl")


def health_info(space: BaseSpace) -> HealthInfo:
    """The figures behind the sentences of ``deepspace.metrics.health``."""
    history = space.history
    moments = latent_moments(space.latents.mean, space.latents.scale)
    worst = worst_rows(space, _WORST) if "reconstruction_error" in space.figures else None
    best = history.get("best_epoch")
    return HealthInfo(
        epochs=[_epoch(i, values) for i, values in enumerate(history.get("epochs") or [])],
        best_epoch=None if not best else int(best),
        stopped=history.get("stopped"),
        dimensions=[
            DimensionInfo(index=d, mean=float(mean), deviation=float(deviation), active=bool(active))
            for d, (mean, deviation, active) in enumerate(
                zip(moments.mean, moments.deviation, moments.active, strict=True)
            )
        ],
        worst=[
            WorstRow(row=int(row), error=float(error), seen=bool(seen))
            for row, error, seen in (zip(worst.rows, worst.errors, worst.seen, strict=True) if worst else ())
        ],
        limit=worst.limit if worst else None,
        far=worst.far if worst else 0,
        median=worst.median if worst else None,
        error_unit=str(space.manifest.get("figures", {}).get("reconstruction_error", "")),
        n=len(space),
        held_out="" if space.groups is None else space.groups.told(space.validation_index),
    )


def _epoch(index: int, values: dict[str, Any]) -> EpochInfo:
    found = {name: values.get(name) for name in _SERIES}
    plain = {name: float(v) if v is not None and math.isfinite(v) else None for name, v in found.items()}
    return EpochInfo(epoch=int(values.get("epoch", index + 1)), **plain)
