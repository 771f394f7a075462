"""Measures of subgroups. Each is a number a row, NaN where the row does not count; a group is then compared with the
rest of the rows in the same way whatever is measured."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

from deepspace.decisions.groups.cuts import Cut, cut_by, default_columns, edges_of
from deepspace.decisions.groups.recourse import costs
from deepspace.decisions.groups.results import Entry, Groups
from deepspace.decisions.inference import (
    holm,
    mean_difference,
    mean_with_interval,
    permutation_p,
    share_difference,
    share_p,
    share_ratio,
)
from deepspace.errors import SpaceError
from deepspace.explore.discovery import adjusted
from deepspace.metrics.heldout import held_out
from deepspace.results import wilson

if TYPE_CHECKING:
    from deepspace.decisions.audit import Audit

__all__ = ["groups"]

Floats = npt.NDArray[np.float64]
Correction = Literal["holm", "benjamini-hochberg"]

LEAST = 10
UNFAMILIAR = 0.05
_CORRECTIONS: dict[str, Callable[[Any], Floats]] = {"holm": holm, "benjamini-hochberg": adjusted}


@dataclass(frozen=True, eq=False)
class _Measured:
    """``values``: (n,) of the audit's rows; 0 and 1 where it is a share."""

    name: str
    values: Floats
    share: bool
    rated: bool = False
    """Whether it is the decision rate, of which ratios are usual."""


def groups(
    audit: Audit,
    columns: str | Sequence[str] | None = None,
    *,
    edges: Mapping[str, Sequence[Any]] | None = None,
    crossed: bool = False,
    reference: Mapping[str, str] | None = None,
    least: int = LEAST,
    recourse: bool | Callable[..., Any] = True,
    familiarity: bool = True,
    correction: Correction = "holm",
    seed: int = 0,
) -> Groups:
    """Subgroups beside the rest of the rows: decision rate, error rates, reconstruction error, share of rows unlike the
    training rows, and cost of recourse.

    columns: of the space's rows, learned or not; by default all but the target. Categories and booleans make a group a
    value, numbers and dates a group a quarter, or cut at ``edges[column]``; missing cells are a group. crossed: also
    every two columns together. reference: the group of a column that ratios of decision rates are taken to; by default
    the one with the highest rate. A ratio below .8 is what US practice calls the four-fifths rule (29 CFR 1607.4): a
    convention to look closer, no verdict.

    Decisions and errors are of ``audit.tested``; reconstruction and familiarity of the rows that the space held out,
    where each row's conformal p is at most .05; recourse of at most 50 adverse tested rows a group, by
    ``recourse(audit, rows=..., k=1)``, by default the counterfactuals of this package. A group of fewer than ``least``
    rows is named, and nothing is said of it. Shares: Wilson's interval, Newcombe's of a difference, Fisher's exact
    test; means: Student's, Welch's, a permutation test. All tests are corrected together, by Holm (1979) or Benjamini
    and Hochberg (1995); two groups that make up a column are one test.
    Raises SpaceError for a column that is not there or cannot be cut, and where there is no column at all.
    """
    if correction not in _CORRECTIONS:
        raise SpaceError(f"there is no correction {correction!r}; there are {', '.join(_CORRECTIONS)}.")
    names = [columns] if isinstance(columns, str) else list(default_columns(audit) if columns is None else columns)
    if not names:
        raise SpaceError(f"'{audit.space.name}' has no column to make groups by; fit it with a label or metadata.")
    at = edges_of(edges, names)
    cuts = [cut_by(audit, name, at.get(name)) for name in names]
    if crossed:
        cuts += [a.crossed(b) for a, b in combinations(cuts, 2)]
    notes: list[str] = []
    if audit.favourable is None:
        notes.append(
            f"no outcome was said to be favourable: rates, and false positives, are of '{audit.outcomes[-1]}'."
        )
    measures = _decisions(audit, notes) + _held_out(audit, familiarity, notes)
    asked = costs(audit, cuts, recourse, least, seed, notes)
    sizes = {(c.column, label): int((c.codes == i).sum()) for c in cuts for i, label in enumerate(c.labels)}
    entries: list[Entry] = []
    keys: list[tuple[Any, ...]] = []
    rng = np.random.default_rng(seed)
    for cut in cuts:
        own = [_Measured(name, values, name == "recourse refused") for name, values in asked(cut)]
        for i, label in enumerate(cut.labels):
            if sizes[cut.column, label] < least:
                continue
            inside = cut.codes == i
            for measure in measures + own:
                entries.append(_compared(cut.column, label, measure, inside, least, rng))
                keys.append((cut.column, measure.name, 0 if len(cut.labels) == 2 else i))
    entries = _with_ratios(entries, measures, cuts, reference or {})
    entries, tests = _corrected(entries, keys, _CORRECTIONS[correction])
    small = tuple(key for key, n in sizes.items() if n < least)
    if small:
        shown = ", ".join(f"{c} = {g} ({sizes[c, g]})" for c, g in small[:6]) + (", ..." if len(small) > 6 else "")
        notes.append(f"groups of fewer than {least} rows, of which nothing is said: {shown}.")
    positive = audit.outcomes[_positive(audit)]
    return Groups(tuple(entries), sizes, small, least, tests, correction, positive, tuple(notes))


def _positive(audit: Audit) -> int:
    return len(audit.outcomes) - 1 if audit.favourable is None else audit.favourable


