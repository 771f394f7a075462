"""Section: what adverse decisions rest on, relative to cases that were accepted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deepspace.report.audit.choosing import adverse_rows
from deepspace.report.audit.evidence import Figure, share
from deepspace.report.audit.section import Items, Paragraph, Section

if TYPE_CHECKING:
    from deepspace.decisions.reasons import Overall
    from deepspace.report.audit.context import Context

__all__ = ["write"]

SOURCE = "deepspace.decisions.reasons"
MOST = 40


def write(section: Section, context: Context) -> None:
    """Of a spread of the rows decided against: which columns are principal reasons, how often, and whether setting
    them to what accepted cases have turns the decision."""
    from deepspace.decisions.reasons import overall, reasons

    assert context.audit is not None
    rows = adverse_rows(context.audit, MOST)
    if not len(rows):
        section.blocks.append(
            Paragraph.of("No row to test on is decided against, so that there are no reasons to give.")
        )
        return
    seed = context.options.seed
    found = reasons(context.audit, rows=rows, wording=context.options.wording, seed=seed)
    summed = overall(found)
    section.blocks.append(Paragraph.of(
        "A principal reason is a column that sets a case apart from accepted cases like it and without which the "
        "decision would be nearer to the other; it is stated only where it comes back over resamples of the accepted "
        "cases.",
    ))  # fmt: skip
    notes = [context.evidence.quote(note, key=f"note-{i}", source=SOURCE) for i, note in enumerate(found.notes)]
    section.blocks += [Items.of(notes)] if notes else []
    if summed.nothing:
        said = context.evidence.quote(summed.nothing, key="nothing", source=f"{SOURCE}.overall", seed=seed)
        section.blocks.append(Items.of([section.fail(said)], "wrong"))
        return
    _told(section, context, summed)


def _told(section: Section, context: Context, summed: Overall) -> None:
    say, seed = context.evidence.say, context.options.seed
    first = ", ".join(summed.columns[:3])
    main = say(
        "Of the adverse decisions looked at, {share} have a stable principal reason; the commonest are {names}.",
        key="stable", source=f"{SOURCE}.overall", seed=seed, share=share(summed.n - summed.without, summed.n),
        names=first,
    )  # fmt: skip
    turned = say(
        "Set to what accepted cases have, the stated reasons alone turn the decision in {share}.", key="flipped",
        source=f"{SOURCE}.overall", seed=seed, share=share(summed.flipped, summed.n),
    )  # fmt: skip
    section.find(main)
    asked = [
        (name, part) for name, part in zip(summed.columns, summed.counts, strict=True) if name in context.options.groups
    ]
    protected = [
        section.fail(say(
            "The column {name}, by which groups are compared, is itself a principal reason in {share} of the adverse "
            "decisions looked at.",
            key=f"group-{name}", source=f"{SOURCE}.overall", seed=seed, name=name, share=share(part, summed.n),
        ))
        for name, part in asked
    ]  # fmt: skip
    section.blocks.append(Paragraph.of(main, turned))
    section.blocks += [Items.of(protected, "wrong")] if protected else []
    rows = [
        [name, Figure(share_, summed.n, interval, "%"), Figure(weight)]
        for name, share_, interval, weight in zip(
            summed.columns, summed.shares, summed.intervals, summed.contributions, strict=True
        )
    ][:15]
    section.blocks.append(context.evidence.table(
        "Principal reasons of adverse decisions",
        ("column", "stated in (95 %)", "mean contribution where stated"), rows, key="columns",
        source=f"{SOURCE}.overall", seed=seed, config={"rows": summed.n},
        note="Contribution: Shapley value towards the favourable outcome, in the units of the score.",
    ))  # fmt: skip
