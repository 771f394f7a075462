"""Whether a network answers with probabilities, logits or values: found out once, on rows of the space."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from deepspace.decisions.predictors.handing import Handing
from deepspace.errors import ModelError
from deepspace.metrics.heldout import spread

if TYPE_CHECKING:
    from deepspace.data.schema import Column
    from deepspace.decisions.predictors.predictor import Predictor
    from deepspace.space import BaseSpace

__all__ = ["settled"]

ROWS = 512
"""Rows that are asked about: that the answers to all of them add up to 1 by chance does not happen."""
FEW = 20
"""A numeric target with more values than this is an amount."""


def settled(
    predictor: Predictor, space: BaseSpace, target: Column | None, *, time_limit: float | None = None
) -> Predictor:
    """The predictor with its ``kind`` known. Of several columns, rows that add up to 1 are probabilities, any others
    logits. One column is a value where the target is an amount; else a probability where all of it lies in 0..1 (a
    note says so: logits might too), and a logit otherwise."""
    if not predictor.undecided:
        return predictor
    index = spread(np.arange(len(space), dtype=np.int64), ROWS)
    handing = Handing(space, predictor)
    # Read as values of any width: what they are is the question.
    raw = predictor.answered(len(index), lambda piece: handing.rows(index[piece]), time_limit=time_limit)
    numbers = _numbers(raw, predictor.name, len(index))
    found: dict[str, Any] = {"undecided": False}
    inside = bool(((numbers >= 0) & (numbers <= 1)).all())
    if numbers.shape[1] > 1:
        sums = inside and bool((np.abs(numbers.sum(1) - 1) < 1e-3).all())
        return replace(predictor, kind="probabilities" if sums else "logits", **found)
    if target is not None and target.kind in ("numeric", "integer") and target.distinct > FEW:
        return replace(predictor, kind="values", classes=None, **found)
    if not inside:
        return replace(predictor, kind="logits", **found)
    note = (
        f"the answers of {predictor.name} are read as probabilities, since those to all of {len(index):,} rows lie "
        "between 0 and 1; say kind='logits' if they are not."
    )
    return replace(predictor, kind="probabilities", notes=(*predictor.notes, note), **found)


def _numbers(raw: list[Any], name: str, count: int) -> np.ndarray[Any, np.dtype[np.float64]]:
    parts = [np.asarray(r.detach().cpu().numpy() if hasattr(r, "detach") else r) for r in raw]
    shapes = sorted({p.shape[1:] for p in parts})
    if len(shapes) != 1 or len(shapes[0]) > 1 or sum(len(p) if p.ndim else 0 for p in parts) != count:
        got = parts[0].shape
        raise ModelError(
            f"The predictor {name} answered {count:,} items with an array of shape {got}; it must give one answer an "
            "item: (items,) or (items, classes)."
        )
    numbers = np.concatenate([np.asarray(p, np.float64).reshape(len(p), -1) for p in parts])
    # What is not finite is refused where the answers are checked, with the item that it belongs to.
    return np.asarray(numbers[np.isfinite(numbers).all(1)])
