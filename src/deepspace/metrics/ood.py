"""Whether items come from elsewhere than the rows of a space: several scores, each calibrated on held-out rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Self
from weakref import WeakKeyDictionary

import numpy as np
import numpy.typing as npt

from deepspace.errors import ModelError, SpaceError
from deepspace.metrics.heldout import held_out, spread
from deepspace.metrics.ood_categories import Categories
from deepspace.metrics.ood_groups import Clumps, Worth, spread_groups
from deepspace.metrics.ood_scores import SCORES, Score, Scored, most_reference
from deepspace.results import Tabular, figure, text_table

if TYPE_CHECKING:
    import pyarrow as pa

    from deepspace.space import BaseSpace

__all__ = ["CALIBRATION", "OutOfDistribution", "combined_p", "ood", "ood_rows"]

Floats = npt.NDArray[np.float64]

CALIBRATION = 2000
"""Held-out rows that say what is usual, at most. Given them, the rate of false alarms at .05 is within .01 of it in 19
of 20 draws; half as many would leave .014."""
ALONE = ("elbo",)
"""Scores that are shown but stay out of the combined one."""
_NUMBERS = 1 << 22
"""Comparisons of items with calibration rows at once."""


@dataclass(frozen=True, eq=False)
class OutOfDistribution(Tabular):
    """M items against ``n`` rows that the model had not seen.

    ``scores``: each (M,), larger is less like the training rows; ``p``: each (M,), the share of held-out rows that
    score at least as high, (1 + count) / (1 + n): the conformal p-value (Bates 2023, arXiv:2104.08279), so that of
    items like the rows at most a share ``rate`` has p <= rate, on average over calibrations. Of one calibration see
    ``false_alarms``. ``combined``, ``combined_p``: all of them in one, itself calibrated in the same way; in its p an
    item is brought to one scale together with the held-out rows, so that the promise holds for any ``n``.
    ``skipped``: scores that could not be taken, and why. ``seen``: the space has no record of held-out rows; p-values
    are then by rows that the model may have seen, and call too much unusual. ``given``: the caller gave the rows.

    ``worth``: where rows were held out in groups, what they are worth as independent rows. p-values are then of a row
    of a new group, each group of the held-out ones counting alike: (1 + n_e s) / (1 + n_e), s the mean of the groups'
    shares of rows that score at least as high, n_e the effective number of rows. Near the promised rate rather than
    guaranteed; ``guaranteed_p`` (M,) holds whatever the rows of a group share, and is never below 1 / (groups + 1). See
    ``deepspace.metrics.ood_groups``.
    """

    scores: Mapping[str, Floats]
    p: Mapping[str, Floats]
    combined: Floats
    combined_p: Floats
    n: int
    seen: bool
    skipped: Mapping[str, str] = field(default_factory=dict)
    given: bool = False
    worth: Worth | None = None
    guaranteed_p: Floats | None = None

    @property
    def effective(self) -> float:
        """How many independent rows those that calibrate are worth: ``n``, unless they come in groups."""
        return float(self.n) if self.worth is None else self.worth.rows

    @property
    def rows(self) -> str:
        """How many calibrate, in words: "692 held-out rows of 5 groups, worth 120 independent ones"."""
        kind = "rows of the space, some of which the model may have seen" if self.seen else "held-out rows"
        kind = "rows given to calibrate" if self.given else kind
        if self.worth is None:
            return f"{self.n:,} {kind}"
        return f"{self.n:,} {kind}, of {self.worth.groups:,} groups and worth {self.effective:,.0f} independent ones"

    def __len__(self) -> int:
        return len(self.combined)

    def flagged(self, rate: float = 0.05) -> npt.NDArray[np.bool_]:
        """(M,): items to be called out of distribution, at a false-alarm rate of at most ``rate``.

        Raises SpaceError where the held-out rows are too few to say so.
        """
        if not 0 < rate < 1:
            raise SpaceError(f"a false-alarm rate lies between 0 and 1, got {rate}.")
        if rate * (self.effective + 1) < 1 - 1e-9:
            grouped = "" if self.worth is None else f" of {self.worth.groups} groups, worth {self.effective:.0f},"
            raise SpaceError(
                f"{self.n} held-out rows{grouped} are too few for a false-alarm rate of {rate}: "
                f"the smallest is {figure(1 / (self.effective + 1))}."
            )
        return np.asarray(self.combined_p <= rate)

    def false_alarms(self, rate: float = 0.05) -> tuple[float, float, float]:
        """The share of items like the rows that ``flagged`` calls out: its mean over calibrations, and the 95 % range
        in which the share of this one calibration lies. Beta(k, n + 1 - k), k = floor(rate (n + 1)): Vovk 2012,
        arXiv:1209.2673; a little less where scores tie. With groups, of rows of new groups taken together (those of one
        group may differ more), and by the least that the rows may be worth: with few groups it is wide."""
        from scipy.stats import beta

        if self.worth is not None:
            if rate * (self.effective + 1) < 1 - 1e-9:
                return 0.0, 0.0, 0.0
            low, high = beta.ppf([0.025, 0.975], rate * (self.worth.least + 1), (1 - rate) * (self.worth.least + 1))
            return rate, float(low), float(high)
        k = int(np.floor(rate * (self.n + 1) + 1e-9))
        if k < 1:
            return 0.0, 0.0, 0.0
        low, high = beta.ppf([0.025, 0.975], k, self.n + 1 - k)
        return k / (self.n + 1), float(low), float(high)

    def to_arrow(self) -> pa.Table:
        import pyarrow as pa

        columns: dict[str, Any] = {}
        for name, values in self.scores.items():
            columns[name], columns[f"{name}_p"] = values, self.p[name]
        return pa.table(columns | {"combined": self.combined, "combined_p": self.combined_p})

    def __str__(self) -> str:
        rate = max(0.05, 1 / (self.effective + 1))
        every = {**self.p, "combined": self.combined_p}
        rows = [(name, figure(float((p <= rate).mean())), figure(float(np.median(p)))) for name, p in every.items()]
        _, low, high = self.false_alarms(rate)
        title = (
            f"{len(self):,} items against {self.rows}; false alarms held to {100 * rate:.3g} % "
            f"(with these rows {100 * low:.2g} to {100 * high:.2g} %)"
        )
        lines = [title, text_table(("score", "share out of distribution", "median p"), rows)]
        return "\n".join([*lines, *(f"not scored: {name} ({why})" for name, why in self.skipped.items())])


def ood(
    space: BaseSpace, x: Any, *, scores: Sequence[str] | None = None, calibration: Any = None, groups: Any = None
) -> OutOfDistribution:
    """Scores of items in the user's units: how unlike the training rows each is, and how often held-out rows are so.

    scores: names from ``deepspace.metrics.ood_scores.SCORES``; by default all that the model can give. Each is brought
    to the spread of the held-out rows, t = (s - median) / (90th percentile - median), and combined as the root of the
    sum of max(t, 0)^2, without the plain ELBO. What is learned from the space's rows is kept for the next call;
    that takes seconds, the likelihood regret most of them. calibration: items in the user's units that say what is
    usual, in place of the rows that the space held out. Where rows come in clumps (several of one patient or device),
    a space that was fitted without ``groups`` needs it: rows held out one by one share their clump with training rows,
    and what is new is a new clump. groups: (n,), which of the items that calibrate belong together. A category that no
    training row has counts as a missing cell, whether a held-out row has it or nobody.
    Raises SpaceError for an unknown name, for groups that do not fit, and where no score is left.
    """
    _known(scores)
    given = None if calibration is None else _encoded(space, calibration)
    if groups is not None and (given is None or np.shape(groups) != (len(given),)):
        wanted = "calibration= as well" if given is None else f"one value for each of the {len(given):,} that calibrate"
        raise SpaceError(f"groups= says which items that calibrate belong together; give {wanted}.")
    return _scored(space, _encoded(space, x), scores, given, clumps=None if groups is None else Clumps(groups))


def ood_rows(space: BaseSpace, index: npt.ArrayLike, *, scores: Sequence[str] | None = None) -> OutOfDistribution:
    """As ``ood``, of rows of the space by number. A row that is itself among those that calibrate is compared with the
    others, and where rows were held out in groups with the other groups; one that training saw is nearer to the
    training rows than it would otherwise be."""
    rows = np.asarray(index, np.int64).ravel()
    if not len(rows) or rows.min() < 0 or rows.max() >= len(space):
        raise SpaceError(f"'{space.name}' has rows 0 to {len(space) - 1}; name at least one of them.")
    _known(scores)
    encoded = _of_rows(space, rows)
    codes = rows if space.groups is None else space.groups.codes[rows]
    return _scored(space, encoded, scores, None, own=_Detector.of(space).clumps.places(codes))


def _known(scores: Sequence[str] | None) -> None:
    names = [score.name for score in SCORES]
    unknown = [name for name in scores or () if name not in names]
    if unknown:
        raise SpaceError(f"there is no score {unknown[0]!r}; there are {', '.join(names)}.")


def _scored(
    space: BaseSpace, rows: Scored, scores: Sequence[str] | None, given: Scored | None, *,
    clumps: Clumps | None = None, own: npt.NDArray[np.int64] | None = None,
) -> OutOfDistribution:  # fmt: skip
    """``clumps``: the groups of the items given to calibrate; ``own``: the group of each row, as in ``Clumps.p``."""
    chosen = [score for score in SCORES if scores is None or score.name in scores]
    skipped = {
        score.name: f"the model was attached without {' or '.join(sorted(score.needs & space.lacks))}"
        for score in chosen
        if score.needs & space.lacks
    }
    detector = _Detector.of(space)
    rows, given = detector.read(rows), None if given is None else detector.read(given)
    taken = []
    for score in chosen:
        if score.name in skipped:
            continue
        try:
            taken.append(detector.calibrated(score, given))
        except ModelError as error:  # principal components have no likelihood
            skipped[score.name] = str(error).rstrip(".")
    if not taken:
        raise SpaceError(f"'{space.name}' can take none of these scores: {'; '.join(skipped.values())}.")
    values = {one.score.name: one.score.of(rows) for one in taken}
    joined = [one for one in taken if one.score.name not in ALONE] or taken
    usual = np.stack([one.own for one in joined])
    found = np.stack([values[one.score.name] for one in joined])
    scale = np.percentile(usual, [50, 90], axis=1)[:, :, None]
    groups = clumps or (detector.clumps if given is None else Clumps(np.arange(usual.shape[1])))
    worth = groups.worth_together(usual, _together(usual, *scale))
    return OutOfDistribution(
        scores=values,
        p={one.score.name: _p(groups, one.own, values[one.score.name], own) for one in taken},
        combined=_together(found, *scale),
        combined_p=combined_p(usual, found, groups, worth=worth.rows, own=own),
        n=usual.shape[1],
        seen=detector.seen and given is None,
        skipped=skipped,
        given=given is not None,
        worth=None if groups.alone else worth,
        guaranteed_p=None if groups.alone else combined_p(usual, found, groups, worth=len(groups), own=own),
    )


def _encoded(space: BaseSpace, x: Any) -> Scored:
    encoded = np.concatenate([np.asarray(block) for block in space._blocks(x)])
    space._check_encoded(encoded)
    if not len(encoded):
        raise SpaceError(f"there are no items to compare with '{space.name}'; give at least one.")
    return Scored(space, encoded)


def _of_rows(space: BaseSpace, rows: npt.NDArray[np.int64]) -> Scored:
    return Scored(space, np.asarray(space.samples[rows]), np.asarray(space.latents.mean[rows]))


@dataclass(frozen=True)
class _Calibrated:
    """A score that has learned, and the scores of the held-out rows (n,)."""

    score: Score
    own: Floats


class _Detector:
    """The reference and calibration rows of one space and model, and the scores that have learned from them."""

    def __init__(self, space: BaseSpace) -> None:
        held = held_out(space, most=CALIBRATION)
        if space.groups is not None and not held.seen:
            every = space.validation_index
            held = replace(held, rows=spread_groups(every, space.groups.codes[every], CALIBRATION))
        training = spread(held.training, most_reference(space))
        self.seen = held.seen
        self.model = space.model
        # Where nothing is held out, rows that calibrate are left out of the reference, unless hardly any others are.
        apart = np.setdiff1d(training, held.rows)
        self.own = self.seen and len(apart) < len(training) // 2
        training = training if self.own else apart
        self.index = held.rows
        self.clumps = Clumps(held.rows if space.groups is None else space.groups.codes[held.rows])
        self.categories = Categories(space)
        self.training, self.rows = _of_rows(space, training), self.read(_of_rows(space, held.rows))
        self._kept: dict[str, _Calibrated] = {}

    @classmethod
    def of(cls, space: BaseSpace) -> Self:
        kept = _detectors.get(space)
        if kept is None or kept.model is not space.model:
            kept = _detectors[space] = cls(space)
        return kept  # type: ignore[return-value]

    def read(self, rows: Scored) -> Scored:
        encoded, changed = self.categories.read(rows.encoded)
        return Scored(rows.space, encoded) if changed else rows

    def calibrated(self, kind: type[Score], given: Scored | None = None) -> _Calibrated:
        if kind.name not in self._kept:
            score = kind()
            score.learn(self.training)
            self._kept[kind.name] = _Calibrated(score, score.of(self.rows, own=self.own))
        kept = self._kept[kind.name]
        return kept if given is None else _Calibrated(kept.score, kept.score.of(given))


_detectors: WeakKeyDictionary[Any, _Detector] = WeakKeyDictionary()


def combined_p(
    usual: Floats, values: Floats, groups: Clumps | None = None, *, worth: float | None = None,
    own: npt.NDArray[np.int64] | None = None,
) -> Floats:  # fmt: skip
    """Scores of n calibration rows (S, n) and of M items (S, M) -> the conformal p (M,) of the combined score.

    groups: of the calibration rows, each its own by default; worth and own: as in ``Clumps.p``, worth by default what
    the rows' combined scores say.

    The middle and the spread that bring the scores to one scale are those of the n + 1 values of rows and item
    together: an item like the rows is then one of n + 1 that nothing sets apart. Taken from the n rows alone they fit
    these better than the item, and at 50 rows too many items are called out. Rows in groups fit themselves better
    still: the item then stands there n / n_e times, as a group of its own would.
    """
    groups = groups or Clumps(np.arange(usual.shape[1]))
    if worth is None:
        scale = np.percentile(usual, [50, 90], axis=1)[:, :, None]
        worth = groups.worth_together(usual, _together(usual, *scale)).rows
    ascending, n = np.sort(usual, 1), usual.shape[1]
    ranks = np.stack([np.searchsorted(line, value) for line, value in zip(ascending, values, strict=True)])
    copies = max(1, round(n / worth))
    middle, high = (_percentile_with(ascending, values, ranks, q, copies) for q in (0.5, 0.9))
    found = np.empty(values.shape[1])
    size = max(1, _NUMBERS // (n * len(usual)))
    for start in range(0, len(found), size):
        some = slice(start, start + size)
        rows = _together(usual[:, None, :], middle[:, some, None], high[:, some, None])
        item = _together(values[:, some], middle[:, some], high[:, some])
        found[some] = groups.p((rows >= item[:, None]).T, worth, None if own is None else own[some])
    return found


def _percentile_with(
    ascending: Floats, values: Floats, ranks: npt.NDArray[np.int64], share: float, copies: int = 1
) -> Floats:
    """(S, M): the percentile of each line (n,) with one more value in it, that of each item in turn, or some copies."""
    n = ascending.shape[1]
    last = n + copies - 1
    below = int(np.floor(share * last))

    def at(place: int) -> Floats:
        kept = ascending[:, [min(place, n - 1)]]
        shifted = ascending[:, [max(place - copies, 0)]]
        return np.where(place < ranks, kept, np.where(place < ranks + copies, values, shifted))

    low, above = at(below), at(min(below + 1, last))
    return np.asarray(low + (share * last - below) * (above - low))


def _together(values: Floats, middle: Floats, high: Floats) -> Floats:
    """(S, ...) -> (...): how far beyond the usual, in units of the upper half's spread, as one length."""
    excess = np.maximum((values - middle) / np.maximum(high - middle, 1e-12), 0.0)
    return np.asarray(np.sqrt(np.sum(np.square(excess), 0)))


def _p(groups: Clumps, usual: Floats, values: Floats, own: npt.NDArray[np.int64] | None) -> Floats:
    """One score of the rows (n,) and of the items (M,) -> the conformal p (M,)."""
    worth, found = groups.worth(usual).rows, np.empty(len(values))
    size = max(1, _NUMBERS // len(usual))
    for start in range(0, len(values), size):
        some = slice(start, start + size)
        far = usual[:, None] >= values[None, some]
        found[some] = groups.p(far, worth, None if own is None else own[some])
    return found
