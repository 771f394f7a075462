"""A model that needs no training gets the same record of it: which rows were held out, and how good it is on them."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from deepspace.models import ClosedForm, LatentModel
from deepspace.training import feed
from deepspace.training import plan as planning
from deepspace.training.config import TrainConfig
from deepspace.training.evaluate import evaluate
from deepspace.training.events import Progress
from deepspace.training.history import History, split

__all__ = ["solve"]

_BLOCK = 1 << 22  # values in a block of rows
_JUDGED = 1000  # training rows that stand in where none are held out


def solve(
    model: ClosedForm,
    array: npt.NDArray[Any],
    config: TrainConfig,
    *,
    held_out: npt.NDArray[np.int64] | None = None,
    on_progress: Callable[[Progress], None] | None = None,
    on_epoch: Callable[[LatentModel, int], None] | None = None,
) -> History:
    """Set the model's weights from the rows (N, *shape) that are not held out, and leave it in eval mode.

    Held out are the rows that a training with the same seed and settings would hold out, or those named. Where
    the model asks for fewer rows than there are, an even spread of them is read.
    """
    began = time.monotonic()
    named = held_out
    if held_out is None:
        held_out = split(len(array), planning.validation_rows(len(array), config.validation_fraction), config.seed)
    count = len(held_out)
    kept = np.ones(len(array), bool)
    kept[held_out] = False
    training = np.flatnonzero(kept)
    wanted = model.wanted(len(training))
    rows = training[np.linspace(0, len(training) - 1, wanted).round().astype(np.int64)]
    step = max(1, _BLOCK // max(1, math.prod(array.shape[1:])))

    def blocks() -> Iterator[Tensor]:
        for start in range(0, len(rows), step):
            if on_progress is not None:
                on_progress(Progress(phase="training", fraction=start / len(rows), epoch=1, epochs=1))
            yield torch.from_numpy(feed.gather(array, rows[start : start + step]))

    model.solve(blocks)
    model.eval()
    judged = held_out if count else training[:_JUDGED]
    final = evaluate(model, torch.from_numpy(feed.gather(array, judged)), torch.device("cpu"), seed=config.seed)
    seconds = time.monotonic() - began
    history = _history(config, len(array), count, len(training), final, seconds)
    history = replace(history, named=named is not None, held_out=named)
    if on_epoch is not None:
        on_epoch(model, 1)
    return history


def _history(config: TrainConfig, rows: int, held_out: int, training: int, final: Any, seconds: float) -> History:
    figures = {"elbo": final.elbo, "reconstruction": final.reconstruction, "kl": final.kl}
    epoch = {"epoch": 1, **figures, **{f"validation_{name}": value for name, value in figures.items()}}
    return History(
        epochs=[{**epoch, "active_units": final.active_units, "warmup": 1.0, "learning_rate": 0.0, "seconds": seconds}],
        best_epoch=1,
        stopped="epochs",
        threads=torch.get_num_threads(),
        precision="float32",
        device="cpu",
        seconds=seconds,
        seed=config.seed,
        rows=rows,
        validation_rows=held_out,
        batch_size=training,
        learning_rate=0.0,
        **figures,
        kl_per_dimension=final.kl_per_dimension,
        active_units=final.active_units,
    )
