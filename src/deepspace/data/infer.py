"""What a column is, judged from its name and its values: kind, role, and the reason when it is left out."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from deepspace.data.scan import DISTINCT_LIMIT, ColumnStatistics, TableStatistics, is_moment, is_number, value_type
from deepspace.data.schema import Kind, Role

__all__ = ["Guess", "find_duplicates", "guess", "guess_target", "hint_at_groups"]

# Whole numbers with at most this many different, evenly spaced values are levels rather than amounts.
LEVELS = 20
_ID_NAME = re.compile(
    r"(?i:(^|[\W_])(id|ids|nbr|no|nr|number|uuid|guid|key|index|idx|rowid|ssn|mrn)$)|[a-z](Id|ID|Nbr|No|Key)$"
    r"|(?i:^unnamed(: ?\d+)?$)|(?i:^__index_level_\d+__$)"
)
_CODE_WORDS = frozenset(
    ["id", "code", "zip", "zipcode", "postcode", "type", "category", "cat", "class", "group", "status"]
)
_NOMINAL_WORDS = _CODE_WORDS | frozenset([
    "sex", "gender", "race", "ethnicity", "marriage", "marital", "region", "country", "state", "city", "site",
    "source", "disposition", "kind", "colour", "color", "brand", "department", "cluster", "segment", "occupation",
    "cp", "restecg", "thal",
])  # fmt: skip
_TRUTH = ({"false", "true"}, {"no", "yes"}, {"n", "y"}, {"f", "t"}, {"off", "on"}, {"0", "1"})
_TRUE = frozenset({"true", "yes", "y", "t", "on", "1"})
_ORDERED_WORDS = (
    ("very low", "low", "medium", "high", "very high"),
    ("low", "moderate", "high"),
    ("small", "medium", "large"),
    ("never", "rarely", "sometimes", "often", "always"),
    ("poor", "fair", "good", "very good", "excellent"),
    ("mild", "moderate", "severe"),
)
_TARGET_NAMES = [
    "target", "label", "labels", "class", "y", "outcome", "response", "diagnosis", "readmitted", "default",
    "default_payment_next_month", "churn", "churned", "exited", "survived", "species", "fraud", "is_fraud",
    "attrition", "converted", "credit_risk", "two_year_recid", "income",
]  # fmt: skip


@dataclass(frozen=True)
class Guess:
    """The verdict on one column. ``categories`` are in code order for boolean, ordinal and categorical kinds."""

    kind: Kind
    role: Role = "feature"
    reason: str = ""
    categories: tuple[str, ...] = ()


def guess(column: ColumnStatistics, *, leave_out: bool = True) -> Guess:
    """Judge one column. With ``leave_out`` False (metadata beside images, signals, vectors) only the kind matters."""
    kind = value_type(column.type)
    if column.present == 0:
        return Guess("text", "constant", "has no value in any row")
    if column.distinct == 1 and column.values is not None:
        rest = " where it is not missing" if column.missing else ""
        only = f"always {_text(column.values)[0]}{rest}"
        return Guess(_plain_kind(kind), "constant", only, tuple(_text(column.values)))
    if pa.types.is_boolean(kind):
        return Guess("boolean", categories=("false", "true"))
    if is_moment(kind):
        return Guess("date")
    if is_number(kind):
        return _guess_number(column, leave_out)
    if pa.types.is_string(kind):
        return _guess_text(column, leave_out)
    return Guess("text", "excluded", f"values of type {kind} cannot be learned")


def _guess_number(column: ColumnStatistics, leave_out: bool) -> Guess:
    if leave_out and column.whole:
        reason = _identifier_number(column)
        if reason:
            return Guess("integer", "identifier", reason)
    amount = Guess("integer" if column.whole else "numeric")
    if column.values is None:
        return amount
    values = column.values.cast(pa.float64()).to_numpy()
    words = _words(column.name)
    if column.whole:
        names = tuple(_text(column.values))
        if set(values.tolist()) == {0.0, 1.0}:
            return Guess("boolean", categories=names)
        if words & _CODE_WORDS and column.distinct <= max(LEVELS, 0.05 * column.present):
            return Guess("categorical", categories=names)
        if column.distinct > LEVELS or (column.present < 5 * column.distinct and column.distinct > 2):
            return amount
        if words & _NOMINAL_WORDS or column.distinct == 2:
            return Guess("categorical", categories=names)
        steps = np.diff(values)
        nearly = values[-1] - values[0] < LEVELS and len(values) >= 0.75 * (values[-1] - values[0] + 1)
        if np.all(steps == steps[0]) or (nearly and len(values) > 4):
            return Guess("ordinal", categories=names)
        if column.distinct <= 8 and values[0] > 1:
            return Guess("categorical", categories=names)  # codes such as 3, 6, 7: neither a count nor a scale
        return amount
    if column.distinct <= LEVELS // 2 and column.present >= 10 * column.distinct:
        return Guess("ordinal", categories=tuple(_text(column.values)))
    return amount


def _identifier_number(column: ColumnStatistics) -> str:
    """Why a column of whole numbers only names rows, or ''."""
    share = column.distinct / column.present
    if _ID_NAME.search(column.name) and column.distinct > 20 and share > 0.3:
        return f"its name and its {column.distinct:,} different values say that it identifies rows"
    unique = column.distinct == column.present and column.present >= 50
    span = (column.maximum or 0.0) - (column.minimum or 0.0) + 1
    if unique and span <= 2 * column.present:
        return "numbers the rows: every value occurs once"
    return ""


_WHOSE = re.compile(
    r"(?i:^(patient|subject|participant|person|customer|client|user|donor|speaker|individual|household)s?"
    r"([\W_]?(id|ids|nbr|no|nr|num|number|code|key))?$)"
)


def hint_at_groups(column: ColumnStatistics) -> str:
    """A sentence for a column that says whose a row is, where rows share its values; else ''. It goes by the name
    (patient_nbr, subject, customerId), or by an identifier's with few rows a value: more would be false alarms."""
    share = column.distinct / max(column.present, 1)
    whose = _WHOSE.match(column.name) and column.distinct >= 5
    names = _ID_NAME.search(column.name) and column.distinct > 20 and share > 0.3 and column.present >= 100
    plain = column.whole or pa.types.is_string(value_type(column.type))
    if not (plain and (whose or names)) or share > 0.95:
        return ""
    return (
        f"{column.present:,} rows share {column.distinct:,} values of '{column.name}': if those of one are alike, "
        f"groups='{column.name}' holds them out together."
    )


