"""Section: which changes would alter a decision, and in which columns they lie."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from deepspace.report.audit.choosing import adverse_rows
from deepspace.report.audit.evidence import Figure, Said, share
from deepspace.report.audit.section import Block, Items, Paragraph, Section
from deepspace.report.audit.words import Words, words_of

if TYPE_CHECKING:
    from deepspace.decisions.counterfactuals import Counterfactuals
    from deepspace.decisions.counterfactuals.visible import Visible
    from deepspace.report.audit.context import Context

__all__ = ["write"]

SOURCE = "deepspace.decisions.counterfactuals"
MOST = 40
SHOWN = 12
WHYS = 5
SEARCHED = 0.9
"""Where surely less than this share has a counterfactual, that stands among what is wrong."""


def write(section: Section, context: Context) -> None:
    """Of a spread of such decisions: coverage, how many columns change, which, and why there is none."""
    from deepspace.decisions.counterfactuals import counterfactuals

    assert context.audit is not None
    rows, words = adverse_rows(context.audit, MOST), words_of(context.audit)
    if not len(rows):
        said = context.evidence.say(f"No row to test on is {words.these}, so that there is no such decision to alter.",
                                    key="none", source=SOURCE, **words.names)  # fmt: skip
        section.blocks.append(Paragraph.of(said))
        return
    found = counterfactuals(context.audit, rows=rows, k=1, **context.options.search)
    section.blocks.append(Paragraph.of(*_what(context), _edge(context)))
    section.blocks.append(Paragraph.of(_which(context, words), *_coverage(section, context, found, words)))
    section.blocks += _columns(context, found, len(rows))
    section.blocks += _whys(context, found)


def _what(context: Context) -> list[str]:
    kept = "The constraints that were given are kept."
    if context.options.constraints is None:
        kept = "No constraints were given: what cannot change in the world may be among the changes."
    return [
        "A counterfactual is the nearest permitted change of a row that alters the decision, as the predictor itself "
        "scored it. It says what the predictor would answer, not what a change in the world would bring about; and it "
        "is not a reason.", kept,
    ]  # fmt: skip


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


def _which(context: Context, words: Words) -> Said:
    why = "" if words.said else (
        ": which outcome is favourable was not said, so that the one decided least often was taken"
    )  # fmt: skip
    return context.evidence.say(f"Looked at are rows to test on that are {words.these}, evenly spread{why}.",
                                key="which", source="report.recourse", **words.names)  # fmt: skip


def _coverage(section: Section, context: Context, found: Counterfactuals, words: Words) -> list[Said]:
    say, seed = context.evidence.say, context.options.seed
    some, every = found.coverage
    covered = share(some, every)
    assert covered is not None
    said = say(
        f"Of the rows {words.these} that were looked at, {{share}} have a counterfactual." if some else
        f"Of the rows {words.these} that were looked at, none has a counterfactual, {{share}}: as far as was searched, "
        "no permitted change alters the decision.",
        key="coverage", source=SOURCE, seed=seed, share=covered, **words.names,
    )  # fmt: skip
    section.key_figure(f"{words.plain}, with a counterfactual", covered, said)
    few = covered.interval is not None and covered.interval[1] < SEARCHED
    (section.fail if few or not some else section.find)(said)
    if not some:
        return [said]
    best = [case.found[0] for case in found if case.found]
    length = np.array([one.sparsity for one in best], float)
    odd = np.array([one.distance_percentile / 100 for one in best], float)
    seen = [one.visible for one in best if one.visible is not None]
    if seen:
        return [said, _seen(context, seen, odd)]
    unit = "columns" if context.space.schema.form == "table" else "values"
    size = say(
        f"It changes {{median}} {unit} in the median of {{n}}, {{most}} at most; in the median {{odd}} of the training "
        "rows lie farther from their neighbours than the changed row does.",
        key="size", source=SOURCE, seed=seed, median=Figure(float(np.median(length))), n=len(length),
        most=Figure(float(length.max())), odd=Figure(float(np.median(odd)), unit="%"),
    )  # fmt: skip
    return [said, size]


def _seen(context: Context, seen: list[Visible], odd: npt.NDArray[np.float64]) -> Said:
    """Of pictures and signals, which change in most of their values and yet may look the same."""
    picture = context.space.schema.form == "image"
    what, step = ("picture", "of black to white") if picture else ("signal", "of its usual height")
    ways = "brighter than darker" if picture else "higher than lower"
    shares = np.array([one.share for one in seen])
    return context.evidence.say(
        f"It visibly changes, by more than a tenth {step}, {{median}} of the {what} in the median of {{n}}, {{most}} "
        f"at most, and nothing at all in {{none}}; more of it becomes {ways} in {{up}}. Its way is {{move}} of the "
        "median distance between two rows in the space (median); in the median {odd} of the training rows lie farther "
        "from their neighbours than the changed row does.",
        key="size", source=SOURCE, seed=context.options.seed, median=Figure(float(np.median(shares)), unit="%"),
        n=len(seen), most=Figure(float(shares.max()), unit="%"), none=share(int((shares == 0).sum()), len(seen)),
        up=share(sum(one.up > one.down for one in seen), len(seen)), odd=Figure(float(np.median(odd)), unit="%"),
        move=Figure(float(np.median([one.move for one in seen]))),
    )  # fmt: skip


def _columns(context: Context, found: Counterfactuals, rows: int) -> list[Block]:
    changes = Counter(change.column for case in found for one in case.found[:1] for change in one.changes)
    n = sum(bool(case.found) for case in found)
    if not changes or not n:
        return []
    lines = [[name, share(count, n)] for name, count in sorted(changes.items(), key=lambda p: (-p[1], p[0]))[:SHOWN]]
    more = f", the first {SHOWN} of {len(changes)}" if len(changes) > SHOWN else ""
    return [context.evidence.table(
        f"Columns that counterfactuals change{more}", ("column", "share of the rows that have one (95 %)"), lines,
        key="columns", source=SOURCE, seed=context.options.seed, config={"k": 1, "rows": rows},
    )]  # fmt: skip


def _whys(context: Context, found: Counterfactuals) -> list[Block]:
    """Why there is none: the commonest answers."""
    reasons = Counter(case.refused for case in found if case.refused)
    if not reasons:
        return []
    ordered = sorted(reasons.items(), key=lambda p: (-p[1], p[0]))
    shown: dict[str, Any] = {"shown": WHYS, "all": len(ordered)} if len(ordered) > WHYS else {}
    head = context.evidence.say(
        "The number without one is {n}; "
        + ("why, the first {shown} of {all} different answers:" if shown else "why:"),
        key="without", source=SOURCE, n=sum(reasons.values()), **shown,
    )  # fmt: skip
    quoted = [
        context.evidence.quote(why if count == 1 else f"{count} times: {why}", key=f"refused-{i}", source=SOURCE)
        for i, (why, count) in enumerate(ordered[:WHYS])
    ]
    return [Paragraph.of(head), Items.of(quoted)]
