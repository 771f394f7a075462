"""Synthetic rows written to a file: whole or not at all."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from deepspace.errors import SpaceError

if TYPE_CHECKING:
    from deepspace.space import BaseSpace

__all__ = ["check_output", "record_path", "write_record", "write_rows"]

TABLES = (".csv", ".parquet")


def check_output(space: BaseSpace, path: Path, *, overwrite: bool) -> None:
    """Raise SpaceError for a file that rows of this space cannot be written to, before any work is done."""
    table, ending = space.schema.form == "table", path.suffix.lower()
    if table and ending not in TABLES:
        raise SpaceError(f"cannot write a table to '{path.name}': its name must end in .csv or .parquet")
    if not table and ending != ".npz" and not (space.schema.form == "image" and not ending):
        more = ", or be a folder (no ending) for PNG files" if space.schema.form == "image" else ""
        raise SpaceError(f"cannot write {space.schema.form} rows to '{path.name}': its name must end in .npz{more}")
    for there in (path, record_path(path)):
        if there.exists() and not overwrite:
            raise SpaceError(f"'{there}' is already there; pass --overwrite to replace it, or choose another name")
    if not path.parent.is_dir():
        raise SpaceError(f"cannot write '{path}': there is no folder '{path.parent}'")
    if path.is_dir() and (ending or any(f.suffix != ".png" for f in path.iterdir())):
        raise SpaceError(f"cannot replace '{path}': it is a folder that holds more than PNG files; choose another name")


def record_path(path: Path) -> Path:
    """Where what is known of the rows at ``path`` is kept: beside them, NAME.json."""
    return path.with_name(f"{path.name}.json")


def write_record(record: Mapping[str, Any], path: Path) -> Path:
    """What is known of the rows at ``path``, as JSON beside them, whole or not at all. SpaceError if it cannot be."""
    target = record_path(path)
    aside = target.with_name(f".{target.name}.{os.getpid()}.partial")
    try:
        aside.write_text(json.dumps(record, indent=1, default=str) + "\n", encoding="utf-8")
        os.replace(aside, target)
    except OSError as error:
        aside.unlink(missing_ok=True)
        raise SpaceError(f"cannot write '{target}': {error.strerror or error}") from error
    return target


def write_rows(space: BaseSpace, encoded: npt.NDArray[np.float32], path: Path, *, overwrite: bool = False) -> Path:
    """Encoded rows (n, *shape) in the user's own units: .csv or .parquet for a table, with the columns, types and
    missing cells of the data; .npz for pictures, signals and vectors; a folder of PNG files for pictures.

    Written aside and renamed into place. Raises SpaceError as ``check_output`` does, and when the disk refuses.
    """
    check_output(space, path, overwrite=overwrite)
    try:
        aside = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent))
        try:
            made = aside / path.name
            _write(space, encoded, made)
            if path.is_dir():
                os.replace(path, aside / "previous")
            os.replace(made, path)
        finally:
            shutil.rmtree(aside, ignore_errors=True)
    except OSError as error:
        raise SpaceError(f"cannot write '{path}': {error.strerror or error}") from error
    return path


def _write(space: BaseSpace, encoded: npt.NDArray[np.float32], path: Path) -> None:
    if space.schema.form == "table":
        import pyarrow.csv
        import pyarrow.parquet

        table = _arrow(space, encoded)
        if path.suffix.lower() == ".csv":
            pyarrow.csv.write_csv(table, path)
        else:
            pyarrow.parquet.write_table(table, path)
        return
    rows = np.asarray(space.schema.decode(encoded))
    if path.suffix.lower() == ".npz":
        np.savez_compressed(path, rows=rows)
        return
    from PIL import Image

    path.mkdir()
    digits = len(str(max(len(rows) - 1, 0)))
    for i, picture in enumerate(rows):
        Image.fromarray(np.asarray(picture, np.uint8).squeeze()).save(path / f"{i:0{digits}d}.png")


def _arrow(space: BaseSpace, encoded: npt.NDArray[np.float32]) -> Any:
    import pyarrow as pa

    schema: Any = space.schema
    arrays = [codec.decode(encoded[:, j]) for j, codec in enumerate(schema.codecs)]
    return pa.Table.from_arrays(arrays, names=[column.name for column in schema.features])
