"""Relations between columns, as a user writes them: arithmetic of columns and numbers, compared or kept from moving.

    years <= age - 14                      # also >= and =
    total = rent + food
    'credit amount' / duration >= 50       # names that are more than letters, digits and _ stand in quotes
    {down: amount / duration}              # not above the case's own; up: not below it

Read on Python's syntax tree, of which + - * /, numbers and names alone are let through; nothing is evaluated as code.
"""

from __future__ import annotations

import ast
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from deepspace.errors import DataError

__all__ = ["Expression", "Relation", "Worked"]

Floats = npt.NDArray[np.float64]

LONGEST = 500
"""Characters of a relation: deeper trees than these can make are nobody's rule."""
WAYS = ("up", "down")
_OPERATORS: dict[type[ast.AST], str] = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/"}
_SIDES: dict[type[ast.AST], str] = {ast.LtE: "<=", ast.GtE: ">=", ast.Eq: "="}


class Worked(NamedTuple):
    """``value``: (M,), NaN where a cell is missing or a divisor is 0; ``scale``: (M,), how large the numbers were that
    it comes from, to which rounding is relative."""

    value: Floats
    scale: Floats


@dataclass(frozen=True)
class Expression:
    """A column, a number, or an operation on two expressions. ``sign``: one of + - * /, "column" or "number"."""

    sign: str
    name: str = ""
    number: float = 0.0
    parts: tuple[Expression, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """The columns in it, each as often as it stands there."""
        return (self.name,) if self.sign == "column" else tuple(n for part in self.parts for n in part.names)

    def work(self, cells: Mapping[str, Floats], count: int) -> Worked:
        """cells: (count,) numbers of every column in it."""
        if self.sign == "column":
            return Worked(cells[self.name], np.abs(cells[self.name]))
        if self.sign == "number":
            return Worked(np.full(count, self.number), np.full(count, abs(self.number)))
        (a, size_a), (b, size_b) = (part.work(cells, count) for part in self.parts)
        with np.errstate(all="ignore"):
            if self.sign in "+-":
                return Worked(a + b if self.sign == "+" else a - b, np.maximum(size_a, size_b))
            if self.sign == "*":
                return Worked(a * b, size_a * size_b)
            value = np.where(b == 0, np.nan, a / b)
            return Worked(value, np.abs(size_a / b) * (size_b / np.abs(b)))

    def solve(self, name: str, wanted: Floats, cells: Mapping[str, Floats]) -> Floats:
        """(M,): what the column, which stands in it once, must be for the whole to be ``wanted`` (M,)."""
        if self.sign == "column":
            return wanted
        first, second = self.parts
        inside, other = (first, second) if name in first.names else (second, first)
        beside = other.work(cells, len(wanted)).value
        with np.errstate(all="ignore"):
            if self.sign == "+":
                needed = wanted - beside
            elif self.sign == "*":
                needed = wanted / beside
            elif inside is first:
                needed = wanted + beside if self.sign == "-" else wanted * beside
            else:
                needed = beside - wanted if self.sign == "-" else beside / wanted
        return inside.solve(name, needed, cells)


@dataclass(frozen=True)
class Relation:
    """``sign``: <=, >= or =, between two expressions; or "up" or "down", of one, against the case's own."""

    text: str
    sign: str
    left: Expression
    right: Expression | None = None

    @classmethod
    def of(cls, given: Any, source: str = "the constraints") -> Relation:
        """From what a user wrote: text, or a mapping of one key, up or down. Raises DataError."""
        if isinstance(given, Relation):
            return given
        if isinstance(given, Mapping) and len(given) == 1 and next(iter(given)) in WAYS:
            way, told = next(iter(given.items()))
            text = f"{way}: {told}"
            tree = _tree(str(told), text, source)
            if isinstance(tree, ast.Compare):
                raise DataError(f"{source} relate columns by '{text}', which compares; write a quantity after {way}.")
            return cls(text, way, _checked(_expression(tree, text, source), text, source))
        if not isinstance(given, str):
            raise DataError(
                f"{source} have the relation {given!r}; write it as text, 'a <= b + 1', or as {{up: a / b}} or "
                "{down: a / b}."
            )
        tree = _tree(given, given, source)
        if not isinstance(tree, ast.Compare):
            raise DataError(
                f"{source} relate columns by '{given}', which compares nothing; write <=, >= or = in it, or "
                f"{{down: {given}}}."
            )
        sign = _SIDES.get(type(tree.ops[0]))
        if len(tree.ops) > 1 or sign is None:
            raise DataError(f"{source} relate columns by '{given}'; compare once, by <=, >= or =.")
        left, right = (_expression(side, given, source) for side in (tree.left, tree.comparators[0]))
        _checked(left if left.names else right, given, source)
        return cls(given, sign, left, right)

    @property
    def names(self) -> tuple[str, ...]:
        """The columns in it, each once."""
        return tuple(dict.fromkeys([*self.left.names, *(self.right.names if self.right else ())]))

    def holds(self, cells: Mapping[str, Floats], own: Mapping[str, Floats], exact: float) -> npt.NDArray[np.bool_]:
        """(M,): whether rows keep it, to the relative rounding ``exact``; False where it cannot be worked out. cells,
        own: (M,) numbers of each of its columns, in the rows and in the cases that they are for."""
        count = len(next(iter(cells.values())))
        left = self.left.work(cells, count)
        right = self.left.work(own, count) if self.right is None else self.right.work(cells, count)
        with np.errstate(all="ignore"):
            gap = left.value - right.value
            slack = exact * np.maximum(left.scale, right.scale)
            if self.sign == "=":
                return np.asarray(np.abs(gap) <= slack)
            return np.asarray(gap <= slack if self.sign in ("<=", "down") else gap >= -slack)

    def edge(self, name: str, cells: Mapping[str, Floats], own: Mapping[str, Floats]) -> Floats | None:
        """(M,): the value of the column at which both sides are equal; None where it stands in it more than once."""
        count = len(next(iter(cells.values())))
        sides = (self.left,) if self.right is None else (self.left, self.right)
        if sum(side.names.count(name) for side in sides) != 1:
            return None
        if self.right is None:
            return self.left.solve(name, self.left.work(own, count).value, cells)
        if name in self.left.names:
            return self.left.solve(name, self.right.work(cells, count).value, cells)
        return self.right.solve(name, self.left.work(cells, count).value, cells)

    def forbids(self) -> str:
        """What it says, as part of a sentence."""
        if self.right is not None:
            return f"{self.text} must hold"
        return f"{self.text.partition(': ')[2]} must not {'rise' if self.sign == 'down' else 'fall'}"

    def __str__(self) -> str:
        return self.text


def _tree(told: str, text: str, source: str) -> ast.expr:
    if len(told) > LONGEST:
        raise DataError(f"{source} have a relation of {len(told)} characters; {LONGEST} are the most.")
    pieces = re.split(r"('[^']*'|\"[^\"]*\")", told.strip())
    # Python compares by ==, people by =.
    pieces[::2] = [re.sub(r"(?<![<>=!])=(?!=)", "==", piece) for piece in pieces[::2]]
    try:
        return ast.parse("".join(pieces), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise DataError(
            f"{source} relate columns by '{text}', which cannot be read; write + - * /, numbers and column names, "
            "in quotes where a name is more than letters, digits and _."
        ) from None


def _expression(node: ast.expr, text: str, source: str) -> Expression:
    if isinstance(node, ast.Name):
        return Expression("column", name=node.id)
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return Expression("column", name=node.value)
    if isinstance(node, ast.Constant) and isinstance(node.value, (int, float)) and not isinstance(node.value, bool):
        number = _number(node.value)
        if math.isfinite(number):
            return Expression("number", number=number)
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, (ast.USub, ast.UAdd)):
        sign = "-" if isinstance(node.op, ast.USub) else "+"
        return Expression(sign, parts=(Expression("number"), _expression(node.operand, text, source)))
    if isinstance(node, ast.BinOp) and type(node.op) in _OPERATORS:
        parts = (_expression(node.left, text, source), _expression(node.right, text, source))
        return Expression(_OPERATORS[type(node.op)], parts=parts)
    raise DataError(
        f"{source} relate columns by '{text}', in which '{_shown(node)}' is neither a column, nor a number, nor "
        "+ - * / of those."
    )


def _number(value: float) -> float:
    try:
        return float(value)
    except OverflowError:
        return math.inf


def _shown(node: ast.expr) -> str:
    return " ".join(ast.unparse(node).split())[:60]


def _checked(found: Expression, text: str, source: str) -> Expression:
    if not found.names:
        raise DataError(f"{source} relate columns by '{text}', which names no column.")
    return found
