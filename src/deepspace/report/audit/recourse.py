"""Section: whether there is a way out of adverse decisions, and which columns it leads through."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import numpy as np

from deepspace.report.audit.choosing import adverse_rows
from deepspace.report.audit.evidence import Figure, Said, share
from deepspace.report.audit.section import Items, Paragraph, Section

if TYPE_CHECKING:
    from deepspace.decisions.counterfactuals import Counterfactuals
    from deepspace.report.audit.context import Context

__all__ = ["write"]

SOURCE = "deepspace.decisions.counterfactuals"
MOST = 40
SHOWN = 12


def _edge(context: Context) -> Said | str:
    margin = context.options.margin
    if margin == 0:
        return (
            "The smallest change ends at the very threshold, where a predictor that is fitted anew may decide "
            "otherwise; a margin was not asked for."
        )
    return context.evidence.say(
        "The score is asked to lie {margin} beyond what decides.", key="margin", source="report.recourse", margin=margin
    )


def write(section: Section, context: Context) -> None:
    """Of a spread of the rows decided against: coverage, how many columns change, which, and why there is none."""
    from deepspace.decisions.counterfactuals import counterfactuals

    assert context.audit is not None
    rows = adverse_rows(context.audit, MOST)
    if not len(rows):
        section.blocks.append(
            Paragraph.of("No row to test on is decided against, so that there is nothing to get out of.")
        )
        return
    seed = context.options.seed
    found = counterfactuals(context.audit, rows=rows, k=1, **context.options.search)
    section.blocks.append(Paragraph.of(
        "A counterfactual is the nearest legal change of a case that turns the decision, as the predictor itself "
        "scored it. It says what the predictor would answer, not what a change in the world would bring about; and it "
        "is not a reason.",
        "No constraints were given: what cannot be changed by a person may be among the changes."
        if context.options.constraints is None else "The constraints that were given are kept.",
        _edge(context),
    ))  # fmt: skip
    if context.audit.favourable is None:
        place = int(context.audit.ask_rows(rows).outcome[0])
        section.blocks.append(Paragraph.of(context.evidence.say(
            "Which decision people want was not said: the rarest one, {outcome}, is taken for adverse.",
            key="rarest", source="report.recourse", outcome=context.audit.outcomes[place],
        )))  # fmt: skip
    section.blocks.append(Paragraph.of(*_coverage(section, context, found)))
    changes = Counter(change.column for case in found for one in case.found[:1] for change in one.changes)
    n = sum(bool(case.found) for case in found)
    if changes and n:
        lines = [
            [name, share(count, n)] for name, count in sorted(changes.items(), key=lambda p: (-p[1], p[0]))[:SHOWN]
        ]
        section.blocks.append(context.evidence.table(
            "Columns that counterfactuals change, of the cases that have one", ("column", "share of cases (95 %)"),
            lines, key="columns", source=SOURCE, seed=seed, config={"k": 1, "rows": len(rows)},
        ))  # fmt: skip
    reasons = Counter(case.refused for case in found if case.refused)
    if reasons:
        quoted = [
            context.evidence.quote(f"{count} without one: {why}", key=f"refused-{i}", source=SOURCE)
            for i, (why, count) in enumerate(sorted(reasons.items(), key=lambda p: (-p[1], p[0]))[:5])
        ]
        section.blocks.append(Items.of(quoted))


def _coverage(section: Section, context: Context, found: Counterfactuals) -> list[Said | str]:
    say, seed = context.evidence.say, context.options.seed
    some, every = found.coverage
    covered = share(some, every)
    said = say(
        "Of the adverse decisions looked at, {share} have a counterfactual." if some else
        "None of the {share} adverse decisions looked at has a counterfactual: as far as was searched, there is no way "
        "out of them.",
        key="coverage", source=SOURCE, seed=seed, share=covered if some else Figure(every),
    )  # fmt: skip
    if not some or (covered is not None and covered.interval is not None and covered.interval[1] < 0.9):
        section.fail(said)
        if not some:
            return [said]
    best = [case.found[0] for case in found if case.found]
    length = np.array([one.sparsity for one in best], float)
    odd = np.array([one.distance_percentile / 100 for one in best], float)
    unit = "columns" if context.space.schema.form == "table" else "values"
    size = say(
        f"Where there is one, it changes {{median}} {unit} in the median, {{most}} at most, and lies where {{odd}} of "
        "the training rows are farther from their neighbours (median).",
        key="size", source=SOURCE, seed=seed, median=Figure(float(np.median(length)), len(length)),
        most=Figure(float(length.max())), odd=Figure(float(np.median(odd)), len(odd), unit="%"),
    )  # fmt: skip
    return [said if said in section.failures else section.find(said), size]
