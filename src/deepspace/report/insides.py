"""How one item of a network's rows is drawn, and what a layer answers to it."""

from __future__ import annotations

from html import escape
from typing import Any

import numpy as np
import numpy.typing as npt

from deepspace.layers import LayerMaps, Network, SpaceNetwork
from deepspace.report.pictures import RAMP, data_uri, sparkline

__all__ = ["drawn_array", "drawn_item", "drawn_maps", "drawn_saliency"]

_SIDE = 72
_MAP = 40
_MOST = 6
"""Cells of a record that a small card has room for."""
_INK, _MADE = "#333333", "#d55e00"


def drawn_item(network: Network, row: int, box: tuple[tuple[int, int], ...] | None = None, title: str = "") -> str:
    """A real item as HTML: a picture with the box on it, a signal's or vector's line, or a record's first cells."""
    label = escape(title or f"row {row}")
    form = network.space.schema.form if isinstance(network, SpaceNetwork) else ""
    if form == "table":
        assert isinstance(network, SpaceNetwork)
        names = [c.name for c in network.space.schema.columns if c.role == "feature"][:_MOST]
        table = network.space.rows.table(names, np.array([row]))
        cells = "".join(f"<br>{escape(n)}: {escape(str(table.column(n)[0].as_py()))}" for n in names)
        return f'<span class="card" title="{label}"><b>row {row}</b>{cells}</span>'
    x = network.inputs(np.array([row]))[0].detach().cpu().numpy()
    if x.ndim == 3 and x.shape[0] in (1, 3):
        return _picture(x, box, label)
    line = x[0] if x.ndim == 2 else x.ravel()
    mark = ""
    if box is not None and len(box) == 1:
        mark = f" sees {box[0][0]} to {box[0][1]}"
    return f'<span class="card" title="{label}{mark}">{sparkline([(_INK, line)], width=150, height=48)}</span>'


def drawn_array(x: npt.NDArray[Any], label: str) -> str:
    """What was made up, in the network's own units; the caller says that it is generated."""
    if x.ndim == 3 and x.shape[0] in (1, 3):
        return _picture(x, None, escape(label))
    return f'<span class="card">{sparkline([(_MADE, x[0] if x.ndim == 2 else x.ravel())], width=150, height=48)}</span>'


def drawn_saliency(network: Network, row: int, values: npt.NDArray[Any], names: tuple[str, ...]) -> str:
    """A real item beside what its conclusion rests on: red raises it, blue lowers it; of a table the strongest
    columns."""
    item = drawn_item(network, row)
    if names:
        order = np.argsort(-np.abs(values.ravel()))[:_MOST]
        lines = "".join(f"<br>{escape(names[i])} {values.ravel()[i]:+.3g}" for i in order)
        return f'{item}<span class="card"><b>rests on</b>{lines}</span>'
    if values.ndim == 3:
        level = values.sum(0)
        most = float(np.quantile(np.abs(level), 0.99)) or 1.0
        share = np.clip(level / most, -1, 1)[..., None]
        ends = np.where(share > 0, np.array([178.0, 24, 43]), np.array([33.0, 102, 172]))
        pixels = np.asarray(np.rint(250 + (ends - 250) * np.abs(share)), np.uint8)
        step = max(1, round(max(level.shape) / (2 * _SIDE)))
        uri = data_uri(np.ascontiguousarray(pixels[::step, ::step]))
        return f'{item}<img class="item" width="{_SIDE}" src="{uri}" alt="what row {row} rests on">'
    line = sparkline([(_MADE, values[0] if values.ndim == 2 else values.ravel())], width=150, height=48)
    return f'{item}<span class="card" title="attribution">{line}</span>'


def _picture(x: npt.NDArray[Any], box: tuple[tuple[int, int], ...] | None, label: str) -> str:
    low, high = (0.0, 255.0) if x.min() >= 0 and x.max() > 1.5 else (min(0.0, float(x.min())), max(1.0, float(x.max())))
    grey = np.clip((x - low) / (high - low) * 255, 0, 255).round().astype(np.uint8)
    pixels = np.repeat(grey, 3, 0) if len(grey) == 1 else grey
    height, width = pixels.shape[1:]
    step = max(1, round(max(height, width) / (2 * _SIDE)))  # thumbnails, twice as fine as they are shown
    small = np.ascontiguousarray(pixels[:, ::step, ::step].transpose(1, 2, 0))
    photo = len(grey) == 3 and min(small.shape[:2]) > 32
    picture = f'<image href="{data_uri(small, photo=photo)}" '
    picture += f'width="{width}" height="{height}"/>'
    frame = ""
    if box is not None:
        (top, bottom), (left, right) = box
        line = max(height, width) / _SIDE * 1.5
        frame = (
            f'<rect x="{left}" y="{top}" width="{right - left}" height="{bottom - top}" fill="none" stroke="#ffffff" '
            f'stroke-width="{2 * line:.2f}" opacity=".7"/><rect x="{left}" y="{top}" width="{right - left}" '
            f'height="{bottom - top}" fill="none" stroke="#d55e00" stroke-width="{line:.2f}"/>'
        )
    return (
        f'<svg class="item" role="img" aria-label="{label}" viewBox="0 0 {width} {height}" width="{_SIDE}" '
        f'height="{round(_SIDE * height / width)}"><title>{label}</title>{picture}{frame}</svg>'
    )


def drawn_maps(layer: LayerMaps) -> list[tuple[str, str]]:
    """(what matters how much, HTML) of each map of a layer, on the layer's one colour scale."""
    span = (layer.high - layer.low) or 1.0
    if layer.maps.ndim < 2:
        shades = np.clip((layer.maps - layer.low) / span, 0, 1)
        return [
            (
                f"unit {u}, {share:.0%}",
                f'<span class="cell" style="background:{_hex(v)}" title="unit {u}: {m:.3g}"></span>',
            )
            for u, share, v, m in zip(layer.units, layer.shares, shades, layer.maps, strict=True)
        ]
    out = []
    for u, share, answers in zip(layer.units, layer.shares, layer.maps, strict=True):
        values = answers[0] if answers.ndim == 2 and len(answers) == 1 else answers  # a signal as a picture of one line
        if values.ndim == 1:
            drawn = sparkline([(_INK, values)], width=90, height=30)
        else:
            step = max(1, max(values.shape) // 64)
            uri = data_uri(_paint(np.clip((values[::step, ::step] - layer.low) / span, 0, 1)))
            drawn = f'<img class="map" width="{_MAP}" height="{_MAP}" src="{uri}" alt="unit {u}" title="unit {u}">'
        out.append((f"unit {u}, {share:.0%}", drawn))
    return out


def _paint(shares: npt.NDArray[np.floating[Any]]) -> npt.NDArray[np.uint8]:
    place = shares.astype(np.float64) * (len(RAMP) - 1)
    below = np.clip(place.astype(int), 0, len(RAMP) - 2)
    part = (place - below)[..., None]
    return np.asarray(np.rint(RAMP[below] * (1 - part) + RAMP[below + 1] * part), np.uint8)


def _hex(share: float) -> str:
    return "#" + "".join(f"{v:02x}" for v in _paint(np.array([share]))[0])