def _guess_text(column: ColumnStatistics, leave_out: bool) -> Guess:
    length = float(pc.mean(pc.utf8_length(column.sample.cast(pa.string()))).as_py() or 0.0)
    if leave_out:
        left_out = _unlearnable_text(column, length)
        if left_out:
            return left_out
    if column.values is None:
        return Guess("text")
    names = _text(column.values)
    lowered = {name.strip().lower() for name in names}
    if any(lowered == pair for pair in _TRUTH) and len(names) == 2:
        return Guess("boolean", categories=tuple(sorted(names, key=lambda name: name.strip().lower() in _TRUE)))
    if pa.types.is_dictionary(column.type) and column.type.ordered:
        return Guess("ordinal", categories=tuple(n for n in _text(column.sample.dictionary) if n in set(names)))
    ordered = _order(names)
    if ordered:
        return Guess("ordinal", categories=ordered)
    if not leave_out and column.distinct > 0.5 * column.present and column.distinct > 20:
        return Guess("text")
    return Guess("categorical", categories=tuple(names))


def _unlearnable_text(column: ColumnStatistics, length: float) -> Guess | None:
    share = column.distinct / column.present
    spaces = float(pc.mean(pc.count_substring(column.sample.cast(pa.string()), " ")).as_py() or 0.0)
    if column.present >= 5 and share > 0.95 and column.distinct > 4:
        if spaces < 1.5 and length <= 64:
            return Guess("text", "identifier", "identifies rows: nearly every value occurs once")
        return Guess("text", "excluded", "free text: nearly every value occurs once")
    if length > 80 and column.distinct > 20:
        return Guess("text", "excluded", f"free text: {length:.0f} characters a row on average")
    if column.present >= 50 and share > 0.5 and column.distinct > 50:
        return Guess(
            "text", "excluded", f"{column.distinct:,} different values in {column.present:,} rows repeat too rarely"
        )
    if _ID_NAME.search(column.name) and share > 0.3 and column.distinct > 20:
        return Guess(
            "text", "identifier", f"its name and its {column.distinct:,} different values say that it identifies rows"
        )
    if column.values is None:
        return Guess("text", "excluded", f"more than {DISTINCT_LIMIT:,} different values are too many for categories")
    return None


