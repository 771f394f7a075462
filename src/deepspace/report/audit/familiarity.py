"""Section: whether rows look like those that the space has learned, and whether the predictor errs where they do
not."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from deepspace.metrics import OutOfDistribution, ood, ood_rows
from deepspace.metrics.heldout import held_out, spread
from deepspace.report.audit.evidence import Figure, Said, share
from deepspace.report.audit.section import Block, Items, Paragraph, Section

if TYPE_CHECKING:
    from deepspace.report.audit.context import Context

__all__ = ["write"]

RATE = 0.05
MOST = 2_000
SOURCE = "deepspace.metrics.ood"


def write(section: Section, context: Context) -> None:
    """How familiar the rows are that the predictor is tested on, how it does where they are least so, and how familiar
    newer rows are, where they are given."""
    context.attempt(section, "familiarity of the rows", lambda: _known(section, context))
    if context.options.current is not None:
        context.attempt(section, "familiarity of the current data", lambda: _current(section, context))


def _known(section: Section, context: Context) -> list[Block]:
    audit = None if context.broken else context.audit
    pool = held_out(context.space, most=MOST).rows if audit is None else audit.tested
    rows = spread(np.asarray(pool, np.int64), MOST)
    found = ood_rows(context.space, rows)
    said: list[Said | str] = [_promise(context, found)]
    if found.seen:
        said.append(
            "The space has no record of rows held out of its training: its sense of what is usual was set on rows that "
            "it may have seen, and too much is called unusual."
        )
    blocks: list[Block] = [Paragraph.of(*said)]
    if audit is not None and audit.target is not None:
        blocks.append(Paragraph.of(*_errs(section, context, found, rows)))
    skipped = [f"Not scored: {name} ({why})." for name, why in found.skipped.items()]
    return [*blocks, Items.of(skipped)] if skipped else blocks


def _promise(context: Context, found: OutOfDistribution) -> Said:
    mean, low, high = found.false_alarms(RATE)
    worth = found.worth
    grouped: dict[str, Any] = {} if worth is None else {"groups": worth.groups, "worth": Figure(round(worth.rows))}
    words = ", of {groups} groups and worth {worth} independent ones," if grouped else ""
    return context.evidence.say(
        "A row is called unusual where its conformal p-value is at most {rate}. Of rows that are like those of the "
        f"space {{alarms}} are called so in the mean; with the {{n}} rows{words} that set the scale here it may be "
        "from {low} to {high}.",
        key="promise", source=SOURCE, rate=Figure(RATE, unit="%"), alarms=Figure(mean, unit="%"), n=found.n,
        low=Figure(low, unit="%"), high=Figure(high, unit="%"), **grouped,
    )  # fmt: skip


def _errs(
    section: Section, context: Context, found: OutOfDistribution, rows: npt.NDArray[np.int64]
) -> Sequence[Said | str]:
    audit = context.audit
    assert audit is not None
    truth, decided = audit.truth_of(rows), audit.ask_rows(rows).outcome
    known = truth >= 0
    far = np.zeros(len(rows), bool)
    far[np.argsort(-found.combined, kind="stable")[: max(1, len(rows) // 10)]] = True
    right = truth == decided
    there = share(int((right & far & known).sum()), int((far & known).sum()))
    rest = share(int((right & ~far & known).sum()), int((~far & known).sum()))
    if there is None or rest is None or there.interval is None or rest.interval is None:
        return ["It is not known how the least familiar rows ended, so that errors among them cannot be counted."]
    words: dict[str, Any] = {"key": "errs", "source": SOURCE, "there": there, "rest": rest}
    if there.interval[1] < rest.interval[0]:
        sentence = (
            "Among the tenth of the rows that is least familiar the predictor is right less often: {there}, against "
            "{rest} among the others."
        )
        return [section.fail(context.evidence.say(sentence, **words))]
    return [
        context.evidence.say(
            "Among the tenth of the rows that is least familiar the predictor is right in {there}, among the others in "
            "{rest}: it is not shown to be right less often there.", **words,
        )
    ]  # fmt: skip


def _current(section: Section, context: Context) -> list[Block]:
    space = context.space
    encoded = np.concatenate([np.asarray(block) for block in space._blocks(context.options.current)])
    rows = spread(np.arange(len(encoded), dtype=np.int64), MOST)
    found = ood(space, space.schema.decode(encoded[rows]))
    flagged = share(int(found.flagged(RATE).sum()), len(found))
    _, _, high = found.false_alarms(RATE)
    assert flagged is not None
    assert flagged.interval is not None
    many = flagged.interval[0] > high
    sentence = (
        "Of the current rows {share} are called unusual, more than the {high} that chance explains: the predictor is "
        "asked about cases of a kind that its data did not hold."
        if many
        else "Of the current rows {share} are called unusual; up to {high} would be without any change."
    )
    said = context.evidence.say(
        sentence, key="current", source=SOURCE, basis="current data", share=flagged, high=Figure(high, unit="%")
    )
    table = context.evidence.table(
        "Scores of familiarity, of the current rows", ("score", "share called unusual (95 %)", "median p"),
        [[name.replace("_", " "), share(int((p <= RATE).sum()), len(p)), Figure(float(np.median(p)), len(p))]
         for name, p in {**found.p, "combined": found.combined_p}.items()],
        key="scores", source=SOURCE, basis="current data", config={"rate": RATE, "rows": len(rows)},
    )  # fmt: skip
    return [Paragraph.of(section.fail(said) if many else section.find(said)), table]
