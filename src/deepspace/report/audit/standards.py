"""What the four standards have in common: each point is answered by sections of the report, by the owner, or not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from deepspace.errors import DataError
from deepspace.report.audit.section import Owner, Standard

if TYPE_CHECKING:
    from deepspace.report.audit.context import Context

__all__ = ["QUESTIONS", "Point", "check_statements", "standard"]

QUESTIONS = {
    "intended-use": "What the predictor is for, who uses it, on what or whom it decides, and what it must not be used "
    "for.",
    "provider": "Who provides the predictor, its version, and who answers for it.",
    "deployment": "In which form, software and hardware it runs, how its user sees it, and its instructions for use.",
    "development": "How it was developed: method, key choices and their reasons, assumptions, what it optimises, the "
    "trade-offs, and whether parts were trained by others.",
    "training-data": "The data that it was fitted on: origin, how they were obtained, chosen, labelled and cleaned, "
    "and whether they are those of this report.",
    "oversight": "Who oversees its decisions, how they can be overruled, and what that person is shown.",
    "security": "How it is kept from being tampered with.",
    "changes": "Changes during its life, those planned beforehand, and who approves them.",
    "metrics": "Why the measures of this report, and the level reached, are the right ones for this use.",
    "risk-management": "The risks to people that were found, what was done about each, and what is left.",
    "monitoring": "What is watched while it runs, how often, at which limits something is done, and by whom.",
    "standards-list": "The harmonised standards applied, or what was done in their place.",
    "conformity": "The declaration of conformity, or why none is needed.",
    "governance": "Its place in the inventory, its materiality, owner, validator, date of approval, next review.",
    "independence": "Who validated it, what makes them able and independent of those who built and use it, and what "
    "they can change.",
    "vendor": "What of it, or of its data, comes from a vendor, and how that was validated.",
    "notice": "How and when applicants are notified, with the action taken, the creditor, the notice of rights and the "
    "agency.",
    "reason-wording": "The words in which each reason is told to an applicant, and who approved them.",
    "less-discriminatory": "Which columns are, or may stand in for, a prohibited basis, and which other predictors or "
    "settings were looked at for smaller differences between groups.",
    "ethics": "Sensitive data, harm that could be done, and whom it was talked over with.",
    "sign-off": "Name, function, date and signature.",
}


@dataclass(frozen=True)
class Point:
    """One thing a standard asks. where: (section key, what is there) pairs; owner: a key of ``QUESTIONS``."""

    place: str
    asked: str
    where: tuple[tuple[str, str], ...] = ()
    owner: str = ""


def standard(context: Context, section: str, caption: str, points: tuple[Point, ...]) -> Standard:
    """A standard as a table; a question for the owner that an earlier one asked is referred to and not asked twice."""
    lines = []
    for point in points:
        where = tuple((key, what) for key, what in point.where if key == "manifest" or key in context.done)
        owner = None
        if point.owner in context.asked:
            where = (*where, (context.asked[point.owner], f"the owner's statement “{point.owner}”"))
        elif point.owner:
            context.asked[point.owner] = section
            owner = Owner(point.owner, QUESTIONS[point.owner], context.options.statements.get(point.owner, ""))
        lines.append((point.place, point.asked, where, owner))
    return Standard(caption, tuple(lines))


def check_statements(names: set[str]) -> None:
    """Raises DataError for a statement that nothing asks for."""
    unknown = sorted(names - set(QUESTIONS))
    if unknown:
        raise DataError(
            f"nothing in the report asks for a statement {unknown[0]!r}; it asks for {', '.join(QUESTIONS)}."
        )
