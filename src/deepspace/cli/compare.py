"""``deepspace compare``: spaces of the same rows, or a space and its principal components."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from deepspace.cli import options as o
from deepspace.cli.terminal import busy

if TYPE_CHECKING:
    from deepspace.api import Space

__all__ = ["compare"]


def compare(
    space: o.SpaceFolder,
    others: Annotated[
        list[Path] | None,
        typer.Argument(metavar="OTHER", help="Spaces of the same rows; left out: principal components of them."),
    ] = None,
    models: Annotated[
        list[str] | None,
        typer.Option(
            "--with",
            metavar="FAMILY",
            help="Learn the same rows with this family too: vae, pca, ... May be "
            "repeated; kept beside the space as NAME.FAMILY.space.",
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")] = False,
) -> None:
    """Say what one space does better than others.

    Against one other: errors on rows that neither was trained on, errors by number of dimensions, neighbours kept and
    lost. Against several, or with --with: every measure of each, side by side.
    """
    import json
    from contextlib import ExitStack

    from deepspace.api import open as open_space

    with ExitStack() as stack:
        first = stack.enter_context(open_space(space))
        given = [stack.enter_context(open_space(path)) for path in others or ()]
        if models or len(given) > 1:
            twins = [stack.enter_context(_twin(first, name)) for name in models or ()]
            with busy("measuring") as tell:
                table = first.side_by_side(*given, *twins, on_measure=tell)
            typer.echo(json.dumps(table.to_arrow().to_pylist(), indent=1) if as_json else str(table))
            return
        found = first.compare(given[0] if given else stack.enter_context(_twin(first, "pca")))
    if as_json:
        typer.echo(json.dumps({"sentences": found.sentences, "figures": found.to_arrow().to_pylist()}, indent=1))
        return
    typer.echo(str(found))


def _twin(space: Space, model: str) -> Space:
    from deepspace.cli.progress import FitDisplay
    from deepspace.cli.terminal import say

    say(f"learning the same rows with {model}, at {space.latent_dim} dimensions ...")
    with FitDisplay() as display:
        return space.twin(model, on_progress=display)
