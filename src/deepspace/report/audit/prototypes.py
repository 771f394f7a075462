"""Section: the few real rows that stand for each decision, and one that they do not stand for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from deepspace.report.audit.evidence import Figure, shown_cell
from deepspace.report.audit.section import Block, Items, Paragraph, Picture, Section
from deepspace.report.samples import originals

if TYPE_CHECKING:
    from deepspace.decisions.prototypes import Exemplars, Prototypes
    from deepspace.report.audit.context import Context

__all__ = ["write"]

SOURCE = "deepspace.decisions.prototypes"
K, CRITICISMS = 2, 1
MOST_COLUMNS = 40
MOST_OUTCOMES = 3
"""Whose rows fit side by side on a page."""


def write(section: Section, context: Context) -> None:
    """How far they stand for the predictor, who they are, and their values side by side."""
    from deepspace.decisions.prototypes import prototypes

    assert context.audit is not None
    found = prototypes(context.audit, k=K, criticisms=CRITICISMS)
    section.blocks.append(Paragraph.of(
        "Prototypes are real rows that together are most like all rows with the same decision; a criticism is a row "
        "with that decision that they do not stand for. Stands for: the share of the rows with that decision to which "
        "it is the nearest prototype."
    ))  # fmt: skip
    notes = [context.evidence.quote(note, key=f"note-{i}", source=SOURCE) for i, note in enumerate(found.notes)]
    section.blocks += [Items.of(notes)] if notes else []
    fidelity = found.fidelity
    if fidelity is not None:
        section.blocks.append(Paragraph.of(context.evidence.say(
            "The nearest prototype of all has the row's own decision in {share} of rows; of as many rows drawn at "
            "random the nearest has it in {drawn}, in the mean over draws.",
            key="fidelity", source=SOURCE, share=Figure(fidelity.share, fidelity.n, fidelity.interval, "%"),
            drawn=Figure(fidelity.drawn, unit="%"), config={"draws": fidelity.draws},
        )))  # fmt: skip
    section.blocks += _who(context, found)


def _shown(context: Context, own: Exemplars) -> list[Block]:
    index = np.concatenate([own.prototypes, own.criticisms]).astype(np.int64)
    what = f"Decided {own.outcome}: rows {', '.join(map(str, index))}, prototypes before criticisms."
    shown = originals(context.space, index)
    pictures = [Picture(what, source=uri, alt=what, width=60 * len(index)) for _, uri in shown.pictures]
    return [*pictures, *(Picture(f"Decided {own.outcome}: {row}.", svg=drawing) for row, drawing in shown.drawings)]


def _who(context: Context, found: Prototypes) -> list[Block]:
    rows = [
        [own.outcome, role, f"{row}", None if stands is None else Figure(float(stands), own.n, unit="%")]
        for own in found.exemplars
        for role, index, shares in (
            ("prototype", own.prototypes, list(own.stands_for)),
            ("criticism", own.criticisms, [None] * len(own.criticisms)),
        )
        for row, stands in zip(index, shares, strict=True)
    ]  # fmt: skip
    table = context.evidence.table(
        "Rows that stand for the decisions", ("decision", "role", "row", "stands for"), rows, key="rows", source=SOURCE,
        config={"k": K, "criticisms": CRITICISMS},
    )  # fmt: skip
    if context.space.schema.form != "table":
        return [table, *(picture for own in found.exemplars for picture in _shown(context, own))]
    index = np.concatenate([np.concatenate([o.prototypes, o.criticisms]) for o in found.exemplars[:MOST_OUTCOMES]])
    names = [c.name for c in context.space.schema.features][:MOST_COLUMNS]
    records = context.space.rows.table(names, index).to_pylist()
    lines = [[name, *(shown_cell(record[name]) for record in records)] for name in names]
    header = ("column", *(f"row {row}" for row in index))
    values = context.evidence.table("Their values", header, lines, key="values", source="deepspace.space")
    return [table, values]
