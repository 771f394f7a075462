"""Section: what SR 26-2 says of a model, and where this report answers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deepspace.report.audit.section import Paragraph, Section
from deepspace.report.audit.standards import Point, standard

if TYPE_CHECKING:
    from deepspace.report.audit.context import Context

__all__ = ["write"]

POINTS = (
    Point("II, scope", "A model is “a complex quantitative method, system, or approach that applies statistical, "
          "economic, or financial theories to process input data into quantitative estimates”. Generative and agentic "
          "AI are outside (footnote 3).", (("predictor", "what it is and decides"),), "intended-use"),
    Point("III, materiality", "Model risk is influenced by “inherent risk, exposure, purpose, and use”; purpose and "
          "exposure together make materiality. Risk is assessed for single models and in aggregate.", (), "governance"),
    Point("III, effective challenge", "“critical analysis conducted by objective experts”, who have expertise, "
          "sufficient independence, and the standing to effect a change.", (), "independence"),
    Point("IV, “Model Development and Model Use”", "Of this section the heading alone was known.",
          (("data", "columns, missing cells, provenance"), ("predictor", "what it is given, and from which level on it "
            "decides")), "training-data"),
    Point("V, “Conceptual Soundness”", "“assessing and documenting model design (including key modeling choices, "
          "assumptions, qualitative judgments, and data selection), construction, and developmental testing”; for "
          "some models “interpretability measures or benchmarking to other models” are more practical.",
          (("boundary", "where the decision turns, and whether the picture can be trusted"),
           ("prototypes", "rows that stand for each decision"), ("reasons", "what decisions rest on"),
           ("recourse", "which changes alter the decision")), "development"),
    Point("V, “Outcomes Analysis”", "It “compares model outputs to corresponding real-world outcomes to assess model "
          "performance relative to model objectives and business use”, against performance thresholds that the "
          "organization has set.",
          (("performance", "measures with intervals"), ("groups", "the same by group")), "metrics"),
    Point("V, “Ongoing Model Monitoring”", "Whether the model performs “as expected given potential changes in "
          "products, exposures, activities, clients, data relevance, or market conditions”, and what is done where it "
          "does not.",
          (("drift", "reference against current data"), ("changes", "this report against an earlier one"),
           ("familiarity", "rows of a kind that the data did not hold")), "monitoring"),
    Point("V, limitations", "“Even with sound modeling practices and rigorous validation, material model risk can "
          "remain.” Users understand and communicate limitations.",
          (("summary", "what stands against relying on it, first"), ("familiarity", "rows of a kind that it errs on"),
           ("boundary", "where the picture is not the predictor's"))),
    Point("VI, “Roles and Responsibilities”", "Clear roles with accountability, and conflicts of interest between "
          "development and validation.", (), "independence"),
    Point("VI, “Model Inventory”", "Of this part the heading alone was known.", (), "governance"),
    Point("VI, “Documentation”", "Of this part the heading alone was known.",
          (("manifest", "data, code, seed and settings of every figure"),), "sign-off"),
    Point("VII, “Vendor and Other Third-Party Products”", "The principles apply where code, data or methodology are "
          "the vendor's: understanding its “conceptual soundness, design, development data, and performance”, with "
          "monitoring and outcome analysis.", (), "vendor"),
)  # fmt: skip


def write(section: Section, context: Context) -> None:
    """What it is, what was read, and the table."""
    section.blocks += [
        Paragraph.of(
            "SR 26-2, “Revised Guidance on Model Risk Management” (Board of Governors of the Federal Reserve System, "
            "with OCC Bulletin 2026-13 and the FDIC), of 17 April 2026, supersedes SR 11-7. It is guidance for banking "
            "organizations, most relevant above 30 billion dollars of total assets, and says of itself that it “does "
            "not set forth enforceable standards or prescriptive requirements”.",
        ),
        Paragraph.of(
            "Second-hand: the attachment itself was not at hand. Words in quotation marks are those that public "
            "repositories quote from it, as are its headings; the OCC's bulletin names the same parts. Of section IV, "
            "and of two parts of section VI, only headings were found. The owner checks the points against the text.",
        ),
        standard(context, section.key, "SR 26-2 by its sections, and where this report answers", POINTS),
    ]
