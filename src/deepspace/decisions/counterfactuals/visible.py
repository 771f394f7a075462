"""What a person can see of the way from one picture or signal to another: how much, where, and which way it goes.

A visible step is a tenth of black to white, or of the usual height of a channel's curve: what stands out where two
pictures or curves lie side by side, and not the least that an eye could tell apart.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from deepspace.metrics.heldout import spread
from deepspace.results import figure

if TYPE_CHECKING:
    from deepspace.space import BaseSpace

__all__ = ["Sight", "Visible", "where"]

Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

STEP = 0.1
LEAST = 0.005
"""Share of a picture below which a direction is not told of."""
STRETCHES = 3
_ROWS = 500


@dataclass(frozen=True)
class Visible:
    """share: of the pixels, or of a signal's values, that change by more than a visible step; up, down: of those that
    become brighter or darker (by their mean over the channels), or higher or lower. rebuilt: the share by which the
    reconstruction, with which the way begins, differs from the item itself: what the way does not show. move: how long
    the way is in latent space, the median distance of two real rows being 1. text: the change in words."""

    share: float
    up: float
    down: float
    rebuilt: float
    move: float
    text: str

    def __str__(self) -> str:
        return self.text

    @property
    def more(self) -> str:
        """A sentence: how far the way goes, and what was lost before it began."""
        return (
            f"The way is {figure(self.move, 2)} of the median distance between two rows in the space; where it begins, "
            f"at the reconstruction, {_percent(self.rebuilt)} differs visibly from the real item."
        )


class Sight:
    """Of the pictures or signals of one space; ``of`` answers None for items that nobody looks at."""

    def __init__(self, space: BaseSpace, latents: npt.NDArray[np.float32]) -> None:
        """latents: (n, D) of real rows."""
        self.schema: Any = space.schema
        self.form = space.schema.form
        pairs = np.random.default_rng(0).integers(0, len(latents), (2, 2000))
        apart = np.linalg.norm(latents[pairs[0]].astype(np.float64) - latents[pairs[1]], axis=1)
        self.usual = float(np.median(apart[apart > 0])) if (apart > 0).any() else 1.0
        self.step = np.full(1, 255 * STEP)
        if self.form == "signal":
            rows = np.asarray(space.samples[spread(np.arange(len(space), dtype=np.int64), _ROWS)], np.float64)
            height = np.median(np.ptp(rows, axis=2), axis=0)
            self.step = STEP * np.where(height > 0, height, 1.0)

    def of(
        self, item: npt.NDArray[Any], start: npt.NDArray[Any], end: npt.NDArray[Any], length: float
    ) -> Visible | None:
        """item: the real one; start, end: of the way; all encoded, (C, H, W) or (C, L). length: of it in the space."""
        if self.form not in ("image", "signal"):
            return None
        item, start, end = (np.asarray(x, np.float64) for x in (item, start, end))
        change, lost = end - start, start - item
        step = self.step.reshape(-1, *[1] * (change.ndim - 1))
        if self.form == "signal":
            seen: Mask = np.asarray(np.abs(change) > step, bool)
            rebuilt, text = float((np.abs(lost) > step).mean()), self._signal(change)
            up, down = seen & (change > 0), seen & (change < 0)
        else:
            seen = np.asarray((np.abs(change) > step).any(0), bool)
            rebuilt = float((np.abs(lost) > step).any(0).mean())
            shade = change.mean(0)
            up, down = shade > step[0, 0, 0], shade < -step[0, 0, 0]
            seen |= up | down
            text = _picture(seen, up, down)
        shares = float(seen.mean()), float(up.mean()), float(down.mean()), rebuilt
        return Visible(*shares, length / self.usual, text)

    def _signal(self, change: Floats) -> str:
        """The stretches of time with the largest change, in their order; samples are counted from 1."""
        names = self.schema.channel_names or tuple(f"channel {c}" for c in range(len(change)))
        deviation = np.asarray(self.schema.deviation, np.float64)
        found = [(c, *run) for c, line in enumerate(change) for run in _stretches(line, float(self.step[c]))]
        if not found:
            return f"no sample changes by more than {_step('signal')}: it can hardly be seen"
        share = float((np.abs(change) > self.step[:, None]).mean())
        largest = sorted(found, key=lambda run: -float(np.abs(change[run[0], run[1] : run[2]]).sum()))[:STRETCHES]
        parts = []
        for c, first, last in sorted(largest):
            piece = change[c, first:last]
            by = figure(float(np.abs(piece).max() * deviation[c]), 2)
            which = f"{names[c]}, " if len(change) > 1 else ""
            stretch = f"samples {first + 1} to {last}" if last > first + 1 else f"sample {last}"
            parts.append(
                f"{which}{stretch} of {change.shape[1]} {'higher' if piece.sum() > 0 else 'lower'} by up to {by}"
            )
        rest = len(found) - len(largest)
        parts += [f"and {rest} smaller stretch{'es' * (rest > 1)}"] if rest else []
        return f"{_percent(share)} of the signal changes visibly (by more than {_step('signal')}): {'; '.join(parts)}"


def where(mask: Mask) -> str:
    """Which part of a picture the pixels of a mask (H, W) lie in: the smallest part outside which lies less than half
    of what an even spread would leave there.

    >>> lower = np.zeros((30, 30), bool)
    >>> lower[22:28, 3:27] = True
    >>> where(lower), where(~lower), where(np.ones((30, 30), bool))
    ('in the lower third', 'all over it', 'all over it')
    """
    height, width = mask.shape
    y, x = ((np.arange(n) + 0.5) / n for n in (height, width))
    best, smallest = "all over it", (1.0, 0.0)
    for name, rows, columns, outside in _PARTS:
        part = ((y >= rows[0]) & (y < rows[1]))[:, None] & ((x >= columns[0]) & (x < columns[1]))[None]
        part = ~part if outside else part
        area, held = float(part.mean()), float(mask[part].sum() / max(mask.sum(), 1))
        if held > (1 + area) / 2 + 1e-9 and (area, -held) < smallest:
            best, smallest = name, (area, -held)
    return best


_LOW, _HALF, _HIGH, _ALL = (0.0, 1 / 3), (0.0, 0.5), (2 / 3, 1.0), (0.0, 1.0)
_MIDDLE, _UPPER, _INNER, _CORE = (1 / 3, 2 / 3), (0.5, 1.0), (1 / 6, 5 / 6), (0.25, 0.75)
_PARTS = (
    ("in the middle", _MIDDLE, _MIDDLE, False),
    ("in the upper left quarter", _HALF, _HALF, False), ("in the upper right quarter", _HALF, _UPPER, False),
    ("in the lower left quarter", _UPPER, _HALF, False), ("in the lower right quarter", _UPPER, _UPPER, False),
    ("in the upper third", _LOW, _ALL, False), ("in the lower third", _HIGH, _ALL, False),
    ("in the left third", _ALL, _LOW, False), ("in the right third", _ALL, _HIGH, False),
    ("across the middle", _MIDDLE, _ALL, False), ("down the middle", _ALL, _MIDDLE, False),
    ("in the upper half", _HALF, _ALL, False), ("in the lower half", _UPPER, _ALL, False),
    ("in the left half", _ALL, _HALF, False), ("in the right half", _ALL, _UPPER, False),
    ("away from the edge", _INNER, _INNER, False), ("around the edge", _INNER, _INNER, True),
    ("at both sides", _ALL, _CORE, True), ("at the top and the bottom", _CORE, _ALL, True),
)  # fmt: skip
"""Name, from where to where down and across as shares of the picture, and whether all but that is meant."""


def _picture(seen: Mask, up: Mask, down: Mask) -> str:
    share = float(seen.mean())
    if not seen.any():
        return f"no pixel changes by more than {_step('image')}: it can hardly be seen"
    other = seen & ~up & ~down
    parts = [
        f"{_percent(float(mask.mean()))} {word}{_mostly(where(mask))}"
        for word, mask in (("becomes brighter", up), ("becomes darker", down), ("changes colour alone", other))
        if mask.mean() >= LEAST
    ]
    told = f": {'; '.join(parts)}" if parts else ""
    return f"{_percent(share)} of the picture changes visibly (by more than {_step('image')}){told}"


def _mostly(place: str) -> str:
    return f" {place}" if place == "all over it" else f", mostly {place}"


def _stretches(line: Floats, step: float) -> list[tuple[int, int]]:
    """Half-open runs in which a line (L,) is beyond the step on one side, bridged over gaps of a fiftieth of L."""
    sign = np.where(np.abs(line) > step, np.sign(line), 0).astype(int)
    places = np.flatnonzero(sign)
    if not len(places):
        return []
    apart = (np.diff(places) > 1 + len(line) // 50) | (np.diff(sign[places]) != 0)
    first = places[np.concatenate([[True], apart])]
    last = places[np.concatenate([apart, [True]])]
    return [(int(a), int(b) + 1) for a, b in zip(first, last, strict=True)]


def _step(form: str) -> str:
    return "a tenth of black to white" if form == "image" else "a tenth of its usual height"


def _percent(share: float) -> str:
    return f"{figure(100 * share, 2)} %"
