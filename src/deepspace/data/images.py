"""Images: uint8 (C, H, W), from pictures on disk or from arrays, and back to uint8 pictures."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from deepspace.data import pictures
from deepspace.data.arrays import good_rows
from deepspace.data.dataset import Dataset
from deepspace.data.grid import are_pixels, grid_of, square, to_arrays
from deepspace.data.metadata import describe_rows, rows_from_side
from deepspace.data.raw import Arrays, Frame, ImageFiles, Options, Raw
from deepspace.data.schema import Column, Schema, column_from_json, column_to_json
from deepspace.data.storage import allocate, settle
from deepspace.errors import DataError

__all__ = ["ImageSchema", "build", "fits"]

# Pictures with a longer side are made smaller when they are read, unless a size is asked for.
MAX_SIDE, DEFAULT_SIDE = 128, 64
_CHUNK = 1024
_IMAGE_NAMES = ("image", "images", "img", "imgs", "picture", "pictures", "photos")
_SIGNAL_HINTS = frozenset(["channels", "scale", "fs", "sampling_rate", "sample_rate", "frequency"])


@dataclass(frozen=True)
class ImageSchema(Schema):
    """Pictures of one size. shape: (C, H, W), C 1 or 3.

    ``low`` and ``high`` are the user's values that became 0 and 255: 0 and 255 for bytes, 0 and 1 for most floats.
    ``layout`` says where the channels were: 'hw', 'hwc' or 'chw'; 'flat' for pictures given as rows of pixels.
    """

    modality: ClassVar[str] = "image"
    shape: tuple[int, ...]
    columns: tuple[Column, ...] = ()
    low: float = 0.0
    high: float = 255.0
    layout: str = "hwc"

    @property
    def dtype(self) -> np.dtype[Any]:
        return np.dtype(np.uint8)

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) in pixels."""
        return self.shape[1], self.shape[2]

    @property
    def channels(self) -> int:
        return self.shape[0]

    def encode(self, raw: Any) -> npt.NDArray[np.uint8]:
        """A path, an array (N, H, W), (N, H, W, C), (N, C, H, W) or one picture of these -> (N, C, H, W).
        Pictures of another size are resized; grey and colour are converted to what the space was learned from."""
        from deepspace.data.readers import read

        if not isinstance(raw, (Arrays, ImageFiles)):
            raw = self._single(raw)
            opened = read(raw, Options(fingerprint=False)) if not isinstance(raw, np.ndarray) else None
        else:
            opened = raw
        opened = _unrolled(opened) if opened is not None else None
        if isinstance(opened, ImageFiles):
            array, kept, problems = pictures.load(opened.entries, self.size, self.channels)
            if not kept.all():
                raise DataError(problems[0])
            return array
        if opened is not None and not isinstance(opened, Arrays):
            raise DataError(f"'{opened.source.name}' holds no pictures, but this space was learned from pictures.")
        array = opened.main if isinstance(opened, Arrays) else raw
        layout = self.layout if self.layout == "flat" and array.ndim == 2 else layout_of(array)
        planes = to_planes(array, layout, self.shape, self.low, self.high)
        return pictures.fit_planes(planes, self.size, self.channels)

    def _single(self, raw: Any) -> Any:
        """Lists become arrays; one picture becomes a batch of one."""
        if isinstance(raw, (list, tuple)) and raw and not isinstance(raw[0], str):
            raw = np.asarray(raw)
        if isinstance(raw, np.ndarray) and self.layout != "flat":
            colour = raw.ndim == 3 and (raw.shape[-1] in (3, 4) or raw.shape[0] == 3) and raw.shape[1:] != self.size
            if raw.ndim == 2 or (self.channels == 3 and colour):
                return raw[None]
        return raw

    def decode(self, encoded: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
        """(N, C, H, W) of 0..255 -> uint8 pictures (N, H, W), or (N, H, W, 3) in colour."""
        encoded = np.asarray(encoded)
        if encoded.shape[-3:] != self.shape:
            raise DataError(
                f"encoded pictures have shape {encoded.shape}, expected (N, {', '.join(map(str, self.shape))})."
            )
        encoded = encoded.reshape(-1, *self.shape)
        if encoded.dtype != np.uint8:
            encoded = np.rint(np.nan_to_num(encoded.astype(np.float32))).clip(0, 255).astype(np.uint8)
        return encoded[:, 0] if self.channels == 1 else np.ascontiguousarray(encoded.transpose(0, 2, 3, 1))

    def to_json(self) -> dict[str, Any]:
        return {
            "modality": self.modality,
            "shape": list(self.shape),
            "columns": [column_to_json(column) for column in self.columns],
            "low": self.low,
            "high": self.high,
            "layout": self.layout,
        }

    @classmethod
    def from_json(cls, obj: dict[str, Any]) -> ImageSchema:
        columns = tuple(column_from_json(column) for column in obj["columns"])
        shape = tuple(int(n) for n in obj["shape"])
        return cls(shape, columns, float(obj["low"]), float(obj["high"]), str(obj["layout"]))


def fits(raw: Raw) -> float:
    """How surely this is a set of pictures, 0 to 1."""
    if isinstance(raw, ImageFiles):
        return 1.0
    if isinstance(raw, Frame):
        grid = grid_of(raw)
        return 0.9 if grid and are_pixels(raw, grid) else 0.0
    if not isinstance(raw, Arrays):
        return 0.0
    array, named = raw.main, raw.main_name.lower() in _IMAGE_NAMES
    if array.ndim == 4:
        return 0.9 if 3 in (array.shape[1], array.shape[-1]) or 1 in (array.shape[1], array.shape[-1]) or named else 0.0
    if array.ndim == 3:
        height, width = array.shape[1:]
        if named:
            return 1.0
        if (
            _SIGNAL_HINTS & {name.lower() for name in raw.side}
            or min(height, width) < 4
            or max(height, width) > 4 * min(height, width)
        ):
            return 0.0
        return 0.9 if array.dtype == np.uint8 or height == width else 0.3
    if array.ndim == 2 and square(array.shape[1]):
        return 0.9 if named or array.dtype == np.uint8 else 0.0
    return 0.0


def build(raw: Raw, options: Options) -> Dataset:
    if isinstance(raw, ImageFiles):
        return _build_files(raw, options)
    raw = _unrolled(raw)
    if isinstance(raw, Arrays):
        return _build_arrays(raw, options)
    raise DataError(f"'{raw.source.name}' holds no pictures; leave the modality to be inferred.")


def _unrolled(raw: Raw) -> Raw:
    """A table of pixels becomes an array of them."""
    grid = grid_of(raw) if isinstance(raw, Frame) else None
    return to_arrays(raw, grid) if isinstance(raw, Frame) and grid else raw


def stream_images(raw: Raw, schema: ImageSchema, rows: int) -> Iterator[npt.NDArray[np.uint8]]:
    """Encoded blocks of pictures, read as they are needed."""
    raw = _unrolled(raw)
    if isinstance(raw, ImageFiles):
        for start in range(0, len(raw.entries), rows):
            yield schema.encode(ImageFiles(raw.entries[start : start + rows], raw.source))
    elif isinstance(raw, Arrays):
        for start in range(0, raw.main.shape[0], rows):
            yield schema.encode(np.asarray(raw.main[start : start + rows]))
    else:
        raise DataError(f"'{raw.source.name}' holds no pictures, but this schema describes pictures.")


def _build_files(raw: ImageFiles, options: Options) -> Dataset:
    notes = list(raw.notes)
    found = pictures.survey(raw.entries)
    size, channels = _choose_size(found, options, notes), _choose_channels(found, notes)
    array, kept, problems = pictures.load(raw.entries, size, channels)
    bad = int((~kept).sum())
    if bad:
        if bad == len(raw.entries):
            raise DataError(f"none of the {bad} pictures in '{raw.source.name}' can be read; {problems[0]}")
        notes.append(f"{bad} picture{'s' * (bad > 1)} left out: {' '.join(problems[:3])}")
        array = array[kept]
    array = _grey_if_colourless(array, notes)
    entries = [entry for entry, good in zip(raw.entries, kept, strict=True) if good]
    _enough(len(entries), raw.source.name)
    side: dict[str, Any] = {"file": pa.array([entry.name for entry in entries])}
    if len({entry.label for entry in entries}) > 1:
        side["class"] = pa.array([entry.label for entry in entries])
    if any(entry.split for entry in entries):
        side["split"] = pa.array([entry.split for entry in entries])
    rows, columns = describe_rows(pa.table(side), options, notes)
    whole = None if kept.all() else kept
    return Dataset(ImageSchema(array.shape[1:], columns), array, rows, raw.source, tuple(notes), whole)


def _choose_size(found: pictures.Survey, options: Options, notes: list[str]) -> tuple[int, int]:
    (width, height), count = found.sizes.most_common(1)[0]
    total = sum(found.sizes.values())
    if options.image_size:
        return options.image_size, options.image_size
    if count < 0.5 * total:
        height = width = min(DEFAULT_SIDE, max(8, min(min(size) for size in found.sizes)))
        notes.append(
            f"the pictures have {len(found.sizes)} different sizes; each is cropped at its centre to a square and "
            f"resized to {width} x {height}."
        )
        return height, width
    if total > count:
        other = total - count
        notes.append(
            f"{other} of {total} pictures have another size than {width} x {height} and are cropped at the centre "
            "and resized to it."
        )
    if max(height, width) > MAX_SIDE:
        shrink = DEFAULT_SIDE / max(height, width)
        size = max(8, round(height * shrink)), max(8, round(width * shrink))
        notes.append(
            f"pictures of {width} x {height} are resized to {size[1]} x {size[0]}; choose another size with image_size."
        )
        return size
    return height, width


def _choose_channels(found: pictures.Survey, notes: list[str]) -> int:
    colour = sum(count for mode, count in found.modes.items() if mode not in pictures.GREY_MODES)
    total = sum(found.modes.values())
    if 0 < colour < total:
        notes.append(f"{total - colour} of {total} pictures are grey and {colour} in colour; all are read as colour.")
    clear = sum(count for mode, count in found.modes.items() if mode in pictures.ALPHA_MODES)
    if clear:
        notes.append(f"{clear} picture{'s have' if clear > 1 else ' has'} transparency, which is laid over white.")
    return 3 if colour else 1


def _grey_if_colourless(array: npt.NDArray[np.uint8], notes: list[str]) -> npt.NDArray[np.uint8]:
    """Colour files whose three channels agree everywhere are grey pictures."""
    if array.shape[1] != 3:
        return array
    for start in range(0, len(array), 256):
        part = array[start : start + 256]
        if (part[:, 0] != part[:, 1]).any() or (part[:, 0] != part[:, 2]).any():
            return array
    notes.append("the pictures are stored in colour, but all are grey; one channel is kept.")
    return np.ascontiguousarray(array[:, :1])


def _build_arrays(raw: Arrays, options: Options) -> Dataset:
    notes = list(raw.notes)
    name = raw.main_name or "the array"
    main, side = raw.main, dict(raw.side)
    good = good_rows(main, name, notes)
    if good is not None:
        count = main.shape[0]
        main = main[good]
        side = {k: v[good] if v.ndim and v.shape[0] == count else v for k, v in side.items()}
    _enough(len(main), raw.source.name)
    layout = layout_of(main)
    low, high = _value_range(main, notes)
    channels, height, width = to_planes(main[:1], layout, None, low, high).shape[1:]
    size = _array_size(height, width, options, notes)
    if main.dtype == np.uint8 and layout in ("hw", "chw", "flat") and size == (height, width) and channels != 4:
        planes = to_planes(main, layout, None, low, high)  # already what a model sees: no copy
    else:
        planes = allocate((len(main), channels, *size), np.uint8, options)
        for start in range(0, len(main), _CHUNK):
            part = to_planes(main[start : start + _CHUNK], layout, None, low, high)
            planes[start : start + _CHUNK] = pictures.fit_planes(part, size, channels)
        planes = settle(planes)
    rows, columns = describe_rows(rows_from_side(side, len(main), notes), options, notes)
    schema = ImageSchema(planes.shape[1:], columns, low, high, layout)
    return Dataset(schema, planes, rows, raw.source, tuple(notes), good)


def _array_size(height: int, width: int, options: Options, notes: list[str]) -> tuple[int, int]:
    if options.image_size:
        return options.image_size, options.image_size
    if max(height, width) <= MAX_SIDE:
        return height, width
    shrink = DEFAULT_SIDE / max(height, width)
    size = max(8, round(height * shrink)), max(8, round(width * shrink))
    notes.append(
        f"pictures of {width} x {height} are resized to {size[1]} x {size[0]}; choose another size with image_size."
    )
    return size


def _value_range(array: npt.NDArray[Any], notes: list[str]) -> tuple[float, float]:
    """The values that become black and white."""
    if array.dtype == np.uint8:
        return 0.0, 255.0
    if array.dtype.kind == "b":
        return 0.0, 1.0
    low, high = float(array.min()), float(array.max())
    if low >= 0 and high <= 1:
        chosen = (0.0, 1.0)
    elif low >= -1 and high <= 1:
        chosen = (-1.0, 1.0)
    elif low >= 0 and 128 <= high <= 255:
        chosen = (0.0, 255.0)
    else:
        chosen = (min(low, 0.0), high if high > min(low, 0.0) else min(low, 0.0) + 1.0)
    if chosen != (0.0, 255.0):
        notes.append(f"pixel values {chosen[0]:g} to {chosen[1]:g} are spread over 0 to 255.")
    return chosen


def layout_of(array: npt.NDArray[Any]) -> str:
    """Where the channels are: 'hw', 'hwc', 'chw', or 'flat' for (N, pixels)."""
    if array.ndim == 2:
        return "flat"
    if array.ndim == 3:
        return "hw"
    if array.ndim == 4 and array.shape[-1] in (1, 3, 4):
        return "hwc"
    if array.ndim == 4 and array.shape[1] in (1, 3, 4):
        return "chw"
    raise DataError(
        f"an array of shape {array.shape} is no set of pictures; give (N, H, W), (N, H, W, 3) or (N, 3, H, W)."
    )


def to_planes(
    array: npt.NDArray[Any], layout: str, shape: tuple[int, ...] | None, low: float, high: float
) -> npt.NDArray[np.uint8]:
    """(N, C, H, W) bytes; alpha is laid over white."""
    array = np.asanyarray(array)  # a memory map stays one
    if layout == "flat":
        side = square(array.shape[1])
        if shape is not None and int(np.prod(shape)) == array.shape[1]:
            array = array.reshape(-1, *shape)
        elif side:
            array = array.reshape(-1, side[0], side[1], side[2])
        else:
            raise DataError(f"rows of {array.shape[1]} pixels are not square pictures; reshape them to (N, H, W).")
    elif layout == "hw":
        array = array[:, None]
    elif layout == "hwc":
        array = array.transpose(0, 3, 1, 2)
    if array.dtype != np.uint8:  # bytes are always 0 to 255: decoded pictures encode again
        if (
            shape is not None
            and (low, high) == (0.0, 255.0)
            and array.dtype.kind == "f"
            and array.size
            and array.max() <= 1
        ):
            high = 1.0  # the space was learned from bytes, and this is the same picture as floats
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            raise DataError("the pictures hold NaN or infinite pixels; fill them in first.")
        scaled = (array.astype(np.float32) - low) * (255.0 / (high - low))
        array = np.rint(scaled).clip(0, 255).astype(np.uint8)
    if array.shape[1] == 4:
        alpha = array[:, 3:].astype(np.uint16)
        array = ((array[:, :3] * alpha + 255 * (255 - alpha)) // 255).astype(np.uint8)
    return array if array.flags.c_contiguous else np.ascontiguousarray(array)


def _enough(count: int, name: str) -> None:
    if count < 5:
        raise DataError(f"'{name}' has {count} picture{'s' * (count != 1)}; at least 5 are needed to learn from.")
