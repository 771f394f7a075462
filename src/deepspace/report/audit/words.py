"""What decisions are called: by the user's own names of outcomes, whatever it is that is decided."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from deepspace.report.audit.choosing import rarest

if TYPE_CHECKING:
    from deepspace.decisions import Audit

__all__ = ["Words", "words_of"]


@dataclass(frozen=True)
class Words:
    """The decisions that a report asks reasons and counterfactuals of, as parts of a sentence for ``Evidence.say``.

    these, others: such decisions and the opposite ones, with places for the names in ``names``, which are the user's.
    said: whether the user said which outcome is favourable; else the rarest decision is taken.
    """

    these: str
    others: str
    names: dict[str, Any]
    said: bool

    @property
    def plain(self) -> str:
        """``these`` with the names in it, for captions."""
        return self.these.format(**self.names)


def words_of(audit: Audit) -> Words:
    """Against the favourable outcome, where it is said: by name of two, as not the favourable one of more."""
    if audit.favourable is None:
        outcome = rarest(audit, audit.ask_rows(audit.tested).outcome)
        return Words("decided {decided}", "decided otherwise", {"decided": audit.outcomes[outcome]}, False)
    favourable = audit.outcomes[audit.favourable]
    if audit.adverse is None:
        return Words("not decided {favourable}", "decided {favourable}", {"favourable": favourable}, True)
    names = {"decided": audit.outcomes[audit.adverse], "favourable": favourable}
    return Words("decided {decided}", "decided {favourable}", names, True)
