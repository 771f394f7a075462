"""From a trained model and its rows to a space on disk, batch by batch and all or nothing."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from deepspace.data.dataset import Dataset
from deepspace.errors import SpaceError
from deepspace.space.base import BaseSpace
from deepspace.space.clusters import with_clusters
from deepspace.space.density import Density
from deepspace.space.figures import FIGURES, describe, encode_rows
from deepspace.space.files import NpyWriter, Sink, Work, saving
from deepspace.space.manifest import FORMAT, FORMAT_VERSION, plain_json, split_timings, write_manifest
from deepspace.space.moments import ACTIVE_VARIANCE
from deepspace.space.opening import check_room, open_space
from deepspace.space.rows import write_rows
from deepspace.training.events import Phase, Progress

if TYPE_CHECKING:
    from deepspace.models.base import LatentModel
    from deepspace.space.map import FittedMap
    from deepspace.training import History

__all__ = ["Measure", "build"]

Measure = Callable[[BaseSpace], Mapping[str, Any]]
Watch = Callable[[Progress], None]
Given = tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]
Places = Callable[[npt.NDArray[np.int64], npt.NDArray[np.float32]], None]

_COPY_BYTES = 1 << 24


def build(
    dataset: Dataset,
    model: LatentModel,
    history: History,
    path: str | Path,
    *,
    seed: int = 0,
    on_progress: Watch | None = None,
    on_places: Places | None = None,
    should_stop: Callable[[], bool] | None = None,
    overwrite: bool = True,
    measure: Measure | None = None,
    work: Work | None = None,
    latents: Given | None = None,
) -> BaseSpace:
    """Encode every row, fit the map, and write the whole to the folder ``path``, which then opens or does not exist.

    ``on_places`` sees the map take shape: rows (m,) ascending and their positions (m, 2), every few steps.
    ``should_stop`` ends the fitting of the map early, never the space. ``measure`` is called with the space before it
    is put in place, and what it returns is stored with it. ``work`` is the claimed work folder of ``path`` where the
    caller already holds one. ``latents`` are mean and scale (N, D) where the model cannot
    give them. The same dataset, model, seed and threads give the same bytes, except for ``run`` in the
    manifest. Raises SpaceError where ``path`` cannot be written.
    """
    if not len(dataset):
        raise SpaceError("cannot build a space: there are no rows")
    held = work or Work(Path(path), overwrite=overwrite)
    from deepspace.space.map.fitted import use_threads

    try:
        # On as many threads as training had: sums in another order would make another space.
        with use_threads(getattr(history, "threads", None)):
            _Builder(dataset, model, history, held, seed, on_progress, latents).build(on_places, should_stop, measure)
    finally:
        if work is None:
            held.release()
    return open_space(held.target)


class _Builder:
    """One build: the stage being filled, and the manifest's entry of each file that is complete."""

    def __init__(
        self, dataset: Dataset, model: LatentModel, history: History, work: Work, seed: int, on_progress: Watch | None,
        latents: Given | None = None,
    ) -> None:  # fmt: skip
        self.dataset = dataset
        self.model = model
        self.history = history
        self.work = work
        self.seed = seed
        self.on_progress = on_progress
        self.latents = latents
        self.stage = work.stage
        self.entries: dict[str, dict[str, Any]] = {}
        self.summary: dict[str, Any] = {}
        self.clusters: str | None = None

    def build(self, on_places: Places | None, should_stop: Callable[[], bool] | None, measure: Measure | None) -> None:
        n, dim = len(self.dataset), self.model.latent_dim
        check_room(self.work.target, self._samples_bytes() + n * (dim * 8 + 8 + 4 * len(FIGURES)))
        self.work.begin()
        with saving(self.work.target):
            validation = self._write_validation()
            self._write_groups()
            self._write_samples()
            figures, unit = self._write_latents(validation)
            latents = np.load(self.stage / "latents_mean.npy", mmap_mode="r", allow_pickle=False)
            self.dataset, self.clusters = with_clusters(self.dataset, self.model, latents)
            self._tell("encoding", 1.0, "measuring how crowded each place is")
            figures[FIGURES.index("log_density")] = Density(latents, unit, seed=self.seed).of_rows()
            self._write_array("figures.npy", figures)
            fitted = self._write_map(latents, on_places, should_stop)
            self._tell("saving", 0.0)
            self._write_bytes("weights.safetensors", self._weights())
            with Sink(self.stage / "rows.parquet") as sink:
                columns = write_rows(sink, self.dataset.rows)
            self.entries["rows.parquet"] = sink.entry()
            content = self._content(columns, unit, fitted)
            self._write_measures(content, measure)
            write_manifest(self.stage, content, self.entries)
        self.work.commit()
        self._tell("saving", 1.0)

    def _tell(self, phase: Phase, fraction: float, message: str = "") -> None:
        if self.on_progress is not None:
            self.on_progress(Progress(phase=phase, fraction=fraction, message=message))

    def _samples_bytes(self) -> int:
        return len(self.dataset) * int(np.prod(self.dataset.schema.shape)) * self.dataset.schema.dtype.itemsize

    # Files

    def _write_bytes(self, name: str, data: bytes) -> None:
        with Sink(self.stage / name) as sink:
            sink.write(data)
        self.entries[name] = sink.entry()

    def _write_array(self, name: str, array: npt.NDArray[Any]) -> None:
        """Whole arrays, written in pieces so that a memory-mapped one never fills memory."""
        step = max(1, _COPY_BYTES // max(1, int(array[:1].nbytes)))
        with Sink(self.stage / name) as sink:
            writer = NpyWriter(sink, array.shape, array.dtype)
            for start in range(0, len(array), step):
                writer.append(array[start : start + step])
            writer.finish()
        self.entries[name] = sink.entry()

    def _write_samples(self) -> None:
        self._write_array("samples.npy", self.dataset.array)

    def _write_validation(self) -> npt.NDArray[np.int64]:
        index = np.sort(np.asarray(getattr(self.history, "validation_index", ()), np.int64).reshape(-1))
        if len(index):
            self._write_array("validation.npy", index)
        return index

    def _write_groups(self) -> None:
        groups = self.dataset.groups
        if groups is not None:
            self._write_array("groups.npy", groups.codes)

    def _write_latents(
        self, validation: npt.NDArray[np.int64]
    ) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        """Stream posterior means and scales to disk. Returns figures (F, N) and the typical posterior scale (D,)."""
        from deepspace.models.conditions import codes_of

        n, dim = len(self.dataset), self.model.latent_dim
        figures = np.zeros((len(FIGURES), n), np.float32)
        held_out = np.zeros(n, bool)
        held_out[validation] = True
        kl, squares, total = np.zeros((2, dim)), np.zeros(dim), np.zeros((2, dim))
        done = 0
        with Sink(self.stage / "latents_mean.npy") as means, Sink(self.stage / "latents_scale.npy") as scales:
            mean_file, scale_file = NpyWriter(means, (n, dim), np.float32), NpyWriter(scales, (n, dim), np.float32)
            data, codes = self.dataset, codes_of(self.model, self.dataset.rows)
            for batch in encode_rows(
                self.model, data.schema, data.array, seed=self.seed, codes=codes, latents=self.latents
            ):
                rows = slice(done, done + len(batch.mean))
                self._check_finite(batch.mean, batch.scale, done)
                mean_file.append(batch.mean)
                scale_file.append(batch.scale)
                none_yet = np.zeros_like(batch.error)
                figures[:, rows] = batch.error, none_yet, batch.elbo, np.exp(np.log(batch.scale).mean(1))
                out = held_out[rows]
                kl[0] += batch.kl.sum(0, np.float64)
                kl[1] += batch.kl[out].sum(0, np.float64)
                squares += np.square(batch.scale, dtype=np.float64).sum(0)
                total += batch.mean.sum(0, np.float64), np.square(batch.mean, dtype=np.float64).sum(0)
                done = rows.stop
                self._tell("encoding", done / n)
            mean_file.finish()
            scale_file.finish()
        self.entries["latents_mean.npy"], self.entries["latents_scale.npy"] = means.entry(), scales.entry()
        spread = total[1] / n - np.square(total[0] / n)
        self._summarise(figures, held_out, kl, spread, spread + squares / n)
        return figures, np.sqrt(squares / n).astype(np.float32)

    def _check_finite(self, mean: npt.NDArray[Any], scale: npt.NDArray[Any], done: int) -> None:
        wrong = ~(np.isfinite(mean).all(1) & np.isfinite(scale).all(1) & (scale > 0).all(1))
        if wrong.any():
            row = done + int(np.flatnonzero(wrong)[0])
            raise SpaceError(
                f"cannot build '{self.work.target.name}': the model encodes row {row} as NaN or infinity; "
                "train again with a lower learning rate"
            )

    def _summarise(
        self,
        figures: npt.NDArray[np.float32],
        held_out: npt.NDArray[np.bool_],
        kl: npt.NDArray[np.float64],
        spread: npt.NDArray[np.float64],
        whole: npt.NDArray[np.float64],
    ) -> None:
        n, kept = len(held_out), int(held_out.sum())
        elbo, error = figures[FIGURES.index("elbo")], figures[FIGURES.index("reconstruction_error")]
        self.summary = {
            "rows": n,
            "validation_rows": kept,
            "elbo": float(elbo.mean(dtype=np.float64)),
            "validation_elbo": float(elbo[held_out].mean(dtype=np.float64)) if kept else None,
            "reconstruction_error": float(error.mean(dtype=np.float64)),
            "validation_reconstruction_error": float(error[held_out].mean(dtype=np.float64)) if kept else None,
            "kl_per_dimension": (kl[1] / kept if kept else kl[0] / n).tolist(),
            "active_units": int((spread > ACTIVE_VARIANCE * min(1.0, float(whole.max()))).sum()),
            "latent_dim": len(spread),
        }

    def _write_map(
        self, latents: npt.NDArray[Any], on_places: Places | None, should_stop: Callable[[], bool] | None
    ) -> FittedMap:
        from safetensors.numpy import save

        from deepspace.space.map import fit_map

        self._tell("mapping", 0.0)
        fitted = fit_map(
            latents,
            seed=self.seed,
            on_progress=lambda fraction: self._tell("mapping", fraction),
            on_places=on_places,
            should_stop=should_stop,
            # A foreign decoder may be of any size, and the metric asks for 16,384 decodes.
            decode=None if self.model.lacks else self.model.decode,
            samples=self.dataset.array,
            weights=_weights_of(self.model),
        )
        positions = np.ascontiguousarray(fitted.positions, np.float32)
        self._write_array("map.npy", positions)
        tensors = {name: _as_array(tensor) for name, tensor in sorted(fitted.tensors().items())}
        self._write_bytes("map.safetensors", save(tensors))
        return fitted

    def _weights(self) -> bytes:
        from safetensors.torch import save

        state = self.model.state_dict()
        return save({name: state[name].detach().cpu().contiguous().clone() for name in sorted(state)})

    # The manifest

    def _content(self, columns: list[str], unit: npt.NDArray[np.float32], fitted: FittedMap) -> dict[str, Any]:
        history, timings = split_timings(plain_json(self.history.to_json()))
        source, weights = self.dataset.source, _weights_of(self.model)
        return {
            "rows": len(self.dataset),
            "latent_dim": self.model.latent_dim,
            "columns": columns,
            "clusters": self.clusters,
            "groups": self._groups(),
            "schema": self.dataset.schema.to_json(),
            "model": self.model.config_json(),
            "map": fitted.config_json(),
            "density": {"unit": unit.tolist()},
            "neighbours": {"weights": None if weights is None else weights.tolist()},
            "figures": describe(self.dataset.schema, self.model.lacks),
            "provenance": {
                "source": {"name": source.name, "files": list(source.files), "fingerprint": source.fingerprint},
                "notes": list(self.dataset.notes),
                "seed": self.seed,
                "device": str(getattr(self.history, "device", "cpu")),
                "threads": getattr(self.history, "threads", None),
                "precision": str(getattr(self.history, "precision", "float32")),
                "versions": _versions(),
            },
            "history": history,
            "run": {"created": datetime.now(UTC).isoformat(timespec="seconds"), "history": timings},
        }

    def _groups(self) -> dict[str, Any] | None:
        """Which rows were held out together: by which column, how many groups there are, and how many are held out."""
        groups = self.dataset.groups
        if groups is None:
            return None
        held = np.asarray(getattr(self.history, "validation_index", ()), np.int64).reshape(-1)
        return {"column": groups.name, "missing": groups.missing, "groups": len(groups), "held_out": groups.among(held)}

    def _write_measures(self, content: Mapping[str, Any], measure: Measure | None) -> None:
        """Measures need a space to measure, and the space needs its measures: the stage is read as it stands.

        A model that was attached cannot be read from there, and is handed over.
        """
        if measure is not None:
            self._tell("measuring", 0.0)
            manifest = {
                "format": FORMAT,
                "format_version": FORMAT_VERSION,
                **plain_json(content),
                "files": self.entries,
            }
            (self.stage / "measures.json").write_text(json.dumps(plain_json(self.summary)))
            with BaseSpace(self.stage, manifest, name=self.work.target.name.removesuffix(".space")) as draft:
                if self.model.lacks:
                    draft.give_model(self.model)
                self.summary.update(measure(draft))
            os.unlink(self.stage / "measures.json")
        text = json.dumps(plain_json(self.summary), indent=1, ensure_ascii=False, allow_nan=False) + "\n"
        self._write_bytes("measures.json", text.encode())


def _weights_of(model: LatentModel) -> npt.NDArray[np.float32] | None:
    weights = model.distance_weights()
    return None if weights is None else np.asarray(_as_array(weights), np.float32)


def _as_array(tensor: Any) -> npt.NDArray[Any]:
    return np.ascontiguousarray(tensor.detach().cpu().numpy() if hasattr(tensor, "detach") else tensor)


def _versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for name in ("deepspace", "torch", "numpy", "pyarrow", "safetensors", "scikit-learn", "faiss-cpu"):
        with suppress(PackageNotFoundError):
            found[name] = version(name)
    return found
