"""Section: how often the predictor is right, how well it ranks and how well its probabilities hold."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from deepspace.report.audit.evidence import Figure, Said
from deepspace.report.audit.figures import calibration_plot
from deepspace.report.audit.section import Block, Items, Paragraph, Picture, Section

if TYPE_CHECKING:
    from deepspace.decisions.performance import Performance
    from deepspace.report.audit.context import Context

__all__ = ["write"]

SOURCE = "deepspace.decisions.performance"
RECALL = "recall of "
KINDS = (("AUC", "AUC of {} against the rest"), ("precision", "precision of {}"), ("recall", "recall of {}"))
EACH = ("AUC of ", "precision of ", "recall of ")
"""Measures that count one outcome as the positive one, and stand in a table of their own."""
SAID_BELOW = "the predictor is right less often"
"""A note whose figures the section gives in a sentence of its own."""
RARELY = 0.5
"""An outcome of which surely less than this share is found stands among what is wrong."""


def write(section: Section, context: Context) -> None:
    """Measures with intervals and baselines, the confusion, the calibration."""
    from deepspace.decisions.performance import performance

    assert context.audit is not None
    found = performance(context.audit, seed=context.options.seed)
    notes = [
        section.fail(context.evidence.quote(note, key=f"note-{i}", source=SOURCE))
        for i, note in enumerate(found.notes)
        if not note.startswith(SAID_BELOW)
    ]
    section.blocks += [Items.of(notes, "wrong")] if notes else []
    section.blocks.append(Paragraph.of(*_verdict(section, context, found)))
    section.blocks.append(Paragraph.of(*_positive(context, found)))
    section.blocks += _tables(context, found)


def _verdict(section: Section, context: Context, found: Performance) -> list[Said | str]:
    parts = (_right, _ranks, _missed, _calibrated)
    return [said for part in parts if (said := part(section, context, found)) is not None]


def _right(section: Section, context: Context, found: Performance) -> Said:
    accuracy = found["accuracy"]
    commonest = accuracy.baseline or 0.0
    share, base = Figure(accuracy.value, accuracy.n, (accuracy.low, accuracy.high), "%"), Figure(commonest, unit="%")
    rows = "rows that it was not fitted on" if found.known else "rows that the space held out"
    if accuracy.high < commonest:
        words = "which is less often than always saying the commonest outcome: that is right in {base}."
    elif accuracy.low > commonest:
        words = "always saying the commonest outcome is right in {base}."
    else:
        words = "nothing shows that this is more than always saying the commonest outcome, which is right in {base}."
    said = context.evidence.say(f"On {rows} the predictor decides as it really happened in {{share}}; {words}",
                                key="accuracy", source=SOURCE, share=share, base=base)  # fmt: skip
    section.key_figure(f"right, on {rows} (the commonest outcome: {base.number})", share, said)
    return (section.find if accuracy.low > commonest else section.fail)(said)


def _ranks(section: Section, context: Context, found: Performance) -> Said | None:
    area = next((m for m in found.measures if m.name == "AUC"), None)
    if area is None:
        return None
    first, second = found.outcomes
    auc = Figure(area.value, area.n, (area.low, area.high))
    ranks = area.low > (area.baseline or 0.5)
    words = (
        "The probability of {second} is higher for a row that really was {second} than for one that was {first} in "
        "{auc} of such pairs (AUC, area under the ROC curve)."
        if ranks
        else "Nothing shows that its score tells the outcomes apart: AUC {auc} (area under the ROC curve, of {second} "
        "against {first}), where chance gives {half}."
    )
    fields: dict[str, Any] = {"auc": auc} if ranks else {"auc": auc, "half": Figure(area.baseline or 0.5)}
    said = context.evidence.say(words, key="auc", source=SOURCE, first=first, second=second, **fields)
    section.key_figure(f"AUC of {second} against {first} (chance: one half)", auc, said)
    return (section.find if ranks else section.fail)(said)


def _missed(section: Section, context: Context, found: Performance) -> Said | None:
    """The outcome that is found least often: an accuracy over all rows can hide it."""
    recalls = [m for m in found.measures if m.name.startswith(RECALL)]
    if not recalls:
        return None
    least = min(recalls, key=lambda m: m.value)
    name, share = least.name.removeprefix(RECALL), Figure(least.value, least.n, (least.low, least.high), "%")
    said = context.evidence.say(
        "Of the rows that really were {outcome}, the outcome that it misses most, it decides {share} so.",
        key="missed", source=SOURCE, outcome=name, share=share,
    )  # fmt: skip
    section.key_figure(f"recall of {name}, the outcome missed most", share, said)
    return (section.fail if least.high < RARELY else section.find)(said)


def _calibrated(section: Section, context: Context, found: Performance) -> Said | None:
    error = next((m for m in found.measures if m.name == "calibration error"), None)
    if error is None:
        return None
    much = error.baseline is not None and error.low > error.baseline
    said = context.evidence.say(
        "Its probabilities are off by {error} in the mean (calibration error over tenths of the rows); were they "
        "exact, chance alone would give {base}.",
        key="calibration", source=SOURCE, seed=context.options.seed,
        error=Figure(error.value, error.n, (error.low, error.high)), base=Figure(error.baseline or 0.0),
    )  # fmt: skip
    return section.fail(said) if much else said


def _positive(context: Context, found: Performance) -> list[Said]:
    """Which outcome the figures count as the positive one."""
    say, names = context.evidence.say, {m.name for m in found.measures}
    told = []
    if len(found.outcomes) == 2 and names & {"AUC", "Brier score"}:
        told.append(say("AUC, Brier score and calibration are of the probability of {second}.", key="positive",
                        source=SOURCE, second=found.outcomes[1]))  # fmt: skip
    elif len(found.outcomes) > 2:
        told.append(say(
            "AUC is of each outcome against the rest, the Brier score over all of them, and calibration of the "
            "probability of the outcome that is decided.", key="positive", source=SOURCE,
        ))  # fmt: skip
    told.append(say(
        "Precision and recall count each outcome as the positive one in turn; accuracy counts all alike. Which outcome "
        "is favourable plays no part in this section.", key="in-turn", source=SOURCE,
    ))  # fmt: skip
    return told


def _tables(context: Context, found: Performance) -> list[Block]:
    rows = []
    for m in found.measures:
        if m.name.startswith(EACH):
            continue
        unit = "%" if m.name == "accuracy" else ""
        base = None if m.baseline is None else Figure(m.baseline, unit=unit)
        rows.append([m.name, Figure(m.value, m.n, (m.low, m.high), unit), base, Figure(m.n)])
    measures = context.evidence.table(
        "Measures", ("measure", "value (95 %)", "without the predictor", "n"), rows, key="measures", source=SOURCE,
        seed=context.options.seed,
        note="Without the predictor: accuracy of the commonest outcome, Brier score of the shares of the outcomes; of "
        "the calibration error, what chance gives exact probabilities.",
    )  # fmt: skip
    counts = [
        [name, *(Figure(float(v)) for v in line)] for name, line in zip(found.outcomes, found.confusion, strict=True)
    ]
    header = ("really", *(f"decided {name}" for name in found.outcomes))
    confusion = context.evidence.table("Rows by what happened and by what was decided", header, counts, key="confusion",
                                       source=SOURCE)  # fmt: skip
    return [measures, _each(context, found), confusion, *_calibration(context, found)]


def _each(context: Context, found: Performance) -> Block:
    own = {m.name: m for m in found.measures}
    kinds = [kind for kind, pattern in KINDS if any(pattern.format(name) in own for name in found.outcomes)]
    rows: list[list[Any]] = []
    for name in found.outcomes:
        cells: list[Any] = []
        for kind, pattern in KINDS:
            m = own.get(pattern.format(name))
            unit = "" if kind == "AUC" else "%"
            if kind in kinds:
                cells.append(None if m is None else Figure(m.value, m.n, (m.low, m.high), unit))
        rows.append([name, *cells])
    return context.evidence.table(
        "By outcome, each counted as the positive one", ("outcome", *(f"{kind} (95 %)" for kind in kinds)), rows,
        key="by-outcome", source=SOURCE,
        note="Precision: of the rows decided so, the share that really was. Recall: of the rows that really were, the "
        "share decided so." + (" AUC: against all other outcomes." if "AUC" in kinds else ""),
    )  # fmt: skip


def _calibration(context: Context, found: Performance) -> list[Block]:
    if not found.bins:
        return []
    points = [(b.score, b.share, *b.interval) for b in found.bins]
    what = f"of {found.outcomes[1]}" if len(found.outcomes) == 2 else "of the outcome that is decided"
    lines = [[f"{i}", Figure(b.score, b.n), Figure(b.share, b.n, b.interval, "%"), Figure(b.n)]
             for i, b in enumerate(found.bins, 1)]  # fmt: skip
    picture = Picture(
        f"Calibration: the probability {what} as the predictor says it (mean), and the share of rows that it was true "
        f"of, by tenths of {found.n:,} rows, with 95 % intervals. Dashed: exact probabilities.",
        svg=calibration_plot(points),
    )  # fmt: skip
    table = context.evidence.table(
        f"Calibration: the probability {what}, by tenths of the rows",
        ("tenth", "mean probability", "share that it was true of (95 %)", "n"), lines, key="bins", source=SOURCE,
    )  # fmt: skip
    return [picture, table]
