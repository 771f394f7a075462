"""The rows that training never saw, on which measures are taken."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from deepspace.space.figures import own_condition

if TYPE_CHECKING:
    from deepspace.space import BaseSpace

__all__ = ["MOST_HELD_OUT", "HeldOut", "held_out", "spread"]

MOST_HELD_OUT = 10_000
MOST_TRAINING = 20_000


@dataclass(frozen=True)
class HeldOut:
    """Row numbers, ascending: ``rows`` held out of training, ``training`` a spread of the others. ``seen`` is true
    when the space has no record of held-out rows (a model trained elsewhere) and the measures therefore flatter it."""

    space: BaseSpace
    rows: npt.NDArray[np.int64]
    training: npt.NDArray[np.int64]
    seen: bool

    @cached_property
    def encoded(self) -> npt.NDArray[Any]:
        """(n, *shape): the held-out rows as the model sees them."""
        return np.asarray(self.space.samples[self.rows])

    @cached_property
    def encoded_training(self) -> npt.NDArray[Any]:
        """(m, *shape): the training rows that baselines learn from."""
        return np.asarray(self.space.samples[self.training])

    @cached_property
    def reconstruction(self) -> npt.NDArray[np.float32]:
        """(n, *shape): decode(posterior mean) of the held-out rows, in encoded units."""
        z = np.asarray(self.space.latents.mean[self.rows])
        return np.asarray(self.space.decode_encoded(z, **own_condition(self.space, self.rows)), np.float32)

    @cached_property
    def codes(self) -> npt.NDArray[np.int64] | None:
        """(n,): the held-out rows' conditions, where the model has one."""
        codes = getattr(self.space, "condition_codes", None)
        return None if codes is None else codes[self.rows]


def held_out(space: BaseSpace, *, most: int = MOST_HELD_OUT) -> HeldOut:
    """The space's validation rows, at most ``most`` of them evenly spread, and a spread of its training rows."""
    everything = np.arange(len(space), dtype=np.int64)
    known = space.validation_index
    if not len(known):
        return HeldOut(space, spread(everything, most), spread(everything, MOST_TRAINING), seen=True)
    rest = np.setdiff1d(everything, known, assume_unique=True)
    return HeldOut(space, spread(known, most), spread(rest if len(rest) else known, MOST_TRAINING), seen=False)


def spread(rows: npt.NDArray[np.int64], most: int) -> npt.NDArray[np.int64]:
    """At most ``most`` of some rows, evenly."""
    if len(rows) <= most:
        return rows
    return rows[np.linspace(0, len(rows) - 1, most).round().astype(np.int64)]
