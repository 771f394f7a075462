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
SHARES = ("accuracy", "precision", "recall")
RARELY = 0.5
"""An outcome of which surely less than this share is found stands among what is wrong."""


def write(section: Section, context: Context) -> None:
    """Measures with intervals and baselines, the confusion, the calibration."""
    from deepspace.decisions.performance import performance

    assert context.audit is not None
    found = performance(context.audit, seed=context.options.seed)
    notes = [
        section.fail(context.evidence.quote(note, key=f"note-{i}", source=SOURCE)) for i, note in enumerate(found.notes)
    ]
    section.blocks += [Items.of(notes, "wrong")] if notes else []
    section.blocks.append(Paragraph.of(*_verdict(section, context, found)))
    section.blocks += _tables(context, found)


def _verdict(section: Section, context: Context, found: Performance) -> list[Said | str]:
    say = context.evidence.say
    named = {m.name: m for m in found.measures}
    accuracy, area = named["accuracy"], named.get("AUC")
    rows = "rows that it was not fitted on" if found.known else "rows that the space held out"
    shown = Figure(accuracy.value, accuracy.n, (accuracy.low, accuracy.high), "%")
    base = Figure(accuracy.baseline or 0.0, unit="%")
    better = accuracy.low > (accuracy.baseline or 0.0)
    ranks = area is not None and area.low > (area.baseline or 0.5)
    right = say(
        f"On {rows} the predictor decides as it really happened in {{share}}; always saying the commonest outcome "
            "is right in {base}.", key="accuracy", source=SOURCE, share=shown, base=base,
    )  # fmt: skip
    told: list[Said | str] = [right]
    (section.find if better or ranks else section.fail)(right)
    if area is not None:
        auc = Figure(area.value, area.n, (area.low, area.high))
        words = (
            "Of two rows with different outcomes its score puts the right one higher with probability {auc} (AUC)."
            if ranks
            else "Nothing shows that its score tells the outcomes apart: AUC {auc}, where chance gives {half}."
        )
        fields: dict[str, Any] = {"auc": auc} if ranks else {"auc": auc, "half": Figure(area.baseline or 0.5)}
        said = say(words, key="auc", source=SOURCE, **fields)
        (section.find if ranks else section.fail)(said)
        told.append(said)
    told += _missed(section, context, found)
    error = named.get("calibration error")
    if error is not None:
        much = error.baseline is not None and error.low > error.baseline
        said = say(
            "Its probabilities are off by {error} in the mean (calibration error over tenths of the rows); were they "
            "exact, chance alone would give {base}.",
            key="calibration", source=SOURCE, seed=context.options.seed,
            error=Figure(error.value, error.n, (error.low, error.high)), base=Figure(error.baseline or 0.0),
        )  # fmt: skip
        told.append(section.fail(said) if much else said)
    return told


def _missed(section: Section, context: Context, found: Performance) -> list[Said]:
    """The outcome that is found least often: an accuracy over all rows can hide it."""
    recalls = [m for m in found.measures if m.name.startswith("recall of ")]
    if not recalls:
        return []
    least = min(recalls, key=lambda m: m.value)
    said = context.evidence.say(
        "Of the rows that really were {outcome}, the outcome that it misses most, it decides {share} so.",
        key="missed", source=SOURCE, outcome=least.name.removeprefix("recall of "),
        share=Figure(least.value, least.n, (least.low, least.high), "%"),
    )  # fmt: skip
    (section.fail if least.high < RARELY else section.find)(said)
    return [said]


def _tables(context: Context, found: Performance) -> list[Block]:
    rows = []
    for m in found.measures:
        unit = "%" if m.name.split()[0] in SHARES else ""
        base = None if m.baseline is None else Figure(m.baseline, unit=unit)
        rows.append([m.name, Figure(m.value, m.n, (m.low, m.high), unit), base, Figure(m.n)])
    measures = context.evidence.table(
        "Measures", ("measure", "value (95 %)", "without the predictor", "n"), rows, key="measures", source=SOURCE,
        seed=context.options.seed,
    )  # fmt: skip
    counts = [
        [name, *(Figure(float(v)) for v in line)] for name, line in zip(found.outcomes, found.confusion, strict=True)
    ]
    header = ("really", *(f"decided {name}" for name in found.outcomes))
    confusion = context.evidence.table("What happened, by what was decided", header, counts, key="confusion",
                                       source=SOURCE)  # fmt: skip
    blocks: list[Block] = [measures, confusion]
    if found.bins:
        points = [(b.score, b.share, *b.interval) for b in found.bins]
        what = f"of {found.outcomes[1]}" if len(found.outcomes) == 2 else "of the decided outcome"
        lines = [[f"{i}", Figure(b.score, b.n), Figure(b.share, b.n, b.interval, "%"), Figure(b.n)]
                 for i, b in enumerate(found.bins, 1)]  # fmt: skip
        blocks.append(Picture(f"Calibration: the probability {what} as the predictor says it, and the share that it "
                              "befell, by tenths of the rows, with 95 % intervals.",
                              svg=calibration_plot(points)))  # fmt: skip
        blocks.append(
            context.evidence.table(f"Calibration: the probability {what}, by tenths of the rows",
                                   ("tenth", "mean probability", "share that it befell (95 %)", "n"), lines,
                                   key="bins", source=SOURCE)
        )  # fmt: skip
    return blocks
