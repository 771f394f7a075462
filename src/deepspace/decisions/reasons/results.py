"""What is said of adverse decisions: the reasons of one case, and of many."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from deepspace.decisions.cases import CaseSequence
from deepspace.results import Tabular, figure, wilson

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["CaseReasons", "Reason", "Reasons"]

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Reason:
    """One column, or several that are taken together, in which a case differs from accepted ones.

    columns: their names, ``column`` the weightiest of them. value: the case's, in the user's units, None where
    missing. reference: the typical value of the accepted cases, ``usual`` the 10 % and 90 % quantiles of a number or a
    date, ``share`` how many of the accepted have the reference, None for numbers. contribution: Shapley value towards
    the favourable outcome, in the units of ``scale``, ``interval`` its 95 % interval over resamples of the accepted
    cases. stability: the share of resamples in which it is among the principal reasons, or these are as good as the
    best but for 5 % of the gap. code: the user's own, or "".
    """

    column: str
    columns: tuple[str, ...]
    text: str
    value: Any
    reference: Any
    usual: tuple[Any, Any] | None
    share: float | None
    contribution: float
    interval: tuple[float, float]
    stability: float
    code: str = ""

    def __str__(self) -> str:
        return f"{self.code}: {self.text}" if self.code else self.text


@dataclass(frozen=True, eq=False)
class CaseReasons:
    """The principal reasons of one case, weightiest first.

    row: its number in the space, None for an item from elsewhere; item: its place among the cases that were asked
    about. decision: the outcome; score: what the decision hangs on. unstable: what was found and failed the test.
    nothing: why there is no reason, "" where there is one. share_explained: the part, 0 to 1, of the way to the
    threshold that is gone when the stated columns are set to their references and all else is left; flips: whether
    that turns the decision; flips_real, n: the share of n real accepted cases whose values in these columns turn it.
    All three are the predictor's own answers. None, None and 0 without a reason.

    contributions: (P,), the Shapley values of all columns, or groups of them, named in ``players``; they add up to
    ``gap``, the mean score of the accepted references over the score of the case. p_value: of the test whether the
    predictor follows any rule here at all, 1 where it could not be done.
    """

    item: int
    row: int | None
    decision: str
    score: float
    reasons: tuple[Reason, ...] = ()
    unstable: tuple[Reason, ...] = ()
    nothing: str = ""
    share_explained: float | None = None
    flips: bool | None = None
    flips_real: float | None = None
    n: int = 0
    players: tuple[str, ...] = ()
    contributions: Floats | None = None
    gap: float | None = None
    p_value: float = 1.0
    adverse: bool = True

    def __len__(self) -> int:
        return len(self.reasons)

    def __str__(self) -> str:
        name = f"item {self.item}" if self.row is None else f"row {self.row}"
        head = f"{name}: {self.decision} ({figure(self.score)})"
        if not self.reasons:
            return f"{head}. {self.nothing}"
        lines = [f"{head}, for {len(self.reasons)} principal reason{'s' * (len(self.reasons) > 1)}:"]
        for i, reason in enumerate(self.reasons, 1):
            low, high = reason.interval
            how = f"{figure(reason.contribution)} [{figure(low)}, {figure(high)}]"
            lines.append(f"  {i}. {reason}  ({how}, stable in {100 * reason.stability:.0f} %)")
        if self.flips_real is not None and self.share_explained is not None:
            low, high = wilson(round(self.flips_real * self.n), self.n)
            lines.append(
                f"  Set to what is typical of cases decided otherwise, these columns "
                f"{'turn' if self.flips else 'do not turn'} the decision and close {100 * self.share_explained:.0f} % "
                f"of the way to it; the values of {100 * self.flips_real:.0f} % [{100 * low:.0f} %, "
                f"{100 * high:.0f} %] of {self.n} real ones turn it."
            )
        if self.unstable:
            left = ", ".join(
                f"{r.column} ({'its interval reaches 0' if r.interval[0] <= 0 else f'{100 * r.stability:.0f} %'})"
                for r in self.unstable
            )
            lines.append(f"  Left out as unstable: {left}.")
        return "\n".join(lines)


@dataclass(frozen=True, eq=False)
class Reasons(Tabular, CaseSequence[CaseReasons]):
    """One entry a case that was asked about. most: reasons a case at most; notes: what readers must know."""

    cases: tuple[CaseReasons, ...]
    favourable: str
    most: int
    scale: str
    bootstraps: int
    stable: float
    seed: int
    notes: tuple[str, ...] = ()

    def to_arrow(self) -> pa.Table:
        """One row a reason, those left out as unstable included; values as text, since columns differ in type."""
        import pyarrow as pa

        rows = [
            (case, reason, rank, stated)
            for case in self.cases
            for stated, found in ((True, case.reasons), (False, case.unstable))
            for rank, reason in enumerate(found, 1)
        ]
        integer, number, text, logical = pa.int64(), pa.float64(), pa.string(), pa.bool_()
        return pa.table({
            "item": pa.array([c.item for c, *_ in rows], integer),
            "row": pa.array([c.row for c, *_ in rows], integer),
            "stated": pa.array([stated for *_, stated in rows], logical),
            "rank": pa.array([rank for _, _, rank, _ in rows], integer),
            "column": pa.array([r.column for _, r, *_ in rows], text),
            "code": pa.array([r.code for _, r, *_ in rows], text),
            "text": pa.array([r.text for _, r, *_ in rows], text),
            "value": pa.array([None if r.value is None else str(r.value) for _, r, *_ in rows], text),
            "reference": pa.array([None if r.reference is None else str(r.reference) for _, r, *_ in rows], text),
            "contribution": pa.array([r.contribution for _, r, *_ in rows], number),
            "low": pa.array([r.interval[0] for _, r, *_ in rows], number),
            "high": pa.array([r.interval[1] for _, r, *_ in rows], number),
            "stability": pa.array([r.stability for _, r, *_ in rows], number),
        })  # fmt: skip

    def __str__(self) -> str:
        adverse = [case for case in self.cases if case.adverse]
        none = sum(not case.reasons for case in adverse)
        head = (
            f"{len(adverse):,} adverse decisions (not '{self.favourable}'); {none:,} of them without a stable reason."
        )
        shown = [str(case) for case in self.cases[:10]]
        more = [f"and {len(self.cases) - 10:,} more cases"] if len(self.cases) > 10 else []
        return "\n".join([head, *self.notes, *shown, *more])
