"""Picture files to pixels: sizes and modes first, then decoding into one array, leaving out what is broken."""

from __future__ import annotations

import io
import warnings
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from os import cpu_count
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps

from deepspace.data.raw import Entry
from deepspace.errors import DataError

__all__ = ["ALPHA_MODES", "GREY_MODES", "SUFFIXES", "Survey", "fit_planes", "load", "survey"]

SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".pgm", ".ppm", ".pnm"})
GREY_MODES = frozenset({"1", "L", "LA", "I", "I;16", "I;16B", "F"})
ALPHA_MODES = frozenset({"LA", "RGBA", "PA"})
_MAX_PIXELS = 100_000_000
_BROKEN = (OSError, SyntaxError, ValueError, EOFError, Image.DecompressionBombError)


@dataclass(frozen=True)
class Survey:
    """How many readable pictures have each (width, height) and each mode."""

    sizes: Counter[tuple[int, int]]
    modes: Counter[str]


def survey(entries: Sequence[Entry], limit: int = 2000) -> Survey:
    """Sizes and modes from the files' headers; of very many files, an even sample."""
    step = max(1, len(entries) // limit)
    sizes: Counter[tuple[int, int]] = Counter()
    modes: Counter[str] = Counter()
    for entry in entries[::step]:
        try:
            with Image.open(io.BytesIO(entry.read())) as picture:
                sizes[picture.size] += 1
                modes["RGBA" if "transparency" in picture.info and picture.mode in ("P", "RGB") else picture.mode] += 1
        except _BROKEN:
            continue
    if not sizes:
        raise DataError(f"no picture can be read, not even '{entries[0].name}'; is it really an image file?")
    return Survey(sizes, modes)


def load(
    entries: Sequence[Entry], size: tuple[int, int], channels: int
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.bool_], list[str]]:
    """(pixels (N, C, H, W), kept (N,), a sentence for each broken file). Broken pictures are black and not kept."""
    out = np.zeros((len(entries), channels, *size), np.uint8)
    kept = np.ones(len(entries), bool)
    problems: dict[int, str] = {}

    def one(i: int) -> None:
        try:
            out[i] = _decode(entries[i].read(), size, channels)
        except _BROKEN as error:
            kept[i] = False
            why = getattr(error, "strerror", None) or next(iter(str(error).splitlines()), "unreadable")
            problems[i] = f"'{entries[i].name}' cannot be used ({why})."

    # Pillow releases the interpreter lock while it decodes.
    with ThreadPoolExecutor(min(8, cpu_count() or 1)) as pool:
        list(pool.map(one, range(len(entries)), chunksize=32))
    return out, kept, [problems[i] for i in sorted(problems)]


def _decode(data: bytes, size: tuple[int, int], channels: int) -> npt.NDArray[np.uint8]:
    height, width = size
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        picture: Any = Image.open(io.BytesIO(data))
        if picture.size[0] * picture.size[1] > _MAX_PIXELS:
            raise ValueError(f"{picture.size[0]} x {picture.size[1]} pixels is too large")
        # A JPEG is decoded straight to a smaller size when a much smaller one is wanted.
        if picture.format == "JPEG" and min(picture.size[0] / width, picture.size[1] / height) > 2:
            picture.draft(None, (2 * width, 2 * height))
        picture.load()
    picture = ImageOps.exif_transpose(picture)
    picture = _to_mode(picture, channels)
    if picture.size != (width, height):
        picture = ImageOps.fit(picture, (width, height), Image.Resampling.BOX if _halves(picture, size) else
                               Image.Resampling.BICUBIC)  # fmt: skip
    pixels = np.asarray(picture)
    return pixels[None] if channels == 1 else pixels.transpose(2, 0, 1)


def _halves(picture: Any, size: tuple[int, int]) -> bool:
    return bool(picture.size[0] % size[1] == 0 and picture.size[1] % size[0] == 0)


def _to_mode(picture: Any, channels: int) -> Any:
    """Grey or RGB of 8 bits; deeper grey is spread over 0..255, transparency laid over white."""
    if picture.mode in ("I", "F") or picture.mode.startswith("I;16"):
        values = np.asarray(picture).astype(np.float64)
        high = 65535.0 if values.max() > 255 else 255.0
        picture = Image.fromarray((values.clip(0, high) * (255.0 / high)).astype(np.uint8))
    if picture.mode in ALPHA_MODES or "transparency" in picture.info:
        picture = picture.convert("RGBA")
        ground = Image.new("RGBA", picture.size, (255, 255, 255, 255))
        picture = Image.alpha_composite(ground, picture)
    return picture.convert("L" if channels == 1 else "RGB")


def fit_planes(planes: npt.NDArray[np.uint8], size: tuple[int, int], channels: int) -> npt.NDArray[np.uint8]:
    """(N, C, H, W) -> the wanted size (cropped at the centre to its shape) and number of channels."""
    if planes.shape[1] == 3 and channels == 1:
        weights = np.array([0.299, 0.587, 0.114], np.float32)
        planes = np.rint(np.einsum("nchw,c->nhw", planes, weights)).astype(np.uint8)[:, None]
    elif planes.shape[1] == 1 and channels == 3:
        planes = np.repeat(planes, 3, axis=1)
    if planes.shape[2:] == size:
        return planes
    out = np.empty((len(planes), planes.shape[1], *size), np.uint8)
    for i, plane in enumerate(planes):
        picture = Image.fromarray(plane[0] if plane.shape[0] == 1 else np.ascontiguousarray(plane.transpose(1, 2, 0)))
        pixels = np.asarray(ImageOps.fit(picture, (size[1], size[0]), Image.Resampling.BICUBIC))
        out[i] = pixels[None] if pixels.ndim == 2 else pixels.transpose(2, 0, 1)
    return out
