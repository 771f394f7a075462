"""Still pictures for a page that must stand alone: the map, sheets of images, curves. Same space, same bytes."""

from __future__ import annotations

import base64
import colorsys
import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["MISSING", "Key", "colours", "curve", "data_uri", "hue", "image_sheet", "map_picture", "sparkline"]

MAP_SIZE = 720
MISSING = (190, 190, 190)
# Okabe & Ito 2008, told apart by most colour-blind readers; then hues by the golden angle.
BASE = ((0, 114, 178), (230, 159, 0), (0, 158, 115), (204, 121, 167), (86, 180, 233), (213, 94, 0), (148, 130, 20))
MOST_CATEGORIES = 20
# Viridis at its quarters: dark is low, light is high, and grey prints keep the order.
RAMP = np.array([[68, 1, 84], [59, 82, 139], [33, 145, 140], [94, 201, 98], [253, 231, 37]], np.float64)


@dataclass(frozen=True)
class Key:
    """The legend: (label, #rrggbb) entries for categories, or the two ends of a ramp. ``name`` is the column's."""

    name: str
    entries: tuple[tuple[str, str], ...]
    ramp: tuple[str, str] | None = None


def colours(name: str, values: Sequence[Any], *, numeric: bool) -> tuple[npt.NDArray[np.uint8], Key]:
    """A colour for each value, (N, 3) uint8, and the legend. Missing is grey; beyond 20 categories the rarest share
    one."""
    if numeric:
        return _ramp(name, np.array([np.nan if value is None else float(value) for value in values], np.float64))
    text = np.array(["" if value is None else str(value) for value in values])
    labels, codes, counts = np.unique(text, return_inverse=True, return_counts=True)
    palette = np.zeros((len(labels), 3), np.uint8)
    entries: list[tuple[str, str]] = []
    kept = set(np.argsort(-counts, kind="stable")[:MOST_CATEGORIES].tolist())
    for place, label in enumerate(labels):
        named = place in kept and label != ""
        palette[place] = hue(len(entries)) if named else MISSING
        if named:
            entries.append((str(label), _hex(palette[place])))
    if len(entries) < len(labels):
        entries.append(("other or missing", _hex(MISSING)))
    return palette[codes.reshape(-1)], Key(name, tuple(entries))


def _ramp(name: str, values: npt.NDArray[np.float64]) -> tuple[npt.NDArray[np.uint8], Key]:
    known = values[np.isfinite(values)]
    low, high = (float(known.min()), float(known.max())) if len(known) else (0.0, 1.0)
    share = np.nan_to_num((values - low) / ((high - low) or 1.0), nan=0.0, posinf=1.0, neginf=0.0) * (len(RAMP) - 1)
    below = np.clip(share.astype(int), 0, len(RAMP) - 2)
    part = (share - below)[:, None]
    result = np.rint(RAMP[below] * (1 - part) + RAMP[below + 1] * part).astype(np.uint8)
    result[~np.isfinite(values)] = MISSING
    return result, Key(name, (), (f"{low:.4g}", f"{high:.4g}"))


def hue(position: int) -> tuple[int, int, int]:
    """The colour of the so-many-th category."""
    if position < len(BASE):
        return BASE[position]
    red, green, blue = colorsys.hls_to_rgb((position * 0.381966) % 1.0, 0.42 + 0.16 * (position % 2), 0.6)
    return round(red * 255), round(green * 255), round(blue * 255)


def _hex(colour: Sequence[int]) -> str:
    return "#" + "".join(f"{int(part):02x}" for part in colour)


def map_picture(positions: npt.NDArray[np.floating], colour: npt.NDArray[np.uint8], size: int = MAP_SIZE) -> str:
    """All rows on the map, as a PNG data URI, size x size. positions: (N, 2), y upwards; colour: (N, 3).

    Every pixel is the mean colour of the rows on it, thinned towards white where it holds few of them.
    """
    points = np.asarray(positions, np.float64)
    low, high = points.min(0), points.max(0)
    span = float((high - low).max()) or 1.0
    place = (points - (low + high) / 2) / span * 0.94 + 0.5
    column, line = np.rint(place[:, 0] * (size - 1)).astype(int), np.rint((1 - place[:, 1]) * (size - 1)).astype(int)
    radius = 3 if len(points) < 5_000 else 2 if len(points) < 30_000 else 1
    count, total = np.zeros((size, size)), np.zeros((size, size, 3))
    reach = range(-radius, radius + 1)
    for down in reach:
        for right in reach:
            if down * down + right * right <= radius * radius:
                rows, columns = np.clip(line + down, 0, size - 1), np.clip(column + right, 0, size - 1)
                flat = rows * size + columns
                count += np.bincount(flat, minlength=size * size).reshape(size, size)
                for part in range(3):
                    weights = np.bincount(flat, weights=colour[:, part].astype(np.float64), minlength=size * size)
                    total[..., part] += weights.reshape(size, size)
    ink = (1 - np.exp(-1.2 * count))[..., None]
    mean = total / np.maximum(count, 1)[..., None]
    return data_uri(np.rint(255 * (1 - ink) + mean * ink).astype(np.uint8))


