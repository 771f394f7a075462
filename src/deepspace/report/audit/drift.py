"""Section: current rows against those that the space was learned from, and what that does to decisions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from deepspace.report.audit.evidence import ARROW, Figure, Said, share
from deepspace.report.audit.section import Block, Items, Paragraph, Section

if TYPE_CHECKING:
    from deepspace.decisions.drift import DecisionShift, Drift, Moved
    from deepspace.report.audit.context import Context

__all__ = ["write"]

SOURCE = "deepspace.decisions.drift"
BASIS = "current data"
SHOWN = 12


def write(section: Section, context: Context) -> None:
    """Whether the data has moved, where, and whether decisions are affected."""
    from deepspace.decisions.drift import drift

    audit, seed = None if context.broken else context.audit, context.options.seed
    found = drift(context.space, context.options.current, audit=audit, seed=seed)
    notes = [context.evidence.quote(n, key=f"note-{i}", source=SOURCE, basis=BASIS) for i, n in enumerate(found.notes)]
    section.blocks += [Items.of(notes)] if notes else []
    section.blocks.append(Paragraph.of(_verdict(section, context, found)))
    section.blocks.append(_tests(context, found))
    for what, items in (("columns", found.columns), ("latent dimensions", found.factors)):
        if items:
            section.blocks.append(_moved(context, what, items))
    if found.along:
        way = "; ".join(found.along)
        along = f"On the way of the most moved factor, from the reference mean to the current one: {way}."
        section.blocks.append(Paragraph.of(context.evidence.quote(along, key="along", source=SOURCE, basis=BASIS)))
    if found.decision is not None:
        section.blocks += _decision(section, context, found.decision)


def _verdict(section: Section, context: Context, found: Drift) -> Said:
    moved = ", ".join(column.name for column in found.moved[:4])
    every = "by all tests together" if found.decision is None else "by all tests together, those of decisions too"
    words = (
        f"The data has moved: p = {{p}} for {{n}} reference rows against {{m}} current ones, {every}"
        if found.drifted
        else f"No drift is shown: p = {{p}} for {{n}} reference rows against {{m}} current ones, {every}"
    )
    words += "; most in {names}." if found.drifted and moved else "."
    fields = {"names": moved} if found.drifted and moved else {}
    said = context.evidence.say(
        words, key="verdict", source=SOURCE, basis=BASIS, seed=context.options.seed, p=Figure(found.p), n=found.n,
        m=found.m, config={"permutations": found.permutations}, **fields,
    )  # fmt: skip
    section.key_figure("p of there being no drift, by all tests", Figure(found.p), said)
    return section.fail(said) if found.drifted else section.find(said)


def _tests(context: Context, found: Drift) -> Block:
    rows = [
        [f"{t.name} on {t.on}",
         Figure(t.value, interval=None if t.low is None or t.high is None else (t.low, t.high)), Figure(t.p)]
        for t in found.tests
    ]  # fmt: skip
    return context.evidence.table(
        "Tests of the whole", ("test", "value (95 %)", "p"), rows, key="tests", source=SOURCE, basis=BASIS,
        seed=context.options.seed, config={"permutations": found.permutations},
        note="Discrepancy: squared maximum mean discrepancy. Classifier: cross-fitted area under the ROC curve.",
    )  # fmt: skip


def _moved(context: Context, what: str, items: tuple[Moved, ...]) -> Block:
    rows = [
        [i.name, Figure(i.shift), i.words.replace("->", ARROW), Figure(i.p), Figure(i.adjusted)] for i in items[:SHOWN]
    ]
    count = sum(item.moved for item in items)
    more = f", the surest {SHOWN} of {len(items)}" if len(items) > SHOWN else ""
    return context.evidence.table(
        f"{what.capitalize()}, {count} of {len(items)} moved{more}",
        ("name", "shift", "in words", "p", "adjusted p"), rows,
        key=what.replace(" ", "-"), source=SOURCE, basis=BASIS, seed=context.options.seed,
        note="Shift: of the mean in deviations of the reference, or the largest change of a category's share. "
        "Adjusted: for all of the table, and at least the p of all tests.",
    )  # fmt: skip


def _decision(section: Section, context: Context, shift: DecisionShift) -> list[Block]:
    say, seed = context.evidence.say, context.options.seed
    several = len(shift.outcomes) > 1
    told = [_affected(section, context, shift)]
    gap, low, high = shift.near_difference
    told.append(say(
        "The share of rows close to where the decision turns goes from {before} to {now}, a difference of {gap} "
        "(adjusted p {p}).",
        key="near", source=SOURCE, basis=BASIS, seed=seed, before=Figure(shift.near[0], shift.n, unit="%"),
        now=Figure(shift.near[1], shift.m, unit="%"), gap=Figure(gap, interval=(low, high), unit="%"),
        p=Figure(shift.near_p),
    ))  # fmt: skip
    if shift.accuracy is not None and np.isfinite(shift.accuracy[2]):
        before, now, gap, low, high, n, m = shift.accuracy
        said = say(
            "It is right in {before} of the reference rows and in {now} of the current ones, a difference of {gap} "
            "(adjusted p {p}).",
            key="accuracy", source=SOURCE, basis=BASIS, seed=seed, before=share(round(before * n), n),
            now=share(round(now * m), m), gap=Figure(gap, interval=(low, high), unit="%"), p=Figure(shift.accuracy_p),
        )  # fmt: skip
        told.append(section.fail(said) if shift.less_right else said)
        if shift.always is not None:
            than = ", more often than the predictor is" if shift.worthless else ""
            base = say(
                "Always saying the commonest outcome would be right in {before} of the reference rows and in {now} of "
                f"the current ones{than}.", key="always", source=SOURCE, basis=BASIS, seed=seed,
                before=Figure(shift.always[0], n, unit="%"), now=Figure(shift.always[1], m, unit="%"),
            )  # fmt: skip
            told.append(section.fail(base) if shift.worthless else base)
    return [Paragraph.of(*told), *([_outcomes(context, shift)] if several else [])]


def _affected(section: Section, context: Context, shift: DecisionShift) -> Said:
    one, several = shift.first, len(shift.outcomes) > 1
    words = "The decision is affected" if shift.affected else "No effect on the decision is shown"
    fields: dict[str, Any] = {}
    if several:
        words += ": {some} of {every} outcomes moved" if shift.affected else ": none of {every} outcomes moved"
        fields = {"every": len(shift.outcomes)} | ({"some": len(shift.moved)} if shift.affected else {})
    rate = "; the surest, the rate of {outcome}, goes" if several else ": the rate of {outcome} goes"
    said = context.evidence.say(
        f"{words}{rate} from {{before}} to {{now}}, a difference of {{gap}} (adjusted p {{p}}, its scores looked at "
        "too).",
        key="rates", source=SOURCE, basis=BASIS, seed=context.options.seed, outcome=one.outcome,
        before=share(round(one.rates[0] * shift.n), shift.n), now=share(round(one.rates[1] * shift.m), shift.m),
        gap=Figure(one.difference, interval=(one.low, one.high), unit="%"), p=Figure(one.adjusted), **fields,
    )  # fmt: skip
    return section.fail(said) if shift.affected else section.find(said)


def _outcomes(context: Context, shift: DecisionShift) -> Block:
    rows = [
        [one.outcome, Figure(one.rates[0], shift.n, unit="%"), Figure(one.rates[1], shift.m, unit="%"),
         Figure(one.difference, interval=(one.low, one.high), unit="%"), Figure(one.p), Figure(one.score_p),
         Figure(one.adjusted)]
        for one in shift.outcomes[:SHOWN]
    ]  # fmt: skip
    every = len(shift.outcomes)
    more = f", the surest {SHOWN} of {every}" if every > SHOWN else ""
    return context.evidence.table(
        f"Outcomes, {len(shift.moved)} of {every} moved{more}",
        ("outcome", "reference", "current", "difference (95 %)", "p of the rate", "p of its scores", "adjusted p"),
        rows, key="outcomes", source=SOURCE, basis=BASIS, seed=context.options.seed,
        note="Adjusted: of rate or scores, for all tests about the decision together. Intervals: each by itself.",
    )  # fmt: skip
