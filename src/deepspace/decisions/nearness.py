"""How near two items are for a decision: in what they are, and in what the predictor says of them.

That two items are alike in what the data are made of knows nothing of the target, and two items that are alike but for
the one column that decides lie close together. So what the predictor says is a part of the distance:

    d^2(a, b) = |u_a - u_b|^2  +  w^2 |s_a - s_b|^2 / V_s  +  h^2 [o_a != o_b],

u what an item is, scaled to a total variance of 1 over the rows: of a table, half of it the posterior means and half
the encoded cells as factor analysis of mixed data has them (``models/coordinates.py``), so that what lies near is also
near in the user's own columns; of all else, the posterior means. s is the logit of the probability (logits less their
mean for three or more outcomes, the value of a regression), V_s its total variance, o the outcome decided. So at w = 1
what an item is and how it is scored count alike. h does not reorder rows of the same decision. No known outcome takes
part. ``benchmarks/decisions/precedents.py`` measures this against others.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal
from weakref import WeakKeyDictionary

import numpy as np
import numpy.typing as npt

from deepspace.errors import SpaceError
from deepspace.metrics.heldout import spread
from deepspace.space.neighbours import Index

if TYPE_CHECKING:
    from deepspace.decisions.audit import Audit
    from deepspace.decisions.predictors.predictor import Answers

__all__ = ["METRICS", "Metric", "Nearness", "coordinates_of", "nearness"]

Metric = Literal["decision", "latent", "input"]
METRICS: tuple[Metric, ...] = ("decision", "latent", "input")
WEIGHT = 1.0
"""w: how much the score counts beside what an item is."""
STEP = 0.5
"""h: how far a decision otherwise is, where two random rows differ by the root of 2 in what they are."""
_CLIP = 0.01
"""Probabilities nearer to 0 or 1 are all the same: what a predictor says there is seldom calibrated."""
_TYPICAL = 1000
"""Rows whose nearest neighbours say how near is usual."""

Floats = npt.NDArray[np.float32]
Index64 = npt.NDArray[np.int64]


class Nearness:
    """The rows of an audit as points in one of ``METRICS``; numbers here are places in ``audit.rows``."""

    def __init__(
        self, audit: Audit, metric: Metric = "decision", *, weight: float = WEIGHT, step: float = STEP
    ) -> None:
        if metric not in METRICS:
            raise SpaceError(f"there is no metric {metric!r}; there are {', '.join(map(repr, METRICS))}.")
        self.audit, self.metric, self.weight, self.step = audit, metric, weight, step
        z = np.asarray(audit.space.latents.mean[audit.rows], np.float32)
        parts = self._parts(lambda: np.asarray(audit.space.samples[audit.rows]), z)
        # Centred: distances are small differences of what would otherwise be large numbers.
        self._scales = [(part.mean(0), _total(part) * len(parts) ** 0.5) for part in parts]
        self._score_unit = _total(coordinates_of(audit.answers))
        self.points = self._joined(parts, audit.answers)

    def placed(self, encoded: npt.NDArray[Any], z: npt.NDArray[Any], answers: Answers) -> Floats:
        """(M, W): items that are no rows, by their encoded rows, latents and answers."""
        return self._joined(self._parts(lambda: encoded, np.asarray(z, np.float32)), answers)

    def nearest(self, point: Floats, k: int, *, among: Index64 | None = None) -> tuple[Index64, Floats]:
        """Up to k places and distances, nearest first; among: places, ascending, by default all."""
        if among is not None and not len(among):
            return np.empty(0, np.int64), np.empty(0, np.float32)
        index = self.index if among is None else Index(self.points[among])
        found = index.search(np.atleast_2d(point), k)
        places = found.index[0] if among is None else among[found.index[0]]
        return np.asarray(places, np.int64), np.asarray(found.distance[0], np.float32)

    @cached_property
    def index(self) -> Index:
        return Index(self.points)

    @cached_property
    def usual(self) -> Floats:
        """Ascending: how far rows are from the row nearest to them, of an even spread of rows."""
        some = spread(np.arange(len(self.points), dtype=np.int64), _TYPICAL)
        found = self.index.search(self.points[some], min(2, len(self.points)))
        return np.sort(found.distance[:, -1])

    def percentile(self, distance: float) -> float:
        """0 to 100: the share of rows whose nearest other row is nearer than ``distance``."""
        return 100.0 * float(np.searchsorted(self.usual, distance)) / max(len(self.usual), 1)

    def _parts(self, encoded: Callable[[], npt.NDArray[Any]], z: Floats) -> list[Floats]:
        """What items are: encoded rows are read only where they are wanted."""
        if self.metric == "latent" or (self.metric == "decision" and self.audit.space.schema.form != "table"):
            return [z]
        return [self._inputs(encoded())] if self.metric == "input" else [z, self._inputs(encoded())]

    def _inputs(self, encoded: npt.NDArray[Any]) -> Floats:
        import torch

        with torch.inference_mode():
            pieces = [
                self._coordinates(torch.from_numpy(np.array(encoded[i : i + 4096]))).numpy()
                for i in range(0, max(len(encoded), 1), 4096)
            ]
        return np.concatenate(pieces)

    @cached_property
    def _coordinates(self) -> Any:
        import torch

        from deepspace.models.coordinates import Coordinates
        from deepspace.models.layout import Layout

        samples = self.audit.space.samples
        rows = spread(self.audit.rows, 20_000)
        found = Coordinates(Layout.of(self.audit.space.schema))
        found.prepare(lambda: iter([torch.from_numpy(np.array(samples[rows]))]))
        return found

    def _joined(self, parts: list[Floats], answers: Answers) -> Floats:
        own = [(part - centre) / unit for part, (centre, unit) in zip(parts, self._scales, strict=True)]
        if self.metric == "decision":
            decided = answers.outcome[:, None] == np.arange(len(self.audit.outcomes))
            own += [self.weight * coordinates_of(answers) / self._score_unit, self.step * decided / 2**0.5]
        return np.ascontiguousarray(np.concatenate(own, 1), np.float32)


def coordinates_of(answers: Answers) -> Floats:
    """(M, C): what a predictor says as coordinates; one for two outcomes and for values, one an outcome for more."""
    scores = answers.scores
    if scores.shape[1] == 1:
        return np.asarray(scores, np.float32)
    if scores.shape[1] == 2:
        p = np.clip(scores[:, 1:], _CLIP, 1 - _CLIP)
        return np.asarray(np.log(p / (1 - p)), np.float32)
    logs = np.log(np.clip(scores, _CLIP, 1.0))
    return np.asarray(logs - logs.mean(1, keepdims=True), np.float32)


def _total(points: Floats) -> float:
    """The root of the total variance; 1 where nothing varies."""
    spread_of = float(np.sqrt(points.astype(np.float64).var(0).sum()))
    return spread_of if spread_of > 1e-12 else 1.0


_KEPT: WeakKeyDictionary[Audit, dict[str, Nearness]] = WeakKeyDictionary()


def nearness(audit: Audit, metric: Metric = "decision") -> Nearness:
    """The one of this audit, made once."""
    kept = _KEPT.setdefault(audit, {})
    if metric not in kept:
        kept[metric] = Nearness(audit, metric)
    return kept[metric]