def image_sheet(images: npt.NDArray[np.uint8], columns: int, *, least: int = 80) -> str:
    """Images side by side as one PNG data URI, small ones enlarged by whole steps. images: (N, H, W) or (N, H, W,
    3)."""
    n, height, width = images.shape[:3]
    step = max(1, -(-least // max(height, width)))
    gap, lines = 2, -(-n // columns)
    sheet = np.full((lines * (height * step + gap) - gap, columns * (width * step + gap) - gap, 3), 255, np.uint8)
    for place, image in enumerate(images):
        big = np.repeat(np.repeat(image, step, 0), step, 1)
        top, left = place // columns * (height * step + gap), place % columns * (width * step + gap)
        sheet[top : top + height * step, left : left + width * step] = big if big.ndim == 3 else big[..., None]
    return data_uri(sheet)


def data_uri(pixels: npt.NDArray[np.uint8], *, photo: bool = False) -> str:
    """(H, W, 3) uint8 -> data:image/png;base64,..., or as a JPEG a fifth of that, where a photo need not be exact."""
    from PIL import Image

    buffer, kind = io.BytesIO(), "jpeg" if photo else "png"
    options = {"quality": 85} if photo else {"compress_level": 9}
    Image.fromarray(pixels, "RGB").save(buffer, kind, **options)
    return f"data:image/{kind};base64," + base64.b64encode(buffer.getvalue()).decode()


def curve(lines: Sequence[tuple[str, str, Sequence[float | None]]], *, width: int = 640, height: int = 220) -> str:
    """Lines over epochs as inline SVG. lines: (label, colour, one value an epoch). Empty when there is nothing to draw.

    The first tenth of the epochs may fall outside: the scale is that of the others, where the eye has to tell things
    apart.
    """
    length = max((len(values) for _, _, values in lines), default=0)
    settled = [v for _, _, values in lines for v in values[length // 10 :] if v is not None and np.isfinite(v)]
    if length < 2 or not settled:
        return ""
    low, high = min(settled), max(settled)
    spread = (high - low) or abs(high) or 1.0
    left, right, top, bottom = 64, width - 96, 12, height - 28

    def at(epoch: int, value: float) -> str:
        x = left + (right - left) * epoch / (length - 1)
        return f"{x:.1f},{min(max(bottom - (bottom - top) * (value - low) / spread, top - 6), bottom + 6):.1f}"

    parts = [
        '<svg role="img" aria-label="training curve" '
        f'viewBox="0 0 {width} {height}" width="{width}" height="{height}">',
        f'<path d="M{left},{top}V{bottom}H{right}" fill="none" stroke="#999"/>',
        f'<text x="{left - 6}" y="{top + 5}" text-anchor="end">{high:.4g}</text>',
        f'<text x="{left - 6}" y="{bottom}" text-anchor="end">{low:.4g}</text>',
        f'<text x="{left}" y="{bottom + 18}">epoch 1</text>',
        f'<text x="{right}" y="{bottom + 18}" text-anchor="end">{length}</text>',
    ]
    for place, (label, colour, values) in enumerate(lines):
        points = " ".join(at(e, v) for e, v in enumerate(values) if v is not None and np.isfinite(v))
        parts.append(f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="1.6"/>')
        parts.append(f'<text x="{right + 8}" y="{top + 14 + 16 * place}" fill="{colour}">{label}</text>')
    return "".join([*parts, "</svg>"])


def sparkline(lines: Sequence[tuple[str, npt.NDArray[np.floating]]], *, width: int = 260, height: int = 64) -> str:
    """Signals on one scale as inline SVG. lines: (colour, values (L,))."""
    values = np.concatenate([line for _, line in lines]).astype(np.float64)
    low, span = float(np.nanmin(values)), float(np.nanmax(values) - np.nanmin(values)) or 1.0
    parts = [f'<svg viewBox="0 0 {width} {height}" role="img" aria-label="signal" width="{width}" height="{height}">']
    for colour, line in lines:
        step = (width - 4) / max(1, len(line) - 1)
        points = " ".join(
            f"{2 + i * step:.1f},{height - 3 - (height - 6) * (v - low) / span:.1f}" for i, v in enumerate(line)
        )
        parts.append(f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="1.2"/>')
    return "".join([*parts, "</svg>"])
