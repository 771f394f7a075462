"""What the commands that look at a predictor ask alike: their options, and what these are read as."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from deepspace.errors import DataError

if TYPE_CHECKING:
    from deepspace.api import Space
    from deepspace.decisions import Constraints

__all__ = ["ConstraintsFile", "Favourable", "HeldOut", "Margin", "Threshold", "Trust", "constraints_of", "rows_of"]

Favourable = Annotated[
    str | None, typer.Option("--favourable", metavar="OUTCOME", help="The decision that people want.")
]
Threshold = Annotated[
    float | None, typer.Option("--threshold", help="From which probability or value on; .5 of two, if left out.")
]
HeldOut = Annotated[
    str | None,
    typer.Option("--held-out", metavar="ROWS", help="Rows that the predictor was not fitted on: a file of row "
                 "numbers, one a line, or an SQL condition. Left out: those that the space held out."),
]  # fmt: skip
ConstraintsFile = Annotated[
    Path | None,
    typer.Option("--constraints", metavar="FILE", help="What a counterfactual may change: YAML or JSON."),
]
Margin = Annotated[
    float,
    typer.Option("--margin", help="How far beyond the threshold the score of a counterfactual must lie, so that it "
                 "holds when the predictor is fitted anew.", min=0.0),
]  # fmt: skip
Trust = Annotated[
    list[str] | None,
    typer.Option("--trust", metavar="TYPE", help="A type that a .skops file may hold; may be repeated."),
]


def constraints_of(file: Path | None, space: Space) -> Constraints | None:
    """Read before the work; what it says of a column's type shows with the first counterfactual. Raises DataError."""
    from deepspace.decisions import Constraints

    if file is None:
        return None
    found = Constraints.of(file)
    if space.schema.form == "table":
        found.check([column.name for column in space.schema.features])
    elif found.names:
        raise DataError(
            f"{file} constrains the columns of a table, but '{space.name}' holds {space.schema.modality} rows; leave "
            "--constraints out."
        )
    return found


def rows_of(told: str | None, space: Space) -> Any:
    """Row numbers from a file, or those that fulfil a condition; None of None. Raises DataError."""
    if told is None:
        return None
    path = Path(told)
    if not path.is_file():
        if path.suffix in (".txt", ".csv", ".json", ".npy") and " " not in told:
            raise DataError(f"there is no file '{told}' of row numbers; check the path, seen from {Path.cwd()}.")
        return space.rows.select(told)
    words = path.read_text(encoding="utf-8").split()
    bad = next((word for word in words if not word.isdecimal()), None)
    if bad is not None:
        raise DataError(f"{path.name} holds {bad[:40]!r}, which is no row number; write one a line, from 0.")
    return [int(word) for word in words]
