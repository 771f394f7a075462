"""Section: how groups of rows fare beside the rest."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from deepspace.report.audit.evidence import Figure, Said
from deepspace.report.audit.figures import Bar, interval_plot
from deepspace.report.audit.section import Heading, Items, Paragraph, Picture, Section

if TYPE_CHECKING:
    from deepspace.decisions.groups import Entry, Groups
    from deepspace.report.audit.context import Context

__all__ = ["write"]

SOURCE = "deepspace.decisions.groups"
SHOWN = 12
AMOUNTS = ("reconstruction error", "recourse L0", "recourse L1")
CALLED = {
    "out-of-distribution rate": "unusual", "recourse refused": "no counterfactual",
    "recourse L0": "columns to change", "recourse L1": "size of change",
}  # fmt: skip
TERMS = {
    "out-of-distribution rate": "the share of rows that look unlike those of the space, by their conformal p-value",
    "recourse refused": "of the rows decided against the favourable outcome, those for which no permitted change was "
    "found that alters the decision",
    "recourse L0": "in the mean, of the rows that have a counterfactual",
    "recourse L1": "the changes added up: of a number the share of the training rows that it passes, of any other "
    "cell one",
}
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
    fields: dict[str, Any] = {"tests": found.tests, "found": len(found.distinct)} | (
        {"names": _named(context, found)} if found.found else {}
    )
    how = f"at a level of {{level}}, corrected for all of them ({found.correction.title()})"
    counted = context.evidence.say(
        f"Of {{tests}} differences between a group and the rest of the rows the number that holds is {{found}}, {how}, "
        "the surest being {names}."
        if found.found else
        f"Of {{tests}} differences between a group and the rest of the rows none holds {how}.",
        key="counted", source=SOURCE, seed=seed, level=Figure(0.05, unit="%"), **fields,
    )  # fmt: skip
    section.key_figure(f"differences between groups that hold, of {found.tests}",
                       Figure(float(len(found.distinct))), counted)  # fmt: skip
    # How well the space rebuilds a group is no fault of the predictor's.
    its_own = [e for e in found.found if e.measure != "reconstruction error"]
    (section.fail if its_own else section.find)(counted)
    section.blocks.append(Paragraph.of(counted))
    section.blocks.append(Items.of(_terms(context, found)))
    if found.found:
        section.blocks.append(_differences(context, found))
    for column in found.columns:
        _column(section, context, found, column)


def _called(context: Context, found: Groups) -> dict[str, str]:
    """The measures in words that fit whatever is decided, with the user's names."""
    positive, other = found.positive, _other(context, found)
    own = {
        "false positive rate": f"decided {positive}, really {other}",
        "false negative rate": f"decided {other}, really {positive}",
    }  # fmt: skip
    return {m: own.get(m) or CALLED.get(m) or m.replace("rate of ", "decided ", 1) for m in found.measures}


def _terms(context: Context, found: Groups) -> list[Said]:
    """What each of them means."""
    say = context.evidence.say
    told = [say(f"{CALLED[name].capitalize()}: {what}.", key=name.replace(" ", "-"), source=SOURCE)
            for name, what in TERMS.items() if name in found.measures]  # fmt: skip
    if "false positive rate" not in found.measures:
        return told
    names: dict[str, Any] = {"positive": found.positive, "other": _other(context, found)}
    return [
        say("Decided {positive}, really {other}: of the rows that really were {other}, those decided {positive}; the "
            "false positive rate, if {positive} counts as positive.", key="positive", source=SOURCE, **names),
        say("Decided {other}, really {positive}: of the rows that really were {positive}, those decided {other}; the "
            "false negative rate.", key="negative", source=SOURCE, **names),
        *told,
    ]  # fmt: skip


def _other(context: Context, found: Groups) -> str:
    audit = context.audit
    assert audit is not None
    others = [name for name in audit.outcomes if name != found.positive]
    return others[0] if len(others) == 1 else "another"


def _named(context: Context, found: Groups) -> str:
    of_decisions_first, called = sorted(found.distinct, key=lambda e: e.measure in APART), _called(context, found)
    names = dict.fromkeys(f"{e.column} = {e.group} ({called[e.measure]})" for e in of_decisions_first)
    return "; ".join(list(names)[:3])


def _differences(context: Context, found: Groups) -> Any:
    called = _called(context, found)
    rows = [
        [f"{e.column} = {e.group}", called[e.measure], _figure(e, e.value, (e.low, e.high), e.n),
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
    measures, called = list(dict.fromkeys(e.measure for e in entries)), _called(context, found)
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
        what = "the space and counterfactuals" if place else "decisions and errors"
        header = ("group", "rows", *(called[m] for m in some))
        section.blocks.append(context.evidence.table(
            f"Groups by {column}: {what} (95 %)", header, rows, key=f"by-{column}-{place}",
            source=SOURCE, seed=context.options.seed,
            note=note if not place and any(key[0] == column for key in found.small) else "",
        ))  # fmt: skip
    rated = [e for e in entries if e.measure.startswith("rate of") and e.value is not None]
    if len(rated) > 1:
        bars = [Bar(f"{e.group} ({e.n:,})", e.value or 0.0, e.low or 0.0, e.high or 0.0, e.found) for e in rated]
        section.blocks.append(Picture(
            f"Rows decided {found.positive} by {column}, with 95 % intervals and, in brackets, the rows that each "
            "rests on; red: differs from the rest.", svg=interval_plot(bars, f"decided {found.positive} by {column}"),
        ))  # fmt: skip


def _figure(entry: Entry, value: float | None, interval: tuple[float | None, float | None], n: int) -> Figure | str:
    if value is None:
        return f"too few ({n})"
    unit = "" if entry.measure in AMOUNTS else "%"
    low, high = interval
    return Figure(value, n, None if low is None or high is None else (low, high), unit)
