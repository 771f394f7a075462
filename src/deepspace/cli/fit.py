"""``deepspace fit``: data to a saved space, without the page."""

from __future__ import annotations

import typer

from deepspace.cli import options as o

__all__ = ["fit"]


def fit(
    data: o.Data,
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
) -> None:
    """Fit a space to DATA and save it.

    After an interruption, the same command goes on from the last finished epoch.
    """
    from deepspace.cli.fitting import RESUME, FitOptions, default_output, suffixed
    from deepspace.cli.progress import FitDisplay
    from deepspace.cli.terminal import result, say

    chosen = FitOptions(
        data, suffixed(output or default_output(data)), target, include_target, schema, modality, image_size, seed,
        epochs, latent_dim, batch_size, max_seconds, threads, overwrite, model, tuple(settings or ()), groups,
    )  # fmt: skip
    chosen.check_output()
    try:
        with FitDisplay() as display:
            space = chosen.fit(on_progress=display)
    except KeyboardInterrupt:
        say(RESUME)
        raise typer.Exit(130) from None
    for sentence in space.measures.get("health", []):
        say(f"health: {sentence}")
    result(space.folder)
