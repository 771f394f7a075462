"""What happened in a training, as plain values."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

__all__ = ["History", "Stop", "split"]

Stop = Literal["early", "epochs", "time", "user"]


def split(rows: int, validation_rows: int, seed: int) -> npt.NDArray[np.int64]:
    """The sorted rows held out for validation: a function of these three numbers alone."""
    order = np.random.Generator(np.random.Philox(key=[seed % 2**64, 1])).permutation(rows)
    return np.sort(order[:validation_rows])


@dataclass(frozen=True)
class History:
    """The record of one training; ELBO and parts in nats per row.

    epochs: one mapping an epoch: epoch (from 1), elbo, reconstruction, kl (training, as seen), validation_elbo,
    validation_reconstruction, validation_kl, active_units, warmup (weight of the KL at the epoch's end),
    learning_rate, seconds. The weights kept are those after ``best_epoch``; the figures below are theirs, in float32,
    on the validation rows (the training rows if none were held out). skipped: steps left out as not finite.
    """

    epochs: list[dict[str, Any]]
    best_epoch: int
    stopped: Stop
    threads: int
    precision: str
    device: str
    seconds: float
    seed: int
    rows: int
    validation_rows: int
    batch_size: int
    learning_rate: float
    elbo: float
    reconstruction: float
    kl: float
    kl_per_dimension: list[float]
    active_units: int
    skipped: int = 0
    resumed: int = 0

    @property
    def validation_index(self) -> npt.NDArray[np.int64]:
        """Rows that were held out, sorted."""
        return split(self.rows, self.validation_rows, self.seed)

    @property
    def train_index(self) -> npt.NDArray[np.int64]:
        """Rows that were trained on, sorted."""
        kept = np.ones(self.rows, bool)
        kept[self.validation_index] = False
        return np.flatnonzero(kept)

    def to_json(self) -> dict[str, Any]:
        """Plain values, read back by ``History.from_json``."""
        return asdict(self)

    @classmethod
    def from_json(cls, obj: dict[str, Any]) -> History:
        """The history that ``to_json`` wrote; names of a later version are left out."""
        known = {f.name for f in fields(cls)}
        return cls(**{k: v for k, v in obj.items() if k in known})
