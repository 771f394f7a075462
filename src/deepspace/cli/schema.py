"""``deepspace schema``: what the columns of some data are taken for, to read or to edit."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from deepspace.cli import options as o

if TYPE_CHECKING:
    from deepspace.data import Schema

__all__ = ["overrides", "schema"]

_HEAD = """\
# What deepspace takes the columns for. Edit `kind` (numeric, integer, ordinal, boolean, categorical, date, text) and
# `role` (feature: trained on; target, metadata: kept to colour and test by; excluded: left out), delete what may be
# inferred, and pass the file with --schema.
"""


def overrides(found: Schema) -> dict[str, Any]:
    """A schema in the form that --schema reads."""
    columns: dict[str, Any] = {}
    for column in found.columns:
        entry: dict[str, Any] = {"kind": column.kind, "role": column.role}
        if column.kind == "ordinal":
            entry["categories"] = list(column.categories)
        columns[column.name] = entry
    written: dict[str, Any] = {"modality": found.modality}
    if found.target is not None:
        written["target"] = found.target.name
    if columns:
        written["columns"] = columns
    return written


def schema(
    data: o.Data,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE", help="Write it as YAML, to edit and pass with --schema."),
    ] = None,
    target: o.Target = None,
    include_target: o.IncludeTarget = False,
    schema: o.SchemaFile = None,
    modality: o.Modality = None,
    image_size: o.ImageSize = None,
) -> None:
    """Show what the columns of DATA are taken for, and why."""
    from deepspace.cli.terminal import print_schema, result, say, say_all
    from deepspace.data import load
    from deepspace.errors import DataError

    dataset = load(
        data, modality=modality, schema=schema, target=target, include_target=include_target, image_size=image_size
    )
    print_schema(dataset.schema, len(dataset), stderr=output is not None)
    if dataset.notes:
        say("notes:")
        say_all(dataset.notes)
    if output is None:
        return
    import yaml

    text = _HEAD + yaml.safe_dump(overrides(dataset.schema), sort_keys=False, allow_unicode=True)
    try:
        output.write_text(text, encoding="utf-8")
    except OSError as error:
        raise DataError(f"cannot write {output}: {error.strerror}; choose another file with -o.") from error
    result(output)
