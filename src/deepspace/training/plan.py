"""How long and with what steps to train: epochs, batch, learning rate and their schedule."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

from deepspace.training.config import TrainConfig

__all__ = ["CUTS", "Plan", "make"]

CUTS = 3  # times that a training without progress goes on from its best weights in smaller steps

_MOST_HELD_OUT = 10_000
_FEWEST_ROWS = 20  # with fewer, none is held out
# Multiplications forward in all epochs together: about two minutes on two cores, and less on an accelerator.
_BUDGET = 1.6e12
_BUDGET_ACCELERATED = 4e13


@dataclass(frozen=True)
class Plan:
    """Everything about a training that follows from its config and the number of rows."""

    rows: int
    validation_rows: int
    batch_size: int
    epochs: int
    steps: int
    learning_rate: float
    warmup_steps: int
    warmup_from: float
    patience: int
    decay: float

    @property
    def total(self) -> int:
        """Steps in all."""
        return self.epochs * self.steps

    def rate(self, step: int, cuts: int = 0) -> float:
        """Learning rate of a step: a short rise, then half a cosine down to a fiftieth, cut to .3 where it stalls."""
        peak = self.learning_rate * 0.3**cuts
        rise = max(1, min(200, self.total // 20))
        if step < rise:
            return peak * (step + 1) / rise
        along = (step - rise) / max(1, self.total - rise)
        return peak * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * min(along, 1.0))))

    def weight(self, step: int) -> float:
        """Weight of the KL at a step: in a straight line to 1 over the warm-up, then 1."""
        along = min(1.0, (step + 1) / self.warmup_steps) if self.warmup_steps else 1.0
        return self.warmup_from + (1 - self.warmup_from) * along

    def warm(self, step: int) -> bool:
        """Whether the warm-up is over before this step."""
        return step >= self.warmup_steps

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)


def validation_rows(rows: int, fraction: float) -> int:
    """How many rows are held out."""
    return 0 if rows < _FEWEST_ROWS or fraction == 0 else max(2, min(round(rows * fraction), _MOST_HELD_OUT, rows - 2))


def batch_size(rows: int) -> int:
    """About a fortieth of the rows, a power of two from 32 to 512: few rows need many steps, many rows fast ones.

    512 is a fifth faster than 256; it is as good on the 60,000 rows of MNIST, but on 20,000 3 nats behind.
    """
    most = 9 if rows >= 40_000 else 8
    return int(2 ** min(most, max(5, round(math.log2(max(rows, 1) / 40)))))


def learning_rate(batch: int) -> float:
    """Grows with the batch, with its root below 256: more rows say surer where to go (Goyal 2017, arXiv:1706.02677)."""
    share = batch / 256
    return 4e-3 * min(4.0, max(share, math.sqrt(share)))


def epochs(rows: int, batch: int, budget: float = math.inf) -> int:
    """Enough for some 8,000 steps of up to 256 rows, at most 400 passes over the rows, at least 24, and not beyond a
    budget of passes; at least 12.

    At 3,000 steps tables are far from done: on Adult the held-out ELBO is -8.5 there and -6.7 at 6,900.
    """
    return round(max(12, min(400, max(24, 8000 * min(batch, 256) / max(rows, 1)), budget)))


def make(
    config: TrainConfig, rows: int, multiplies: int = 0, *,
    accelerated: bool = False, pace: float = 1.0, length: float = 1.0, held_out: int | None = None,
) -> Plan:  # fmt: skip
    """The plan for that many rows. ``held_out``: how many of them, by default as the config says;
    ``multiplies``: products in a forward pass of one row, which bound the epochs; ``pace`` and ``length``: what a model
    wants the usual learning rate and epochs multiplied with."""
    held_out = validation_rows(rows, config.validation_fraction) if held_out is None else held_out
    train = rows - held_out
    batch = min(config.batch_size or batch_size(train), train)
    budget = (_BUDGET_ACCELERATED if accelerated else _BUDGET) / (multiplies * train) if multiplies else math.inf
    count = config.epochs or round(length * epochs(train, batch, budget))
    steps = -(-train // batch)
    usual = pace * learning_rate(batch)
    rate = config.learning_rate or usual
    return Plan(
        rows=rows,
        validation_rows=held_out,
        batch_size=batch,
        epochs=count,
        steps=steps,
        learning_rate=rate,
        warmup_steps=round(config.warmup * count * steps),
        warmup_from=config.warmup_from,
        patience=config.patience or max(4, count // 20),
        # AdamW decays by rate times this: a rate of the user's own must not change how much a step forgets.
        decay=(0.5 if train < 5000 else 0.1) * usual / rate,
    )
