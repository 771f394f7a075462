"""Section: the nine points of Annex IV of the EU AI Act, and where this report answers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deepspace.report.audit.section import Paragraph, Section
from deepspace.report.audit.standards import Point, standard

if TYPE_CHECKING:
    from deepspace.report.audit.context import Context

__all__ = ["write"]

POINTS = (
    Point("1 (a)", "Intended purpose, name of the provider, version of the system.", (), "provider"),
    Point("1 (a), use", "The purpose that the system is meant for.", (), "intended-use"),
    Point("1 (b) to (h)", "Interaction with other hardware and software, versions, forms on the market, hardware, user "
          "interface, instructions for use.", (), "deployment"),
    Point("2 (a), (b)", "Methods and steps of development; design, general logic, key choices and assumptions, what is "
          "optimised, trade-offs.", (("boundary", "the decision as it is, seen from outside"),), "development"),
    Point("2 (c)", "Architecture, and the computing used to develop, train, test and validate.",
          (("predictor", "what it is and what it is given"),), "development"),
    Point("2 (d)", "Data: training methods, data sets, provenance, scope, characteristics, how obtained, chosen, "
          "labelled and cleaned.", (("data", "columns, missing cells, provenance and hash"),), "training-data"),
    Point("2 (e)", "Human oversight under Article 14, with what makes outputs interpretable to deployers.",
          (("cases", "precedents, reasons and counterfactuals of single cases"),), "oversight"),
    Point("2 (f)", "Changes determined beforehand, and how continued compliance is kept.", (), "changes"),
    Point("2 (g)", "Validation and testing: data used, measures of accuracy and robustness, potentially discriminatory "
          "impacts, test reports dated and signed.",
          (("performance", "measures with intervals"), ("groups", "differences between groups"),
           ("familiarity", "errors on unusual rows")), "sign-off"),
    Point("2 (h)", "Cybersecurity.", (), "security"),
    Point("3", "Capabilities and limits: accuracy overall and for the persons or groups it is meant for, foreseeable "
          "unintended outcomes and sources of risk, oversight, specifications of input data.",
          (("summary", "what stands against relying on it"), ("performance", "accuracy overall"),
           ("groups", "accuracy by group"), ("data", "the inputs"))),
    Point("4", "Appropriateness of the performance measures for the system.",
          (("performance", "the measures taken"),), "metrics"),
    Point("5", "The risk management system under Article 9.", (), "risk-management"),
    Point("6", "Changes made by the provider during the life of the system.",
          (("changes", "what changed since the earlier report"),), "changes"),
    Point("7", "Harmonised standards applied in full or in part, or the solutions in their place.", (),
          "standards-list"),
    Point("8", "A copy of the EU declaration of conformity under Article 47.", (), "conformity"),
    Point("9", "The system for evaluating performance after placing on the market under Article 72, with the plan of "
          "monitoring.", (("drift", "reference against current data"),), "monitoring"),
)  # fmt: skip


def write(section: Section, context: Context) -> None:
    """The table."""
    section.blocks += [
        Paragraph.of(
            "Annex IV of Regulation (EU) 2024/1689 lists what the technical documentation of a high-risk system holds "
            "at least. Its points are put here in brief; the text of the Regulation is what counts."
        ),
        standard(context, section.key, "Annex IV, points 1 to 9, and where this report answers", POINTS),
    ]
