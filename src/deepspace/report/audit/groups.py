"""Section: how groups of rows fare beside the rest."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from deepspace.report.audit.evidence import Figure
from deepspace.report.audit.figures import Bar, interval_plot
from deepspace.report.audit.section import Heading, Items, Paragraph, Picture, Section

if TYPE_CHECKING:
    from deepspace.decisions.groups import Entry, Groups
    from deepspace.report.audit.context import Context

__all__ = ["write"]

SOURCE = "deepspace.decisions.groups"
SHOWN = 12
AMOUNTS = ("reconstruction error", "recourse L0", "recourse L1")
APART = ("reconstruction error", "out-of-distribution rate", "recourse refused", "recourse L0", "recourse L1")
"""Measures that stand in a table of their own, for the width of a page."""


def write(section: Section, context: Context) -> None:
    """Differences that hold after correction, then a table a column."""
    from deepspace.decisions.groups import groups

    assert context.audit is not None
    seed = context.options.seed
    found = groups(context.audit, list(context.options.groups), recourse=_recourse(context), seed=seed)
    notes = [context.evidence.quote(note, key=f"note-{i}", source=SOURCE) for i, note in enumerate(found.notes)]
    section.blocks += [Items.of(notes)] if notes else []
    fields: dict[str, Any] = {"tests": found.tests} | (
        {"found": len(found.distinct), "names": _named(found)} if found.found else {}
    )
    words = (
        "Of {tests} differences between a group and the rest of the rows those that hold number {found}, as {names},"
        if found.found else
        "None of {tests} differences between a group and the rest of the rows holds"
    )  # fmt: skip
    counted = context.evidence.say(
        f"{words} at a level of {{level}} after correction for all of them ({found.correction.title()}).",
        key="counted", source=SOURCE, seed=seed, level=Figure(0.05, unit="%"), **fields,
    )  # fmt: skip
    # How well the space rebuilds a group is no fault of the predictor's.
    its_own = [e for e in found.found if e.measure != "reconstruction error"]
    (section.fail if its_own else section.find)(counted)
    section.blocks.append(Paragraph.of(counted))
    if "false positive rate" in found.measures:
        section.blocks.append(Paragraph.of(context.evidence.say(
            "A false positive is a row that was decided {positive} and was not; a false negative was, and was not "
            "decided so.", key="positive", source=SOURCE, positive=found.positive,
        )))  # fmt: skip
    if found.found:
        section.blocks.append(_differences(context, found))
    for column in found.columns:
        _column(section, context, found, column)


def _named(found: Groups) -> str:
    of_decisions_first = sorted(found.distinct, key=lambda e: e.measure in APART)
    names = dict.fromkeys(f"{e.column} = {e.group} ({e.measure})" for e in of_decisions_first)
    return "; ".join(list(names)[:3])


def _differences(context: Context, found: Groups) -> Any:
    rows = [
        [f"{e.column} = {e.group}", e.measure, _figure(e, e.value, (e.low, e.high), e.n),
         _figure(e, e.difference, (e.difference_low, e.difference_high), e.n), Figure(e.adjusted or 0.0)]
        for e in found.distinct[:SHOWN]
    ]  # fmt: skip
    more = f", the surest {SHOWN} of {len(found.distinct)}" if len(found.distinct) > SHOWN else ""
    return context.evidence.table(
        f"Differences that hold{more}",
        ("group", "measure", "value (95 %)", "difference to the rest (95 %)", "adjusted p"), rows, key="differences",
        source=SOURCE, seed=context.options.seed,
    )  # fmt: skip


def _recourse(context: Context) -> Any:
    """The search for counterfactuals under the constraints that were given."""
    from deepspace.decisions.counterfactuals import counterfactuals

    return partial(counterfactuals, **context.options.search)


def _column(section: Section, context: Context, found: Groups, column: str) -> None:
    entries = [e for e in found.entries if e.column == column]
    section.blocks.append(Heading(f"By {column}"))
    measures = list(dict.fromkeys(e.measure for e in entries))
    note = f"Groups of fewer than {found.least} rows are named, and nothing is said of them."
    for place, some in enumerate(([m for m in measures if m not in APART], [m for m in measures if m in APART])):
        if place and not some:
            continue
        rows: list[list[Any]] = []
        for name, group in found.sizes:
            if name != column:
                continue
            own = {e.measure: e for e in entries if e.group == group}
            cells = [
                _figure(own[m], own[m].value, (own[m].low, own[m].high), own[m].n) if m in own else None for m in some
            ]
            rows.append([group, Figure(found.sizes[name, group]), *cells])
        what = "the space and recourse" if place else "decisions and errors"
        section.blocks.append(context.evidence.table(
            f"Groups by {column}: {what} (95 %)", ("group", "rows", *some), rows, key=f"by-{column}-{place}",
            source=SOURCE, seed=context.options.seed,
            note=note if not place and any(key[0] == column for key in found.small) else "",
        ))  # fmt: skip
    rated = [e for e in entries if e.measure.startswith("rate of") and e.value is not None]
    if len(rated) > 1:
        bars = [Bar(e.group, e.value or 0.0, e.low or 0.0, e.high or 0.0, e.found) for e in rated]
        section.blocks.append(Picture(
            f"{rated[0].measure.capitalize()} by {column}, with 95 % intervals; red: differs from the rest.",
            svg=interval_plot(bars, f"{rated[0].measure} by {column}"),
        ))  # fmt: skip


def _figure(entry: Entry, value: float | None, interval: tuple[float | None, float | None], n: int) -> Figure | str:
    if value is None:
        return f"too few ({n})"
    unit = "" if entry.measure in AMOUNTS else "%"
    low, high = interval
    return Figure(value, n, None if low is None or high is None else (low, high), unit)
