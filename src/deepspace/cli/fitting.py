"""From options to a dataset and a fit: shared by ``fit`` and ``explore``."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deepspace.cli.terminal import print_schema, say, say_all
from deepspace.errors import ModelError, SpaceError

if TYPE_CHECKING:
    from deepspace.api import Space
    from deepspace.data import Dataset
    from deepspace.models import Config, LatentModel
    from deepspace.server.desk.orders import Order
    from deepspace.training import Progress, TrainConfig

__all__ = ["RESUME", "FitOptions", "default_output", "is_space", "show", "suffixed"]

RESUME = "interrupted; the same command goes on from where this one was saved last."


def is_space(path: str | Path) -> bool:
    """Whether a path is meant as a space rather than as data."""
    folder = Path(path)
    return folder.suffix == ".space" or (folder.is_dir() and (folder / "manifest.json").is_file())


def suffixed(path: Path) -> Path:
    """A space's folder always ends in .space."""
    return path if path.suffix == ".space" else path.with_name(path.name + ".space")


def default_output(data: str) -> Path:
    """NAME.space in the working directory, named after the data without its endings."""
    name = Path(data).resolve().name
    for _ in range(2):
        stem, dot, ending = name.rpartition(".")
        if dot and stem and len(ending) <= 8 and ending.isalnum():
            name = stem
    return Path(f"{name or 'data'}.space")


@dataclass(frozen=True)
class FitOptions:
    """What the command line says about a fit."""

    data: str
    output: Path
    target: str | None = None
    include_target: bool = False
    schema: Path | Mapping[str, Any] | None = None
    modality: str | None = None
    image_size: int | None = None
    seed: int = 0
    epochs: int | None = None
    latent_dim: int | None = None
    batch_size: int | None = None
    max_seconds: float | None = None
    threads: int | None = None
    overwrite: bool = False
    model: str | None = None
    settings: Sequence[str] = ()
    groups: str | None = None

    @classmethod
    def of(cls, order: Order) -> FitOptions:
        """The options that ``order`` was made of. Raises SpaceError when they are another version's."""
        try:
            return cls(order.data, order.output, **order.options)
        except TypeError as error:
            raise SpaceError(
                f"the fit of '{order.output.name}' was begun by another deepspace; start it anew."
            ) from error

    def order(self) -> Order:
        """What the start page needs to go on with this fit."""
        from deepspace.server.desk.orders import Order

        options = {k: v for k, v in asdict(self).items() if k not in ("data", "output") and v is not None}
        if isinstance(self.schema, Path):
            options["schema"] = os.path.abspath(self.schema)
        return Order(os.path.abspath(self.data), Path(os.path.realpath(self.output)), options)

    def check_output(self) -> None:
        """Refuses, before any work is done, to replace what is already there."""
        if self.output.exists() and not self.overwrite:
            raise SpaceError(
                f"'{self.output}' already exists; open it with `deepspace explore {self.output}`, "
                "choose another name with -o, or replace it with --overwrite."
            )

    def reading(self) -> dict[str, Any]:
        """How to read the data, as ``deepspace.data.load`` takes it."""
        return {
            "modality": self.modality,
            "schema": self.schema,
            "target": self.target,
            "include_target": self.include_target,
            "image_size": self.image_size,
            "groups": self.groups,
        }

    def _model(self) -> Config | None:
        """None unless something was asked for: data that cannot be used is refused before torch is imported."""
        if self.latent_dim is None and self.model is None and not self.settings:
            return None
        from deepspace.models import configure

        settings = dict(_setting(text) for text in self.settings)
        if self.latent_dim is not None:
            settings["latent_dim"] = self.latent_dim
        return configure(self.model or "vae", settings)

    def _training(self) -> TrainConfig | None:
        chosen: dict[str, Any] = {
            "epochs": self.epochs,
            "batch_size": self.batch_size,
            "max_seconds": self.max_seconds,
            "threads": self.threads,
        }
        asked = {name: value for name, value in chosen.items() if value is not None}
        if not asked:
            return None
        from deepspace.training import TrainConfig

        return TrainConfig(**asked)

    def fit(
        self,
        *,
        on_progress: Callable[[Progress], None],
        on_dataset: Callable[[Dataset], None] | None = None,
        on_epoch: Callable[[LatentModel, int], None] | None = None,
        on_places: Callable[[Any, Any], None] | None = None,
        should_stop: Callable[[], bool] | None = None,
    ) -> Space:
        """Reads the data and shows what was made of it, trains, builds the space and saves it."""
        from deepspace.api import fit
        from deepspace.server.desk.orders import keep_order
        from deepspace.server.desk.recent import Recent

        def read(dataset: Dataset) -> None:
            show(dataset)
            keep_order(self.order())
            if on_dataset is not None:
                on_dataset(dataset)

        space = fit(
            self.data,
            **self.reading(),
            model=self._model(),
            path=self.output,
            seed=self.seed,
            training=self._training(),
            on_progress=on_progress,
            on_dataset=read,
            on_epoch=on_epoch,
            on_places=on_places,
            should_stop=should_stop,
            overwrite=self.overwrite,
        )
        Recent().remember(space)
        return space


def _setting(text: str) -> tuple[str, Any]:
    """NAME=VALUE, the value as YAML reads it: a number, a word, true, [512, 256]."""
    import yaml

    name, equals, value = text.partition("=")
    try:
        return _named(name, equals), yaml.safe_load(value)
    except yaml.YAMLError as error:
        raise ModelError(f"cannot read the setting {text!r}: {value!r} is not a value.") from error


def _named(name: str, equals: str) -> str:
    if not equals or not name.strip():
        raise ModelError(f"cannot read the setting {name!r}: write NAME=VALUE, for example beta=4.")
    return name.strip()


def show(dataset: Dataset) -> None:
    """What was made of the data: a table of its columns, and the notes."""
    print_schema(dataset.schema, len(dataset))
    if dataset.notes:
        say("notes:")
        say_all(dataset.notes)
