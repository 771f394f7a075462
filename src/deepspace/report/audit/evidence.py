"""What a figure in the report rests on: every sentence that holds one is made here, and gets a number to look up."""

from __future__ import annotations

import math
import re
import string
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from markupsafe import Markup, escape

from deepspace.results import figure, wilson

__all__ = ["ARROW", "Evidence", "Figure", "Said", "Table", "count", "key_cell", "plain", "share", "shown_cell"]


ARROW = "\N{RIGHTWARDS ARROW}"


@dataclass(frozen=True)
class Figure:
    """A number as it was computed. ``unit`` "%" is shown times a hundred; ``n``: rows it rests on; ``interval``: 95 %.
    ``digits``: significant ones, 0 for what was set rather than measured."""

    value: float
    n: int | None = None
    interval: tuple[float, float] | None = None
    unit: str = ""
    digits: int = 3

    @property
    def number(self) -> str:
        """The number alone, with its unit."""
        return f"{self._shown(self.value)}{self._unit}"

    @property
    def bracket(self) -> str:
        """[low to high, n = ...], with what there is of it; else empty."""
        parts = [] if self.interval is None else [f"{self._shown(self.interval[0])} to {self._shown(self.interval[1])}"]
        parts += [] if self.n is None else [f"n = {self.n:,}"]
        return f"[{', '.join(parts)}]" if parts else ""

    @property
    def _unit(self) -> str:
        return f"\N{NO-BREAK SPACE}{self.unit}" if self.unit else ""

    def _shown(self, value: float) -> str:
        shown = 100 * value if self.unit == "%" else value
        return figure(shown, self.digits) if self.digits else f"{shown:,.6g}"

    def __str__(self) -> str:
        return f"{self.number} {self.bracket}" if self.bracket else self.number

    def to_json(self) -> dict[str, Any]:
        """Full precision."""
        told: dict[str, Any] = {"value": plain(self.value)}
        if self.n is not None:
            told["n"] = int(self.n)
        if self.interval is not None:
            told["interval"] = [plain(self.interval[0]), plain(self.interval[1])]
        if self.unit:
            told["unit"] = self.unit
        return told


def share(successes: int, n: int) -> Figure | None:
    """A share with its score interval; None of no rows."""
    return None if n <= 0 else Figure(successes / n, int(n), wilson(int(successes), int(n)), "%")


def count(number: float) -> Figure:
    """Things counted or set, which have no interval."""
    return Figure(float(number))


@dataclass(frozen=True)
class Said:
    """A sentence as HTML and as text, and the number of its evidence, None where it holds no figure."""

    html: Markup
    text: str
    number: int | None


@dataclass(frozen=True)
class Table:
    """A table of figures under one evidence number. Cells are HTML; ``numeric`` says which columns are set right."""

    caption: str
    header: tuple[str, ...]
    rows: tuple[tuple[Markup, ...], ...]
    numeric: tuple[bool, ...]
    number: int
    note: str = ""
    kind: str = "table"

    @property
    def short(self) -> bool:
        """Whether it is to stand on one page: of few lines, as far as can be told before it is set."""
        return len(self.rows) < 14 and sum(len(cell.striptags()) for row in self.rows for cell in row) < 900


