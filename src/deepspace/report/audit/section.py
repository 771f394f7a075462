"""What a section of the report is made of: blocks that a page can set, and what of it belongs in the summary."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from markupsafe import Markup, escape

from deepspace.report.audit.evidence import Figure, Said, Table

__all__ = [
    "Block", "Fields", "Heading", "Items", "Key", "Owner", "Paragraph", "Picture", "Refusal", "Section", "Standard",
]  # fmt: skip


@dataclass(frozen=True)
class Heading:
    text: str
    anchor: str = ""
    kind: ClassVar[str] = "heading"


@dataclass(frozen=True)
class Paragraph:
    """Sentences that are read one after the other. Plain strings hold no figure."""

    said: tuple[Said, ...]
    kind: ClassVar[str] = "paragraph"

    @classmethod
    def of(cls, *sentences: Said | str) -> Paragraph:
        return cls(tuple(_said(sentence) for sentence in sentences))


@dataclass(frozen=True)
class Items:
    """Sentences one below the other. tone: "wrong", "fine" or ""."""

    said: tuple[Said, ...]
    tone: str = ""
    kind: ClassVar[str] = "items"

    @classmethod
    def of(cls, sentences: Sequence[Said | str], tone: str = "") -> Items:
        return cls(tuple(_said(sentence) for sentence in sentences), tone)


@dataclass(frozen=True)
class Fields:
    """Names and what stands for them: settings, hashes."""

    lines: tuple[tuple[str, str], ...]
    kind: ClassVar[str] = "fields"


@dataclass(frozen=True)
class Picture:
    """An inline SVG, or an image as a data URI, with its legend: (label, colour)."""

    caption: Said | str
    svg: str = ""
    source: str = ""
    alt: str = ""
    key: tuple[tuple[str, str], ...] = ()
    width: int = 520
    kind: ClassVar[str] = "picture"


@dataclass(frozen=True)
class Refusal:
    """Why something is not there."""

    said: Said
    kind: ClassVar[str] = "refusal"


@dataclass(frozen=True)
class Owner:
    """What only the owner of the predictor can write. ``key`` is its name in the file of statements."""

    key: str
    question: str
    statement: str = ""
    kind: ClassVar[str] = "owner"


@dataclass(frozen=True)
class Standard:
    """What a standard asks for, where this report answers, and what is left to the owner.

    lines: (place in the standard, what it asks, where: (section key, title) pairs, owner).
    """

    caption: str
    lines: tuple[tuple[str, str, tuple[tuple[str, str], ...], Owner | None], ...]
    kind: ClassVar[str] = "standard"


@dataclass(frozen=True)
class Key:
    """A figure for the head of the report. label: what it is of; said: the sentence of the section that holds it."""

    label: str
    figure: Figure
    said: Said


Block = Heading | Paragraph | Items | Fields | Picture | Refusal | Owner | Standard | Table


@dataclass
class Section:
    """One numbered section. failures are what stands against relying on the predictor, findings what was found, gaps
    what could not be looked at; keys: the figures that the summary shows. facts: for later sections."""

    key: str
    title: str
    blocks: list[Block] = field(default_factory=list)
    failures: list[Said] = field(default_factory=list)
    findings: list[Said] = field(default_factory=list)
    gaps: list[Said] = field(default_factory=list)
    keys: list[Key] = field(default_factory=list)
    facts: dict[str, Any] = field(default_factory=dict)

    def fail(self, said: Said) -> Said:
        self.failures.append(said)
        return said

    def find(self, said: Said) -> Said:
        self.findings.append(said)
        return said

    def key_figure(self, label: str, figure: Figure | None, said: Said) -> None:
        """Show ``figure``, which ``said`` holds, at the head of the report too; none of no rows."""
        if figure is not None:
            self.keys.append(Key(label, figure, said))


def _said(sentence: Said | str) -> Said:
    return sentence if isinstance(sentence, Said) else Said(Markup(escape(sentence)), sentence, None)
