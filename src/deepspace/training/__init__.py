"""One loop that trains every model family: schedules, early stopping, checkpoint and resume."""

from __future__ import annotations

from deepspace.training.config import TrainConfig
from deepspace.training.evaluate import Evaluation, active_units, evaluate
from deepspace.training.events import Phase, Progress
from deepspace.training.history import History
from deepspace.training.loop import train

__all__ = ["Evaluation", "History", "Phase", "Progress", "TrainConfig", "active_units", "evaluate", "train"]
