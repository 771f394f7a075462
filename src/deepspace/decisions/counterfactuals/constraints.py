"""What a counterfactual may change, as the user wrote it down, and as it binds one table.

A file is YAML or JSON. All keys are optional:

    immutable: [age, sex]                          # never changes
    increase: [education_years]                    # only up (numbers, dates, ordered categories)
    decrease: [debt]                               # only down
    ranges: {income: [20, 90], start: [2020-01-01, null]}   # where a changed cell may lie; null for no bound
    allowed: {job: [clerk, nurse]}                 # what a changed cell may be
    linked:
      - {columns: [age, years], rule: same_step}   # change by the same amount, or not at all
      - {columns: [income, tax], rule: same_direction}
    missing: [phone]                               # cells that may be emptied
    relations:                                     # + - * / and numbers, <=, >= or =; ``relations`` (the module)
      - years <= age - 14
      - down: "'credit amount' / duration"         # not above what it is for the case; up: not below

A cell that stays as it is may lie outside its range; nothing else may. A relation binds as soon as one of its columns
changes, and then must hold, even where it does not for the case itself. Where a cell in it is missing, or a divisor is
0, it cannot be worked out: none of its columns changes, unless that fills the cell. Dates count in days.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Any, NamedTuple

from deepspace.decisions.counterfactuals.relations import Relation
from deepspace.errors import DataError

__all__ = ["RULES", "Constraints", "Link"]

KEYS = ("immutable", "increase", "decrease", "ranges", "allowed", "linked", "missing", "relations")
RULES = ("same_direction", "same_step")


class Link(NamedTuple):
    """Columns that change together. rule: "same_step", by the same amount in the user's units, or "same_direction"."""

    columns: tuple[str, ...]
    rule: str


@dataclass(frozen=True)
class Constraints:
    """Columns by name, values in the user's units. Made by ``of``, ``from_file`` or by hand; see the module."""

    immutable: tuple[str, ...] = ()
    increase: tuple[str, ...] = ()
    decrease: tuple[str, ...] = ()
    ranges: Mapping[str, tuple[Any, Any]] = field(default_factory=dict)
    allowed: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)
    linked: tuple[Link, ...] = ()
    missing: tuple[str, ...] = ()
    relations: tuple[Relation, ...] = ()
    source: str = "the constraints"

    @classmethod
    def of(cls, given: Constraints | Mapping[str, Any] | str | os.PathLike[str] | None) -> Constraints:
        """From whatever a user may hand over. Raises DataError."""
        if given is None:
            return cls()
        if isinstance(given, Constraints):
            return given
        if isinstance(given, Mapping):
            return _read(given, "the constraints")
        if isinstance(given, (str, os.PathLike)):
            return cls.from_file(given)
        raise DataError(f"constraints are a file, a mapping or Constraints, got {type(given).__name__}.")

    @classmethod
    def from_file(cls, path: str | os.PathLike[str]) -> Constraints:
        """From a YAML or JSON file. Raises DataError where it cannot be read, naming what is wrong."""
        import yaml

        where = Path(path)
        try:
            text = where.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise DataError(f"cannot read the constraints in {where}: {_first(error)}.") from None
        try:
            content = json.loads(text) if where.suffix.lower() == ".json" else yaml.safe_load(text)
        except (ValueError, yaml.YAMLError) as error:
            kind = "JSON" if where.suffix.lower() == ".json" else "YAML"
            raise DataError(f"the constraints in {where} are not {kind}: {_first(error)}.") from None
        if content is None:
            return cls(source=str(where))
        if not isinstance(content, Mapping):
            raise DataError(f"the constraints in {where} must be a mapping with keys {', '.join(KEYS)}.")
        return _read(content, str(where))

    @property
    def names(self) -> tuple[str, ...]:
        """Every column that is spoken of."""
        linked = [name for link in self.linked for name in link.columns]
        related = [name for relation in self.relations for name in relation.names]
        every = [*self.immutable, *self.increase, *self.decrease, *self.ranges, *self.allowed, *linked, *self.missing]
        return tuple(dict.fromkeys([*every, *related]))

    def check(self, columns: Sequence[str]) -> None:
        """Whether the columns exist and the rules go together; what depends on a column's type, ``Bounds`` checks.

        Raises DataError.
        """
        for name in self.names:
            if name not in columns:
                close = get_close_matches(name, columns, 1)
                hint = f"did you mean '{close[0]}'?" if close else f"the columns are {', '.join(columns[:12])}."
                raise DataError(f"{self.source} name the column '{name}', which the space did not learn; {hint}")
        both = [name for name in self.increase if name in self.decrease]
        if both:
            raise DataError(
                f"{self.source} let '{both[0]}' only increase and only decrease; make it immutable, or drop one."
            )
        for key in ("increase", "decrease", "ranges", "allowed", "missing"):
            held = [name for name in getattr(self, key) if name in self.immutable]
            if held:
                raise DataError(f"{self.source} list '{held[0]}' as immutable and under {key}; drop one of them.")
        seen: set[str] = set()
        for link in self.linked:
            self._check_link(link, seen)

    def _check_link(self, link: Link, seen: set[str]) -> None:
        together = " and ".join(f"'{name}'" for name in link.columns)
        twice = [name for name in link.columns if name in seen]
        if twice:
            raise DataError(f"{self.source} link '{twice[0]}' twice; put what hangs together into one list of columns.")
        seen.update(link.columns)
        fixed = [name in self.immutable for name in link.columns]
        if any(fixed) and not all(fixed):
            name = link.columns[fixed.index(True)]
            raise DataError(f"{self.source} link {together}, but '{name}' is immutable; make all of them immutable.")
        ways = {1 if n in self.increase else -1 for n in link.columns if n in self.increase or n in self.decrease}
        if len(ways) > 1:
            raise DataError(f"{self.source} link {together}, but let one only increase and another only decrease.")

    def __str__(self) -> str:
        lines = [f"{key}: {', '.join(getattr(self, key))}" for key in ("immutable", "increase", "decrease", "missing")
                 if getattr(self, key)]  # fmt: skip
        lines += [f"range of {name}: {_edge(low)} to {_edge(high)}" for name, (low, high) in self.ranges.items()]
        lines += [f"allowed for {name}: {', '.join(map(str, values))}" for name, values in self.allowed.items()]
        lines += [f"linked by {link.rule}: {', '.join(link.columns)}" for link in self.linked]
        lines += [f"relation: {relation}" for relation in self.relations]
        return "\n".join(lines) or "no constraints"


