"""Drawings of the audit report as inline SVG: calibration, intervals one below the other, the decision on the map."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import numpy as np
import numpy.typing as npt

from deepspace.report.pictures import data_uri, hue
from deepspace.results import figure

__all__ = ["Bar", "calibration_plot", "colour_of", "decision_map", "interval_plot", "svg"]

INK, QUIET, BLUE, RED = "#1b1b1b", "#8a8a8a", "#0072b2", "#b3331a"
RASTER = 560


@dataclass(frozen=True)
class Bar:
    """A value with its interval, named; ``marked`` ones are drawn in red."""

    name: str
    value: float
    low: float
    high: float
    marked: bool = False


def svg(width: int, height: int, label: str, parts: Sequence[str], *, scale: float = 1.0) -> str:
    """A drawing of so many units, shown ``scale`` times as large."""
    return (
        f'<svg role="img" aria-label="{escape(label)}" viewBox="0 0 {width} {height}" '
        f'width="{scale * width:g}" height="{scale * height:g}">{"".join(parts)}</svg>'
    )


def colour_of(place: int) -> str:
    """The colour of an outcome."""
    return "#" + "".join(f"{part:02x}" for part in hue(place))


def calibration_plot(points: Sequence[tuple[float, float, float, float]]) -> str:
    """points: (mean score, share, low, high). Both axes 0 to 1, the diagonal being a predictor that is right about how
    sure it is."""
    size, left, top = 250, 46, 10

    def x(v: float) -> float:
        return left + size * min(max(v, 0.0), 1.0)

    def y(v: float) -> float:
        return top + size * (1 - min(max(v, 0.0), 1.0))

    parts = [f'<rect x="{left}" y="{top}" width="{size}" height="{size}" fill="none" stroke="#999"/>',
             f'<path d="M{x(0)},{y(0)}L{x(1)},{y(1)}" stroke="{QUIET}" stroke-dasharray="3 3"/>']  # fmt: skip
    for tick in (0.0, 0.25, 0.5, 0.75, 1.0):
        parts.append(f'<text x="{left - 6}" y="{y(tick) + 3:.1f}" text-anchor="end">{tick:.2g}</text>')
        parts.append(f'<text x="{x(tick):.1f}" y="{top + size + 14}" text-anchor="middle">{tick:.2g}</text>')
    for score, share, low, high in points:
        parts.append(f'<path d="M{x(score):.1f},{y(low):.1f}V{y(high):.1f}" stroke="{BLUE}" stroke-width="1.3"/>')
        parts.append(f'<circle cx="{x(score):.1f}" cy="{y(share):.1f}" r="3" fill="{BLUE}"/>')
    parts.append(f'<text x="{left + size / 2}" y="{top + size + 29}" text-anchor="middle">what it says</text>')
    middle = top + size / 2
    parts.append(f'<text x="12" y="{middle}" text-anchor="middle" transform="rotate(-90 12 {middle})">'
                 "what happened</text>")  # fmt: skip
    return svg(left + size + 14, top + size + 36, "calibration: what happened by what the predictor says", parts)


def interval_plot(
    bars: Sequence[Bar], label: str, *, zero: float | None = None, percent: bool = True, width: int = 560
) -> str:
    """Values with intervals, one below the other; ``zero``: a vertical line."""
    room = min(230, 14 + 6 * max((len(bar.name) for bar in bars), default=0))
    left, right, line = room, width - 16, 17
    known = [v for bar in bars for v in (bar.low, bar.high, bar.value) if np.isfinite(v)]
    known += [] if zero is None else [zero]
    if not known:
        return ""
    low, high = min(known), max(known)
    edge = 0.04 * ((high - low) or 1.0)
    low, high = low - edge, high + edge
    bottom = 6 + line * len(bars)

    def x(v: float) -> float:
        return left + (right - left) * (min(max(v, low), high) - low) / (high - low)

    scale, unit = (100, " %") if percent else (1, "")
    parts = [f'<path d="M{left},{bottom}H{right}" stroke="#999"/>']
    for tick in np.linspace(low + edge, high - edge, 5):
        parts.append(f'<path d="M{x(tick):.1f},4V{bottom}" stroke="#eee"/>')
        shown = f"{figure(scale * float(tick), 2)}{unit}"
        parts.append(f'<text x="{x(tick):.1f}" y="{bottom + 13}" text-anchor="middle">{shown}</text>')
    if zero is not None:
        parts.append(f'<path d="M{x(zero):.1f},2V{bottom}" stroke="#666" stroke-dasharray="3 3"/>')
    for place, bar in enumerate(bars):
        y, ink = 6 + line * (place + 0.5), RED if bar.marked else BLUE
        parts.append(
            f'<text x="{left - 8}" y="{y + 3.5:.1f}" text-anchor="end">{escape(_short(bar.name, room))}</text>'
        )
        if np.isfinite(bar.low) and np.isfinite(bar.high):
            parts.append(f'<path d="M{x(bar.low):.1f},{y:.1f}H{x(bar.high):.1f}" stroke="{ink}" stroke-width="1.5"/>')
        if np.isfinite(bar.value):
            parts.append(f'<circle cx="{x(bar.value):.1f}" cy="{y:.1f}" r="3" fill="{ink}"/>')
    return svg(width, bottom + 20, label, parts)


def decision_map(
    outcome: npt.NDArray[np.integer],
    origin: tuple[float, float],
    cell: float,
    lines: Sequence[npt.NDArray[np.floating]],
    points: npt.NDArray[np.floating],
    decided: npt.NDArray[np.integer],
    doubtful: npt.NDArray[np.bool_] | None = None,
    marks: Sequence[tuple[str, float, float]] = (),
) -> str:
    """The map with its decision: what places decode to as light colour, real rows as dots in full colour, hatched where
    picture and predictor disagree. outcome: (rows, columns), row 0 lowest, -1 without data; doubtful: (H, W), the same
    place at any fineness; points: (N, 2), decided: (N,); marks: named places."""
    rows, columns = outcome.shape
    span = max(rows, columns)
    width, height = round(RASTER * columns / span), round(RASTER * rows / span)
    palette = np.array([hue(place) for place in range(1 + max(int(outcome.max()), int(np.max(decided, initial=0)), 0))])
    picture = _raster(outcome, palette, width, height, doubtful)
    scale = width / (columns * cell)
    at = (np.asarray(points, np.float64) - np.asarray(origin) + cell / 2) * scale
    across, down = at[:, 0].astype(int), (height - at[:, 1]).astype(int)
    radius = 2 if len(points) < 2000 else 1 if len(points) < 6000 else 0
    for dx in range(-radius, radius + 1):
        for dy in range(-radius, radius + 1):
            if abs(dx) + abs(dy) > radius:
                continue
            i, j = np.clip(down + dy, 0, height - 1), np.clip(across + dx, 0, width - 1)
            picture[i, j] = palette[np.asarray(decided)]
    parts = [f'<image href="{data_uri(picture)}" width="{width}" height="{height}"/>']
    for line in lines:
        place = (np.asarray(line) - np.asarray(origin) + cell / 2) * scale
        way = "L".join(f"{x:.1f},{height - y:.1f}" for x, y in _thinned(place))
        parts.append(f'<path d="M{way}" fill="none" stroke="{INK}" stroke-width="1.1" stroke-linejoin="round"/>')
    for name, x, y in marks:
        px, py = (x - origin[0] + cell / 2) * scale, height - (y - origin[1] + cell / 2) * scale
        parts.append(f'<circle cx="{px:.1f}" cy="{py:.1f}" r="4.5" fill="#fff" stroke="{INK}" stroke-width="1.6"/>')
        parts.append(f'<text x="{px + 7:.1f}" y="{py + 4:.1f}" stroke="#fff" stroke-width="3" paint-order="stroke">'
                     f"{escape(name)}</text>")  # fmt: skip
    return svg(width, height, "the decision on the map", parts, scale=0.75)


def _raster(
    outcome: npt.NDArray[np.integer],
    palette: npt.NDArray[np.integer],
    width: int,
    height: int,
    doubtful: npt.NDArray[np.bool_] | None,
) -> npt.NDArray[np.uint8]:
    rows, columns = outcome.shape
    i = np.minimum(np.arange(height) * rows // height, rows - 1)[::-1]
    j = np.minimum(np.arange(width) * columns // width, columns - 1)
    shown = outcome[np.ix_(i, j)]
    light = (255 - (255 - palette) * 0.32).round()
    picture = np.where((shown >= 0)[..., None], light[np.maximum(shown, 0)], 255).astype(np.uint8)
    if doubtful is not None:
        more, wide = doubtful.shape
        far = doubtful[np.ix_(np.minimum(np.arange(height) * more // height, more - 1)[::-1],
                              np.minimum(np.arange(width) * wide // width, wide - 1))]  # fmt: skip
        stripe = (np.arange(height)[:, None] + np.arange(width)[None]) % 7 == 0
        picture[far & stripe & (shown >= 0)] = (110, 110, 110)
    return picture


def _thinned(places: npt.NDArray[np.floating]) -> npt.NDArray[np.floating]:
    """Points at least a pixel apart, with the last."""
    if len(places) < 3:
        return places
    kept, last = [0], places[0]
    for i in range(1, len(places) - 1):
        if np.abs(places[i] - last).max() >= 1.0:
            kept.append(i)
            last = places[i]
    return places[[*kept, len(places) - 1]]


def _short(name: str, room: int) -> str:
    most = max(6, (room - 10) // 6)
    return name if len(name) <= most else name[: most - 1] + "…"
