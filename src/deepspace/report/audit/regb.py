"""Section: what Regulation B asks of a creditor who denies, and where this report answers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deepspace.report.audit.section import Paragraph, Section
from deepspace.report.audit.standards import Point, standard

if TYPE_CHECKING:
    from deepspace.report.audit.context import Context

__all__ = ["write"]

POINTS = (
    Point("1002.9(a)(1)", "Notice of action taken, in time.", (), "notice"),
    Point("1002.9(a)(2)", "Content: the action, name and address of the creditor, the notice of rights, the agency, "
          "and the reasons or the right to them.", (), "notice"),
    Point("1002.9(b)(2)", "Reasons that are specific and are the principal ones. That a score was too low, or an "
          "internal standard not met, is no such reason.",
          (("reasons", "principal reasons of adverse decisions"),
           ("cases", "those of single cases, with stability")), "reason-wording"),
    Point("1002.9(b)(2), commentary", "Reasons relate to factors that were really scored; no principal reason is left "
          "out; more than four are not likely to help.",
          (("reasons", "reasons relative to cases that were accepted, in columns that the predictor is given"),
           ("predictor", "the columns that it is given"))),
    Point("1002.4, 1002.6", "No discrimination on a prohibited basis, by effect as well as by intent.",
          (("groups", "rates of decision and of error by group, with intervals"),), "less-discriminatory"),
)  # fmt: skip


def write(section: Section, context: Context) -> None:
    """The table, and what a reason is not."""
    section.blocks += [
        Paragraph.of(
            "This section matters where the predictor decides on credit in the United States.",
            "A reason is not recourse: a reason says what the decision rested on, relative to cases that were "
            "accepted; a counterfactual says what change would turn it. Neither stands in for the other, and a notice "
            "that gives the latter as the former may name a factor that the decision did not rest on.",
        ),
        standard(context, section.key, "Adverse action, and where this report answers", POINTS),
    ]
