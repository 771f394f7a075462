"""All commands under one name."""

from __future__ import annotations

from typing import Annotated

import typer

from deepspace.cli.audit import audit
from deepspace.cli.compare import compare
from deepspace.cli.explore import explore
from deepspace.cli.fit import fit
from deepspace.cli.layers import layers
from deepspace.cli.measure import measure
from deepspace.cli.report import report
from deepspace.cli.sample import sample
from deepspace.cli.schema import schema
from deepspace.cli.verify import verify

__all__ = ["app"]

app = typer.Typer(
    help="See, walk and question the space that a deep generative model has learned from your data.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(asked: bool) -> None:
    if asked:
        from importlib.metadata import version

        typer.echo(f"deepspace {version('deepspace')}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and leave.")
    ] = False,
) -> None:
    pass


for command in (explore, fit, schema, measure, compare, sample, report, audit, layers, verify):
    app.command()(command)
