"""Section: current rows against those that the space was learned from, and what that does to decisions."""

from __future__ import annotations

from typing import TYPE_CHECKING

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
    words = (
        "The data has moved: p = {p} for {n} reference rows against {m} current ones, by all tests together"
        if found.drifted
        else "No drift is shown: p = {p} for {n} reference rows against {m} current ones, by all tests together"
    )
    words += "; most in {names}." if found.drifted and moved else "."
    fields = {"names": moved} if found.drifted and moved else {}
    said = context.evidence.say(
        words, key="verdict", source=SOURCE, basis=BASIS, seed=context.options.seed, p=Figure(found.p), n=found.n,
        m=found.m, config={"permutations": found.permutations}, **fields,
    )  # fmt: skip
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
        note="Shift: of the mean in deviations of the reference, or the largest change of a category's share.",
    )  # fmt: skip


def _decision(section: Section, context: Context, shift: DecisionShift) -> list[Block]:
    say, seed = context.evidence.say, context.options.seed
    words = "The decision is affected" if shift.affected else "No effect on the decision is shown"
    rates = say(
        f"{words}: the rate of {{outcome}} goes from {{before}} to {{now}}, a difference of {{gap}}.",
        key="rates", source=SOURCE, basis=BASIS, seed=seed, outcome=shift.outcome,
        before=share(round(shift.rates[0] * shift.n), shift.n), now=share(round(shift.rates[1] * shift.m), shift.m),
        gap=Figure(shift.difference, interval=(shift.low, shift.high), unit="%"),
    )  # fmt: skip
    (section.fail if shift.affected else section.find)(rates)
    gap, low, high = shift.near_difference
    near = say(
        "The share of rows close to where the decision turns goes from {before} to {now}, a difference of {gap}.",
        key="near", source=SOURCE, basis=BASIS, seed=seed, before=Figure(shift.near[0], shift.n, unit="%"),
        now=Figure(shift.near[1], shift.m, unit="%"), gap=Figure(gap, interval=(low, high), unit="%"),
    )  # fmt: skip
    told = [rates, near]
    if shift.accuracy is not None and np.isfinite(shift.accuracy[2]):
        before, now, gap, low, high, n, m = shift.accuracy
        said = say(
            "It is right in {before} of the reference rows and in {now} of the current ones, a difference of {gap}.",
            key="accuracy", source=SOURCE, basis=BASIS, seed=seed, before=share(round(before * n), n),
            now=share(round(now * m), m), gap=Figure(gap, interval=(low, high), unit="%"),
        )  # fmt: skip
        told.append(section.fail(said) if high < 0 else said)
        if shift.always is not None:
            than = ", more often than the predictor is" if shift.worthless else ""
            base = say(
                "Always saying the commonest outcome would be right in {before} of the reference rows and in {now} of "
                f"the current ones{than}.", key="always", source=SOURCE, basis=BASIS, seed=seed,
                before=Figure(shift.always[0], n, unit="%"), now=Figure(shift.always[1], m, unit="%"),
            )  # fmt: skip
            told.append(section.fail(base) if shift.worthless else base)
    return [Paragraph.of(*told)]
