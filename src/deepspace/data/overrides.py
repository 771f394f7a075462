"""What the user says about their data, from a YAML or JSON file, a mapping, or a schema saved earlier."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Any, get_args

from deepspace.data.schema import Kind, Role, Schema
from deepspace.errors import DataError

__all__ = ["Overrides", "read_overrides"]

_KEYS = ("modality", "target", "include_target", "image_size", "columns")
_COLUMN_KEYS = ("kind", "role", "categories")


@dataclass(frozen=True)
class Overrides:
    """Only what was said; everything else is inferred."""

    modality: str | None = None
    target: str | None = None
    include_target: bool = False
    image_size: int | None = None
    columns: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


def read_overrides(schema: Schema | Mapping[str, Any] | str | Path | None) -> Overrides:
    """Checked overrides; a whole Schema, or its saved JSON, overrides the kind and role of each of its columns."""
    if schema is None:
        return Overrides()
    where = "the schema"
    if isinstance(schema, (str, Path)):
        where, schema = f"'{Path(schema).name}'", _read_file(Path(schema))
    obj: Any = schema.to_json() if isinstance(schema, Schema) else schema
    if not isinstance(obj, Mapping):
        raise DataError(f"{where} should be a mapping with {', '.join(_KEYS)}; it is a {type(obj).__name__}.")
    if isinstance(obj.get("columns"), list):
        obj = _from_saved(obj)
    _check_keys(obj, _KEYS, where)
    columns = obj.get("columns") or {}
    if not isinstance(columns, Mapping):
        raise DataError(f"'columns' in {where} should map a column's name to what it is.")
    checked = {str(name): _column(str(name), wanted, where) for name, wanted in columns.items()}
    size = obj.get("image_size")
    if size is not None and (not isinstance(size, int) or isinstance(size, bool)):
        raise DataError(f"'image_size' in {where} should be a whole number of pixels; it is {size!r}.")
    target = obj.get("target")
    return Overrides(
        obj.get("modality"),
        None if target is None else str(target),
        bool(obj.get("include_target", False)),
        size,
        checked,
    )


def _read_file(path: Path) -> Any:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(
            f"the schema file '{path}' cannot be read: {getattr(error, 'strerror', None) or error}."
        ) from None
    if path.suffix.lower() == ".json":
        try:
            return json.loads(text)
        except json.JSONDecodeError as error:
            raise DataError(f"the schema file '{path.name}' is not JSON: {error.msg} in line {error.lineno}.") from None
    import yaml

    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f" in line {mark.line + 1}" if mark else ""
        raise DataError(f"the schema file '{path.name}' is not YAML{line}; check its indentation.") from None


def _from_saved(obj: Mapping[str, Any]) -> dict[str, Any]:
    """Overrides out of a whole saved schema: a column's kind, its role, and its categories."""
    columns: dict[str, dict[str, Any]] = {}
    for column in obj["columns"]:
        wanted = {"kind": column["kind"], "role": column["role"]}
        if column.get("categories"):
            wanted["categories"] = column["categories"]
        columns[column["name"]] = wanted
    image = obj.get("modality") == "image"
    size = obj["shape"][1] if image and obj["shape"][1] == obj["shape"][2] else None
    return {
        "modality": obj.get("modality"),
        "image_size": size,
        "columns": columns if obj.get("modality") == "table" else {},
    }


def _column(name: str, wanted: Any, where: str) -> dict[str, Any]:
    if isinstance(wanted, str):
        wanted = {"role": wanted} if wanted in get_args(Role) else {"kind": wanted}
    if not isinstance(wanted, Mapping):
        raise DataError(
            f"column '{name}' in {where} should be given a kind, a role or categories; it is given {wanted!r}."
        )
    _check_keys(wanted, _COLUMN_KEYS, f"column '{name}' in {where}")
    for key, allowed in (("kind", get_args(Kind)), ("role", get_args(Role))):
        if key in wanted and wanted[key] not in allowed:
            raise DataError(
                f"column '{name}' in {where} has {key} {wanted[key]!r}; choose one of {', '.join(allowed)}."
            )
    if "categories" in wanted and not isinstance(wanted["categories"], (list, tuple)):
        raise DataError(f"the categories of column '{name}' in {where} should be a list.")
    return dict(wanted)


def _check_keys(obj: Mapping[str, Any], allowed: tuple[str, ...], where: str) -> None:
    for key in obj:
        if key not in allowed:
            close = get_close_matches(str(key), allowed, 1)
            hint = f"did you mean '{close[0]}'?" if close else f"known are {', '.join(allowed)}."
            raise DataError(f"{where} has the unknown entry '{key}'; {hint}")
