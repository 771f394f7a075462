"""Section: what SR 26-2 asks of a model, and where this report answers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deepspace.report.audit.section import Paragraph, Section
from deepspace.report.audit.standards import Point, standard

if TYPE_CHECKING:
    from deepspace.report.audit.context import Context

__all__ = ["write"]

POINTS = (
    Point("Definition and use", "What the model is, what it is for and where its use ends.",
          (("predictor", "what it is and decides"),), "intended-use"),
    Point("Inventory and tier", "The model stands in the inventory, with owner, tier of risk and dates.",
          (), "governance"),
    Point("Conceptual soundness", "Design, theory and assumptions, and evidence that they hold.",
          (("boundary", "where the decision turns, and whether the picture can be trusted"),
           ("prototypes", "rows that stand for each decision"), ("reasons", "what adverse decisions rest on")),
          "development"),
    Point("Data", "Quality, fitness and limits of the data that the model was developed on and is used on.",
          (("data", "columns, missing cells, provenance"), ("familiarity", "rows unlike the rest")), "training-data"),
    Point("Outcomes analysis", "Decisions compared with what happened, on data the model was not fitted on.",
          (("performance", "measures with intervals"), ("groups", "the same by group")), "metrics"),
    Point("Sensitivity", "How decisions answer to changes of the inputs.",
          (("recourse", "the nearest change that turns a decision, and the columns it leads through"),
           ("boundary", "how decisions turn across the map"))),
    Point("Ongoing monitoring", "Whether the model still does what it did, on the data of today.",
          (("drift", "reference against current data"), ("changes", "this report against an earlier one"),
           ("familiarity", "the rate of rows of a new kind")), "monitoring"),
    Point("Limitations", "What is uncertain, and what follows for the use of the model.",
          (("summary", "what stands against relying on it, first"), ("familiarity", "rows of a kind that it errs on"),
           ("boundary", "where the picture is not the predictor's"))),
    Point("Independent validation", "Somebody independent and able has challenged the model.", (), "independence"),
    Point("Vendor models", "The same for what was bought.", (), "vendor"),
    Point("Change and approval", "Changes are controlled, documented and approved.",
          (("changes", "what changed since the earlier report"),), "changes"),
    Point("Documentation", "Enough for somebody else to understand and repeat it.",
          (("summary", "every figure leads to the manifest, the last section, with data, code, seed and settings"),),
          "sign-off"),
)  # fmt: skip


def write(section: Section, context: Context) -> None:
    """The table, and whose words these are."""
    section.blocks += [
        Paragraph.of(
            "SR 26-2 (OCC Bulletin 2026-13), which replaced SR 11-7 on 17 April 2026, was known to the makers of this "
            "program second-hand only: its wording was not at hand. The points below are those that guidance on model "
            "risk is known for; the owner checks them against the text."
        ),
        standard(context, section.key, "Guidance on model risk, and where this report answers", POINTS),
    ]
