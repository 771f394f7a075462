"""What the sections are given, and the guard around each: one that fails leaves its sentence and the rest stands."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deepspace.errors import DeepspaceError
from deepspace.report.audit.evidence import Evidence, Said
from deepspace.report.audit.section import Block, Refusal, Section

if TYPE_CHECKING:
    from deepspace.decisions import Audit
    from deepspace.space import BaseSpace

__all__ = ["Context", "Options"]

log = logging.getLogger("deepspace.report")


@dataclass(frozen=True)
class Options:
    """What a report is asked to look at beyond the predictor.

    constraints: what a counterfactual may change, a file or what ``counterfactuals`` takes; margin: how far beyond the
    threshold it must lie; wording: {column: words}, or a file, for reasons; groups: columns; current: newer rows, for
    drift; cases: rows to look at besides those chosen by rule; statements: {key: text} of the owner; seed: for all
    that is drawn.
    """

    constraints: Any = None
    margin: float = 0.0
    wording: Any = None
    groups: Sequence[str] = ()
    current: Any = None
    cases: Sequence[int] = ()
    statements: Mapping[str, str] = field(default_factory=dict)
    seed: int = 0

    @property
    def search(self) -> dict[str, Any]:
        """What ``counterfactuals`` is asked with, everywhere in the report."""
        return {"constraints": self.constraints, "margin": self.margin, "seed": self.seed}


@dataclass
class Context:
    """One report in the making. ``broken``: why the predictor could not be asked at all; ``given``: as it was named;
    ``done``: the sections before this one, by key; ``asked``: what the owner was asked, and in which section."""

    space: BaseSpace
    audit: Audit | None
    options: Options
    evidence: Evidence
    tell: Callable[[str], None]
    broken: str = ""
    given: Any = None
    done: dict[str, Section] = field(default_factory=dict)
    asked: dict[str, str] = field(default_factory=dict)

    def without_folders(self, sentence: str) -> str:
        """Where the user's files lie on somebody's disk is none of the report's business."""
        files = (self.given, self.options.constraints, self.options.wording, self.options.current)
        for file in files:
            if isinstance(file, (str, Path)) and Path(file).name:
                sentence = sentence.replace(str(file), Path(file).name)
        parent = self.space.folder.parent
        return sentence.replace(f"{parent}/", "") if parent.is_absolute() else sentence

    def guarded(self, section: Section, write: Callable[[], object]) -> Section:
        """Let ``write`` fill a section; where it fails, what it had said is taken back and the reason stands there."""
        said = self._tried(section, section.title, write)
        if said is not None:
            section.blocks = [Refusal(said)]
            section.failures, section.findings, section.gaps, section.keys = [], [], [said], []
        return section

    def attempt(self, section: Section, what: str, write: Callable[[], Sequence[Block]]) -> None:
        """A part of a section: its blocks are added, or the reason why there are none."""
        blocks: list[Block] = []
        said = self._tried(section, what, lambda: blocks.extend(write()))
        if said is not None:
            section.gaps.append(said)
        section.blocks += [Refusal(said)] if said is not None else blocks

    def _tried(self, section: Section, what: str, write: Callable[[], object]) -> Said | None:
        self.evidence.section = section.key
        mark = self.evidence.mark()
        before = [list(section.failures), list(section.findings), list(section.gaps)]
        keys = list(section.keys)
        try:
            write()
        except DeepspaceError as error:
            sentence = f"{what}: {' '.join(str(error).split())}"
        except Exception as error:  # a fault of ours must not take the rest of the report with it
            log.exception("a section of the report failed: %s", what)
            sentence = (
                f"{what}: a fault of deepspace ({type(error).__name__}) kept this from being written; the log of the "
                "run has the details."
            )
        else:
            return None
        sentence = self.without_folders(sentence)
        self.evidence.back_to(mark)
        (section.failures, section.findings, section.gaps), section.keys = before, keys
        number = sum(entry["key"].startswith(f"{section.key}.refused") for entry in self.evidence.entries)
        return self.evidence.quote(sentence, key=f"refused{number or ''}", source=f"report.{section.key}")
