"""How to train; whatever is None is chosen from the data and the machine."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from deepspace.errors import TrainingError

__all__ = ["Precision", "TrainConfig"]

Precision = Literal["auto", "float32", "bfloat16"]


@dataclass(frozen=True)
class TrainConfig:
    """Settings of one training.

    epochs, batch_size, learning_rate: None lets ``deepspace.training.plan`` choose; the rate is Adam's, at its peak.
    warmup: share of the epochs over which the weight of the KL goes from ``warmup_from`` to 1.
    warmup_from: the weight at the start. 0 lets every latent in at once; above 1 the latents enter one after the other,
        those first that explain most, which helps a disentangling model to give each factor its own (Burgess 2018,
        arXiv:1804.03599, opens a capacity to the same end).
    validation_fraction: share of the rows held out for early stopping (at most 10,000 rows); 0 holds out none.
    patience: epochs without a better validation ELBO after which training goes back to its best weights and on in
        smaller steps, and the fourth time stops; it acts only after the warm-up.
    seed: of data order, validation split and noise. threads: of the CPU; None finds the faster by a short trial.
    precision: "bfloat16" computes matrix products in 16 bits, "auto" where the processor gains from it.
    device: "cpu", "cuda", ... or "auto". max_seconds: stop after this long and keep the best so far.
    checkpoint: a file to resume from, written as training goes. memory: bytes that the rows may take; None is a
    quarter of what is free, and rows beyond are read from disk in shuffled blocks.
    """

    epochs: int | None = None
    batch_size: int | None = None
    learning_rate: float | None = None
    warmup: float = 0.15
    warmup_from: float = 0.0
    validation_fraction: float = 0.1
    patience: int | None = None
    seed: int = 0
    threads: int | None = None
    precision: Precision = "auto"
    device: str = "auto"
    max_seconds: float | None = None
    checkpoint: Path | None = None
    memory: int | None = None

    def __post_init__(self) -> None:
        for name in ("epochs", "batch_size", "patience", "threads"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise TrainingError(f"{name} must be at least 1, got {value}; leave it out to have it chosen.")
        for name in ("learning_rate", "max_seconds"):
            value = getattr(self, name)
            if value is not None and not 0 < value < float("inf"):
                raise TrainingError(f"{name} must be a positive number, got {value}; leave it out to have it chosen.")
        if not 0 <= self.warmup <= 1:
            raise TrainingError(f"warmup is a share of the epochs from 0 to 1, got {self.warmup}.")
        if not 0 <= self.warmup_from <= 1000:
            raise TrainingError(
                f"warmup_from is a weight of the KL from 0 to 1,000, as a multiple of its own, got {self.warmup_from}."
            )
        if not 0 <= self.validation_fraction < 1:
            raise TrainingError(
                f"validation_fraction is a share of the rows from 0 to below 1, got {self.validation_fraction}."
            )
        if self.precision not in get_args(Precision):
            raise TrainingError(f"precision must be one of {', '.join(get_args(Precision))}, got {self.precision!r}.")
        if self.checkpoint is not None:
            object.__setattr__(self, "checkpoint", Path(self.checkpoint))
