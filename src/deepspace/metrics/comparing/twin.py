"""The twin of a space: another model of the same rows, at the same number of dimensions; principal components first."""

from __future__ import annotations

import os
import shutil
import tempfile
import threading
import weakref
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from deepspace.data.dataset import Dataset, Source
from deepspace.errors import SpaceError
from deepspace.metrics.comparing.compare import check_same_rows
from deepspace.space import BaseSpace, open_space
from deepspace.space.files import Work

if TYPE_CHECKING:
    from deepspace.models import Config
    from deepspace.training.events import Progress

__all__ = ["find_twin", "twin"]

S = TypeVar("S", bound=BaseSpace)
Watch = Callable[["Progress"], None]
_making = threading.Lock()


def find_twin(space: S, model: str | Config = "pca") -> S | None:
    """The twin of that model that was kept beside the space, if it is whole and still of the same rows."""
    config = _config(space, model)
    try:
        found = open_space(_beside(space, config.family), kind=type(space))
        check_same_rows(space, found)
    except SpaceError:
        return None
    same = np.array_equal(found.validation_index, space.validation_index) and found.latent_dim == space.latent_dim
    return found if same and _is(found, config) else None


def twin(
    space: S,
    model: str | Config = "pca",
    *,
    measure: Callable[[BaseSpace], Mapping[str, Any]] | None = None,
    on_progress: Watch | None = None,
) -> S:
    """Another model of the rows that the space was trained on, with the same rows held out, as a space like any other.

    model: a family's name or a config; its latent dimensions are the space's. Made at the first ask and kept beside the
    space as ``NAME.FAMILY.space``, or, where that may not be written, in a temporary folder for as long as the twin is
    held; whole or not at all. ``measure``: as in ``deepspace.space.build``. Raises SpaceError for a space that is of
    that model itself.
    """
    config = _config(space, model)
    if _is(space, config):
        own = "principal components" if config.family == "pca" else f"such a {type(config).__name__}"
        raise SpaceError(f"'{space.name}' is made of {own} itself; compare it with another space.")
    with _making:
        found = find_twin(space, config)
        if found is not None:
            return found
        target = _beside(space, config.family)
        if _may_write(target, config.family):
            return _build(space, config, target, measure, on_progress)
        folder = Path(tempfile.mkdtemp(prefix="deepspace-"))
        try:
            made = _build(space, config, folder / target.name, measure, on_progress)
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        weakref.finalize(made, shutil.rmtree, folder, ignore_errors=True)
        return made


def _config(space: BaseSpace, model: str | Config) -> Config:
    """The model asked for, with everything chosen that was left open."""
    from deepspace.models import choose, configure

    asked = configure(model, {}) if isinstance(model, str) else model
    learned = [column.name for column in space.schema.features if column.name in asked.beside]
    if learned:
        raise SpaceError(
            f"cannot make that twin of '{space.name}': '{learned[0]}' is among the columns that it learned from; "
            "fit the data anew with this condition."
        )
    asked = replace(asked, latent_dim=space.latent_dim).known(space.schema, space.rows.table(list(asked.beside)))
    return choose(space.schema, space.samples, asked)


def _build(space: S, config: Config, target: Path, measure: Any, on_progress: Watch | None) -> S:
    from deepspace.models import build as build_model
    from deepspace.models.conditions import codes_of
    from deepspace.space import build as build_space
    from deepspace.training import TrainConfig, train

    seed = int(space.history.get("seed") or 0)
    model = build_model(config, space.schema, seed=seed)
    with Work(target) as work:
        codes = codes_of(model, space.rows.table(list(config.beside)))
        history = train(
            model, space.samples, TrainConfig(seed=seed), codes=codes, held_out=space.validation_index,
            on_progress=on_progress,
        )  # fmt: skip
        note = f"A {type(config).__name__} of the rows of '{space.name}', made to compare with it."
        build_space(
            _dataset(space, note), model, history, work.target,
            seed=seed, on_progress=on_progress, measure=measure, work=work,
        )  # fmt: skip
    return open_space(work.target, kind=type(space))


def _dataset(space: BaseSpace, note: str) -> Dataset:
    source = space.manifest.get("provenance", {}).get("source", {})
    return Dataset(
        schema=space.schema,
        array=space.samples,
        rows=space.rows.table(),
        source=Source(str(source.get("name", "")), tuple(source.get("files", ())), str(source.get("fingerprint", ""))),
        notes=(note,),
        groups=space.groups,
    )


def _is(space: BaseSpace, config: Config) -> bool:
    """Whether the space is of this very model."""
    described = space.manifest["model"]
    own = {**described.get("config", {}), "reason": config.reason}
    return described.get("family") == config.family and own == config.to_json()


def _beside(space: BaseSpace, family: str) -> Path:
    folder = Path(os.path.realpath(space.folder))
    return folder.with_name(f"{folder.name.removesuffix('.space')}.{family}.space")


def _may_write(target: Path, family: str) -> bool:
    """Whether the twin may be put there: nothing is, or an older twin of the family."""
    if not os.access(target.parent, os.W_OK):
        return False
    if not target.exists():
        return True
    try:
        return bool(open_space(target).manifest["model"].get("family") == family)
    except SpaceError:
        return False
