"""Which cases the report looks into: chosen by a rule that anybody can repeat, or named."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from deepspace.errors import SpaceError

if TYPE_CHECKING:
    from deepspace.decisions import Audit

__all__ = ["Case", "adverse_rows", "chosen", "rarest"]


@dataclass(frozen=True)
class Case:
    """A row of the space, and why it is looked into."""

    row: int
    why: str


def chosen(audit: Audit, named: tuple[int, ...]) -> list[Case]:
    """The rows named; then, of the rows to test on, the one with the smallest margin, the most typical of the adverse
    decisions (of the rarest decision, where none is said to be adverse) by density in latent space, and the one that is
    wrong with the largest margin. A row stands for one rule only; the next best stands for the other.

    Raises SpaceError for a row that is not one of the audit's.
    """
    wrong = [row for row in named if row not in set(audit.rows.tolist())]
    if wrong:
        raise SpaceError(f"the audit of '{audit.space.name}' has no row {wrong[0]}: name one of the rows asked about.")
    found = [Case(row, "named") for row in dict.fromkeys(named)]
    rows = audit.tested
    if not len(rows):
        return found
    answers = audit.ask_rows(rows)
    rules: list[tuple[str, npt.NDArray[np.int64]]] = [
        ("smallest margin", np.argsort(answers.margin, kind="stable")),
        (_typical_name(audit, answers.outcome), _typical(audit, rows, answers.outcome)),
    ]
    if audit.target is not None:
        truth = audit.truth_of(rows)
        wrongly = np.flatnonzero((truth >= 0) & (truth != answers.outcome))
        rules.append(("wrong with the largest margin", wrongly[np.argsort(-answers.margin[wrongly], kind="stable")]))
    for why, order in rules:
        taken = {case.row for case in found}
        row = next((int(rows[place]) for place in order if int(rows[place]) not in taken), None)
        if row is not None:
            found.append(Case(row, why))
    return found


def adverse_rows(audit: Audit, most: int) -> npt.NDArray[np.int64]:
    """At most ``most`` rows to test on that are decided against, evenly spread; (n,)."""
    from deepspace.metrics.heldout import spread

    outcome = audit.ask_rows(audit.tested).outcome
    against = outcome != audit.favourable if audit.favourable is not None else outcome == rarest(audit, outcome)
    return spread(audit.tested[against], most)


def _typical(audit: Audit, rows: npt.NDArray[np.int64], outcome: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    place = audit.adverse if audit.adverse is not None else rarest(audit, outcome)
    there = np.flatnonzero(outcome == place)
    density = audit.space.figures.get("log_density")
    if density is None or not len(there):
        return there
    return there[np.argsort(-np.nan_to_num(np.asarray(density)[rows[there]], nan=-np.inf), kind="stable")]


def _typical_name(audit: Audit, outcome: npt.NDArray[np.int64]) -> str:
    place = audit.adverse if audit.adverse is not None else rarest(audit, outcome)
    return f"most typical of those decided {audit.outcomes[place]}"


def rarest(audit: Audit, outcome: npt.NDArray[np.int64]) -> int:
    """The place of the outcome that is decided least often, but is decided; outcome: (n,) places."""
    counts = np.bincount(outcome, minlength=len(audit.outcomes))
    return int(np.argmin(np.where(counts > 0, counts, counts.max() + 1)))
