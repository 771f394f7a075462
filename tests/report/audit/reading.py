"""A page as a reader with no eyes sees it: sentences, where they lead, and what stands at the other end."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser

__all__ = ["Page", "Sentence"]

VOID = ("meta", "img", "br", "wbr", "image", "path", "circle", "rect", "polyline", "polygon")


@dataclass
class Sentence:
    """text: all of it but names that are the user's and the number in brackets; links: where it leads."""

    section: str
    text: str = ""
    whole: str = ""
    links: list[str] = field(default_factory=list)


class Page(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[tuple[str, str]] = []
        self.sentences: list[Sentence] = []
        self.ids: list[str] = []
        self.section, self.text = "summary", ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        told = dict(attrs)
        self.tags.append((tag, told))
        if told.get("id"):
            self.ids.append(str(told["id"]))
        if tag == "h2":
            self.section = str(told.get("id"))
        kind = str(told.get("class") or "")
        if kind == "said":
            self.sentences.append(Sentence(self.section))
        if kind == "e" and self._inside("said"):
            self.sentences[-1].links.append(str(told["href"]).removeprefix("#"))
        if tag not in VOID:
            self.open.append((tag, kind))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            opened, _ = self.open.pop()
            assert opened == tag, f"</{tag}> closes <{opened}>"

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1][0] != "style":
            self.text += data
        if self._inside("said") and not self._inside("e"):
            self.sentences[-1].whole += data
            if not self._inside("name"):
                self.sentences[-1].text += data

    def _inside(self, kind: str) -> bool:
        return any(name == kind for _, name in self.open)
