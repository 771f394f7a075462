"""What is known of a drift."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from deepspace.results import Tabular, figure, text_table, wilson

if TYPE_CHECKING:
    import pyarrow as pa

    from deepspace.explore.paths import Traversal

__all__ = ["LEVEL", "DecisionShift", "Drift", "Moved", "OutcomeShift", "TwoSampleTest"]

LEVEL = 0.05


@dataclass(frozen=True)
class TwoSampleTest:
    """``name``: "discrepancy" (squared MMD) or "classifier" (cross-fitted area under the ROC curve, with DeLong's
    interval); ``on``: "latents" or "items"; ``p`` by permutation."""

    name: str
    on: str
    value: float
    low: float | None
    high: float | None
    p: float


@dataclass(frozen=True)
class Moved:
    """A column or a latent dimension. ``strength``: minus the logarithm of an asymptotic p, by which they are ranked;
    ``p`` by permutation, ``adjusted`` for all columns (or all dimensions) together and never below the p of all tests,
    so that nothing is said to have moved where no drift is shown. ``shift``: of the mean in deviations of the
    reference, or the largest change of a category's share; ``words``: the same in the user's units.
    """

    name: str
    kind: str
    strength: float
    shift: float
    words: str
    p: float
    adjusted: float

    @property
    def moved(self) -> bool:
        return self.adjusted <= LEVEL


@dataclass(frozen=True)
class OutcomeShift:
    """One outcome. ``rates``: its share of reference and current decisions, ``difference`` with Newcombe's 95 %
    interval, by itself; ``score``: the mean of its probability, or of the value. ``p``, ``score_p``: by permutation;
    ``adjusted``: the smaller of both, for all tests about the decision together, and never below the p of all tests."""

    outcome: str
    rates: tuple[float, float]
    difference: float
    low: float
    high: float
    p: float
    score: tuple[float, float]
    score_p: float
    adjusted: float

    @property
    def moved(self) -> bool:
        return self.adjusted <= LEVEL


@dataclass(frozen=True)
class DecisionShift:
    """``outcomes``: of two outcomes the favourable one, or else the second; of three or more each, the surest first.
    ``near``: shares of rows whose margin is under the tenth percentile of the audit's rows, ``near_difference`` with
    its interval. ``accuracy``: (reference, current, difference, low, high, n, m) where outcomes are known, else None;
    ``always``: what always saying the commonest outcome of either set would reach there, in the same order.
    ``near_p``, ``accuracy_p``: adjusted as those of the outcomes; the latter NaN where outcomes are not known.
    ``n``, ``m``: reference and current rows.
    """

    outcomes: tuple[OutcomeShift, ...]
    near: tuple[float, float]
    near_difference: tuple[float, float, float]
    near_p: float
    accuracy: tuple[float, float, float, float, float, int, int] | None
    accuracy_p: float
    n: int
    m: int
    always: tuple[float, float] | None = None

    def given(self, p: float) -> DecisionShift:
        """The same where all tests together have ``p``: what is adjusted is at least that."""
        outcomes = tuple(replace(one, adjusted=max(one.adjusted, p)) for one in self.outcomes)
        accuracy_p = max(self.accuracy_p, p) if self.accuracy is not None else self.accuracy_p
        return replace(self, outcomes=outcomes, near_p=max(self.near_p, p), accuracy_p=accuracy_p)

    @property
    def first(self) -> OutcomeShift:
        """The outcome that moved most surely."""
        return self.outcomes[0]

    @property
    def outcome(self) -> str:
        return self.first.outcome

    @property
    def rates(self) -> tuple[float, float]:
        return self.first.rates

    @property
    def difference(self) -> float:
        return self.first.difference

    @property
    def low(self) -> float:
        return self.first.low

    @property
    def high(self) -> float:
        return self.first.high

    @property
    def moved(self) -> tuple[OutcomeShift, ...]:
        """Outcomes whose rate or scores may be said to have moved, the surest first."""
        return tuple(one for one in self.outcomes if one.moved)

    @property
    def affected(self) -> bool:
        return bool(self.moved)

    @property
    def less_right(self) -> bool:
        """The predictor is right less often, by a test that is one of those about the decision."""
        return self.accuracy is not None and self.accuracy_p <= LEVEL and self.accuracy[2] < 0

    @property
    def worthless(self) -> bool:
        """Of current rows always saying one thing is right more often, beyond the 95 % interval of the predictor's.
        This is of the current rows alone, whether or not anything has moved."""
        if self.accuracy is None or self.always is None:
            return False
        share, m = self.accuracy[1], self.accuracy[6]
        return wilson(round(share * m), m)[1] < self.always[1]

    def __str__(self) -> str:
        lines = [self._verdict()]
        gap, low, high = self.near_difference
        lines.append(
            f"Rows close to the boundary: {figure(self.near[0])} -> {figure(self.near[1])}, "
            f"difference {figure(gap)} [{figure(low)}, {figure(high)}], adjusted p = {figure(self.near_p, 2)}."
        )
        if self.accuracy is not None:
            before, after, gap, low, high, n, m = self.accuracy
            lines.append(
                f"Accuracy: {figure(before)} -> {figure(after)}, difference {figure(gap)} "
                f"[{figure(low)}, {figure(high)}], adjusted p = {figure(self.accuracy_p, 2)} (n = {n:,}, {m:,})."
            )
        if self.always is not None:
            base = f"{figure(self.always[0])} -> {figure(self.always[1])}"
            lines.append(f"Always saying the commonest outcome would reach {base}.")
        return "\n".join(lines)

    def _verdict(self) -> str:
        verdict = "The decision is affected" if self.affected else "No effect on the decision is shown"
        sides = f"(n = {self.n:,}, {self.m:,})"
        if len(self.outcomes) == 1:
            one = self.first
            return (
                f"{verdict}: rate of {one.outcome} {figure(one.rates[0])} -> {figure(one.rates[1])}, difference "
                f"{figure(one.difference)} [{figure(one.low)}, {figure(one.high)}], p = {figure(one.p, 2)}; scores p = "
                f"{figure(one.score_p, 2)}; adjusted p = {figure(one.adjusted, 2)} {sides}."
            )
        rows = [
            (
                one.outcome,
                f"{figure(one.rates[0])} -> {figure(one.rates[1])}",
                f"{figure(one.difference)} [{figure(one.low)}, {figure(one.high)}]",
                f"{figure(one.score[0])} -> {figure(one.score[1])}",
                figure(one.adjusted, 2),
            )
            for one in (self.moved or self.outcomes[:3])[:10]
        ]
        head = f"{verdict}: {len(self.moved)} of {len(self.outcomes)} outcomes moved {sides}"
        return f"{head}\n{text_table(('outcome', 'rate', 'difference', 'mean score', 'adjusted p'), rows)}"


@dataclass(frozen=True, eq=False)
class Drift(Tabular):
    """``n`` reference rows against ``m`` current ones.

    ``p``: of all tests together, those of the decision too, exact by permutation; where it is above .05 nothing is said
    to have moved. ``tests``: of both sets as a whole. ``columns``: of the data,
    ``factors``: latent dimensions, each the most moved first. ``traversal``: the most moved factor from the reference
    mean to the current one, all others held at the reference mean, and ``along``: what changes on that way, in words;
    None where none moved or there is no decoder. ``decision``: where an audit was given.
    """

    n: int
    m: int
    p: float
    tests: tuple[TwoSampleTest, ...]
    columns: tuple[Moved, ...]
    factors: tuple[Moved, ...]
    traversal: Traversal | None
    along: tuple[str, ...]
    decision: DecisionShift | None
    permutations: int
    notes: tuple[str, ...]

    @property
    def drifted(self) -> bool:
        return self.p <= LEVEL

    @property
    def moved(self) -> tuple[Moved, ...]:
        """Columns that may be said to have moved, the surest first."""
        return tuple(column for column in self.columns if column.moved)

    def to_arrow(self) -> pa.Table:
        import pyarrow as pa

        every = [("column", c) for c in self.columns] + [("factor", f) for f in self.factors]
        names = ("name", "kind", "strength", "shift", "words", "p", "adjusted")
        columns = {name: [getattr(item, name) for _, item in every] for name in names}
        return pa.table({"what": pa.array([what for what, _ in every], pa.string())} | columns)

    def __str__(self) -> str:
        verdict = "the data has moved" if self.drifted else "no drift is shown"
        lines = list(self.notes)
        lines.append(
            f"{verdict}: p = {figure(self.p, 2)} ({self.n:,} reference rows, {self.m:,} current, "
            f"{self.permutations:,} permutations)"
        )
        tests = [(f"{t.name} on {t.on}", figure(t.value), _interval(t), figure(t.p, 2)) for t in self.tests]
        lines.append(text_table(("test", "value", "95 % interval", "p"), tests))
        for title, items in (("column", self.columns), ("factor", self.factors)):
            moved = [item for item in items if item.moved]
            rows = [
                (item.name, figure(item.shift), item.words, figure(item.p, 2), figure(item.adjusted, 2))
                for item in (moved or list(items[:3]))[:10]
            ]
            if rows:
                lines += ["", f"{len(moved)} of {len(items)} {title}s moved", *_listed(title, rows)]
        if self.along:
            lines += ["", "on the way of the most moved factor: " + "; ".join(self.along)]
        if self.decision is not None:
            lines += ["", str(self.decision)]
        return "\n".join(lines)


def _listed(title: str, rows: Sequence[Sequence[str]]) -> list[str]:
    return text_table((title, "shift", "", "p", "adjusted p"), rows).splitlines()


def _interval(test: TwoSampleTest) -> str:
    return "" if test.low is None else f"[{figure(test.low)}, {figure(test.high)}]"
