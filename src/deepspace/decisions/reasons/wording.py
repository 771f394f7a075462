"""How a reason is put into words: by rule, or as the user's own file says."""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from difflib import get_close_matches
from pathlib import Path
from string import Formatter
from typing import TYPE_CHECKING, Any

from deepspace.errors import DataError
from deepspace.results import figure

if TYPE_CHECKING:
    from deepspace.data.schema import Column

__all__ = ["Wording", "shown"]

SIDES = ("high", "low", "category", "missing", "text")
KEYS = (*SIDES, "code")
JOINED = ("high", "low", "text")
"""Of columns that are one reason: a side that all of them lie on, or any."""
JOIN = ", "
_SIDE = {"late": "high", "early": "low"}
PLACES = ("column", "value", "typical", "low", "high", "share")


@dataclass(frozen=True)
class Wording:
    """texts: column -> what to say where its value is ``high`` or ``low`` beside accepted cases, where it is another
    ``category``, where it is ``missing``, or ``text`` in any case, and a ``code``, as adverse action codes.

    A text may hold {column}, {value}, {typical}, {low}, {high} and {share}. Columns and sides without a text of their
    own are put into words by rule.

    Columns that have one key, their names with ", " between them in any order, as "income, salary", are taken together
    as one reason: with ``high`` or ``low`` where all that differ lie on that side, ``text`` in any case, and a
    ``code``. Each place then holds every column that differs, by name, as "income 20.5, salary 31". Without such a
    text each column has its own clause.
    """

    texts: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    source: str = "the wording"

    def __post_init__(self) -> None:
        for name, given in self.texts.items():
            self._checked(name, given)

    @classmethod
    def of(cls, given: Wording | Mapping[str, Any] | str | os.PathLike[str] | None) -> Wording:
        """From whatever a user may hand over: a file, {column: text or texts}, or nothing. Raises DataError."""
        if given is None:
            return cls()
        if isinstance(given, Wording):
            return given
        if isinstance(given, Mapping):
            return cls(_texts(given))
        if isinstance(given, (str, os.PathLike)):
            return cls.from_file(given)
        raise DataError(f"wording is a file, a mapping or Wording, got {type(given).__name__}.")

    @classmethod
    def from_file(cls, path: str | os.PathLike[str]) -> Wording:
        """From YAML or JSON: {column: text} or {column: {high: text, low: text, category: text, missing: text,
        code: code}}. Raises DataError, in one sentence, for whatever is wrong with it."""
        import yaml

        place = Path(path)
        try:
            text = place.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
            raise DataError(f"cannot read the wording file {place}: {reason}.") from error
        try:
            found = json.loads(text) if place.suffix == ".json" else yaml.safe_load(text)
        except (yaml.YAMLError, json.JSONDecodeError) as error:
            mark = getattr(error, "problem_mark", None)
            line = mark.line + 1 if mark is not None else getattr(error, "lineno", 1)
            raise DataError(
                f"the wording file {place} is neither YAML nor JSON: line {line} cannot be read."
            ) from error
        if not isinstance(found, dict) or not found:
            raise DataError(f"the wording file {place} holds no columns; write {{column: text}}, one column a line.")
        return cls(_texts(found), f"the wording file {place}")

    def fits(self, columns: Mapping[str, Column], joined: Sequence[Sequence[str]] = ()) -> None:
        """Raises DataError for a column that there is not, a side that a column cannot have, and for columns that are
        not taken together. joined: those that are."""
        for name, given in self.texts.items():
            if name not in columns:
                self._fits_joined(name, given, columns, joined)
                continue
            wrong = ("high", "low") if columns[name].categories else ("category",)
            found = next((side for side in wrong if side in given), None)
            if found is not None:
                what = "categories" if columns[name].categories else "numbers"
                instead = "category" if columns[name].categories else "high and low"
                raise DataError(f"{self.source} has '{found}' for '{name}', which holds {what}; write {instead}.")

    def joining(self, columns: Collection[str]) -> list[list[str]]:
        """The columns of each key that names several, where it names what there is."""
        return [name.split(JOIN) for name in self.texts if name not in columns and _all_known(name, columns)]

    def _fits_joined(
        self, name: str, given: Mapping[str, Any], columns: Mapping[str, Column], joined: Sequence[Sequence[str]]
    ) -> None:
        group = next((group for group in joined if _parts(name) == _parts(JOIN.join(group))), None)
        if group is None:
            if _all_known(name, columns):
                have = "; ".join(f"'{JOIN.join(group)}'" for group in joined)
                raise DataError(
                    f"{self.source} has a text for '{name}', but those taken together are {have}; write them all."
                )
            close = get_close_matches(name, [*columns, *map(JOIN.join, joined)], 1)
            hint = f"did you mean '{close[0]}'?" if close else f"the columns are {', '.join(list(columns)[:10])}."
            raise DataError(f"{self.source} has a text for the column '{name}', which there is not; {hint}")
        worded = any(columns[column].categories for column in group)
        allowed = ("text",) if worded else JOINED
        wrong = next((side for side in given if side not in (*allowed, "code")), None)
        if wrong is not None:
            why = "some of which hold categories" if worded and wrong in JOINED else "which are taken together"
            raise DataError(f"{self.source} has '{wrong}' for '{name}', {why}; write {', '.join(allowed)} or code.")

    def code(self, column: str, columns: Sequence[str] = ()) -> str:
        """Of a column, or, where they have one, of the ``columns`` that it is taken together with."""
        return str(self._of(columns).get("code") or self.texts.get(column, {}).get("code", ""))

    def joined(self, columns: Sequence[str], sides: Sequence[str], places: Sequence[Mapping[str, str]]) -> str | None:
        """What columns taken together are to be called, None where there is no text for them. sides, places: of those
        that differ, as ``text`` has them."""
        own = self._of(columns)
        same = {_SIDE.get(side, side) for side in sides}
        template = own.get(same.pop(), own.get("text")) if len(same) == 1 else own.get("text")
        if template is None:
            return None
        told = {place: JOIN.join(f"{one['column']} {one[place]}" for one in places if one[place]) for place in PLACES}
        return template.format(**told | {"column": JOIN.join(one["column"] for one in places)})

    def _of(self, columns: Sequence[str]) -> Mapping[str, str]:
        wanted = _parts(JOIN.join(columns))
        return next((own for name, own in self.texts.items() if _parts(name) == wanted), {}) if len(columns) > 1 else {}

    def text(self, side: str, places: Mapping[str, str]) -> str:
        """side: high, low (of a date: late, early), category or missing. places: what stands for each place."""
        own = self.texts.get(places["column"], {})
        template = own.get(_SIDE.get(side, side), own.get("text"))
        return _by_rule(side, places) if template is None else template.format(**places)

    def _checked(self, name: str, given: Any) -> None:
        if not isinstance(given, Mapping):
            raise DataError(f"{self.source} must give '{name}' a text or {', '.join(KEYS)}, got {given!r:.60}.")
        for key, text in given.items():
            if key not in KEYS:
                raise DataError(f"{self.source} has '{key}' for '{name}'; it may have {', '.join(KEYS)}.")
            if key == "code" and isinstance(text, int) and not isinstance(text, bool):
                continue
            if not isinstance(text, str) or not text.strip():
                raise DataError(f"{self.source} must give '{name}' a text for '{key}', got {text!r:.60}.")
            if key == "code":
                continue
            try:
                used = [part[1] for part in Formatter().parse(text) if part[1] is not None]
            except ValueError:
                raise DataError(
                    f"{self.source} has a text with a brace that is not closed for '{name}': {text!r:.60}; "
                    "write {{ for a brace."
                ) from None
            unknown = next((place for place in used if place not in PLACES), None)
            if unknown is not None:
                raise DataError(
                    f"{self.source} has the place '{{{unknown}}}' in the text for '{name}'; there are "
                    f"{', '.join('{' + place + '}' for place in PLACES)}."
                )


