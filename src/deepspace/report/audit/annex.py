"""Section: the nine points of Annex IV of the EU AI Act, and where this report answers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deepspace.report.audit.section import Paragraph, Section
from deepspace.report.audit.standards import Point, standard

if TYPE_CHECKING:
    from deepspace.report.audit.context import Context

__all__ = ["write"]

POINTS = (
    Point("1(a), purpose", "“its intended purpose”", (), "intended-use"),
    Point("1(a), provider", "“the name of the provider and the version of the system reflecting its relation to "
          "previous versions”", (("predictor", "the name and hash of what was audited"),), "provider"),
    Point("1(b) to (h)", "Hardware and software that it interacts with and that are not part of it (b); versions of "
          "software or firmware (c); the forms in which it is placed on the market or put into service (d); the "
          "hardware it is to run on (e); pictures of the product that it is a component of (f); the user interface "
          "(g); instructions for use (h).", (), "deployment"),
    Point("2(a), 2(b)", "The methods and steps of development, with pre-trained systems or tools of third parties (a); "
          "the design specifications: general logic, key design choices with rationale and assumptions, what it is "
          "designed to optimise for, expected output, trade-offs (b).",
          (("boundary", "where the decision turns, as seen from outside"),), "development"),
    Point("2(c)", "“the system architecture”, and the computational resources used to develop, train, test and "
          "validate it.", (("predictor", "what it is, and the columns that it is given"),), "development"),
    Point("2(d)", "“where relevant, the data requirements in terms of datasheets”: training methodologies and data "
          "sets, their provenance, scope and main characteristics, how they were obtained and selected, labelling, "
          "cleaning.", (("data", "columns, missing cells, provenance and hash of the data of this report"),),
          "training-data"),
    Point("2(e)", "“assessment of the human oversight measures needed in accordance with Article 14”, with the "
          "technical measures needed to make outputs interpretable to deployers, Article 13(3), point (d).",
          (("cases", "precedents, reasons and counterfactuals of single cases"),), "oversight"),
    Point("2(f)", "“where applicable, a detailed description of pre-determined changes”, and how continuous "
          "compliance is ensured.", (), "changes"),
    Point("2(g)", "“the validation and testing procedures used”: the data used, metrics of accuracy, robustness and "
          "compliance, “potentially discriminatory impacts”, “test logs and all test reports dated and signed by the "
          "responsible persons”.",
          (("performance", "accuracy and calibration, with intervals and rows"),
           ("groups", "differences between groups"), ("familiarity", "errors on unusual rows"),
           ("manifest", "what every figure was computed from")), "sign-off"),
    Point("2(h)", "“cybersecurity measures put in place”", (), "security"),
    Point("3", "“the monitoring, functioning and control”: capabilities and limitations in performance, the degrees of "
          "accuracy for specific persons or groups and overall, foreseeable unintended outcomes and sources of risks "
          "to health and safety, fundamental rights and discrimination, human oversight, specifications on input data.",
          (("summary", "what stands against relying on it"), ("performance", "accuracy overall"),
           ("groups", "accuracy by group"), ("data", "the columns and their ranges")), "oversight"),
    Point("4", "“the appropriateness of the performance metrics for the specific AI system”",
          (("performance", "the measures taken"),), "metrics"),
    Point("5", "“the risk management system in accordance with Article 9”", (), "risk-management"),
    Point("6", "“relevant changes made by the provider to the system through its lifecycle”",
          (("changes", "what changed since the earlier report"),), "changes"),
    Point("7", "Harmonised standards applied in full or in part; where none, the solutions adopted to meet Chapter "
          "III, Section 2.", (), "standards-list"),
    Point("8", "“A copy of the EU declaration of conformity referred to in Article 47”", (), "conformity"),
    Point("9", "The system to evaluate performance in the post-market phase in accordance with Article 72, with “the "
          "post-market monitoring plan referred to in Article 72(3)”.",
          (("drift", "reference against current data"),), "monitoring"),
)  # fmt: skip


def write(section: Section, context: Context) -> None:
    """What was read, and the table."""
    section.blocks += [
        Paragraph.of(
            "Annex IV of Regulation (EU) 2024/1689, “Technical documentation referred to in Article 11(1)”, lists what "
            "the documentation of a high-risk system holds at least, as applicable to it. Words in quotation marks are "
            "those of the annex, the rest puts it in brief.",
            "What was read for this: copies of the English text of 2024 on public sites and in repositories, which "
            "agree where they overlap; not the Official Journal.",
            "Second-hand: that the duties apply to systems of Annex III from 2 December 2027, under Article 113 as "
            "amended by Regulation (EU) 2026/1744; and that the amendment leaves points 2(d), 2(g) and 4 as they were "
            "and changes Article 72(3). Whether it touches another point was not checked.",
        ),
        standard(context, section.key, "Annex IV, points 1 to 9, and where this report answers", POINTS),
    ]
