"""The twin of a space: principal components of the same rows, at the same number of dimensions."""

from __future__ import annotations

import os
import shutil
import tempfile
import threading
import weakref
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from deepspace.data.dataset import Dataset, Source
from deepspace.errors import SpaceError
from deepspace.metrics.comparing.compare import check_same_rows
from deepspace.space import BaseSpace, open_space
from deepspace.space.files import Work

if TYPE_CHECKING:
    from deepspace.training.events import Progress

__all__ = ["find_twin", "twin"]

S = TypeVar("S", bound=BaseSpace)
Watch = Callable[["Progress"], None]
_making = threading.Lock()


def find_twin(space: S) -> S | None:
    """The twin that was kept beside the space, if it is whole and still of the same rows."""
    try:
        found = open_space(_beside(space), kind=type(space))
        check_same_rows(space, found)
    except SpaceError:
        return None
    same = np.array_equal(found.validation_index, space.validation_index) and found.latent_dim == space.latent_dim
    return found if same and _is_pca(found) else None


def twin(
    space: S, *, measure: Callable[[BaseSpace], Mapping[str, Any]] | None = None, on_progress: Watch | None = None
) -> S:
    """Principal components of the rows that the space was trained on, as a space like any other.

    Made at the first ask and kept beside the space as ``NAME.pca.space``, or, where that may not be written, in a
    temporary folder for as long as the twin is held; whole or not at all. ``measure``: as in
    ``deepspace.space.build``. Raises SpaceError for a space that is itself of principal components.
    """
    if _is_pca(space):
        raise SpaceError(f"'{space.name}' is made of principal components itself; compare it with another space.")
    with _making:
        found = find_twin(space)
        if found is not None:
            return found
        target = _beside(space)
        if _may_write(target):
            return _build(space, target, measure, on_progress)
        folder = Path(tempfile.mkdtemp(prefix="deepspace-"))
        try:
            made = _build(space, folder / target.name, measure, on_progress)
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        weakref.finalize(made, shutil.rmtree, folder, ignore_errors=True)
        return made


def _build(space: S, target: Path, measure: Any, on_progress: Watch | None) -> S:
    from deepspace.models import PCA, ClosedForm
    from deepspace.models import build as build_model
    from deepspace.space import build as build_space
    from deepspace.training import TrainConfig
    from deepspace.training.solved import solve

    seed = int(space.history.get("seed") or 0)
    model = build_model(PCA(latent_dim=space.latent_dim), space.schema, seed=seed)
    assert isinstance(model, ClosedForm)
    with Work(target) as work:
        held_out = len(space.validation_index)
        config = TrainConfig(seed=seed)
        history = solve(model, space.samples, config, validation_rows=held_out, on_progress=on_progress)
        if not np.array_equal(history.validation_index, space.validation_index):
            raise SpaceError(
                f"cannot make the twin of '{space.name}': its record of held-out rows is not that of its training; "
                "fit it again."
            )
        build_space(
            _dataset(space), model, history, work.target, seed=seed, on_progress=on_progress, measure=measure, work=work
        )
    return open_space(work.target, kind=type(space))


def _dataset(space: BaseSpace) -> Dataset:
    source = space.manifest.get("provenance", {}).get("source", {})
    return Dataset(
        schema=space.schema,
        array=space.samples,
        rows=space.rows.table(),
        source=Source(str(source.get("name", "")), tuple(source.get("files", ())), str(source.get("fingerprint", ""))),
        notes=(f"Principal components of the rows of '{space.name}', made to compare with it.",),
    )


def _is_pca(space: BaseSpace) -> bool:
    return bool(space.manifest["model"].get("family") == "pca")


def _beside(space: BaseSpace) -> Path:
    folder = Path(os.path.realpath(space.folder))
    return folder.with_name(f"{folder.name.removesuffix('.space')}.pca.space")


def _may_write(target: Path) -> bool:
    """Whether the twin may be put there: nothing is, or an older twin."""
    if not os.access(target.parent, os.W_OK):
        return False
    if not target.exists():
        return True
    try:
        return _is_pca(open_space(target))
    except SpaceError:
        return False
