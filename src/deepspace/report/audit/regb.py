"""Section: what Regulation B asks of a creditor who takes adverse action, and where this report answers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deepspace.report.audit.section import Paragraph, Section
from deepspace.report.audit.standards import Point, standard

if TYPE_CHECKING:
    from deepspace.report.audit.context import Context

__all__ = ["write"]

POINTS = (
    Point("1002.9(a)(1)", "“When notification is required”: as a rule within 30 days of a completed application; 90 "
          "days after a counteroffer that is not accepted.", (), "notice"),
    Point("1002.9(a)(2)", "“Content of notification when adverse action is taken”: in writing, the action taken, name "
          "and address of the creditor, the provisions of section 701(a) of the Act, the Federal agency, and either "
          "the specific reasons or the right to them if asked for within 60 days.", (), "notice"),
    Point("1002.9(b)(2)", "“Statement of specific reasons”: it “must be specific and indicate the principal reason(s) "
          "for the adverse action”. That it rests on internal standards or policies, or that no qualifying score was "
          "achieved, is “insufficient”.",
          (("reasons", "principal reasons, over decisions"), ("cases", "those of single cases, with their stability")),
          "reason-wording"),
    Point("comment 9(b)(2)-1", "“Number of specific reasons”: no number is mandated, but “disclosure of more than four "
          "reasons is not likely to be helpful to the applicant”.", (("cases", "at most four reasons a case"),)),
    Point("comment 9(b)(2)-2", "“Source of specific reasons”: they “must relate to and accurately describe the factors "
          "actually considered or scored by a creditor”.",
          (("predictor", "the columns that it is given"),
           ("reasons", "how often the stated columns alone turn the decision"))),
    Point("comment 9(b)(2)-3", "“Description of reasons”: how or why a factor told against an applicant need not be "
          "described; “length of residence” will do for “too short a period of residence”.", (), "reason-wording"),
    Point("comment 9(b)(2)-4", "“Credit scoring system”: only factors actually scored, and “no factor that was a "
          "principal reason for adverse action may be excluded from disclosure”.",
          (("cases", "the reasons stated, and those left out as unstable, which a notice must weigh again"),)),
    Point("comment 9(b)(2)-5", "“Credit scoring—method for selecting reasons”: among others, the factors in which the "
          "applicant fell furthest below the average of those at or slightly above the minimum passing score, or of "
          "all applicants; any method with substantially similar results.",
          (("reasons", "another method: beside real cases near the applicant that were decided otherwise; whether its "
            "results are substantially similar was not measured"),)),
    Point("appendix C, form C-1", "Part I lists principal reasons to tick, with “Other, specify”. To tick “the closest "
          "identifiable factor listed” in place of the factor actually used does not satisfy the requirement.",
          (("cases", "reasons with the codes and words of the wording file, where one was given"),), "reason-wording"),
    Point("1002.4(a), 1002.6(b)", "No discrimination on a prohibited basis regarding any aspect of a credit "
          "transaction; a prohibited basis is not taken into account in evaluating creditworthiness, with rules of "
          "their own for age and some others.",
          (("predictor", "the columns that it is given"), ("reasons", "whether a column of the groups is a reason"),
           ("groups", "rates of decision and of error by group, with intervals")), "less-discriminatory"),
    Point("1002.6(a)", "As amended with effect from 21 July 2026 it says that the Act does not provide that the "
          "“effects test” applies. Other laws, of the states among them, were not looked at.",
          (("groups", "differences in effect are measured all the same"),)),
)  # fmt: skip


def write(section: Section, context: Context) -> None:
    """Whom it concerns, what was read, and the table."""
    audit = context.audit
    concerns = ["This section matters where the predictor decides on credit in the United States, and not otherwise."]
    if audit is not None and audit.favourable is None:
        concerns.append(
            "It was not said which outcome is favourable, so that no decision of this report is an adverse action and "
            "no reasons are given for any."
        )
    section.blocks += [
        Paragraph.of(
            *concerns,
            "A reason is not recourse: a reason says what the decision rested on, beside cases that were decided "
            "otherwise; a counterfactual says what change would turn it. Neither stands in for the other, and a notice "
            "that gives the latter as the former may name a factor that the decision did not rest on.",
        ),
        Paragraph.of(
            "Words in quotation marks are those of 12 CFR part 1002, of its official commentary (supplement I) and of "
            "appendix C, as copies in public repositories have them, one of them from the eCFR of 1 August 2026; the "
            "rest puts them in brief. Second-hand, from notices of law firms and repositories: the amendment of "
            "1002.4 and 1002.6 that the Federal Register published on 22 April 2026, and the wording of 1002.6.",
        ),
        standard(context, section.key, "Adverse action, and where this report answers", POINTS),
    ]