def _edge(value: Any) -> str:
    return "any" if value is None else str(value)


def _first(error: BaseException) -> str:
    return " ".join(str(error).split())[:200].rstrip(".")


def _read(content: Mapping[str, Any], source: str) -> Constraints:
    unknown = [str(key) for key in content if key not in KEYS]
    if unknown:
        close = get_close_matches(unknown[0], KEYS, 1)
        hint = f"did you mean '{close[0]}'?" if close else f"the keys are {', '.join(KEYS)}."
        raise DataError(f"{source} have the key '{unknown[0]}', which says nothing; {hint}")
    given = {key: value for key, value in content.items() if value is not None}
    return Constraints(
        **{key: _names(given.get(key, ()), key, source) for key in ("immutable", "increase", "decrease", "missing")},
        ranges={str(name): _range(value, str(name), source) for name, value in _mapping(given, "ranges", source)},
        allowed={str(name): _values(value, str(name), source) for name, value in _mapping(given, "allowed", source)},
        linked=tuple(_link(value, source) for value in _list(given.get("linked", ()), "linked", source)),
        relations=tuple(Relation.of(value, source) for value in _list(given.get("relations", ()), "relations", source)),
        source=source,
    )


def _list(value: Any, key: str, source: str) -> list[Any]:
    if isinstance(value, (str, Mapping)) or not isinstance(value, Sequence):
        raise DataError(f"{source} need a list under {key}, got {value!r}.")
    return list(value)


def _names(value: Any, key: str, source: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(str(name) for name in _list(value, key, source)))


def _mapping(given: Mapping[str, Any], key: str, source: str) -> list[tuple[Any, Any]]:
    value = given.get(key, {})
    if not isinstance(value, Mapping):
        raise DataError(f"{source} need columns and their values under {key}, got {value!r}.")
    return list(value.items())


def _range(value: Any, name: str, source: str) -> tuple[Any, Any]:
    if isinstance(value, (str, Mapping)) or not isinstance(value, Sequence) or len(value) != 2:
        raise DataError(f"{source} need a range [lowest, highest] for '{name}', got {value!r}.")
    return value[0], value[1]


def _values(value: Any, name: str, source: str) -> tuple[Any, ...]:
    values = tuple(_list(value, f"allowed for '{name}'", source))
    if not values:
        raise DataError(f"{source} allow no value for '{name}'; list it as immutable if it must not change.")
    return values


def _link(value: Any, source: str) -> Link:
    if not isinstance(value, Mapping) or set(value) != {"columns", "rule"}:
        raise DataError(f"{source} need columns and rule in each entry under linked, got {value!r}.")
    columns = _names(value["columns"], "linked", source)
    if len(columns) < 2:
        raise DataError(f"{source} link {value['columns']!r}; a link needs two or more different columns.")
    if value["rule"] not in RULES:
        raise DataError(f"{source} link {', '.join(columns)} by {value['rule']!r}; the rules are {', '.join(RULES)}.")
    return Link(columns, str(value["rule"]))
