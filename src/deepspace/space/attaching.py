"""A space around a model that was trained elsewhere, or around latents alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from deepspace.data.dataset import Dataset
from deepspace.errors import ModelError, SpaceError
from deepspace.models.ends import ForeignEnds
from deepspace.models.families.attached import Attached, AttachedModel
from deepspace.models.foreign import Inputs, Second, Spoken, recognise, spoken
from deepspace.models.layout import Layout
from deepspace.results import figure
from deepspace.space.base import BaseSpace
from deepspace.space.building import build
from deepspace.space.figures import reconstruction_error
from deepspace.space.files import Work
from deepspace.training.events import Progress

__all__ = ["Foreign", "attach_again", "build_attached"]

_LOOK = 64
"""Rows on which a model is tried before all of them are encoded."""
_SCALE_ROWS = 2000
_NO_POSTERIOR = 0.1
"""Of the latents' deviation: stands in for a posterior's scale where the encoder gives none."""
_SAME = 1e-2
"""Of the latents' deviation: how far a model attached again may encode a row from where it lies."""
_INPUTS: tuple[Inputs, ...] = ("raw", "unit", "signed", "encoded")

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Foreign:
    """What ``deepspace.attach`` was given. The fields are its arguments."""

    model: Any = None
    encode: Any = None
    decode: Any = None
    latents: Any = None
    inputs: Inputs | None = None
    flat: bool | None = None
    second: Second | None = None
    prior: str | None = None
    device: str = "cpu"
    batch: int = 256

    def __post_init__(self) -> None:
        if self.model is not None and (self.encode is not None or self.decode is not None):
            raise ModelError("Give attach either a whole model or its encode and decode, not both.")
        if self.model is None and self.encode is None and self.latents is None:
            raise ModelError("There is nothing to attach: give a model, or encode= (and decode=), or latents=.")
        if self.inputs is not None and self.inputs not in _INPUTS:
            raise ModelError(f"inputs must be one of {', '.join(_INPUTS)}, got {self.inputs!r}.")
        if self.second not in (None, "scale", "log_variance"):
            raise ModelError(f"second must be 'scale' or 'log_variance', got {self.second!r}.")
        if self.prior not in (None, "normal", "none"):
            raise ModelError(f"prior must be 'normal' or 'none', got {self.prior!r}.")
        if self.batch < 1:
            raise ModelError(f"batch must be at least 1, got {self.batch}.")

    def speak(self) -> Spoken:
        """The calls of the model, whichever way it was given."""
        return recognise(self.model) if self.model is not None else spoken(self.encode, self.decode)

    def ends(self, dataset_schema: Any, inputs: Inputs, flat: bool) -> ForeignEnds:
        return ForeignEnds(
            self.speak(), dataset_schema, inputs=inputs, flat=flat, second=self.second, device=self.device,
            batch=self.batch,
        )  # fmt: skip


def build_attached(
    dataset: Dataset,
    foreign: Foreign,
    work: Work,
    *,
    held_out: Sequence[int] | None,
    seed: int,
    on_progress: Callable[[Progress], None] | None = None,
    measure: Callable[[BaseSpace], Mapping[str, Any]] | None = None,
) -> AttachedModel:
    """Try the model on a few rows, then build its space in ``work``. Returns the model, to be given to the space.

    Raises ModelError where model and rows do not fit together, SpaceError where latents or ``held_out`` do not.
    """
    given = None if foreign.latents is None else _given(foreign.latents, dataset)
    model, notes = _model(dataset, foreign, given)
    latents = None if given is None else (given, np.broadcast_to(np.float32(model.config.scale), given.shape))
    record: Any = _Record(_held_out(held_out, dataset), seed)
    notes.append(
        f"{len(record.validation_index):,} rows were named as held out from the training of the attached model."
        if held_out is not None
        else "Nobody said which rows the attached model was trained on: measures are taken on any and flatter it."
    )
    told = replace(dataset, notes=(*dataset.notes, *notes))
    build(
        told, model, record, work.target, seed=seed, on_progress=on_progress, measure=measure, work=work,
        latents=latents,
    )  # fmt: skip
    return model


@dataclass(frozen=True)
class _Record:
    """All that is known of a training that happened elsewhere."""

    validation_index: npt.NDArray[np.int64]
    seed: int

    def to_json(self) -> dict[str, Any]:
        return {"epochs": [], "stopped": "attached", "seed": self.seed}


