"""The modalities, and the three functions that find the right one: load, stream and schema_from_json."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from deepspace.data import counts, images, signals, tables, vectors
from deepspace.data.dataset import Dataset
from deepspace.data.groups import find_groups
from deepspace.data.overrides import read_overrides
from deepspace.data.raw import Options, Raw
from deepspace.data.readers import read
from deepspace.data.schema import Schema
from deepspace.errors import DataError

__all__ = ["MODALITIES", "Modality", "load", "schema_from_json", "stream"]


@dataclass(frozen=True)
class Modality:
    """What one modality offers: how well it fits raw input (0 to 1), and how to build, rebuild and stream it."""

    name: str
    fits: Callable[[Raw], float]
    build: Callable[[Raw, Options], Dataset]
    from_json: Callable[[dict[str, Any]], Schema]
    stream: Callable[[Raw, Any, int], Iterator[npt.NDArray[Any]]]


MODALITIES: dict[str, Modality] = {
    modality.name: modality
    for modality in (
        Modality("image", images.fits, images.build, images.ImageSchema.from_json, images.stream_images),
        Modality("signal", signals.fits, signals.build, signals.SignalSchema.from_json, signals.stream_signals),
        Modality("vector", vectors.fits, vectors.build, vectors.VectorSchema.from_json, vectors.stream_vectors),
        Modality("counts", counts.fits, counts.build, counts.CountsSchema.from_json, counts.stream_counts),
        Modality("table", tables.fits, tables.build, tables.TableSchema.from_json, tables.stream_table),
    )
}


def load(
    source: Any,
    *,
    modality: str | None = None,
    schema: Schema | Mapping[str, Any] | str | Path | None = None,
    target: str | None = None,
    include_target: bool = False,
    image_size: int | None = None,
    workdir: Path | None = None,
    memory_budget: int | None = None,
    beside: Sequence[str] = (),
    groups: Any = None,
) -> Dataset:
    """Read, type and encode ``source``: a path (file, folder, zip), a pandas, polars or Arrow table, an array, a SciPy
    sparse matrix, a tuple (array, labels), a mapping of arrays, or an AnnData object.

    ``schema`` as a file or mapping overrides what is inferred: ``{modality, target, image_size, include_target,
    columns: {name: {kind, role, categories}}}``. ``target='none'`` says that there is no target. A table that takes
    more than ``memory_budget`` bytes is read in two passes into files in ``workdir``. Columns
    of a table named ``beside`` are kept, not learned. ``groups``: which rows belong together, a column (of a table: it
    is not learned) or one value for each row of the source. Raises DataError.
    """
    overrides = read_overrides(schema)
    modality = modality or overrides.modality
    columns = dict(overrides.columns)
    columns.update({name: {**columns.get(name, {}), "role": "metadata"} for name in beside})
    options = Options(
        target=target if target is not None else overrides.target,
        include_target=include_target or overrides.include_target,
        image_size=_image_size(image_size or overrides.image_size),
        columns=columns,
        workdir=Path(workdir) if workdir is not None else None,
        memory_budget=memory_budget,
        groups=None if groups is None else groups if isinstance(groups, str) else "",
    )
    raw = read(source, options)
    dataset = _choose(raw, modality).build(raw, options)
    if groups is None:
        return dataset
    found, notes = find_groups(groups, dataset)
    return replace(dataset, groups=found, notes=(*dataset.notes, *notes))


def _choose(raw: Raw, name: str | None) -> Modality:
    if name is not None:
        singular = {"images": "image", "tables": "table", "signals": "signal", "vectors": "vector"}.get(name, name)
        if singular not in MODALITIES:
            raise DataError(f"there is no modality '{name}'; there are {', '.join(MODALITIES)}.")
        return MODALITIES[singular]
    scores = {modality.name: modality.fits(raw) for modality in MODALITIES.values()}
    best = max(scores, key=lambda key: scores[key])
    if scores[best] <= 0:
        raise DataError(f"'{raw.source.name}' fits none of {', '.join(MODALITIES)}; say which with modality.")
    return MODALITIES[best]


def _image_size(size: int | None) -> int | None:
    if size is not None and not 4 <= size <= 1024:
        raise DataError(f"image_size is {size}; choose one from 4 to 1024 pixels.")
    return size


def stream(source: Any, schema: Schema, *, rows: int = 8192) -> Iterator[npt.NDArray[Any]]:
    """Encoded blocks (at most ``rows``, *schema.shape) of ``source`` in order, in constant memory: Parquet, Arrow and
    text tables are read ahead in a thread, pictures as they are needed."""
    raw = read(source, Options(fingerprint=False), big=schema.modality in ("table", "vector"))
    for block in MODALITIES[schema.modality].stream(raw, schema, rows):
        yield np.asarray(block)


def schema_from_json(obj: dict[str, Any]) -> Schema:
    """The schema that ``schema.to_json()`` described."""
    name = obj.get("modality") if isinstance(obj, dict) else None
    if name not in MODALITIES:
        raise DataError(f"this schema has modality {name!r}, which is not known; there are {', '.join(MODALITIES)}.")
    try:
        return MODALITIES[str(name)].from_json(obj)
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(f"this {name} schema is damaged: {type(error).__name__} {error}.") from None
