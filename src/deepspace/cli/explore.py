"""``deepspace explore``: the page, over a saved space or over one that is being fitted."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from deepspace.cli import options as o
from deepspace.cli import predicting as p
from deepspace.errors import ServerError

__all__ = ["explore"]

_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


def explore(
    source: Annotated[
        str | None, typer.Argument(metavar="DATA|SPACE", help="Data to fit, or a saved space to open.")
    ] = None,
    no_browser: Annotated[bool, typer.Option("--no-browser", help="Print the address; open nothing.")] = False,
    port: Annotated[int | None, typer.Option("--port", help="8765 or the next free one, if left out.")] = None,
    host: Annotated[
        str, typer.Option("--host", help="Address to listen on; anything but loopback is open to others.")
    ] = ("127.0.0.1"),
    output: o.Output = None,
    target: o.Target = None,
    include_target: o.IncludeTarget = False,
    groups: o.Groups = None,
    schema: o.SchemaFile = None,
    modality: o.Modality = None,
    image_size: o.ImageSize = None,
    seed: o.Seed = 0,
    epochs: o.Epochs = None,
    latent_dim: o.LatentDim = None,
    batch_size: o.BatchSize = None,
    max_seconds: o.MaxSeconds = None,
    threads: o.Threads = None,
    overwrite: o.Overwrite = False,
    model: o.Model = None,
    settings: o.Settings = None,
    beside: Annotated[
        Path | None,
        typer.Option("--beside", metavar="SPACE", help="A space of the same rows to compare with, instead of PCA."),
    ] = None,
    predictor: Annotated[
        list[str] | None,
        typer.Option(
            "--predictor",
            metavar="MODEL",
            help="A model to look at on the map: FILE.onnx, FILE.skops or package:function; may be repeated.",
        ),
    ] = None,
    favourable: p.Favourable = None,
    threshold: p.Threshold = None,
    held_out: p.HeldOut = None,
    constraints: p.ConstraintsFile = None,
    margin: p.Margin = 0.0,
    trust: p.Trust = None,
) -> None:
    """Fit DATA, or open SPACE, and walk it in the browser.

    While DATA is being fitted the page shows the space taking shape. Without an argument the page begins with a choice:
    recent spaces, examples, a file of your own.
    """
    from deepspace.cli.fitting import FitOptions, default_output, is_space, suffixed
    from deepspace.cli.terminal import say
    from deepspace.cli.walking import desk, fit_session, open_session, walk, walk_desk

    about = (favourable, threshold, held_out, constraints, trust)
    if source is None:
        if host not in _LOOPBACK:
            raise ServerError("the start page can read and write your files, so it is served to this machine alone; "
                              "name a space or data to share, or leave --host out.")  # fmt: skip
        named = (beside, output, target, groups, schema, modality, image_size, epochs, latent_dim, batch_size, model)
        if margin or any(option is not None for option in (*named, predictor, *about)):
            raise ServerError("these options need DATA to fit or a SPACE; without it the page asks for everything.")
        walk_desk(desk(Path.cwd()), port=port, open_browser=not no_browser)
        return
    if is_space(source):
        if output is not None or overwrite:
            say("note: opening a saved space; -o and --overwrite are for data.")
        if not predictor and (margin or any(option is not None for option in about)):
            raise ServerError("--favourable, --threshold, --held-out, --constraints, --margin and --trust are about a "
                              "predictor; name it with --predictor.")  # fmt: skip
        session = open_session(
            source, beside, predictor or (), target, favourable, trust or (), threshold=threshold, held_out=held_out,
            constraints=constraints, margin=margin,
        )  # fmt: skip
    else:
        if predictor:
            raise ServerError("--predictor needs a saved SPACE, and this is data; fit it first with `deepspace fit`.")
        chosen = FitOptions(
            source, suffixed(output or default_output(source)), target, include_target, schema, modality, image_size,
            seed, epochs, latent_dim, batch_size, max_seconds, threads, overwrite, model, tuple(settings or ()), groups,
        )  # fmt: skip
        session = fit_session(chosen, named=output is not None)
    if host not in _LOOPBACK:
        say(f"warning: listening on {host}: everyone who can reach this machine can read these rows.")
    walk(session, host=host, port=port, open_browser=not no_browser)
