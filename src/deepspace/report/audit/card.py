"""Section: a model card after Mitchell et al. 2019, filled as far as evidence goes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deepspace.report.audit.section import Paragraph, Section
from deepspace.report.audit.standards import Point, standard

if TYPE_CHECKING:
    from deepspace.report.audit.context import Context

__all__ = ["write"]

POINTS = (
    Point("4.1 Model Details", "Person or organization developing the model; model date, version and type; training "
          "algorithms, parameters, fairness constraints or other applied approaches, and features; paper or other "
          "resource; citation details; license; where to send questions.",
          (("predictor", "its name, its hash and the columns that it is given"),), "provider"),
    Point("4.2 Intended Use", "Primary intended uses, primary intended users, out-of-scope use cases.", (),
          "intended-use"),
    Point("4.3 Factors", "Relevant factors (groups, instrumentation, environments) and evaluation factors.",
          (("groups", "the groups looked at"), ("familiarity", "unusual rows"))),
    Point("4.4 Metrics", "Model performance measures, decision thresholds, approaches to uncertainty and variability.",
          (("performance", "measures with intervals"), ("predictor", "the threshold")), "metrics"),
    Point("4.5 Evaluation Data", "Datasets, motivation, preprocessing.",
          (("data", "provenance, columns"), ("performance", "the rows tested on"))),
    Point("4.6 Training Data", "As the evaluation data, where that can be told; otherwise at least how it is "
          "distributed over the factors.", (), "training-data"),
    Point("4.7 Quantitative Analyses", "Unitary results, by one factor each; intersectional results, by factors "
          "crossed.",
          (("performance", "overall"), ("groups", "by one column each; columns crossed were not looked at"))),
    Point("4.8 Ethical Considerations", "Data, human life, mitigations, risks and harms, use cases.", (), "ethics"),
    Point("4.9 Caveats and Recommendations", "Further concerns that the other parts do not hold.",
          (("summary", "what stands against relying on it"),), "risk-management"),
)  # fmt: skip


def write(section: Section, context: Context) -> None:
    """What was read, and the table."""
    section.blocks += [
        Paragraph.of(
            "The nine parts of a model card, by the sections of Mitchell and others, Model Cards for Model Reporting, "
            "2019 (arXiv:1810.03993, version 2). Read for this: the paper's list of parts and prompts as published "
            "templates copy it, not the paper itself."
        ),
        standard(context, section.key, "Model card, and where this report answers", POINTS),
    ]