def _given(latents: Any, dataset: Dataset) -> Floats:
    try:
        values = np.asarray(latents.detach().cpu() if hasattr(latents, "detach") else latents, np.float32)
    except (TypeError, ValueError):
        raise SpaceError(f"latents must be an array of numbers, got {type(latents).__name__}.") from None
    if values.ndim < 2 or 0 in values.shape:
        raise SpaceError(f"latents have shape {values.shape}; give one row of latents a row of data, (n, d).")
    if len(values) != len(dataset):
        left = "; rows that could not be used were left out" if dataset.notes else ""
        raise SpaceError(f"there are {len(values):,} latents and {len(dataset):,} rows of data{left}.")
    values = np.ascontiguousarray(values.reshape(len(values), -1))
    if not np.isfinite(values).all():
        row = int(np.flatnonzero(~np.isfinite(values).all(1))[0])
        raise SpaceError(f"row {row} of latents holds NaN or infinity; leave it out of both latents and data.")
    return values


def _held_out(rows: Sequence[int] | None, dataset: Dataset) -> npt.NDArray[np.int64]:
    n = len(dataset)
    if rows is None:
        return np.empty(0, np.int64)
    given = np.asarray(rows)
    if given.dtype == bool and given.shape == (n,):
        given = np.flatnonzero(given)
    index = np.unique(given.astype(np.int64))
    if given.ndim != 1 or not len(index) or index[0] < 0 or index[-1] >= n:
        raise SpaceError(f"held_out must name rows from 0 to {n - 1}, by number or by a mask over all {n:,}.")
    if dataset.groups is not None:
        out = np.bincount(dataset.groups.codes[index], minlength=len(dataset.groups))
        cut = int(((out > 0) & (out < np.bincount(dataset.groups.codes))).sum())
        if cut:
            raise SpaceError(
                f"held_out cuts {cut:,} of the {len(dataset.groups):,} groups in two, so that they are not new to the "
                "model; name whole groups, or leave groups out."
            )
    return index


def _model(dataset: Dataset, foreign: Foreign, given: Floats | None) -> tuple[AttachedModel, list[str]]:
    """The model with its settings found on a few rows, and what there is to say about that."""
    look = np.unique(np.linspace(0, len(dataset) - 1, _LOOK).round().astype(np.int64))
    some, calls = np.asarray(dataset.array[look]), foreign.speak()
    lacks = {"likelihood"}
    lacks |= {"encoder"} if calls.encode is None else set()
    lacks |= {"decoder"} if calls.decode is None else set()
    flat = calls.flat if foreign.flat is None else foreign.flat
    known = foreign.inputs or calls.inputs
    z = None if given is None else given[look]
    if known is None and dataset.schema.form == "image" and "decoder" not in lacks:
        ends, errors = _best(dataset, foreign, flat, some, z)
    else:
        ends, errors = foreign.ends(dataset.schema, known or "raw", flat), {}
    mean, scale = _tried(ends, some, z, lacks)
    lacks |= {"posterior"} if scale is None else set()
    if foreign.prior == "none" or (scale is None and foreign.prior is None):
        lacks.add("prior")
    shape = ends.latent_shape or np.shape(foreign.latents)[1:]
    ends.latent_shape = tuple(int(n) for n in shape)
    config = Attached(
        latent_dim=mean.shape[1], lacks=tuple(sorted(lacks)), latent_shape=ends.latent_shape, inputs=ends.inputs,
        flat=flat, scale=_stand_in(dataset, ends, given) if scale is None else 1.0,
        reason="A model trained elsewhere.",
    )  # fmt: skip
    notes = _notes(dataset, ends, some, mean, lacks, errors)
    return AttachedModel(config, Layout.of(dataset.schema), ends), notes


def _best(
    dataset: Dataset, foreign: Foreign, flat: bool, some: npt.NDArray[Any], z: Floats | None
) -> tuple[ForeignEnds, dict[str, float]]:
    """Of the usual value ranges of pictures, the one in which the model rebuilds a few rows best."""
    errors: dict[str, float] = {}
    found: dict[str, ForeignEnds] = {}
    trouble: ModelError | None = None
    for inputs in _INPUTS[:-1]:
        ends = foreign.ends(dataset.schema, inputs, flat)
        try:
            errors[inputs] = _error(dataset, ends, some, z)
        except ModelError as error:
            trouble = trouble or error
            continue
        found[inputs] = ends
    if not found:
        assert trouble is not None
        raise trouble
    return found[min(errors, key=lambda name: (errors[name], name != "raw"))], errors


def _error(dataset: Dataset, ends: ForeignEnds, some: npt.NDArray[Any], z: Floats | None) -> float:
    import torch

    with torch.no_grad():
        mean = ends.encode(torch.from_numpy(np.array(some)))[0] if z is None else torch.from_numpy(z)
        made = ends.decode(mean).numpy()
    error = float(reconstruction_error(dataset.schema, some, made).mean())
    return error if np.isfinite(error) else float("inf")


