"""Section: where the rows came from, what the space learned of them, and what is wrong with it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from deepspace.metrics import Measures, health, measure
from deepspace.report.audit.basis import data_basis
from deepspace.report.audit.evidence import Figure
from deepspace.report.audit.section import Block, Fields, Heading, Items, Paragraph, Section
from deepspace.results import figure

if TYPE_CHECKING:
    from deepspace.data.schema import Column
    from deepspace.report.audit.context import Context

__all__ = ["write"]

MOST_COLUMNS = 60
WORST = 10
MEASURES = (
    "elbo", "reconstruction", "units", "holes", "prior_mismatch", "rows_not_rebuilt", "trust", "coverage",
    "linear_probe",
)  # fmt: skip
"""What the health of a space hangs on; the other metrics are for who made it."""
TERMS = (
    "ELBO and log likelihood: of held-out rows, the higher the better. KL: of what a row tells, from the prior. Active "
    "units: latent dimensions in use. Holes: draws of the prior where no data lies. Prior energy, prior KL: how far "
    "the rows as a whole lie from the prior. Rows not rebuilt: those with an error far beyond the others'. "
    "Trustworthiness, continuity: no false neighbours on the map, and none torn apart. Precision, recall, density, "
    "coverage: generated rows beside real ones. Probe accuracy: of a linear reader of the latents that guesses the "
    "target."
)
WORDS = {"feature": "learned", "target": "target, not learned", "metadata": "kept beside, not learned"}


def write(section: Section, context: Context) -> None:
    """Provenance, columns, health, the measures of the space."""
    context.attempt(section, "provenance", lambda: _provenance(context))
    context.attempt(section, "columns", lambda: _columns(context))
    context.attempt(section, "health of the space", lambda: _health(section, context))


def _provenance(context: Context) -> list[Block]:
    space, say = context.space, context.evidence.say
    told = space.manifest.get("provenance", {})
    basis = data_basis(space)
    held, groups = len(space.validation_index), space.groups
    grouped: dict[str, Any] = (
        {} if groups is None else {"whole": groups.among(space.validation_index), "every": len(groups)}
    )
    words = ", {whole} of {every} groups of rows and no part of another," if grouped else ""
    size = say(
        f"The space {{name}} was learned from {{rows}} rows ({space.schema.modality}); {{held}} of them{words} were "
        "held out of its training, and what is measured of the space below is measured on those.",
        key="rows", source="deepspace.space", name=space.name, rows=len(space), held=held,
        seed=int(told.get("seed") or 0), **grouped,
    )  # fmt: skip
    lines = [
        ("source", basis["source"]), ("data SHA-256", basis["fingerprint"]), ("space checksum", basis["checksum"]),
        ("learned with", _learned(context)),
    ]  # fmt: skip
    blocks: list[Block] = [Paragraph.of(size)]
    if not held:
        blocks.append(Paragraph.of("No rows were held out: measures of the space flatter it."))
    blocks.append(Fields(tuple(line for line in lines if line[1])))
    notes = [
        context.evidence.quote(note, key=f"note-{place}", source="deepspace.data")
        for place, note in enumerate(told.get("notes") or ())
    ]
    return [*blocks, Items.of(notes)] if notes else blocks


def _learned(context: Context) -> str:
    told, model = context.space.manifest.get("provenance", {}), context.space.manifest.get("model", {})
    config = model.get("config", model)
    family = str(model.get("family") or config.get("family") or "")
    parts = [family.upper() if len(family) < 5 else family, f"{context.space.latent_dim} latent dimensions"]
    parts += [f"seed {told.get('seed')}", f"{told.get('threads')} threads", str(told.get("precision", ""))]
    return ", ".join(part for part in parts if part and "None" not in part)


def _columns(context: Context) -> list[Block]:
    columns = [c for c in context.space.schema.columns if c.role in WORDS]
    if not columns:
        return []
    rows = [
        [c.name, c.kind, WORDS[c.role], _values(c), Figure(c.missing / max(len(context.space), 1), unit="%")]
        for c in columns[:MOST_COLUMNS]
    ]
    caption = "Columns" + (f", the first {MOST_COLUMNS} of {len(columns)}" if len(columns) > MOST_COLUMNS else "")
    blocks: list[Block] = [
        context.evidence.table(
            caption, ("column", "kind", "use", "values", "missing"), rows, key="columns", source="deepspace.data"
        )
    ]
    left_out = [c for c in context.space.schema.columns if c.role not in WORDS]
    if left_out:
        said = "; ".join(f"{c.name} ({c.reason or c.role})" for c in left_out[:20])
        more = f" and {len(left_out) - 20} more" if len(left_out) > 20 else ""
        sentence = f"Left out: {said}{more}."
        blocks.append(Paragraph.of(context.evidence.quote(sentence, key="left-out", source="deepspace.data")))
    return blocks


def _values(column: Column) -> str:
    if column.categories:
        shown = ", ".join(column.categories[:5])
        return shown + (f", ... ({len(column.categories)} in all)" if len(column.categories) > 5 else "")
    if column.minimum is not None and column.maximum is not None and column.kind != "date":
        return f"{figure(column.minimum, 4)} to {figure(column.maximum, 4)}"
    return f"{column.distinct:,} distinct" if column.distinct else ""


def _health(section: Section, context: Context) -> list[Block]:
    taken = measure(context.space, MEASURES)
    wrong = [
        section.fail(context.evidence.quote(sentence, key=f"health-{place}", source="deepspace.metrics.health"))
        for place, sentence in enumerate(health(context.space, taken))
    ]
    blocks: list[Block] = [Heading("Health of the space")]
    if wrong:
        blocks.append(Items.of(wrong, "wrong"))
    else:
        fine = (
            "The checks found nothing wrong with the space: the posterior has not collapsed, held-out rows are rebuilt "
            "better than by their mean, no column is ignored, training had finished and kept no rows by heart, and the "
            "map keeps neighbourhoods."
        )
        blocks.append(Paragraph.of(fine))
        section.find(context.evidence.say("The space that the predictor is seen through passes its own checks.",
                                          key="fine", source="deepspace.metrics.health"))  # fmt: skip
    return blocks + _measures(context, taken)


def _measures(context: Context, taken: Measures) -> list[Block]:
    whole: list[list[Any]] = [
        [m.name.replace("_", " "), Figure(m.value, m.n, m.interval), m.baseline if m.baseline is None else
         Figure(m.baseline), Figure(m.n), m.unit]
        for m in taken if not m.about
    ]  # fmt: skip
    source = "deepspace.metrics.measure"
    blocks: list[Block] = []
    if whole:
        header = ("measure", "value (95 %)", "learning nothing", "n", "unit")
        blocks.append(
            context.evidence.table("Measures of the space", header, whole, key="measures", source=source, note=TERMS)
        )
    each = sorted(taken.each("reconstruction_error"), key=lambda m: -(m.value / m.baseline if m.baseline else 0.0))
    if each:
        lines = [[m.about, Figure(m.value, m.n), Figure(m.baseline or 0.0), Figure(m.n), m.unit] for m in each[:WORST]]
        header = ("column", "error", "learning nothing", "n", "unit")
        caption = "Columns that the space rebuilds worst, against learning nothing"
        blocks.append(context.evidence.table(caption, header, lines, key="worst", source=source))
    skipped = [f"Not measured: {name} ({why})." for name, why in taken.skipped.items()]
    return [*blocks, Items.of(skipped)] if skipped else blocks
