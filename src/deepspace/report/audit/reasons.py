"""Section: what decisions against the favourable outcome rest on, beside rows that were decided otherwise."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deepspace.report.audit.choosing import adverse_rows
from deepspace.report.audit.evidence import Figure, share
from deepspace.report.audit.section import Items, Paragraph, Section
from deepspace.report.audit.words import Words, words_of

if TYPE_CHECKING:
    from deepspace.decisions.reasons import Overall
    from deepspace.report.audit.context import Context

__all__ = ["write"]

SOURCE = "deepspace.decisions.reasons"
MOST = 40


def write(section: Section, context: Context) -> None:
    """Of a spread of the rows decided against: which columns are principal reasons, how often, and whether setting
    them to what rows decided otherwise have turns the decision."""
    from deepspace.decisions.reasons import overall, reasons

    assert context.audit is not None
    rows, words = adverse_rows(context.audit, MOST), words_of(context.audit)
    if not len(rows):
        said = context.evidence.say(f"No row to test on is {words.these}, so that there are no reasons to give.",
                                    key="none", source=SOURCE, **words.names)  # fmt: skip
        section.blocks.append(Paragraph.of(said))
        return
    seed = context.options.seed
    found = reasons(context.audit, rows=rows, wording=context.options.wording, seed=seed)
    summed = overall(found)
    section.blocks.append(Paragraph.of(context.evidence.say(
        f"A principal reason is a column that sets a row {words.these} apart from rows like it that are "
        f"{words.others}, and without which the decision would be nearer to the other one; it is stated only where it "
        "comes back over resamples of those rows.", key="what", source=SOURCE, **words.names,
    )))  # fmt: skip
    notes = [context.evidence.quote(note, key=f"note-{i}", source=SOURCE) for i, note in enumerate(found.notes)]
    section.blocks += [Items.of(notes)] if notes else []
    if summed.nothing:
        said = context.evidence.quote(summed.nothing, key="nothing", source=f"{SOURCE}.overall", seed=seed)
        section.blocks.append(Items.of([section.fail(said)], "wrong"))
        return
    _told(section, context, summed, words)


def _told(section: Section, context: Context, summed: Overall, words: Words) -> None:
    say, seed = context.evidence.say, context.options.seed
    first = ", ".join(summed.columns[:3])
    stable, flipped = share(summed.n - summed.without, summed.n), share(summed.flipped, summed.n)
    main = say(
        f"Of the rows {words.these} that were looked at, {{share}} have a stable principal reason; the commonest are "
        "{names}.", key="stable", source=f"{SOURCE}.overall", seed=seed, share=stable, names=first, **words.names,
    )  # fmt: skip
    turned = say(
        f"Set to what rows {words.others} have, the columns that are stated alone turn the decision in {{share}}.",
        key="flipped", source=f"{SOURCE}.overall", seed=seed, share=flipped, **words.names,
    )  # fmt: skip
    section.key_figure(f"{words.plain}, with a stable principal reason", stable, main)
    section.find(main)
    asked = [
        (name, part) for name, part in zip(summed.columns, summed.counts, strict=True) if name in context.options.groups
    ]
    protected = [
        section.fail(say(
            "The column {name}, by which groups are compared, is itself a principal reason in {share} of these "
            "decisions.",
            key=f"group-{name}", source=f"{SOURCE}.overall", seed=seed, name=name, share=share(part, summed.n),
        ))
        for name, part in asked
    ]  # fmt: skip
    section.blocks.append(Paragraph.of(main, turned))
    section.blocks += [Items.of(protected, "wrong")] if protected else []
    rows = [
        [name, Figure(share_, summed.n, interval, "%"), Figure(weight, part)]
        for name, share_, interval, weight, part in zip(
            summed.columns, summed.shares, summed.intervals, summed.contributions, summed.counts, strict=True
        )
    ][:15]
    section.blocks.append(context.evidence.table(
        f"Principal reasons of rows {words.plain}",
        ("column", "stated in (95 %)", "mean contribution where stated"), rows, key="columns",
        source=f"{SOURCE}.overall", seed=seed, config={"rows": summed.n},
        note="Contribution: Shapley value towards the favourable outcome, in the units of the score.",
    ))  # fmt: skip