def _tried(
    ends: ForeignEnds, some: npt.NDArray[Any], z: Floats | None, lacks: set[str]
) -> tuple[Floats, Floats | None]:
    """Latents of a few rows, and the posterior's scale where there is one."""
    import torch

    if z is not None:
        return z, None
    if "encoder" in lacks:
        raise ModelError("The model has no encoder; give latents= of the rows as well.")
    with torch.no_grad():
        mean, scale = ends.encode(torch.from_numpy(np.array(some)))
    if not bool(torch.isfinite(mean).all()):
        raise ModelError(
            f"The attached model encodes rows as NaN or infinity; inputs={ends.inputs!r} may not be what it was "
            f"trained on, the others are {', '.join(i for i in _INPUTS if i != ends.inputs)}."
        )
    return mean.numpy(), None if scale is None else scale.numpy()


def _stand_in(dataset: Dataset, ends: ForeignEnds, given: Floats | None) -> float:
    """A tenth of the typical deviation of the latents, over a spread of the rows."""
    import torch

    rows = np.unique(np.linspace(0, len(dataset) - 1, _SCALE_ROWS).round().astype(np.int64))
    if given is not None:
        z = given[rows]
    else:
        with torch.no_grad():
            z = ends.encode(torch.from_numpy(np.array(dataset.array[rows])))[0].numpy()
    typical = float(np.sqrt(z.var(0, dtype=np.float64).mean()))
    return _NO_POSTERIOR * typical if typical > 0 else 1.0


def _notes(
    dataset: Dataset, ends: ForeignEnds, some: npt.NDArray[Any], mean: Floats, lacks: set[str],
    errors: dict[str, float],
) -> list[str]:  # fmt: skip
    """How rows are handed over, and how well a few of them come back."""
    if "decoder" in lacks:
        return ["The model was attached without a decoder: places show the real rows nearest to them."]
    how = f"The model is handed rows with inputs={ends.inputs!r}"
    if errors:
        each = ", ".join(f"{name} {figure(error)}" for name, error in errors.items())
        how += f", which rebuilt {len(some)} of them best (error {each})"
    error = errors.get(ends.inputs) or _error(dataset, ends, some, mean)
    centre = np.broadcast_to(np.nanmean(some.astype(np.float32), axis=0), some.shape)
    guess = float(reconstruction_error(dataset.schema, some, np.nan_to_num(centre)).mean())
    notes = [f"{how}; error {figure(error)}, that of the rows' mean {figure(guess)}."]
    if error >= guess:
        notes.append(
            f"The attached model rebuilds {len(some)} rows no better than their mean (error {figure(error)} against "
            f"{figure(guess)}): it may have been trained on rows in other units; inputs= says how it is handed them."
        )
    return notes


def attach_again(space: BaseSpace, foreign: Foreign) -> AttachedModel:
    """The model of an opened space, from its calls, after a look at whether it is the same one.

    Raises SpaceError where the space was not made of an attached model, or where the model encodes a few rows
    elsewhere than they lie.
    """
    import torch

    if space.manifest["model"].get("family") != Attached.family:
        raise SpaceError(f"'{space.name}' keeps its own model; nothing need be attached to it.")
    config = Attached.from_json(space.manifest["model"]["config"])
    inputs: Any = foreign.inputs or config.inputs
    ends = foreign.ends(space.schema, inputs, config.flat if foreign.flat is None else foreign.flat)
    ends.latent_shape = config.latent_shape
    lacks = set(config.lacks) | ({"decoder"} if ends.spoken.decode is None else set())
    lacks |= {"encoder"} if ends.spoken.encode is None else set()
    lacks -= {"decoder"} if ends.spoken.decode is not None else set()
    if ends.spoken.encode is not None:
        rows = np.unique(np.linspace(0, len(space) - 1, _LOOK).round().astype(np.int64))
        with torch.no_grad():
            found = ends.encode(torch.from_numpy(np.array(space.samples[rows])))[0].numpy()
        _check_same(space, rows, found)
        lacks -= {"encoder"}
    settings = {**config.to_json(), "lacks": sorted(lacks), "inputs": inputs, "flat": ends.flat}
    model = AttachedModel(Attached.from_json(settings), Layout.of(space.schema), ends)
    space.give_model(model)
    return model


def _check_same(space: BaseSpace, rows: npt.NDArray[np.int64], found: Floats) -> None:
    own = np.asarray(space.latents.mean[rows])
    if found.shape != own.shape:
        raise SpaceError(
            f"this is not the model of '{space.name}': it encodes to {found.shape[1]} latent dimensions, "
            f"the space has {own.shape[1]}."
        )
    deviation = max(float(np.sqrt(np.asarray(space.latents.mean).var(0, dtype=np.float64).mean())), 1e-30)
    away = np.sqrt(np.square(found - own, dtype=np.float64).mean(1)) / deviation
    if not (away < _SAME).all():
        row = int(rows[np.argmax(np.nan_to_num(away, nan=np.inf))])
        raise SpaceError(
            f"this is not the model of '{space.name}': it encodes {int((~(away < _SAME)).sum())} of {len(rows)} rows "
            f"elsewhere than they lie, first of all row {row}; attach the one that the space was made with."
        )