def _order(names: list[str]) -> tuple[str, ...]:
    """The categories in order if they are plainly ordered: ranges such as [0-10), or words such as low and high."""
    bounds = [re.fullmatch(r"[\[(<>]?=? ?(\d+(?:\.\d+)?) ?(?:-|–|to|,) ?(\d+(?:\.\d+)?)[\])]?", name) for name in names]
    if len(names) > 2 and all(bounds):
        return tuple(
            name for _, name in sorted((float(b[1]), name) for b, name in zip(bounds, names, strict=True) if b)
        )
    lowered = {name.strip().lower(): name for name in names}
    for words in _ORDERED_WORDS:
        if len(lowered) > 2 and set(lowered) <= set(words):
            return tuple(lowered[word] for word in words if word in lowered)
    return ()


def guess_target(columns: tuple[ColumnStatistics, ...], guesses: list[Guess]) -> tuple[int | None, str]:
    """Index of the column that looks like the label, and why; (None, '') if none does.

    A telling name decides; else the last column, if it has two to ten classes and none missing.
    """
    names = [column.name.strip().lower().replace(" ", "_").replace(".", "_") for column in columns]
    for wanted in _TARGET_NAMES:
        for i, name in enumerate(names):
            if name == wanted and guesses[i].role == "feature" and guesses[i].kind not in ("date", "text"):
                return i, "its name"
    last = len(columns) - 1
    if last > 0 and guesses[last].role == "feature" and not columns[last].missing:
        few = guesses[last].kind in ("boolean", "categorical", "ordinal") and 2 <= columns[last].distinct <= 10
        if few and (columns[last].whole or not is_number(columns[last].type)):
            return last, "it is the last column and has few classes"
    return None, ""


def find_duplicates(table: TableStatistics, guesses: list[Guess], target: int | None) -> dict[int, str]:
    """Columns equal, cell by cell, to an earlier one (or to the target), with the name of that one."""
    found: dict[int, str] = {}
    if table.rows < 20:
        return found
    order = list(range(len(guesses)))
    if target is not None:
        order.sort(key=lambda i: i != target)
    groups: dict[tuple[object, ...], list[int]] = {}
    for i in order:
        column = table.columns[i]
        if guesses[i].role != "feature" or (column.values is not None and column.distinct < 2):
            continue
        key = (str(column.type), column.missing, column.distinct, column.minimum, column.maximum)
        for earlier in groups.setdefault(key, []):
            if table.sample.column(i).equals(table.sample.column(earlier)):
                found[i] = table.columns[earlier].name
                break
        else:
            groups[key].append(i)
    return found


def _words(name: str) -> set[str]:
    spaced = re.sub(r"([a-z0-9])([A-Z])", r"\1 \2", name)
    return set(re.split(r"[\W_]+", spaced.lower()))


def _text(values: pa.Array) -> list[str]:
    return [str(v) for v in values.cast(pa.string()).to_pylist()]


def _plain_kind(kind: pa.DataType) -> Kind:
    if is_number(kind):
        return "integer" if pa.types.is_integer(kind) else "numeric"
    return "date" if is_moment(kind) else "categorical"
