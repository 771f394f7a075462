"""An audit: one predictor, the rows of one space, the outcomes it decides between, and what it says of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from deepspace.decisions.predictors.handing import Handing
from deepspace.decisions.predictors.predictor import Answers, Predictor, outcome_name
from deepspace.decisions.predictors.recognise import recognise
from deepspace.decisions.predictors.settling import settled
from deepspace.errors import ModelError, SpaceError
from deepspace.metrics import held_out
from deepspace.metrics.heldout import spread
from deepspace.results import figure

if TYPE_CHECKING:
    from deepspace.data.schema import Column
    from deepspace.decisions.case_precedents import CasePrecedents
    from deepspace.decisions.counterfactuals import Counterfactuals
    from deepspace.decisions.drift import Drift
    from deepspace.decisions.familiarity import Familiarity
    from deepspace.decisions.groups import Groups
    from deepspace.decisions.performance import Performance
    from deepspace.decisions.prototypes import Prototypes
    from deepspace.decisions.reasons import Reasons
    from deepspace.space import BaseSpace

__all__ = ["Audit"]

Tell = Callable[[int, int], None]

TRIED = 64
"""Rows that the predictor is asked twice about, before anything is built on it."""
NUMERIC = ("numeric", "integer")


class Audit:
    """A predictor seen through a space. Everything that it is asked goes through ``answers``, ``ask``,
    ``ask_encoded`` and ``ask_latents``, which check what it says.

    space, predictor; target: the column of the space's rows with what really happened, by default the space's own,
    None after ``target="none"``.
    outcomes: the names of what is decided between; favourable: the place of the one that people want, or None.
    threshold: see ``Answers``. rows: the rows of the space that the audit is about, ascending. tested: those of them
    that the predictor has not been fitted on, as far as is known; ``tested_known`` says whether the user said so.
    notes: sentences that whoever reads the results must know.
    """

    def __init__(
        self,
        space: BaseSpace,
        predictor: Any,
        *,
        target: str | None = None,
        favourable: Any = None,
        threshold: float | None = None,
        held_out: Sequence[int] | npt.NDArray[Any] | None = None,
        most: int = 100_000,
        time_limit: float | None = 600.0,
        tell: Tell | None = None,
        **options: Any,
    ) -> None:
        self.space, self.time_limit = space, time_limit
        self.target = _target(space, target)
        found = recognise(predictor, space, **options)
        self.predictor: Predictor = settled(found, space, self.target, time_limit=time_limit)
        self.notes: list[str] = list(self.predictor.notes)
        self._handing = Handing(space, self.predictor)
        self._classes, self.threshold = self._decided(threshold)
        self._cut = threshold is not None  # by the user, who must not be told to say it
        self.outcomes = self._classes or self._sides()
        self.favourable = self._place_of(favourable)
        self.rows = spread(np.arange(len(space), dtype=np.int64), most)
        self.tested_known = held_out is not None
        self.tested = self._tested(held_out)
        self._tell = tell
        self.repeatable = self._tried()

    def __repr__(self) -> str:
        return f"Audit({self.predictor.name} on '{self.space.name}': {' | '.join(self.outcomes)})"

    # What the predictor says

    @cached_property
    def answers(self) -> Answers:
        """Of ``rows``, in their order. Asked once."""
        return self.ask_rows(self.rows, tell=self._tell)

    def ask_rows(self, index: npt.ArrayLike, *, tell: Tell | None = None) -> Answers:
        """Of rows of the space, by number."""
        where = np.asarray(index, np.int64).ravel()
        return self._answers(len(where), lambda piece: self._handing.rows(where[piece]), tell)

    def ask(self, x: Any) -> Answers:
        """Of items in the user's units: a frame, records, an array."""
        items = self._handing.items(x)
        return self._answers(len(items), lambda piece: items[piece])

    def ask_encoded(self, encoded: npt.NDArray[Any], *, like: npt.ArrayLike | None = None) -> Answers:
        """Of encoded rows (M, *shape), real or made up. like: (M,) row numbers, or one, whose values stand in columns
        that the predictor wants and the space did not learn."""
        beside = None if like is None else np.broadcast_to(np.asarray(like, np.int64), (len(encoded),))

        def hand(piece: slice) -> Any:
            return self._handing.encoded(encoded[piece], None if beside is None else beside[piece])

        return self._answers(len(encoded), hand)

    def ask_latents(self, z: npt.ArrayLike, *, like: npt.ArrayLike | None = None) -> Answers:
        """Of what latents (M, D) decode to."""
        return self.ask_encoded(self.decoded(z), like=like)

    def decoded(self, z: npt.ArrayLike) -> npt.NDArray[np.float32]:
        """(M, *shape): latents decoded to encoded rows, missing where ``space.decode`` would give a missing cell."""
        from deepspace.space.sampling import blank

        latents = np.atleast_2d(np.array(z, np.float32))  # a copy: torch wants to own it
        return blank(self.space, latents, self.space.decode_encoded(latents))

    def _answers(self, count: int, hand: Callable[[slice], Any], tell: Tell | None = None) -> Answers:
        scores = self.predictor.scores(count, hand, classes=self._classes, time_limit=self.time_limit, tell=tell)
        if self.threshold is not None:
            score = scores[:, -1]
            return Answers(scores, (score >= self.threshold).astype(np.int64), self.outcomes, self.threshold)
        return Answers(scores, scores.argmax(1), self.outcomes, None)

    # What really happened

    @cached_property
    def truth(self) -> npt.NDArray[np.int64]:
        """(n,): the outcome that each of ``rows`` really had, as places in ``outcomes``; -1 where it is not known or
        none of them. Raises SpaceError without a target."""
        return self.truth_of(self.rows)

    def truth_of(self, index: npt.ArrayLike) -> npt.NDArray[np.int64]:
        """As ``truth``, of any rows."""
        if self.target is None:
            raise SpaceError(f"it is not known what happened to the rows of '{self.space.name}': name a target column.")
        values = self.space.rows.table([self.target.name], np.asarray(index, np.int64)).column(0).to_pylist()
        if self._classes is None:
            numbers = np.array([np.nan if v is None else float(v) for v in values])
            return np.where(np.isnan(numbers), -1, (numbers >= self.threshold).astype(np.int64))
        places = {name: i for i, name in enumerate(self.outcomes)}
        return np.array([-1 if v is None else places.get(outcome_name(v), -1) for v in values], np.int64)

    # Real cases beside it

    def precedents(self, *, row: int | None = None, x: Any = None, k: int = 5) -> CasePrecedents:
        """The k nearest real cases on either side of the decision; see ``deepspace.decisions.case_precedents``."""
        from deepspace.decisions.case_precedents import case_precedents

        return case_precedents(self, row=row, x=x, k=k)

    def prototypes(self, *, k: int = 3) -> Prototypes:
        """k rows that stand for each outcome, and k that they do not stand for; see ``deepspace.decisions``."""
        from deepspace.decisions.prototypes import prototypes

        return prototypes(self, k=k)

    def counterfactuals(self, **asked: Any) -> Counterfactuals:
        """What would have to be different; takes what ``deepspace.decisions.counterfactuals`` takes."""
        from deepspace.decisions.counterfactuals import counterfactuals

        return counterfactuals(self, **asked)

    def reasons(self, **asked: Any) -> Reasons:
        """What adverse decisions rest on, beside accepted cases; takes what ``deepspace.decisions.reasons`` takes."""
        from deepspace.decisions.reasons import reasons

        return reasons(self, **asked)

    # How good it is, for whom, and whether it still holds

    def performance(self, *, seed: int = 0) -> Performance:
        """How often right, how well ranked and calibrated; see ``deepspace.decisions.performance``."""
        from deepspace.decisions.performance import performance

        return performance(self, seed=seed)

    def groups(self, columns: Any = None, **asked: Any) -> Groups:
        """Subgroups beside the rest; takes what ``deepspace.decisions.groups`` takes."""
        from deepspace.decisions.groups import groups

        return groups(self, columns, **asked)

    def drift(self, current: Any, **asked: Any) -> Drift:
        """Current data against the reference, and what it does to decisions; see ``deepspace.decisions.drift``."""
        from deepspace.decisions.drift import drift

        return drift(self.space, current, audit=self, **asked)

    def unfamiliar(self, *, rows: npt.ArrayLike | None = None, x: Any = None, rate: float = 0.05) -> Familiarity:
        """Items that are like nothing the space has seen; see ``deepspace.decisions.familiarity``."""
        from deepspace.decisions.familiarity import unfamiliar

        return unfamiliar(self, rows=rows, x=x, rate=rate)

    @property
    def adverse(self) -> int | None:
        """The place of the outcome that people do not want, where there are two and the favourable one is said."""
        return None if self.favourable is None or len(self.outcomes) != 2 else 1 - self.favourable

    # How the decision is read

    def _decided(self, threshold: float | None) -> tuple[tuple[str, ...] | None, float | None]:
        """Classes, None for a regression; and the threshold."""
        classes, kind = self.predictor.classes, self.predictor.kind
        if classes is None and kind != "values":
            classes = self._target_classes()
        if kind == "values" or classes is None:
            if threshold is None:
                threshold = self._middle()
                self.notes.append(
                    f"no threshold was given, so that the decision is whether the value reaches "
                    f"{_level(threshold)}, the median of what the predictor says."
                )
            self._measured()
            return None, float(threshold)
        if len(classes) < 2:
            raise ModelError(f"The predictor {self.predictor.name} has one class, {classes[0]!r}; it decides nothing.")
        classes = self._matched(classes)
        if len(classes) == 2:
            level = 0.5 if threshold is None else float(threshold)
            if not 0 < level < 1:
                raise ModelError(f"threshold is a probability between 0 and 1 here, got {figure(level)}.")
            return classes, level
        if threshold is not None:
            raise ModelError(f"a threshold needs two classes or a value, but there are {len(classes)} classes.")
        return classes, None

    def _target_classes(self) -> tuple[str, ...] | None:
        """The values of the target in ascending order, as a library that codes labels puts them; None for a number."""
        column = self.target
        if column is None or (column.kind in NUMERIC and column.distinct > 20):
            if self.predictor.kind in ("probabilities", "logits", "labels"):
                raise ModelError(
                    f"The classes of the predictor {self.predictor.name} have no names; say classes=, in its order, or "
                    "kind='values' if it is a regression."
                )
            return None
        values = {v for v in self.space.rows.column(column.name).unique().to_pylist() if v is not None and v == v}
        return tuple(outcome_name(v) for v in sorted(values, key=lambda v: (isinstance(v, str), v)))

    def _measured(self) -> None:
        """What happened can be held against a value only where it is a number too."""
        if self.target is None:
            return
        values = self.space.rows.column(self.target.name).unique().to_pylist()
        odd = [v for v in values if v is not None and not _is_number(v)]
        if odd:
            self.notes.append(
                f"the predictor gives values, but '{self.target.name}' holds {outcome_name(odd[0])!r}, so that it is "
                "not known what happened; name a numeric target."
            )
            self.target = None

    def _matched(self, classes: tuple[str, ...]) -> tuple[str, ...]:
        """The predictor's classes under the names that the target has. A boolean target and 0 and 1 are the same."""
        if self.target is None:
            return classes
        values = self.space.rows.column(self.target.name).unique().to_pylist()
        names = [outcome_name(v) for v in values if v is not None and v == v]
        classes = _as_booleans(classes, names)
        if not set(names) & set(classes):
            raise ModelError(
                f"The predictor {self.predictor.name} decides between {', '.join(map(repr, classes[:6]))}, but column "
                f"'{self.target.name}' holds {', '.join(map(repr, names[:6]))}; say classes=, "
                "the target's names in the predictor's order."
            )
        others = [name for name in names if name not in classes]
        if others:
            self.notes.append(
                f"'{self.target.name}' also holds {', '.join(map(repr, others[:6]))}, which the predictor never "
                "answers; such rows count as of unknown outcome."
            )
        return classes

    def _middle(self) -> float:
        some = spread(np.arange(len(self.space), dtype=np.int64), 500)
        scores = self.predictor.scores(
            len(some), lambda piece: self._handing.rows(some[piece]), classes=None, time_limit=self.time_limit
        )
        return float(np.median(scores[:, 0]))

    def _sides(self) -> tuple[str, ...]:
        level = _level(self.threshold)
        return f"below {level}", f"at least {level}"

    def _place_of(self, favourable: Any) -> int | None:
        if favourable is None:
            return None
        name = outcome_name(favourable)
        if name in self.outcomes:
            return self.outcomes.index(name)
        sides = {"below": 0, "low": 0, "above": 1, "at least": 1, "high": 1}
        if self._classes is None and name in sides:
            return sides[name]
        raise ModelError(
            f"there is no outcome {name!r} to be favourable; there are {', '.join(map(repr, self.outcomes))}."
        )

    def _tested(self, index: Sequence[int] | npt.NDArray[Any] | None) -> npt.NDArray[np.int64]:
        if index is None:
            return np.intersect1d(self.rows, held_out(self.space, most=len(self.space)).rows)
        rows = np.asarray(index)
        if rows.dtype == bool:
            if rows.shape != (len(self.space),):
                raise SpaceError(f"held_out as a mask needs {len(self.space)} values, got {rows.shape}.")
            rows = np.flatnonzero(rows)
        bad = rows[(rows < 0) | (rows >= len(self.space))] if len(rows) else rows
        if not len(rows) or len(bad):
            what = f"row {int(bad[0])} is none of them" if len(bad) else "none was given"
            raise SpaceError(f"held_out names rows of '{self.space.name}', 0 to {len(self.space) - 1}: {what}.")
        return np.intersect1d(self.rows, rows.astype(np.int64))

    def _tried(self) -> float:
        """The largest difference between two answers to the same rows; 0 for a predictor that is a function."""
        some = spread(self.rows, TRIED)
        first, second = self.ask_rows(some), self.ask_rows(some)
        apart = float(np.abs(first.scores - second.scores).max())
        if apart > 1e-6:
            turned = int((first.outcome != second.outcome).sum())
            self.notes.append(
                f"the predictor is not deterministic: asked twice about the same {len(some)} rows, its scores "
                f"differ by up to {figure(apart)} and {turned} decisions turn; every result holds for one such answer."
            )
        self._as_it_decides(some, first)
        if self.target is not None and self.target.name in (self.predictor.columns or ()):
            self.notes.append(
                f"the predictor is given the target itself, '{self.target.name}', as one of its columns: its answers "
                "know what happened."
            )
        return apart

    def _as_it_decides(self, some: npt.NDArray[np.int64], answers: Answers) -> None:
        """A note where the model's own decisions are others than those that its scores give here."""
        if self.predictor.places is None:
            return
        asked = replace(self.predictor, call=self.predictor.places)
        own = asked.answered(len(some), lambda piece: self._handing.rows(some[piece]), time_limit=self.time_limit)
        apart = int((np.concatenate(own) != answers.outcome).sum())
        if apart:
            where = f"on {apart} of {len(some)} rows"
            self.notes.append(
                f"the decisions looked at here, from {_level(self.threshold)} on, are not the predictor's own: they "
                f"differ {where}."
                if self._cut
                else f"the predictor's own decisions differ from those that its scores give here {where}; say "
                "threshold= if it has one of its own."
            )


def _is_number(value: Any) -> bool:
    try:
        return float(value) == float(value)
    except (TypeError, ValueError):
        return False


def _level(value: float | None) -> str:
    """Four figures, and no zeros that say nothing."""
    text = figure(value, 4)
    return text.rstrip("0").rstrip(".") if "." in text and "e" not in text else text


def _as_booleans(classes: tuple[str, ...], names: list[str]) -> tuple[str, ...]:
    pairs = {"False": "0", "True": "1"}
    back = {"0": "False", "1": "True"}
    for wanted in (pairs, back):
        if set(classes) <= set(wanted) and set(names) <= set(wanted.values()):
            return tuple(wanted[name] for name in classes)
    return classes


def _target(space: BaseSpace, name: str | None) -> Column | None:
    if name is None or name == "none":
        return space.schema.target if name is None else None
    found = next((c for c in space.schema.columns if c.name == name), None)
    if found is None:
        have = ", ".join(repr(c.name) for c in space.schema.columns[:12])
        raise SpaceError(f"'{space.name}' has no column '{name}' to be the target; it has {have or 'none'}.")
    return found