def shown(value: Any) -> str:
    """A cell as a reader wants it.

    >>> shown(None), shown(31.25), shown(True), shown("north"), shown(date(2020, 1, 2))
    ('missing', '31.25', 'yes', 'north', '2020-01-02')
    """
    if value is None or value != value:
        return "missing"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (int, float)):
        text = figure(float(value), 4)
        return text.rstrip("0").rstrip(".") if "." in text and "e" not in text else text
    if isinstance(value, datetime):
        return value.isoformat(" ", "minutes").removesuffix(" 00:00")
    return value.isoformat() if isinstance(value, date) else str(value)


def _texts(given: Mapping[Any, Any]) -> dict[str, Any]:
    """A text alone stands for every side."""
    return {str(name): {"text": own} if isinstance(own, str) else own for name, own in given.items()}


def _parts(name: str) -> list[str]:
    """Alike for the same columns in any order, also where a name holds a comma of its own."""
    return sorted(name.split(JOIN))


def _all_known(name: str, columns: Collection[str]) -> bool:
    return len(name.split(JOIN)) > 1 and all(part in columns for part in name.split(JOIN))


def _by_rule(side: str, places: Mapping[str, str]) -> str:
    name = places["column"]
    if side == "missing":
        kind = (
            f"most often {places['typical']} ({places['share']})"
            if places["share"]
            else f"typically {places['typical']}"
        )
        return f"{name} is missing; where decided otherwise {kind}"
    if side == "category":
        often = f" ({places['share']})" if places["share"] else ""
        return f"{name} is {places['value']}; where decided otherwise most often {places['typical']}{often}"
    word = {"high": "higher", "low": "lower", "late": "later", "early": "earlier"}[side]
    usual = f" ({places['low']} to {places['high']})" if places["low"] else ""
    typical = f"there typically {places['typical']}{usual}"
    return f"{name} is {word} than where decided otherwise: {places['value']}, {typical}"
