"""``deepspace sample``: new rows out of a space, with their fidelity and privacy figures beside them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from deepspace.cli import options as o
from deepspace.errors import SpaceError

if TYPE_CHECKING:
    from deepspace.metrics import Measures
    from deepspace.space import BaseSpace

__all__ = ["sample"]


def sample(
    space: o.SpaceFolder,
    output: Annotated[
        Path,
        typer.Option(
            "--output", "-o", metavar="FILE", help="NAME.csv, NAME.parquet, NAME.npz, or a folder of pictures."
        ),
    ],
    count: Annotated[int, typer.Option("--rows", "-n", min=1, metavar="N", help="How many rows.")] = 1000,
    given: Annotated[
        list[str] | None,
        typer.Option("--given", "--where", metavar="COLUMN=VALUE", help="What the rows must have; may be repeated."),
    ] = None,
    seed: Annotated[int, typer.Option("--seed", min=0, max=2**31 - 1, help="Same space and seed: same rows.")] = 0,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a file that is already there.")] = False,
) -> None:
    """Draw new rows, in the columns, types and units of the data.

    How true they are, and whether they give real rows away, is printed and written beside them as JSON.
    """
    from deepspace.api import open as open_space
    from deepspace.cli.terminal import result, say
    from deepspace.space.sampling import draw_encoded
    from deepspace.space.writing import check_output, write_record, write_rows

    conditions = _conditions(given or [])
    with open_space(space) as opened:
        check_output(opened, output, overwrite=overwrite)
        drawn = draw_encoded(opened, count, seed, given=conditions)
        said = _told(opened, count, conditions, drawn.draws, drawn.effective)
        figures = _figures(opened, drawn.encoded, conditions)
        write_rows(opened, drawn.encoded, output, overwrite=overwrite)
    for sentence in said:
        say(sentence)
    if figures is not None:
        say(str(figures))
    record = {
        "space": str(space), "rows": count, "seed": seed, "given": conditions, "draws": drawn.draws,
        "effective_draws": drawn.effective, "notes": said,
        "measures": figures.to_json() if figures is not None else [],
        "skipped": dict(figures.skipped) if figures is not None else {},
    }  # fmt: skip
    write_record(record, output)
    result(output)


def _conditions(given: list[str]) -> dict[str, str]:
    conditions: dict[str, str] = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not equals or not name.strip():
            raise SpaceError(f"cannot sample with --given {text}: write COLUMN=VALUE, for example --given sex=Female")
        if name.strip() in conditions:
            raise SpaceError(f"cannot sample with {name.strip()} given twice; give one value for it")
        conditions[name.strip()] = value.strip()
    return conditions


def _told(space: BaseSpace, count: int, conditions: dict[str, str], draws: int, effective: float) -> list[str]:
    said = []
    if conditions:
        told = " and ".join(f"{name}={value}" for name, value in conditions.items())
        said.append(f"{count:,} rows with {told}: out of {draws:,} draws, worth {effective:,.0f} independent ones.")
        outside = [name for name in conditions if name not in [c.name for c in space.schema.features]]
        if outside:
            said.append(
                f"'{outside[0]}' was not trained on: rows are drawn around the training rows that have the value."
            )
    target = space.schema.target
    if target is not None and space.schema.form == "table":
        said.append(
            f"The target '{target.name}' is not part of the rows, since the model was not trained on it; "
            "fit with --include-target to have it."
        )
    return said


def _figures(space: BaseSpace, encoded: Any, conditions: dict[str, str]) -> Measures | None:
    """Nothing for rows that are no table; conditioned rows are not meant to be like all rows, so only their privacy."""
    from deepspace.metrics import Measures, synthetic_record

    if space.schema.form != "table":
        return None
    figures = synthetic_record(space, encoded)
    if not conditions:
        return figures
    private = ("nearer_than_held_out", "very_near", "copies")
    skipped = {**figures.skipped, "fidelity, utility": "rows under conditions are not meant to be like all rows"}
    return Measures(tuple(m for m in figures if m.name in private), skipped)
