"""What commands say while they work: on stderr, so that stdout holds nothing but the result."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from rich.console import Console

    from deepspace.data.schema import Column, Schema

__all__ = ["busy", "console", "print_schema", "result", "say", "say_all"]

_PLAIN_WIDTH = 120
_SHOWN_CATEGORIES = 4
_SHOWN_COLUMNS = 60


def console(*, stderr: bool = True) -> Console:
    """A console as wide as the terminal; where there is none, wide enough for tables to stay in one piece."""
    from rich.console import Console

    stream = sys.stderr if stderr else sys.stdout
    return Console(stderr=stderr, width=None if stream.isatty() else _PLAIN_WIDTH, highlight=False)


def say(sentence: str) -> None:
    """One line on stderr."""
    typer.echo(sentence, err=True)


@contextmanager
def busy(verb: str) -> Iterator[Callable[[str], None]]:
    """On a terminal, one line that says what is being done right now, and goes when it is done."""
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich.markup import escape

    with console().status(verb) as line:
        yield lambda what: line.update(escape(f"{verb} {what}"))


def say_all(sentences: Iterable[str]) -> None:
    for sentence in sentences:
        say(f"  - {sentence}")


def result(what: object) -> None:
    """The address or file that a command made: the last line, alone on stdout."""
    typer.echo(str(what))
    sys.stdout.flush()


def _values(column: Column) -> str:
    """What a column holds, in a few words."""
    if column.categories:
        shown = ", ".join(column.categories[:_SHOWN_CATEGORIES])
        more = len(column.categories) - _SHOWN_CATEGORIES
        return f"{shown}, {more} more" if more > 0 else shown
    if column.minimum is not None and column.maximum is not None:
        from deepspace.server.formatting import cell

        if column.kind == "date":
            return ""
        return f"{cell(column.minimum, column.kind)} to {cell(column.maximum, column.kind)}"
    return f"{column.distinct} distinct" if column.distinct else ""


def print_schema(schema: Schema, rows: int, *, stderr: bool = True) -> None:
    """The inferred schema as a table: what each column is, what it is used for, and why."""
    from rich import box
    from rich.markup import escape
    from rich.table import Table

    out = console(stderr=stderr)
    shape = " x ".join(str(s) for s in schema.shape)
    out.print(f"{rows:,} rows, {schema.modality}, {shape} values a row", markup=False)
    if not schema.columns:
        return
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("column", overflow="ellipsis", no_wrap=True, max_width=32)
    for header in ("kind", "used as"):
        table.add_column(header, no_wrap=True)
    table.add_column("missing", justify="right")
    table.add_column("values", overflow="ellipsis", no_wrap=True)
    table.add_column("why", overflow="fold")
    for column in schema.columns[:_SHOWN_COLUMNS]:
        missing = f"{column.missing:,}" if column.missing else ""
        row = (column.name, column.kind, column.role, missing, _values(column), column.reason)
        table.add_row(*(escape(text) for text in row))
    out.print(table)
    hidden = len(schema.columns) - _SHOWN_COLUMNS
    if hidden > 0:
        out.print(f"and {hidden} more columns; `deepspace schema DATA -o schema.yaml` writes them all.", markup=False)