def _decisions(audit: Audit, notes: list[str]) -> list[_Measured]:
    """Of the tested rows: how often the favourable outcome, and the ways to be wrong."""
    place, outcome = _positive(audit), audit.answers.outcome
    tested = np.isin(audit.rows, audit.tested)
    if not audit.tested_known:
        notes.append(
            "it is not known which rows the predictor was fitted on; decisions and errors are of rows that the space "
            "held out, and flatter the predictor if it saw them: say held_out."
        )
    rate = np.where(tested, (outcome == place).astype(np.float64), np.nan)
    found = [_Measured(f"rate of {audit.outcomes[place]}", rate, True, rated=True)]
    if audit.target is None:
        notes.append("there is no target, so that no errors can be counted.")
        return found
    truth = audit.truth
    known = tested & (truth >= 0)
    wrong = (outcome != truth).astype(np.float64)
    found.append(_Measured("error rate", np.where(known, wrong, np.nan), True))
    negative, really = known & (truth != place), known & (truth == place)
    found.append(_Measured("false positive rate", np.where(negative, (outcome == place) * 1.0, np.nan), True))
    found.append(_Measured("false negative rate", np.where(really, (outcome != place) * 1.0, np.nan), True))
    return found


def _held_out(audit: Audit, familiarity: bool, notes: list[str]) -> list[_Measured]:
    from deepspace.metrics.ood import CALIBRATION, ood_rows

    space, found = audit.space, []
    held = held_out(space, most=len(space))
    unseen = np.isin(audit.rows, held.rows)
    if held.seen:
        notes.append(
            "the space has no record of held-out rows: reconstruction and familiarity are of rows it may have seen."
        )
    error = space.figures.get("reconstruction_error")
    if error is None:
        notes.append("the model has no decoder, so that there is no reconstruction error.")
    else:
        values = np.asarray(error, np.float64)[audit.rows]
        found.append(_Measured("reconstruction error", np.where(unseen, values, np.nan), False))
    if not familiarity:
        return found
    some = held_out(space, most=CALIBRATION).rows
    some = np.intersect1d(some, audit.rows)
    try:
        strange = ood_rows(space, some).combined_p <= UNFAMILIAR
    except SpaceError as error_:
        notes.append(f"familiarity was left out: {error_}")
        return found
    values = np.full(len(audit.rows), np.nan)
    values[np.searchsorted(audit.rows, some)] = strange
    found.append(_Measured("out-of-distribution rate", values, True))
    return found


def _compared(
    column: str, label: str, measure: _Measured, inside: npt.NDArray[np.bool_], least: int, rng: np.random.Generator
) -> Entry:
    known = ~np.isnan(measure.values)
    own, rest = measure.values[inside & known], measure.values[~inside & known]
    entry = Entry(column, label, measure.name, len(own), rest_n=len(rest))
    if len(own) < least:
        return entry
    if measure.share:
        count, n = int(own.sum()), len(own)
        entry = replace(entry, value=count / n, low=wilson(count, n)[0], high=wilson(count, n)[1])
    else:
        value, low, high = mean_with_interval(own)
        entry = replace(entry, value=value, low=low, high=high)
    if len(rest) < least:
        return entry
    if measure.share:
        other, m = int(rest.sum()), len(rest)
        gap, low, high = share_difference(count, n, other, m)
        p = share_p(count, n, other, m)
    else:
        gap, low, high = mean_difference(own, rest)
        p = permutation_p(own, rest, rng)
    return replace(entry, difference=gap, difference_low=low, difference_high=high, p=p)


def _with_ratios(
    entries: list[Entry], measures: list[_Measured], cuts: list[Cut], reference: Mapping[str, str]
) -> list[Entry]:
    rated = next(m.name for m in measures if m.rated)
    chosen: dict[str, Entry] = {}
    labels = {cut.column: cut.labels for cut in cuts}
    for column, label in reference.items():
        if label not in labels.get(column, ()):
            have = ", ".join(map(repr, labels.get(column, ()))) or "no groups"
            raise SpaceError(f"'{column}' has no group '{label}' to be the reference; it has {have}.")
    for entry in entries:
        if entry.measure != rated or entry.value is None:
            continue
        wanted, best = reference.get(entry.column), chosen.get(entry.column)
        if entry.group == wanted or (wanted is None and (best is None or entry.value > (best.value or 0))):
            chosen[entry.column] = entry
    out = []
    for entry in entries:
        base = chosen.get(entry.column)
        if entry.measure == rated and entry.value is not None and base is not None and base.value is not None:
            counts = (round(entry.value * entry.n), entry.n, round(base.value * base.n), base.n)
            ratio = (1.0, 1.0, 1.0) if entry.group == base.group else share_ratio(*counts)
            entry = replace(entry, ratio=ratio, reference=base.group)
        out.append(entry)
    return out


def _corrected(
    entries: list[Entry], keys: list[tuple[Any, ...]], correct: Callable[[Any], Floats]
) -> tuple[list[Entry], int]:
    """Adjusted p of every entry that has one. keys: entries with one key are one test."""
    first: dict[tuple[Any, ...], float] = {}
    for entry, key in zip(entries, keys, strict=True):
        if entry.p is not None:
            # Of two groups that make up a column either may be the first: a permutation test differs by its draws.
            first.setdefault(key, entry.p)
    together = dict(zip(first, correct(list(first.values())), strict=True)) if first else {}
    out = [
        entry if entry.p is None else replace(entry, p=first[key], adjusted=float(together[key]))
        for entry, key in zip(entries, keys, strict=True)
    ]
    return out, len(first)
