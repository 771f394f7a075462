"""What training tells whoever watches it: plain values, safe to hand to another thread."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["Phase", "Progress"]

Phase = Literal["loading", "training", "encoding", "mapping", "measuring", "saving", "ready", "failed"]


@dataclass(frozen=True)
class Progress:
    """A moment of a fit. ELBO and its parts are nats per row; ``fraction`` is of the whole phase, 0..1."""

    phase: Phase
    fraction: float
    epoch: int = 0
    epochs: int = 0
    elbo: float | None = None
    reconstruction: float | None = None
    kl: float | None = None
    validation_elbo: float | None = None
    active_units: int | None = None
    rows_per_second: float | None = None
    seconds_left: float | None = None
    message: str = ""
