"""A path as a file: a film, a strip of pictures, or a table. Everything on them is generated and marked so."""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path as FilePath
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

from deepspace.errors import SpaceError

if TYPE_CHECKING:
    from PIL.Image import Image
    from PIL.PngImagePlugin import PngInfo

    from deepspace.explore.paths import Path

__all__ = ["as_csv", "as_gif", "as_png", "save"]

_LEAST: Final = 112
"""Pictures smaller than this are enlarged by whole steps."""
_MILLISECONDS: Final = 120
_GAP, _DASH, _MARGIN = 6, 4, 2
_WIDTH, _CHANNEL_HEIGHT, _OVERSAMPLED = 220, 72, 3
_PAPER, _GENERATED = (255, 255, 255), (194, 0, 95)
# Okabe and Ito 2008, as in the report.
_INKS: Final = ((0, 114, 178), (213, 94, 0), (0, 158, 115), (204, 121, 167), (148, 130, 20), (86, 180, 233))


def save(path: Path, file: str | FilePath) -> FilePath:
    """Write ``path`` in the form that the file's ending names. Raises SpaceError, and then leaves nothing behind."""
    target = FilePath(file)
    forms: dict[str, Callable[[Path], bytes]] = {".gif": as_gif, ".png": as_png, ".csv": as_csv}
    make = forms.get(target.suffix.lower())
    if make is None:
        raise SpaceError(f"cannot save a path as '{target.name}': its name must end in .gif, .png or .csv.")
    made = make(path)
    partial = target.with_name(f".{target.name}.{os.getpid()}.partial")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        partial.write_bytes(made)
        os.replace(partial, target)
    except OSError as error:
        with suppress(OSError):
            partial.unlink(missing_ok=True)
        raise SpaceError(f"cannot save the path to {target}: {error.strerror or error}.") from error
    return target


def as_csv(path: Path) -> bytes:
    """A line a step: step, anchor (its number, from 1, at the steps that are one), density, latents z0.., content.

    Latents are written with every digit of their float32, so that what is read back decodes to the same content. A
    table's columns keep their names; the elements of images, signals and vectors are x0.. in the order of the array.
    """
    import pyarrow as pa
    from pyarrow import csv

    table = path.to_arrow()
    anchors: list[int | None] = [None] * len(path)
    for number, step in enumerate(path.anchors):
        anchors[step] = number + 1
    columns: dict[str, Any] = {
        "step": table.column("step"),
        "anchor": pa.array(anchors, pa.int32()),
        "log_density": table.column("log_density"),
        "density_percentile": table.column("density_percentile"),
    }
    columns |= {f"z{d}": pa.array(np.ascontiguousarray(path.z[:, d])) for d in range(path.z.shape[1])}
    if isinstance(path.content, np.ndarray):
        flat = path.content.reshape(len(path), -1)
        columns |= {f"x{i}": pa.array(np.ascontiguousarray(flat[:, i])) for i in range(flat.shape[1])}
    else:
        own = table.column_names[3:]
        columns |= {f"generated {name}" if name in columns else name: table.column(name) for name in own}
    written = io.BytesIO()
    csv.write_csv(pa.table(columns), written)
    return written.getvalue()


def as_gif(path: Path) -> bytes:
    """The steps one after the other, over and over."""
    frames = [frame.quantize(256) if frame.mode == "RGB" else frame for frame in _frames(path, "gif")]
    written = io.BytesIO()
    frames[0].save(
        written, "GIF", save_all=True, append_images=frames[1:], duration=_MILLISECONDS, loop=0, disposal=1,
        optimize=False, comment=_says(path).encode(),
    )  # fmt: skip
    return written.getvalue()


def as_png(path: Path) -> bytes:
    """The steps side by side, each in a dashed frame: the sign of what is generated."""
    from PIL import Image, ImageDraw

    frames = [frame.convert("RGB") for frame in _frames(path, "png")]
    width, height = frames[0].size
    wide, high = width + 2 * _MARGIN, height + 2 * _MARGIN
    strip = Image.new("RGB", (len(frames) * (wide + _GAP) - _GAP, high), _PAPER)
    pen = ImageDraw.Draw(strip)
    for i, frame in enumerate(frames):
        left = i * (wide + _GAP)
        strip.paste(frame, (left + _MARGIN, _MARGIN))
        for start in range(0, wide, 2 * _DASH):
            end = min(start + _DASH, wide) - 1
            pen.line([(left + start, 0), (left + end, 0)], _GENERATED)
            pen.line([(left + start, high - 1), (left + end, high - 1)], _GENERATED)
        for start in range(0, high, 2 * _DASH):
            end = min(start + _DASH, high) - 1
            pen.line([(left, start), (left, end)], _GENERATED)
            pen.line([(left + wide - 1, start), (left + wide - 1, end)], _GENERATED)
    written = io.BytesIO()
    strip.save(written, "PNG", pnginfo=_note(path))
    return written.getvalue()


def _says(path: Path) -> str:
    return f"generated by deepspace: {path}"


def _note(path: Path) -> PngInfo:
    from PIL.PngImagePlugin import PngInfo

    note = PngInfo()
    note.add_text("Description", _says(path))
    return note


def _frames(path: Path, form: str) -> list[Image]:
    """Each step as a picture, all of one size."""
    if path.modality == "image":
        return _pictures(np.asarray(path.content))
    if path.modality == "signal":
        return _lines(np.asarray(path.content, np.float64))
    raise SpaceError(f"cannot draw a path of {path.modality} rows as .{form}: save it as .csv instead.")


def _pictures(content: npt.NDArray[np.uint8]) -> list[Image]:
    """(S, H, W) or (S, H, W, C) uint8, small ones enlarged by whole steps."""
    from PIL import Image

    if content.ndim == 4 and content.shape[3] not in (3, 4):
        content = content[..., 0]
    step = max(1, -(-_LEAST // max(content.shape[1:3])))
    return [Image.fromarray(np.repeat(np.repeat(picture, step, 0), step, 1)) for picture in content]


def _lines(content: npt.NDArray[np.float64]) -> list[Image]:
    """(S, L) or (S, C, L): channels below each other, every step on the same axes."""
    from PIL import Image, ImageDraw

    if content.ndim == 2:
        content = content[:, None]
    steps, channels, length = content.shape
    low, high = np.nanmin(content, (0, 2)), np.nanmax(content, (0, 2))
    span = np.where(high > low, high - low, 1.0)
    scale = _OVERSAMPLED
    width, tall = _WIDTH * scale, _CHANNEL_HEIGHT * scale
    x = 4 * scale + (width - 8 * scale) * np.arange(length) / max(1, length - 1)
    frames = []
    for step in range(steps):
        big = Image.new("RGB", (width, tall * channels), _PAPER)
        pen = ImageDraw.Draw(big)
        for c in range(channels):
            part = (content[step, c] - low[c]) / span[c]
            y = tall * (c + 1) - 5 * scale - (tall - 10 * scale) * np.nan_to_num(part)
            pen.line(list(zip(x.tolist(), y.tolist(), strict=True)), _INKS[c % len(_INKS)], 2 * scale, joint="curve")
        frames.append(big.resize((_WIDTH, _CHANNEL_HEIGHT * channels), Image.Resampling.LANCZOS))
    return frames
