"""Whether items come from elsewhere than the rows of a space: several scores, each calibrated on held-out rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self
from weakref import WeakKeyDictionary

import numpy as np
import numpy.typing as npt

from deepspace.errors import SpaceError
from deepspace.metrics.heldout import held_out, spread
from deepspace.metrics.ood_scores import SCORES, Score, Scored, most_reference
from deepspace.results import Tabular, figure, text_table

if TYPE_CHECKING:
    import pyarrow as pa

    from deepspace.space import BaseSpace

__all__ = ["OutOfDistribution", "ood"]

Floats = npt.NDArray[np.float64]

CALIBRATION = 1000
"""Held-out rows that say what is usual, at most: a p-value is then no finer than a thousandth."""
ALONE = ("elbo",)
"""Scores that are shown but stay out of the combined one."""


@dataclass(frozen=True, eq=False)
class OutOfDistribution(Tabular):
    """M items against ``n`` rows that the model had not seen.

    ``scores``: each (M,), larger is less like the training rows; ``p``: each (M,), the share of held-out rows that
    score at least as high, (1 + count) / (1 + n): the conformal p-value (Bates 2023, arXiv:2104.08279), so that of
    items like the rows at most a share ``rate`` has p <= rate. ``combined``, ``combined_p``: all of them in one, itself
    calibrated in the same way. ``skipped``: scores that could not be taken, and why. ``seen``: the space has no record
    of held-out rows; p-values are then by rows that the model may have seen, and call too much unusual.
    """

    scores: Mapping[str, Floats]
    p: Mapping[str, Floats]
    combined: Floats
    combined_p: Floats
    n: int
    seen: bool
    skipped: Mapping[str, str] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.combined)

    def flagged(self, rate: float = 0.05) -> npt.NDArray[np.bool_]:
        """(M,): items to be called out of distribution, at a false-alarm rate of at most ``rate``.

        Raises SpaceError where the held-out rows are too few to say so.
        """
        if not 0 < rate < 1:
            raise SpaceError(f"a false-alarm rate lies between 0 and 1, got {rate}.")
        if rate * (self.n + 1) < 1:
            raise SpaceError(
                f"{self.n} held-out rows are too few for a false-alarm rate of {rate}: "
                f"the smallest is {figure(1 / (self.n + 1))}."
            )
        return np.asarray(self.combined_p <= rate)

    def to_arrow(self) -> pa.Table:
        import pyarrow as pa

        columns: dict[str, Any] = {}
        for name, values in self.scores.items():
            columns[name], columns[f"{name}_p"] = values, self.p[name]
        return pa.table(columns | {"combined": self.combined, "combined_p": self.combined_p})

    def __str__(self) -> str:
        rate = max(0.05, 1 / (self.n + 1))
        every = {**self.p, "combined": self.combined_p}
        rows = [(name, figure(float((p <= rate).mean())), figure(float(np.median(p)))) for name, p in every.items()]
        kind = "rows of the space, some of which the model may have seen" if self.seen else "held-out rows"
        title = f"{len(self):,} items against {self.n:,} {kind}; false alarms held to {100 * rate:.3g} %"
        lines = [title, text_table(("score", "share out of distribution", "median p"), rows)]
        return "\n".join([*lines, *(f"not scored: {name} ({why})" for name, why in self.skipped.items())])


def ood(space: BaseSpace, x: Any, *, scores: Sequence[str] | None = None) -> OutOfDistribution:
    """Scores of items in the user's units: how unlike the training rows each is, and how often held-out rows are so.

    scores: names from ``deepspace.metrics.ood_scores.SCORES``; by default all that the model can give. Each is brought
    to the spread of the held-out rows, t = (s - median) / (90th percentile - median), and combined as the root of the
    sum of max(t, 0)^2, without the plain ELBO. What is learned from the space's rows is kept for the next call;
    that takes seconds, the likelihood regret most of them. Raises SpaceError for an unknown name, and where no score is
    left.
    """
    names = [score.name for score in SCORES]
    unknown = [name for name in scores or () if name not in names]
    if unknown:
        raise SpaceError(f"there is no score {unknown[0]!r}; there are {', '.join(names)}.")
    encoded = np.concatenate([np.asarray(block) for block in space._blocks(x)])
    space._check_encoded(encoded)
    rows = Scored(space, encoded)
    chosen = [score for score in SCORES if scores is None or score.name in scores]
    skipped = {
        score.name: f"the model was attached without {' or '.join(sorted(score.needs & space.lacks))}"
        for score in chosen
        if score.needs & space.lacks
    }
    detector = _Detector.of(space)
    taken = [detector.calibrated(score) for score in chosen if score.name not in skipped]
    if not taken:
        raise SpaceError(f"'{space.name}' can take none of these scores: {'; '.join(skipped.values())}.")
    values = {one.score.name: one.score.of(rows) for one in taken}
    joined = [one for one in taken if one.score.name not in ALONE] or taken
    usual = np.sort(_together([one.excess(one.own) for one in joined]))
    combined = _together([one.excess(values[one.score.name]) for one in joined])
    return OutOfDistribution(
        scores=values,
        p={one.score.name: _p(np.sort(one.own), values[one.score.name]) for one in taken},
        combined=combined,
        combined_p=_p(usual, combined),
        n=len(usual),
        seen=detector.seen,
        skipped=skipped,
    )


@dataclass(frozen=True)
class _Calibrated:
    """A score that has learned, and the scores of the held-out rows (n,)."""

    score: Score
    own: Floats

    def excess(self, values: Floats) -> Floats:
        """How far beyond the usual, in units of the upper half's spread."""
        middle, high = np.percentile(self.own, [50, 90])
        return np.asarray(np.maximum((values - middle) / max(float(high - middle), 1e-12), 0.0))


class _Detector:
    """The reference and calibration rows of one space and model, and the scores that have learned from them."""

    def __init__(self, space: BaseSpace) -> None:
        held = held_out(space, most=CALIBRATION)
        training = spread(held.training, most_reference(space))
        self.seen = held.seen
        self.model = space.model
        # Where nothing is held out, rows that calibrate are left out of the reference, unless hardly any others are.
        apart = np.setdiff1d(training, held.rows)
        self.own = self.seen and len(apart) < len(training) // 2
        training = training if self.own else apart
        self.training, self.rows = (
            Scored(space, np.asarray(space.samples[rows]), np.asarray(space.latents.mean[rows]))
            for rows in (training, held.rows)
        )
        self._kept: dict[str, _Calibrated] = {}

    @classmethod
    def of(cls, space: BaseSpace) -> Self:
        kept = _detectors.get(space)
        if kept is None or kept.model is not space.model:
            kept = _detectors[space] = cls(space)
        return kept  # type: ignore[return-value]

    def calibrated(self, kind: type[Score]) -> _Calibrated:
        if kind.name not in self._kept:
            score = kind()
            score.learn(self.training)
            self._kept[kind.name] = _Calibrated(score, score.of(self.rows, own=self.own))
        return self._kept[kind.name]


_detectors: WeakKeyDictionary[Any, _Detector] = WeakKeyDictionary()


def _together(excess: list[Floats]) -> Floats:
    return np.asarray(np.sqrt(np.sum(np.square(excess), 0)))


def _p(usual: Floats, values: Floats) -> Floats:
    """usual: (n,) ascending -> (M,): (1 + how many are at least as high) / (1 + n)."""
    above = len(usual) - np.searchsorted(usual, values, "left")
    return np.asarray((1.0 + above) / (1.0 + len(usual)))
