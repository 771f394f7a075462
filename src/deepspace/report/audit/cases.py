"""Section: single cases, looked at from every side: values, reasons, what would turn them."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from deepspace.report.audit.choosing import Case, chosen
from deepspace.report.audit.evidence import ARROW, Figure, shown_cell
from deepspace.report.audit.section import Block, Heading, Items, Paragraph, Picture, Section
from deepspace.report.pictures import image_sheet, sparkline
from deepspace.report.samples import originals

if TYPE_CHECKING:
    from deepspace.decisions import Audit
    from deepspace.decisions.counterfactuals import CaseCounterfactuals, Counterfactual
    from deepspace.decisions.reasons import CaseReasons
    from deepspace.report.audit.context import Context

__all__ = ["write"]

MOST_COLUMNS = 40
WAYS = 3
NEAREST = 5
FRAMES = 9
REAL, MADE = "#333333", "#d55e00"
PRECEDENTS = "deepspace.decisions.case_precedents"
REASONS = "deepspace.decisions.reasons"
RECOURSE = "deepspace.decisions.counterfactuals"


REASON_TERMS = (
    "Contribution of a reason: its Shapley value towards the favourable outcome, in the units of the score; stable in: "
    "the share of resamples of the rows decided otherwise in which it is among the reasons.",
)
CHANGE_TERMS = (
    "Of a change: training rows farther out are those that lie farther from their neighbours than the changed row; "
    "decided so nearby, of the real rows most like the changed row, those that the predictor decides as it."
)


def write(section: Section, context: Context) -> None:
    """Each case under a heading; what cannot be had of one leaves its sentence there."""
    assert context.audit is not None
    audit = context.audit
    cases = chosen(audit, tuple(context.options.cases))
    section.blocks.append(Paragraph.of(
        "Cases are chosen by rule among the rows to test on, so that anybody who repeats the rule finds the same ones; "
        "they are no sample. A reason says what the decision rests on, a counterfactual what would turn it: neither "
        "stands in for the other.",
        *(REASON_TERMS if context.space.schema.form == "table" and audit.favourable is not None else ()), CHANGE_TERMS,
    ))  # fmt: skip
    for case in cases:
        section.blocks.append(Heading(f"Row {case.row}: {case.why}", f"row-{case.row}"))
        for what, part in PARTS:
            context.attempt(section, f"row {case.row}, {what}", partial(part, context, audit, case))


def _decided(context: Context, audit: Audit, case: Case) -> list[Block]:
    answers = audit.ask_rows([case.row])
    happened = "" if audit.target is None else _happened(audit, case.row)
    fields: dict[str, Any] = {"second": audit.outcomes[1]} if len(audit.outcomes) == 2 else {}
    what = "value" if answers.scores.shape[1] == 1 else "probability of {second}" if fields else "its probability"
    said = context.evidence.say(
        f"The predictor decides {{outcome}} ({what} {{score}}, margin {{margin}}); what really happened: {{happened}}.",
        key=f"{case.row}-decided", source="deepspace.decisions.Audit.ask_rows", happened=happened or "not known",
        outcome=audit.outcomes[answers.outcome[0]], score=Figure(float(answers.score[0])),
        margin=Figure(float(answers.margin[0])), **fields,
    )  # fmt: skip
    blocks: list[Block] = [Paragraph.of(said)]
    if context.space.schema.form != "table":
        shown = originals(context.space, np.array([case.row], np.int64))
        blocks += [Picture(f"Row {case.row}, real.", source=uri, alt=f"row {case.row}", width=160)
                   for _, uri in shown.pictures]  # fmt: skip
        blocks += [Picture(f"Row {case.row}, real.", svg=drawing) for _, drawing in shown.drawings]
    return blocks


def _familiar(context: Context, audit: Audit, case: Case) -> list[Block]:
    from deepspace.decisions.familiarity import unfamiliar

    found = unfamiliar(audit, rows=[case.row])
    (item,) = found.items
    words = f"It is unlike anything seen: {item.reason}" if item.flagged else "It is like rows that were seen"
    said = context.evidence.say(
        f"{words} (conformal p {{p}}; at {{rate}} or less a row is called unusual).", key=f"{case.row}-familiar",
        source="deepspace.decisions.familiarity", p=Figure(item.p, found.found.n), rate=Figure(found.rate, digits=0),
    )  # fmt: skip
    return [Paragraph.of(said)]


def _happened(audit: Audit, row: int) -> str:
    place = int(audit.truth_of([row])[0])
    return "" if place < 0 else audit.outcomes[place]


def _precedents(context: Context, audit: Audit, case: Case) -> list[Block]:
    from deepspace.decisions.case_precedents import case_precedents
    from deepspace.decisions.differences import told

    found = case_precedents(audit, row=case.row, k=NEAREST)
    notes = [
        context.evidence.quote(note, key=f"{case.row}-near-note-{i}", source=PRECEDENTS)
        for i, note in enumerate(found.notes)
    ]
    rows = [
        [f"{row}", audit.outcomes[decision], Figure(float(score)), "not known" if truth < 0 else audit.outcomes[truth],
         *(words.replace(" -> ", f" {ARROW} ") for words in (told(side.differs[place]) if side.differs else ("", "")))]
        for side in (found.same, found.opposite)
        for place, (row, decision, score, truth) in enumerate(
            zip(side.index, side.decision, side.score, side.truth, strict=True)
        )
    ]  # fmt: skip
    second = f"probability of {audit.outcomes[1]}" if len(audit.outcomes) == 2 else "its probability"
    score = second if audit.answers.scores.shape[1] > 1 else "value"
    words = ("row", "decided", score, "really", "what differs most from the case", "also, not given to the predictor")
    beside = any(row[-1] for row in rows)
    width = (len(words) if beside else len(words) - 1) if context.space.schema.form == "table" else len(words) - 2
    table = context.evidence.table(
        f"Precedents of row {case.row}: the nearest real rows decided alike, then otherwise", words[:width],
        [row[:width] for row in rows], key=f"{case.row}-precedents", source=PRECEDENTS,
        config={"k": NEAREST, "metric": found.metric},
    )  # fmt: skip
    blocks: list[Block] = [table]
    if context.space.schema.form != "table":
        index = np.concatenate([found.same.index, found.opposite.index]).astype(np.int64)
        shown = originals(context.space, index)
        alt = f"precedents of row {case.row}"
        blocks += [Picture("In the order of the table, real.", source=u, alt=alt, width=430) for _, u in shown.pictures]
    return [*blocks, Items.of(notes)] if notes else blocks


def _reasons(context: Context, audit: Audit, case: Case) -> list[Block]:
    if audit.favourable is None:
        return [Paragraph.of("No outcome was named as favourable, so that no reasons are given for this decision.")]
    from deepspace.decisions.reasons import reasons

    seed = context.options.seed
    (found,) = reasons(audit, rows=[case.row], wording=context.options.wording, seed=seed)
    if not found.adverse:
        return [Paragraph.of("It is decided as is favourable, so that no reasons are given for it.")]
    if not found.reasons:
        nothing = context.evidence.quote(found.nothing, key=f"{case.row}-no-reason", source=REASONS, seed=seed)
        return [Paragraph.of(nothing)]
    return [_stated(context, case, found), *_worth(context, case, found)]


def _stated(context: Context, case: Case, found: CaseReasons) -> Block:
    rows = [
        [str(reason), shown_cell(reason.value), shown_cell(reason.reference),
         Figure(reason.contribution, interval=reason.interval), Figure(reason.stability, unit="%")]
        for reason in found.reasons
    ]  # fmt: skip
    return context.evidence.table(
        f"Principal reasons of row {case.row}, weightiest first",
        ("reason", "value", "typical where decided otherwise", "contribution (95 %)", "stable in"), rows,
        key=f"{case.row}-reasons", source=REASONS, seed=context.options.seed,
        note="" if not found.unstable else
        f"Found, but left out as unstable: {', '.join(reason.column for reason in found.unstable)}.",
    )  # fmt: skip


def _worth(context: Context, case: Case, found: CaseReasons) -> list[Block]:
    if found.share_explained is None or found.flips_real is None:
        return []
    turn = "turn" if found.flips else "do not turn"
    said = context.evidence.say(
        f"Set to what rows decided otherwise have, these columns {turn} the decision and close {{share}} of the way to "
        "it; the values of {real} of real rows decided otherwise turn it.",
        key=f"{case.row}-worth", source=REASONS, seed=context.options.seed,
        share=Figure(found.share_explained, unit="%"), real=Figure(found.flips_real, found.n, unit="%"),
    )  # fmt: skip
    return [Paragraph.of(said)]


def _recourse(context: Context, audit: Audit, case: Case) -> list[Block]:
    from deepspace.decisions.counterfactuals import counterfactuals

    options = context.options
    (found,) = counterfactuals(audit, rows=[case.row], k=WAYS, **options.search)
    blocks: list[Block] = []
    if found.refused is not None:
        blocks.append(Paragraph.of(context.evidence.quote(
            f"No counterfactual: {found.refused}", key=f"{case.row}-refused", source=RECOURSE, seed=options.seed
        )))  # fmt: skip
        if found.closest is not None:
            blocks.append(Paragraph.of(context.evidence.quote(
                f"The closest miss: {found.closest}.", key=f"{case.row}-closest", source=RECOURSE, seed=options.seed
            )))  # fmt: skip
    if context.space.schema.form == "table":
        blocks.append(_values(context, case, found))
    if found.found:
        blocks += _ways(context, case, found)
        blocks += _walk(context, case, found.found[0])
    notes = [
        context.evidence.quote(note, key=f"{case.row}-note-{i}", source=RECOURSE) for i, note in enumerate(found.notes)
    ]
    return [*blocks, Items.of(notes)] if notes else blocks


def _values(context: Context, case: Case, found: CaseCounterfactuals) -> Block:
    """The case, and beside each value what a counterfactual has in its place."""
    names = list(found.record)[:MOST_COLUMNS]
    changed = [{change.column: change.after for change in one.changes} for one in found.found]
    names += [name for change in changed for name in change if name not in names]
    rows = [
        [name, shown_cell(found.record[name]), *(shown_cell(after[name]) if name in after else "" for after in changed)]
        for name in names
    ]
    header = ("column", f"row {case.row}", *(f"change {chr(97 + place)}" for place in range(len(changed))))
    return context.evidence.table(
        f"Values of row {case.row}" + (f", and what would turn the decision to {found.desired}" if changed else ""),
        header, rows,
        key=f"{case.row}-values", source=RECOURSE, seed=context.options.seed,
        note=("Empty: as it is. Every change was scored by the predictor itself" + (
            "; no constraints were given." if context.options.constraints is None else
            " and is permitted by the constraints."
        )) if changed else "",
    )  # fmt: skip


def _walk(context: Context, case: Case, one: Counterfactual) -> list[Block]:
    """Of pictures and signals: what is on the way, and where it ends."""
    schema = context.space.schema
    if schema.form == "image" and one.path_encoded is not None and len(one.path_encoded):
        frames = one.path_encoded[np.unique(np.linspace(0, len(one.path_encoded) - 1, FRAMES).round().astype(np.int64))]
        caption = f"Generated: on the way of change a from row {case.row}, as it decodes, to {one.outcome}."
        sheet = image_sheet(np.asarray(schema.decode(frames)), len(frames))
        return [Picture(caption, source=sheet, alt=caption, width=48 * len(frames))]
    if schema.form == "signal":
        pair = [np.asarray(schema.decode(np.asarray(x, np.float32)[None])[0], np.float64) for x in
                (context.space.samples[case.row], one.encoded)]  # fmt: skip
        drawing = sparkline([(REAL, pair[0].reshape(-1, pair[0].shape[-1])[0]),
                             (MADE, pair[1].reshape(-1, pair[1].shape[-1])[0])])  # fmt: skip
        return [Picture(f"Real in dark: row {case.row}; generated in orange: change a. First channel.", svg=drawing)]
    return []


def _ways(context: Context, case: Case, found: CaseCounterfactuals) -> list[Block]:
    rows = [[f"{chr(97 + place)}", *_way(one)] for place, one in enumerate(found.found)]
    seen = [one.visible for one in found.found if one.visible is not None]
    noun = found.found[0].noun
    what = "columns changed" if context.space.schema.form == "table" else "values changed"
    header = (
        "change", f"{noun} before", "after", "visibly changed" if seen else what, "training rows farther out",
        "decided so nearby (95 %)",
    )  # fmt: skip
    table = context.evidence.table(
        f"The changes to row {case.row}, as the predictor scores them", header, rows, key=f"{case.row}-ways",
        source=RECOURSE, seed=context.options.seed, config={"k": WAYS},
    )  # fmt: skip
    told = [
        context.evidence.quote(f"change {chr(97 + i)}: {one}. {one.more}", key=f"{case.row}-seen-{i}", source=RECOURSE,
                               seed=context.options.seed)
        for i, one in enumerate(seen)
    ]  # fmt: skip
    return [table, *([Items.of(told)] if told else [])]


def _way(one: Counterfactual) -> list[Figure]:
    near = one.confidence
    return [
        Figure(one.score_before), Figure(one.score_after),
        Figure(float(one.sparsity)) if one.visible is None else Figure(one.visible.share, unit="%"),
        Figure(one.distance_percentile / 100, unit="%"),
        Figure(near.share, near.n, (near.low, near.high), "%"),
    ]  # fmt: skip


PARTS = (
    ("what was decided", _decided),
    ("familiarity", _familiar),
    ("precedents", _precedents),
    ("reasons", _reasons),
    ("counterfactuals", _recourse),
)