@dataclass
class Evidence:
    """The manifest of one report, in the order in which things are said. ``seed`` and ``section`` are what is recorded
    unless a call says otherwise."""

    seed: int = 0
    section: str = ""
    entries: list[dict[str, Any]] = field(default_factory=list)
    _keys: set[str] = field(default_factory=set)

    def say(
        self, template: str, *, key: str, source: str, seed: int | None = None, basis: str = "audit",
        config: Mapping[str, Any] | None = None, **fields: Any,
    ) -> Said:  # fmt: skip
        """A sentence. Fields are figures, numbers, or text that is the user's (names of columns, values), which is set
        apart. The template itself holds no digit, so that no number can stand there without evidence."""
        literal = "".join(part for part, *_ in string.Formatter().parse(template))
        if re.search(r"\d", literal):
            raise ValueError(f"the sentence {template!r} holds a number that no evidence stands for")
        figures = {name: _figure(value) for name, value in fields.items() if not isinstance(value, str)}
        text = template.format(**{n: str(figures.get(n, v)) for n, v in fields.items()})
        shown = {name: _html(figures.get(name, value)) for name, value in fields.items()}
        html = Markup(escape(template).format(**shown))
        if not figures:
            return Said(html, text, None)
        told = {name: found.to_json() for name, found in figures.items()}
        number = self._add(key, {"sentence": text, "figures": told}, source, seed, basis, config)
        return Said(html, text, number)

    def quote(self, sentence: str, *, key: str, source: str, seed: int | None = None, basis: str = "audit") -> Said:
        """A sentence that another room wrote, kept whole as its own evidence."""
        text = " ".join(str(sentence).split()).replace(" -> ", f" {ARROW} ")
        text = text[:1].upper() + text[1:]
        return Said(escape(text), text, self._add(key, {"sentence": text}, source, seed, basis, None))

    def table(
        self, caption: str, header: Sequence[str], rows: Sequence[Sequence[Any]], *, key: str, source: str,
        seed: int | None = None, basis: str = "audit", config: Mapping[str, Any] | None = None, note: str = "",
    ) -> Table:  # fmt: skip
        """Rows of text, figures, numbers or None. The first column names the row; with other leading columns of text
        where it alone does not."""
        cells = [
            [value if value is None or isinstance(value, str) else _figure(value) for value in row] for row in rows
        ]
        numeric = tuple(
            place > 0 and any(isinstance(row[place], Figure) for row in cells) for place in range(len(header))
        )
        words = [place for place in range(len(header)) if not numeric[place]]
        figures: dict[str, Any] = {}
        for row in cells:
            name = _row_name([str(row[place]) for place in words if row[place] is not None], figures)
            told = {header[i]: cell.to_json() for i, cell in enumerate(row) if isinstance(cell, Figure)}
            figures[name] = told
        number = self._add(key, {"caption": caption, "table": figures}, source, seed, basis, config)
        shown = tuple(tuple(_cell(cell, counted="n" not in header) for cell in row) for row in cells)
        return Table(caption, tuple(header), shown, numeric, number, note)

    def mark(self) -> int:
        """A place to go back to."""
        return len(self.entries)

    def back_to(self, mark: int) -> None:
        """Forget what was said since: a section that failed half-way leaves no evidence for sentences nobody reads."""
        for entry in self.entries[mark:]:
            self._keys.discard(entry["key"])
        del self.entries[mark:]

    def _add(
        self,
        key: str,
        told: dict[str, Any],
        source: str,
        seed: int | None,
        basis: str,
        config: Mapping[str, Any] | None,
    ) -> int:
        full = f"{self.section}.{key}" if self.section else key
        if full in self._keys:
            raise ValueError(f"two pieces of evidence are called {full!r}")
        self._keys.add(full)
        number = len(self.entries) + 1
        entry = {"id": f"E{number}", "key": full, **told, "source": source, "basis": basis}
        entry["seed"] = self.seed if seed is None else seed
        entry["config"] = {name: plain(value) for name, value in sorted((config or {}).items())}
        self.entries.append(entry)
        return number


def plain(value: Any) -> Any:
    """A value that JSON can hold: arrays as lists, NaN as null, infinity as text, mappings in the order of their
    names."""
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, np.ndarray):
        value = value.tolist()
    if isinstance(value, float) and not math.isfinite(value):
        return None if math.isnan(value) else ("inf" if value > 0 else "-inf")
    if isinstance(value, Mapping):
        return {str(name): plain(item) for name, item in sorted(value.items(), key=lambda pair: str(pair[0]))}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    return value if value is None or isinstance(value, (bool, int, float, str)) else str(value)


def shown_cell(value: Any) -> str:
    """A cell of the user's table as a reader wants it."""
    if value is None or value != value:
        return "missing"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (int, float)):
        return f"{value:,}" if isinstance(value, int) else f"{value:,.6g}"
    return str(value)


def key_cell(figure: Figure) -> Markup:
    """A figure with its interval and n."""
    return _html(figure)


def _figure(value: Any) -> Figure:
    if isinstance(value, Figure):
        return value
    return Figure(math.nan if value is None else float(value))


def _html(value: Any) -> Markup:
    if isinstance(value, Figure):
        bracket = Markup(' <span class="n">{}</span>').format(value.bracket) if value.bracket else Markup("")
        return Markup('<span class="fig">{}</span>{}').format(value.number, bracket)
    return Markup('<span class="name">{}</span>').format(value)


def _cell(value: Any, *, counted: bool) -> Markup:
    """counted: an estimate carries its own n, where no column of the table has it."""
    if value is None:
        return Markup("")
    if not isinstance(value, Figure):
        return _breakable(str(value))
    rows = f"n\N{NO-BREAK SPACE}=\N{NO-BREAK SPACE}{value.n:,}" if counted and value.n is not None else ""
    between = "" if value.interval is None else " to ".join(value._shown(bound) for bound in value.interval)
    beside = ", ".join(part for part in (between, rows) if part)
    return Markup('{} <span class="n">{}</span>').format(value.number, beside) if beside else escape(value.number)


def _row_name(words: list[str], taken: Mapping[str, Any]) -> str:
    name = " | ".join(words)
    if name not in taken:
        return name
    return next(f"{name} ({i})" for i in range(2, len(taken) + 3) if f"{name} ({i})" not in taken)


def _breakable(text: str) -> Markup:
    """Text that may be broken after an underscore, and anywhere where it has gone on for long."""
    marked = re.sub(r"_(?=\S)|\S{24}(?=\S)", lambda found: found.group() + "\0", text.replace("\0", ""))
    return Markup("<wbr>").join(escape(part) for part in marked.split("\0"))
