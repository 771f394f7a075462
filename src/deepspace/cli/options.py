"""Options that several commands share, each described once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

__all__ = [
    "BatchSize",
    "Data",
    "Epochs",
    "Groups",
    "ImageSize",
    "IncludeTarget",
    "LatentDim",
    "MaxSeconds",
    "Modality",
    "Model",
    "Output",
    "Overwrite",
    "SchemaFile",
    "Seed",
    "Settings",
    "SpaceFolder",
    "Target",
    "Threads",
]

Data = Annotated[
    str, typer.Argument(metavar="DATA", help="A file, a folder or a zip: images, a table, signals, vectors, counts.")
]
SpaceFolder = Annotated[Path, typer.Argument(metavar="SPACE", help="A saved space, NAME.space.")]
Output = Annotated[Path | None, typer.Option("--output", "-o", metavar="NAME.space", help="Where to save the space.")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace a space that is already there.")]
Target = Annotated[
    str | None, typer.Option("--target", metavar="COLUMN", help="The column to colour and test by; never trained on.")
]
IncludeTarget = Annotated[bool, typer.Option("--include-target", help="Train on the target column all the same.")]
Groups = Annotated[
    str | None,
    typer.Option("--groups", metavar="COLUMN", help="Rows with the same value (a patient) are held out together."),
]
SchemaFile = Annotated[
    Path | None, typer.Option("--schema", metavar="FILE", help="YAML or JSON that overrides what is inferred.")
]
Modality = Annotated[
    str | None, typer.Option("--modality", metavar="KIND", help="image, table, signal or vector, instead of a guess.")
]
ImageSize = Annotated[
    int | None,
    typer.Option("--image-size", metavar="PIXELS", min=8, max=128, help="Side that pictures are brought to."),
]
Seed = Annotated[
    int, typer.Option("--seed", min=0, max=2**31 - 1, help="Same data, seed, device and threads: same space.")
]
Epochs = Annotated[int | None, typer.Option("--epochs", min=1, help="Most passes over the data.")]
LatentDim = Annotated[int | None, typer.Option("--latent-dim", min=1, max=4096, help="Number of latent dimensions.")]
BatchSize = Annotated[int | None, typer.Option("--batch-size", min=1, help="Rows in one training step.")]
MaxSeconds = Annotated[
    float | None, typer.Option("--max-seconds", min=0.1, help="Stop training after this long and keep the best.")
]
Threads = Annotated[
    int | None, typer.Option("--threads", min=1, help="Processor threads; chosen by a trial if left out.")
]
Model = Annotated[
    str | None,
    typer.Option("--model", metavar="FAMILY", help="vae, pca, ...: what is learned; chosen from the data if left out."),
]
Settings = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="NAME=VALUE", help="A setting of the model, such as beta=4; may be repeated."),
]
