"""One fit, from raw data to a space in its work folder: load, choose, train, build, measure."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deepspace.errors import SpaceError
from deepspace.space.files import Work

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from deepspace.data.dataset import Dataset
    from deepspace.models import Config, LatentModel
    from deepspace.training import TrainConfig
    from deepspace.training.events import Phase, Progress

__all__ = ["Fit", "empty_folder"]

_CHECKPOINT = "checkpoint.safetensors"


class Fit:
    """One fit: load, choose, train, build, measure."""

    def __init__(self, seed: int, on_progress: Callable[[Progress], None] | None) -> None:
        self.seed = seed
        self.on_progress = on_progress

    def tell(self, phase: Phase, fraction: float, message: str = "") -> None:
        if self.on_progress is not None:
            from deepspace.training.events import Progress

            self.on_progress(Progress(phase=phase, fraction=fraction, message=message))

    def run(
        self,
        work: Work,
        source: Any,
        reading: Mapping[str, Any],
        config: Config | None,
        training: TrainConfig | None,
        on_epoch: Callable[[LatentModel, int], None] | None,
        on_dataset: Callable[[Dataset], None] | None,
        on_places: Callable[[npt.NDArray[Any], npt.NDArray[Any]], None] | None,
        should_stop: Callable[[], bool] | None,
    ) -> None:
        from deepspace.data import load
        from deepspace.metrics import record
        from deepspace.models import build as build_model
        from deepspace.models import choose
        from deepspace.models.conditions import codes_of
        from deepspace.space import build as build_space
        from deepspace.space.opening import check_room
        from deepspace.training import TrainConfig, train

        checkpoint = work.folder / _CHECKPOINT
        work.keep = checkpoint.exists()
        self.tell("loading", 0.0)
        beside = config.beside if config is not None else ()
        dataset = load(source, workdir=empty_folder(work.folder / "data"), beside=beside, **reading)
        config = config.known(dataset.schema, dataset.rows) if config is not None else None
        settings = replace(training or TrainConfig(), seed=self.seed, checkpoint=checkpoint)
        dataset, held_out = self._held_out(dataset, settings)
        check_room(work.target, dataset.array.nbytes)
        if on_dataset is not None:
            on_dataset(dataset)
        chosen = choose(dataset.schema, dataset.array, config)
        self.tell("loading", 1.0, chosen.reason)
        model = build_model(chosen, dataset.schema, seed=self.seed)
        self._resume(work, dataset, model, settings, held_out)
        work.keep = True  # from here on a kill or an error leaves something to go on from
        dataset = _told(dataset, model)
        history = train(
            model, dataset.array, settings, codes=codes_of(model, dataset.rows), held_out=held_out,
            on_progress=self.on_progress, on_epoch=on_epoch, should_stop=should_stop,
        )  # fmt: skip
        try:
            build_space(
                dataset,
                model,
                history,
                work.target,
                seed=self.seed,
                on_progress=self.on_progress,
                on_places=on_places,
                should_stop=None if history.stopped == "user" else should_stop,
                measure=record,
                work=work,
            )
        except SpaceError as error:
            if not checkpoint.exists():
                raise
            raise SpaceError(
                f"{error}; what was trained is kept in {work.folder.name}, and the same fit goes on from it"
            ) from error
        self.tell("ready", 1.0)

    def _held_out(self, dataset: Dataset, settings: TrainConfig) -> tuple[Dataset, npt.NDArray[np.int64] | None]:
        """The rows that are held out, where rows belong together, with a note of them; None leaves it to training."""
        from deepspace.training.history import split
        from deepspace.training.plan import validation_rows

        if dataset.groups is None:
            return dataset, None
        count = validation_rows(len(dataset), settings.validation_fraction)
        rows = split(len(dataset), count, self.seed, dataset.groups.codes)
        return replace(dataset, notes=(*dataset.notes, f"{dataset.groups.told(rows)} are held out.")), rows

    def _resume(
        self, work: Work, dataset: Dataset, model: LatentModel, settings: TrainConfig,
        held_out: npt.NDArray[np.int64] | None,
    ) -> None:  # fmt: skip
        """Keep the checkpoint of an earlier, cut short run only if it was of the same data, model and settings."""
        # What may differ without the training being another one.
        free: dict[str, Any] = {"checkpoint": None, "max_seconds": None, "threads": None, "memory": None}
        stamp = {
            "fingerprint": dataset.source.fingerprint,
            "schema": dataset.schema.to_json(),
            "model": model.config_json(),
            "training": asdict(replace(settings, device="auto", **free)),
        }
        if held_out is not None:
            stamp["held_out"] = hashlib.sha256(held_out.tobytes()).hexdigest()
        text = json.dumps(stamp, sort_keys=True, default=str)
        note, checkpoint = work.folder / "fit.json", work.folder / _CHECKPOINT
        if checkpoint.exists():
            if note.exists() and note.read_text() == text:
                self.tell("training", 0.0, f"going on from the fit that was cut short, kept in {work.folder.name}")
            else:
                for file in work.folder.glob(f"{checkpoint.stem}*"):
                    file.unlink()
                self.tell("training", 0.0, f"{work.folder.name} held another fit: starting anew")
        note.write_text(text)


def empty_folder(folder: Path) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    return folder


def _told(dataset: Dataset, model: LatentModel) -> Dataset:
    """With a note where the model is told of a column."""
    if model.condition is None:
        return dataset
    told = (
        f"the model is told of '{model.condition}'; a place of no row decodes as {model.conditions[0]}, the commonest."
    )
    return replace(dataset, notes=(*dataset.notes, told))
