"""Section: a model card after Mitchell et al. 2019, filled as far as evidence goes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deepspace.report.audit.section import Paragraph, Section
from deepspace.report.audit.standards import Point, standard

if TYPE_CHECKING:
    from deepspace.report.audit.context import Context

__all__ = ["write"]

POINTS = (
    Point("Model details", "Who developed it, when, version, type, licence, where to ask.",
          (("predictor", "what it is and decides"),), "provider"),
    Point("Intended use", "Primary uses and users, uses out of scope.", (), "intended-use"),
    Point("Factors", "Groups, instruments and environments that performance may vary with.",
          (("groups", "the groups looked at"), ("familiarity", "unusual rows"))),
    Point("Metrics", "Measures, decision thresholds, how uncertain they are.",
          (("performance", "measures with intervals"), ("predictor", "the threshold")), "metrics"),
    Point("Evaluation data", "Which data, why, how prepared.",
          (("data", "provenance, columns"), ("performance", "the rows tested on"))),
    Point("Training data", "As evaluation data, as far as can be told.", (), "training-data"),
    Point("Quantitative analyses", "Results by single factors and by their intersections.",
          (("performance", "overall"), ("groups", "by group"))),
    Point("Ethical considerations", "Sensitive data, life and death, mitigations, risks and harms.", (), "ethics"),
    Point("Caveats and recommendations", "What else a user must know.",
          (("summary", "what stands against relying on it"),), "risk-management"),
)  # fmt: skip


def write(section: Section, context: Context) -> None:
    """The table."""
    section.blocks += [
        Paragraph.of("The nine parts of a model card (Mitchell and others 2019, arXiv:1810.03993)."),
        standard(context, section.key, "Model card, and where this report answers", POINTS),
    ]
