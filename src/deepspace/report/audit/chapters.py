"""The sections of the report, in their order. A new one is a file beside this and a line here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module

from deepspace.report.audit.context import Context
from deepspace.report.audit.section import Section

__all__ = ["CHAPTERS", "Chapter"]


def _always(_: Context) -> bool:
    return True


@dataclass(frozen=True)
class Chapter:
    """key: its anchor, and the name of the file whose ``write`` fills it. asks: whether it needs the predictor's
    answers. wanted: whether this report has it."""

    key: str
    title: str
    asks: bool = True
    wanted: Callable[[Context], bool] = _always

    def write(self, section: Section, context: Context) -> None:
        """Fill the section."""
        import_module(f"deepspace.report.audit.{self.key}").write(section, context)


CHAPTERS = (
    Chapter("data", "The data and the space", asks=False),
    Chapter("predictor", "The predictor", asks=False),
    Chapter("performance", "Performance"),
    Chapter("boundary", "The decision on the map"),
    Chapter("prototypes", "Prototypes and criticisms"),
    Chapter("reasons", "Principal reasons"),
    Chapter("recourse", "Counterfactuals: what would alter a decision"),
    Chapter("cases", "Single cases"),
    Chapter("familiarity", "Familiarity of the rows", asks=False),
    Chapter("groups", "Groups", wanted=lambda c: bool(c.options.groups)),
    Chapter("drift", "Drift", asks=False, wanted=lambda c: c.options.current is not None),
    Chapter("sr262", "SR 26-2: model risk management", asks=False),
    Chapter("annex", "EU AI Act, Annex IV", asks=False),
    Chapter("regb", "Regulation B, adverse action", asks=False),
    Chapter("card", "Model card", asks=False),
)
