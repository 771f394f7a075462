"""Section: which predictor this is, what it decides, whether it answers the same twice."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from deepspace.report.audit.evidence import Figure, Said, share
from deepspace.report.audit.section import Block, Items, Paragraph, Section

if TYPE_CHECKING:
    from deepspace.decisions import Audit
    from deepspace.report.audit.context import Context

__all__ = ["write"]


def write(section: Section, context: Context) -> None:
    """What it is, and what it says of all rows; or why it could not be asked."""
    if context.broken:
        said = context.evidence.quote(context.broken, key="broken", source="deepspace.decisions.predictors")
        section.blocks.append(Items.of([section.fail(said)], "wrong"))
        return
    assert context.audit is not None
    audit = context.audit
    context.attempt(section, "what the predictor is", lambda: _kind(section, context, audit))
    context.attempt(section, "what the predictor decides", lambda: _decisions(section, context, audit))


def _kind(section: Section, context: Context, audit: Audit) -> list[Block]:
    say, predictor = context.evidence.say, audit.predictor
    source = "deepspace.decisions.Audit"
    lines: list[Said | str] = [
        say("The predictor is {name}; it is asked as it stands and nothing in it is looked into.", key="name",
            source=source, name=predictor.name)
    ]  # fmt: skip
    if predictor.columns is not None:
        lines.append(say("It is given {k} columns: {names}.", key="columns", source=source, k=len(predictor.columns),
                         names=", ".join(predictor.columns)))  # fmt: skip
    if audit.threshold is not None:
        scale = "probability of that outcome" if audit.answers.scores.shape[1] > 1 else "value"
        lines.append(say(
            f"It decides {{outcome}} from a {scale} of {{threshold}} on, and {{other}} below.", key="threshold",
            source=source, outcome=audit.outcomes[-1], other=audit.outcomes[0],
            threshold=Figure(audit.threshold, digits=0),
        ))  # fmt: skip
    if audit.favourable is not None:
        lines.append(say("The outcome that was named as favourable is {outcome}.", key="favourable", source=source,
                         outcome=audit.outcomes[audit.favourable]))  # fmt: skip
    else:
        lines.append("No outcome was named as favourable.")
    asked = Figure(audit.repeatable, digits=2)
    if audit.repeatable <= 1e-6:
        lines.append(say("Asked twice about the same rows it gave the same scores (largest difference {apart}).",
                         key="repeatable", source=source, apart=asked))  # fmt: skip
    notes = [
        section.fail(context.evidence.quote(note, key=f"note-{place}", source=source))
        for place, note in enumerate(audit.notes)
    ]
    blocks: list[Block] = [Paragraph.of(*lines)]
    return [*blocks, Items.of(notes, "wrong")] if notes else blocks


def _decisions(section: Section, context: Context, audit: Audit) -> list[Block]:
    found = np.bincount(audit.answers.outcome, minlength=len(audit.outcomes))
    total = int(found.sum())
    rows = [[name, Figure(int(n)), share(int(n), total)] for name, n in zip(audit.outcomes, found, strict=True)]
    table = context.evidence.table(
        "Decisions on the rows of the space", ("decision", "rows", "share (95 %)"), rows, key="decisions",
        source="deepspace.decisions.Audit.answers",
    )  # fmt: skip
    only = int(np.flatnonzero(found)[0]) if (found > 0).sum() == 1 else None
    blocks: list[Block] = [table]
    if only is not None:
        said = context.evidence.say(
            "It decides {outcome} on every one of {n} rows: what follows has nothing to tell apart.", key="constant",
            source="deepspace.decisions.Audit.answers", outcome=audit.outcomes[only], n=total,
        )  # fmt: skip
        blocks.insert(0, Items.of([section.fail(said)], "wrong"))
    return blocks
