"""Section: where on the map the decision turns, and how far that picture is the predictor's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from deepspace.report.audit.evidence import Figure
from deepspace.report.audit.figures import colour_of, decision_map
from deepspace.report.audit.section import Block, Paragraph, Picture, Section

if TYPE_CHECKING:
    from deepspace.decisions import Audit
    from deepspace.report.audit.context import Context

__all__ = ["write"]

SOURCE = "deepspace.decisions.boundary"


def write(section: Section, context: Context) -> None:
    """The generative view with its trust; without a decoder the static one."""
    assert context.audit is not None
    audit = context.audit
    if "decoder" in context.space.lacks:
        context.attempt(section, "the decision by the rows nearest on the map", lambda: _static(context, audit))
        return
    context.attempt(section, "the decision on the map", lambda: _generative(section, context, audit))
    context.attempt(section, "the decision by the rows nearest on the map", lambda: _static(context, audit))


def _generative(section: Section, context: Context, audit: Audit) -> list[Block]:
    from deepspace.decisions.boundary import boundary, doubt, map_trust, proxy

    seed = context.options.seed
    seen = proxy(audit, seed=seed)
    trust = map_trust(audit, proxy=seen, seed=seed)
    found, hatched = boundary(audit, proxy=seen), doubt(audit, proxy=seen)
    verdict = context.evidence.quote(trust.sentence, key="trust", source=f"{SOURCE}.map_trust", seed=seed)
    (section.find if trust.sound else section.fail)(verdict)
    lines = trust.to_arrow().to_pylist()
    table = context.evidence.table(
        "How far the picture is the predictor's, on held-out rows",
        ("measure", "share (95 %)", "by chance", "n"),
        [[t["measure"], Figure(t["value"], t["n"], (t["low"], t["high"]), "%"),
          None if t["chance"] is None else Figure(t["chance"], unit="%"), Figure(t["n"])] for t in lines],
        key="shares", source=f"{SOURCE}.map_trust", seed=seed, config={"rounds": trust.rounds},
        note="x: a row; map(x): its place on the map; decode: what the space makes of a place. Cons_d: the predictor "
        "decides alike a row and what its place decodes to. Cons_p: the decision stays as it is over round trips of "
        "decode and encode. By chance: if the two decisions had nothing to do with each other.",
    )  # fmt: skip
    asked = context.evidence.say(
        "The picture was traced by asking the predictor about {calls} items; {hatched} of its places are hatched, "
        "since at least {level} of the {k} rows around are decided otherwise than their place.",
        key="traced", source=SOURCE, seed=seed, calls=found.calls, hatched=Figure(hatched.hatched, unit="%"),
        level=Figure(hatched.level, unit="%"), k=hatched.k,
    )  # fmt: skip
    picture = Picture(
        "Made up: light colour, what each place of the map decodes to, as the predictor decides it. Real: dots, the "
        "rows, as it decides them. Line: where the decision turns. Hatched: picture and predictor disagree. White: no "
        "data.", svg=_drawn(audit, found, hatched.doubtful), key=_key(audit),
    )  # fmt: skip
    return [Paragraph.of(verdict), picture, Paragraph.of(asked), table]


def _static(context: Context, audit: Audit) -> list[Block]:
    from deepspace.decisions.boundary import static_boundary

    found = static_boundary(audit)
    share = Figure(found.accuracy or 0.0, found.n, found.interval, "%")
    said = context.evidence.say(
        "Without anything made up: a row is decided like most of the rows nearest to it on the map in {share}.",
        key="static", source=f"{SOURCE}.static_boundary", share=share,
    )  # fmt: skip
    if "decoder" not in context.space.lacks:
        return [Paragraph.of(said)]
    caption = "Colour: how most of the real rows nearest on the map are decided. Dots: the rows. White: no data."
    return [Paragraph.of(said), Picture(caption, svg=_drawn(audit, found, None), key=_key(audit))]


def _drawn(audit: Audit, found: Any, doubtful: Any) -> str:
    positions = np.asarray(audit.space.map.positions[audit.rows])
    return decision_map(
        found.outcome, found.origin, found.cell, found.lines, positions, audit.answers.outcome, doubtful
    )


def _key(audit: Audit) -> tuple[tuple[str, str], ...]:
    return tuple((name, colour_of(place)) for place, name in enumerate(audit.outcomes))
