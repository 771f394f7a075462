"""What happened in a training, as plain values."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from deepspace.errors import TrainingError

__all__ = ["History", "Stop", "split"]

Stop = Literal["early", "epochs", "time", "user"]


_ENOUGH_GROUPS = 5
"""Groups held out at least, unless that would be more than a quarter of them."""
_DRAWS = 100


def split(
    rows: int, validation_rows: int, seed: int, groups: npt.NDArray[np.integer[Any]] | None = None
) -> npt.NDArray[np.int64]:
    """The sorted rows held out for validation: a function of these arguments alone.

    groups: (rows,), the group of each row, from 0 without gaps. Whole groups are then held out, a simple random sample
    of them, as many as are ``validation_rows / rows`` of all and at least five or a quarter. How many rows that is
    depends on their sizes; groups are drawn anew where it is less than half or more than twice what is expected, or
    more than half of all.
    """
    random = np.random.Generator(np.random.Philox(key=[seed % 2**64, 1]))
    if groups is None:
        return np.sort(random.permutation(rows)[:validation_rows])
    if not validation_rows:
        return np.empty(0, np.int64)
    sizes = np.bincount(groups)
    count = max(1, round(len(sizes) * validation_rows / rows), min(_ENOUGH_GROUPS, len(sizes) // 4))
    expected = rows * count / len(sizes)
    best, least = np.empty(0, np.int64), np.inf
    for _ in range(_DRAWS):
        drawn = random.permutation(len(sizes))[:count]
        held = sizes[drawn].sum()
        off = abs(np.log(held / expected)) if 2 * held <= rows else float(held)
        if off < least:
            best, least = drawn, off
        if off <= np.log(2):
            break
    chosen = np.zeros(len(sizes), bool)
    chosen[best] = True
    return np.flatnonzero(chosen[groups])


@dataclass(frozen=True)
class History:
    """The record of one training; ELBO and parts in nats per row.

    epochs: one mapping an epoch: epoch (from 1), elbo, reconstruction, kl (training, as seen), validation_elbo,
    validation_reconstruction, validation_kl, active_units, warmup (weight of the KL at the epoch's end),
    learning_rate, seconds. The weights kept are those after ``best_epoch``; the figures below are theirs, in float32,
    on the validation rows (the training rows if none were held out). skipped: steps left out as not finite.
    held_out: the validation rows where the caller named them (``named``); they are not among the plain values.
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
    named: bool = False
    held_out: npt.NDArray[np.int64] | None = field(default=None, repr=False, compare=False)

    @property
    def validation_index(self) -> npt.NDArray[np.int64]:
        """Rows that were held out, sorted."""
        if self.held_out is not None:
            return self.held_out
        if self.named:
            raise TrainingError("A history that was read back does not say which rows were held out; ask its space.")
        return split(self.rows, self.validation_rows, self.seed)

    @property
    def train_index(self) -> npt.NDArray[np.int64]:
        """Rows that were trained on, sorted."""
        kept = np.ones(self.rows, bool)
        kept[self.validation_index] = False
        return np.flatnonzero(kept)

    def to_json(self) -> dict[str, Any]:
        """Plain values, read back by ``History.from_json``."""
        return {name: value for name, value in asdict(replace(self, held_out=None)).items() if name != "held_out"}

    @classmethod
    def from_json(cls, obj: dict[str, Any]) -> History:
        """The history that ``to_json`` wrote; names of a later version are left out."""
        known = {f.name for f in fields(cls)}
        return cls(**{k: v for k, v in obj.items() if k in known})
