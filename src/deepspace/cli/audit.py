"""``deepspace audit``: a predictor seen through a space, as one offline HTML file with JSON beside it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from deepspace.cli import options as o
from deepspace.cli import predicting as p
from deepspace.errors import DataError

if TYPE_CHECKING:
    from deepspace.api import Space

__all__ = ["audit"]

FAILED = 2


def audit(
    space: o.SpaceFolder,
    predictor: Annotated[
        str,
        typer.Option("--predictor", metavar="MODEL", help="A .skops or .onnx file, package:function, file.py:function, "
                     "or an http(s):// address. Pickle is refused: opening it would run code."),
    ],
    target: Annotated[
        str | None,
        typer.Option("--target", metavar="COLUMN", help="What really happened; the space's own target, if left out."),
    ] = None,
    favourable: p.Favourable = None,
    threshold: p.Threshold = None,
    classes: Annotated[
        str | None,
        typer.Option("--classes", metavar="A,B", help="The outcomes in the predictor's order, where it has no names."),
    ] = None,
    held_out: p.HeldOut = None,
    groups: Annotated[
        list[str] | None, typer.Option("--groups", metavar="COLUMN", help="Compare its values; may be repeated.")
    ] = None,
    constraints: p.ConstraintsFile = None,
    margin: p.Margin = 0.0,
    wording: Annotated[
        Path | None,
        typer.Option("--wording", metavar="FILE", help="Column names in your own words, for reasons: YAML or JSON."),
    ] = None,
    current: Annotated[
        Path | None, typer.Option("--current", metavar="DATA", help="Newer rows, to be compared with those: drift.")
    ] = None,
    case: Annotated[
        list[int] | None,
        typer.Option("--case", metavar="ROW", help="A row to look into, beside those chosen by rule; repeatable."),
    ] = None,
    statements: Annotated[
        Path | None,
        typer.Option("--statements", metavar="FILE", help="YAML or JSON of what only the owner can say, {key: text}; "
                     "the report names the keys."),
    ] = None,
    trust: p.Trust = None,
    against: Annotated[
        Path | None,
        typer.Option("--against", metavar="FILE.json", help="An earlier report of this kind: say what changed."),
    ] = None,
    time_limit: Annotated[
        float, typer.Option("--time-limit", metavar="SECONDS", min=0.1, help="What one round of questions may take.")
    ] = 600.0,
    most: Annotated[int, typer.Option("--most", metavar="ROWS", min=10, help="Rows asked about, evenly.")] = 100_000,
    seed: Annotated[int, typer.Option("--seed", min=0, help="For what is drawn at random.")] = 0,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE", help="SPACE.audit.html beside the space, if left out."),
    ] = None,
) -> None:  # fmt: skip
    """Audit a predictor through a space, as one HTML file with JSON beside it.

    How right it is, where its decision turns, what single decisions rest on, groups, drift; failures first. Every
    figure leads to its evidence; the file needs no network. Where the predictor cannot be asked, or the target is no
    column, the file is written with what is known, and the exit code is 2.
    """
    from deepspace.api import open as open_space
    from deepspace.cli.terminal import busy, result, say
    from deepspace.report.audit import Options, Unaudited, audit_report, audited

    with open_space(space) as opened, busy("Auditing") as tell:
        _readable(opened, constraints, wording, current)
        chosen = Options(
            constraints=constraints, margin=margin, wording=wording, groups=tuple(groups or ()), current=current,
            cases=tuple(case or ()), statements=_statements(statements), seed=seed,
        )  # fmt: skip
        found = audited(
            opened, predictor, target=target, favourable=favourable, threshold=threshold,
            held_out=p.rows_of(held_out, opened), most=most, time_limit=time_limit,
            tell=_counted(tell), trust=tuple(trust or ()),
            **({} if classes is None else {"classes": [name.strip() for name in classes.split(",")]}),
        )  # fmt: skip
        file = output or space.with_name(space.name.removesuffix(".space") + ".audit.html")
        written = audit_report(found, file, given=predictor, options=chosen, against=against, tell=tell)
    wrong = found.why if isinstance(found, Unaudited) else _missing(target, opened)
    if wrong:
        say(f"deepspace: {wrong}")
    result(written)
    if wrong:
        raise typer.Exit(FAILED)


def _readable(space: Space, constraints: Path | None, wording: Path | None, current: Path | None) -> None:
    """What the user wrote is read before the work; what it says of a case, or of the data, is each section's own."""
    from deepspace.decisions.reasons import Wording

    p.constraints_of(constraints, space)
    words = Wording.of(wording)
    if space.schema.form == "table":
        columns = {column.name: column for column in space.schema.features}
        words.fits(columns, words.joining(columns))
    if current is not None and not current.exists():
        raise DataError(f"there is no file '{current}' to compare with; check the path, seen from {Path.cwd()}.")


def _missing(target: str | None, space: Space) -> str:
    if target in (None, "none") or target in {column.name for column in space.schema.columns}:
        return ""
    return f"'{space.name}' has no column '{target}' to be the target; the report was written without one."


def _counted(tell: Callable[[str], None]) -> Callable[[int, int], None]:
    return lambda done, of: tell(f"what the predictor says, {done:,} of {of:,} rows")


def _statements(file: Path | None) -> dict[str, str]:
    if file is None:
        return {}
    import yaml

    try:
        told = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError) as error:
        raise DataError(f"{file} cannot be read as YAML or JSON: {str(error).splitlines()[0]}.") from error
    if not isinstance(told, dict) or not all(isinstance(v, str) for v in told.values()):
        raise DataError(f"{file} must hold names and texts, such as 'intended-use: ...'.")
    return {str(key): value.strip() for key, value in told.items()}
