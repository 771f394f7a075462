"""What it costs the rows of a group to get another decision: counterfactuals of a sample of those decided against."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from deepspace.decisions.groups.cuts import Cut
from deepspace.errors import DeepspaceError

if TYPE_CHECKING:
    from deepspace.decisions.audit import Audit

__all__ = ["MOST", "costs"]

Floats = npt.NDArray[np.float64]
Asked = Callable[[Cut], Iterator[tuple[str, Floats]]]

MOST = 50
"""Adverse rows asked about, a group."""


def costs(
    audit: Audit, cuts: list[Cut], recourse: bool | Callable[..., Any], least: int, seed: int, notes: list[str]
) -> Asked:
    """A function that gives, for a cut, "recourse refused", "recourse L0" and "recourse L1" as numbers a row, (n,) of
    the audit's rows, NaN where it was not asked.

    The rows are asked about in one random order, so that groups of different columns share most of theirs.
    """
    counterfactuals = _search(recourse) if recourse else None
    if counterfactuals is None:
        return _nothing
    if audit.adverse is None:
        notes.append("what counterfactuals cost a group was left out: say which of two outcomes is favourable.")
        return _nothing
    tested = np.isin(audit.rows, audit.tested)
    adverse = np.flatnonzero(tested & (audit.answers.outcome == audit.adverse))
    order = np.random.default_rng(seed).permutation(adverse)
    wanted = [_sample(cut, order, least) for cut in cuts]
    rows = np.unique(np.concatenate(wanted)) if wanted else adverse[:0]
    if not len(rows):
        notes.append("what counterfactuals cost a group was left out: too few tested rows are decided adversely.")
        return _nothing
    try:
        cases = counterfactuals(audit, rows=audit.rows[rows], k=1)
    except DeepspaceError as error:
        notes.append(f"what counterfactuals cost a group was left out: {error}")
        return _nothing
    known: dict[str, Floats] = {
        name: np.full(len(audit.rows), np.nan) for name in ("recourse refused", "recourse L0", "recourse L1")
    }
    for row, case in zip(rows, cases, strict=True):
        known["recourse refused"][row] = not len(case.found)
        if len(case.found):
            known["recourse L0"][row] = case.found[0].sparsity
            known["recourse L1"][row] = case.found[0].proximity
    by_column = {cut.column: some for cut, some in zip(cuts, wanted, strict=True)}

    def of(cut: Cut) -> Iterator[tuple[str, Floats]]:
        asked = np.zeros(len(audit.rows), bool)
        asked[by_column[cut.column]] = True
        for name, values in known.items():
            yield name, np.where(asked, values, np.nan)

    return of


def _nothing(cut: Cut) -> Iterator[tuple[str, Floats]]:
    return iter(())


def _sample(cut: Cut, order: npt.NDArray[np.int64], least: int) -> npt.NDArray[np.int64]:
    """The first adverse rows of each group, where there are enough to say anything."""
    parts = [order[cut.codes[order] == i][:MOST] for i in range(len(cut.labels))]
    return np.concatenate([order[:0], *(part for part in parts if len(part) >= least)])


def _search(recourse: bool | Callable[..., Any]) -> Callable[..., Any]:
    if callable(recourse):
        return recourse
    from deepspace.decisions.counterfactuals import counterfactuals

    return counterfactuals
