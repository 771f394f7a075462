"""Charts as inline SVG, for pages that run no script: lines over layers, and a matrix of numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import numpy as np
import numpy.typing as npt

__all__ = ["Line", "heat", "line_chart"]


@dataclass(frozen=True)
class Line:
    """Values, None where there is none, with intervals drawn as a band."""

    label: str
    colour: str
    values: Sequence[float | None]
    band: Sequence[tuple[float, float]] | None = None
    dashed: bool = False


def line_chart(
    lines: Sequence[Line],
    places: Sequence[str],
    *,
    low: float | None = None,
    high: float | None = None,
    level: float | None = None,
    width: int = 760,
    height: int = 260,
) -> str:
    """Lines over named places, left to right. level: a horizontal one, the baseline."""
    shown = [v for line in lines for v in line.values if v is not None and np.isfinite(v)]
    shown += [v for line in lines for pair in line.band or () for v in pair if np.isfinite(v)]
    if not shown:
        return ""
    bottom_value = min(shown) if low is None else low
    top_value = max(shown) if high is None else high
    span = (top_value - bottom_value) or 1.0
    label_room = min(150, 14 + 6 * max(len(name) for name in places))
    left, right, top, bottom = 52, width - 150, 10, height - label_room // 2 - 14

    def x(i: int) -> float:
        return left + (right - left) * (i + 0.5) / len(places)

    def y(value: float) -> float:
        return min(max(bottom - (bottom - top) * (value - bottom_value) / span, top), bottom)

    parts = [
        f'<svg role="img" aria-label="{escape(", ".join(line.label for line in lines))} over the layers" '
        f'viewBox="0 0 {width} {height}" width="{width}" height="{height}">',
        f'<path d="M{left},{top}V{bottom}H{right}" fill="none" stroke="#999"/>',
    ]
    count = 7 if low == -0.2 and top_value == 1.0 else 5
    for tick in np.linspace(bottom_value, top_value, count):
        parts.append(f'<path d="M{left - 4},{y(tick):.1f}H{right}" stroke="#eee"/>')
        parts.append(f'<text x="{left - 7}" y="{y(tick) + 4:.1f}" text-anchor="end">{round(tick, 10):.3g}</text>')
    step = max(1, len(places) // 40)
    for i in range(0, len(places), step):
        parts.append(
            f'<text x="{x(i):.1f}" y="{bottom + 14}" text-anchor="end" '
            f'transform="rotate(-35 {x(i):.1f} {bottom + 14})">{escape(places[i])}</text>'
        )
    if level is not None:
        parts.append(f'<path d="M{left},{y(level):.1f}H{right}" stroke="#666" stroke-dasharray="1 3"/>')
        parts.append(f'<text x="{right + 8}" y="{y(level) + 4:.1f}" fill="#666">baseline</text>')
    for place, line in enumerate(lines):
        parts += _line(line, x, y, right + 8, top + 14 + 17 * place)
    return "".join([*parts, "</svg>"])


def _line(line: Line, x: object, y: object, key_x: float, key_y: float) -> list[str]:
    assert callable(x)
    assert callable(y)
    known = [(i, v) for i, v in enumerate(line.values) if v is not None and np.isfinite(v)]
    parts = []
    if line.band is not None:
        sure = [(i, *line.band[i]) for i, _ in known if np.isfinite(line.band[i]).all()]
        there = [f"{x(i):.1f},{y(high):.1f}" for i, _, high in sure]
        back = [f"{x(i):.1f},{y(low):.1f}" for i, low, _ in reversed(sure)]
        parts.append(f'<polygon points="{" ".join(there + back)}" fill="{line.colour}" opacity=".18"/>')
    points = " ".join(f"{x(i):.1f},{y(v):.1f}" for i, v in known)
    dash = ' stroke-dasharray="5 3"' if line.dashed else ""
    parts.append(f'<polyline points="{points}" fill="none" stroke="{line.colour}" stroke-width="1.8"{dash}/>')
    parts += [f'<circle cx="{x(i):.1f}" cy="{y(v):.1f}" r="2.4" fill="{line.colour}"><title>{v:.3f}</title></circle>'
              for i, v in known]  # fmt: skip
    parts.append(f'<path d="M{key_x},{key_y - 4}h16" stroke="{line.colour}" stroke-width="1.8"{dash}/>')
    parts.append(f'<text x="{key_x + 21}" y="{key_y}" fill="#333">{escape(line.label)}</text>')
    return parts


def heat(values: npt.NDArray[np.float64], rows: Sequence[str], columns: Sequence[str], *, size: int = 640) -> str:
    """A matrix of shares as squares, dark is 0 and light is 1, each with its number on hover, small ones written in."""
    room = min(170, 14 + 6 * max(len(name) for name in (*rows, *columns)))
    cell = max(4.0, min(44.0, (size - room) / max(1, len(columns))))
    width, height = room + cell * len(columns) + 8, room + cell * len(rows) + 8
    parts = [f'<svg role="img" aria-label="likeness of layers" viewBox="0 0 {width:.0f} {height:.0f}" '
             f'width="{width:.0f}" height="{height:.0f}">']  # fmt: skip
    for i, name in enumerate(rows):
        at = room + cell * i
        if cell >= 10:
            parts.append(f'<text x="{room - 5}" y="{at + cell / 2 + 4:.1f}" text-anchor="end">{escape(name)}</text>')
        for j, other in enumerate(columns):
            value = float(values[i, j])
            parts.append(
                f'<rect x="{room + cell * j:.1f}" y="{at:.1f}" width="{cell - 0.5:.1f}" height="{cell - 0.5:.1f}" '
                f'fill="{_ramp(value)}"><title>{escape(name)}, {escape(other)}: {value:.2f}</title></rect>'
            )
            if cell >= 26 and np.isfinite(value):
                ink = "#000" if value > 0.6 else "#fff"
                parts.append(
                    f'<text x="{room + cell * (j + 0.5):.1f}" y="{at + cell / 2 + 4:.1f}" text-anchor="middle" '
                    f'fill="{ink}" pointer-events="none">{value:.2f}</text>'
                )
    for j, name in enumerate(columns):
        at = room + cell * (j + 0.5)
        if cell >= 10:
            parts.append(
                f'<text x="{at:.1f}" y="{room - 6}" transform="rotate(-60 {at:.1f} {room - 6})">{escape(name)}</text>'
            )
    return "".join([*parts, "</svg>"])


def _ramp(value: float) -> str:
    from deepspace.report.pictures import RAMP

    if not np.isfinite(value):
        return "#dddddd"
    place = min(max(value, 0.0), 1.0) * (len(RAMP) - 1)
    below = min(int(place), len(RAMP) - 2)
    colour = RAMP[below] + (RAMP[below + 1] - RAMP[below]) * (place - below)
    return "#" + "".join(f"{round(part):02x}" for part in colour)
