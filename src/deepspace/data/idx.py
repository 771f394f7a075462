"""The IDX format of MNIST and its relatives, plain or gzipped, with the label file found beside the images."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from deepspace.data.files import read_bytes, source_of
from deepspace.data.raw import Arrays
from deepspace.errors import DataError

__all__ = ["is_idx", "parse_idx", "read_idx"]

_TYPES = {0x08: "u1", 0x09: "i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}


def is_idx(head: bytes) -> bool:
    """Whether the first bytes are those of an IDX file: two zeros, a type, a number of dimensions."""
    return len(head) >= 4 and head[:2] == b"\0\0" and head[2] in _TYPES and 1 <= head[3] <= 4


def parse_idx(data: bytes, name: str) -> npt.NDArray[Any]:
    """Bytes of an IDX file -> array. The sizes in the header must agree with the length."""
    if not is_idx(data):
        raise DataError(
            f"'{name}' is not an IDX file: it starts with {data[:4].hex(' ') or 'nothing'}; download it again."
        )
    kind, dims = np.dtype(_TYPES[data[2]]), data[3]
    start = 4 + 4 * dims
    if len(data) < start:
        raise DataError(f"'{name}' ends within its header; download it again.")
    shape = tuple(int(n) for n in np.frombuffer(data, ">u4", dims, 4))
    expected = int(np.prod(shape, dtype=object)) * kind.itemsize
    if len(data) - start != expected:
        raise DataError(
            f"'{name}' should hold {expected:,} bytes for shape {shape}, but holds {len(data) - start:,}; get it again."
        )
    return np.frombuffer(data, kind, offset=start).reshape(shape).astype(kind.newbyteorder("="), copy=False)


def read_idx(path: Path, fingerprint: bool = True) -> Arrays:
    """Images with the labels beside them (``images-idx3`` <-> ``labels-idx1``); a label file leads to its images."""
    images = _partner(path, "label", "image", "idx1", "idx3") or path
    labels = _partner(images, "image", "label", "idx3", "idx1")
    array = parse_idx(read_bytes(images), images.name)
    if array.ndim < 2:
        raise DataError(f"'{path.name}' holds labels only, and no image file is found beside it.")
    side: dict[str, Any] = {}
    notes = []
    files = [images]
    if labels is not None:
        values = parse_idx(read_bytes(labels), labels.name)
        if values.shape != (len(array),):
            raise DataError(
                f"'{labels.name}' has {values.shape[0]:,} labels for {len(array):,} images in '{images.name}'."
            )
        side["label"] = values
        files.append(labels)
        notes.append(f"labels are read from '{labels.name}' beside it.")
    name = "images" if array.ndim in (3, 4) else ""
    return Arrays(array, name, side, source_of(files, fingerprint), tuple(notes))


def _partner(path: Path, this: str, other: str, this_idx: str, other_idx: str) -> Path | None:
    """The file beside ``path`` that differs by image <-> label in its name, gzipped or not."""
    if this not in path.name:
        return None
    name = path.name.replace(this, other).replace(this_idx, other_idx)
    plain = name.removesuffix(".gz")
    for candidate in (name, plain, plain + ".gz"):
        if (path.parent / candidate).is_file():
            return path.parent / candidate
    return None
