"""What can be said of a picture or a signal without any network: edges, frequency, colour, texture."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from deepspace.explore.association import Column

__all__ = ["DESCRIPTORS", "descriptors"]

Floats = npt.NDArray[np.float64]

DESCRIPTORS = {
    "brightness": "mean level",
    "contrast": "standard deviation of the level",
    "edge energy": "mean length of the level's gradient, by contrast",
    "dominant frequency": "mean frequency of the spectrum's power, in cycles a pixel or sample",
    "orientation": "how far the gradient keeps to one direction, 0 to 1",
    "colourfulness": "mean distance of the colours from grey",
    "warmth": "mean of red minus blue",
    "texture": "standard deviation of what neighbours do not tell, by contrast",
}
"""Name -> what it is."""


def descriptors(x: npt.ArrayLike) -> list[Column]:
    """Columns of numbers about items: pictures (M, C, H, W) or signals (M, C, L). Empty for anything else.

    Those that do not vary are left out.
    """
    values = np.asarray(x, np.float64)
    if values.ndim == 4 and values.shape[1] in (1, 3) and min(values.shape[2:]) >= 4:
        found = _pictures(values)
    elif values.ndim == 3 and values.shape[2] >= 8:
        found = _signals(values)
    else:
        return []
    return [Column(name, column) for name, column in found.items() if float(np.std(column)) > 1e-12]


def _pictures(x: Floats) -> dict[str, Floats]:
    level = x.mean(1)
    contrast = level.std((1, 2))
    down, across = np.gradient(level, axis=(1, 2))
    length = np.hypot(down, across)
    # The structure tensor's two eigenvalues differ where gradients point one way.
    a, b, c = ((p * q).mean((1, 2)) for p, q in ((across, across), (across, down), (down, down)))
    found = {
        "brightness": level.mean((1, 2)),
        "contrast": contrast,
        "edge energy": length.mean((1, 2)) / _some(contrast),
        "dominant frequency": _centroid(level, np.fft.fft2, _radius(*level.shape[1:])),
        "orientation": np.hypot(a - c, 2 * b) / _some(a + c),
        "texture": _rest(level).std((1, 2)) / _some(contrast),
    }
    if x.shape[1] == 3:
        found["colourfulness"] = np.sqrt(((x - level[:, None]) ** 2).sum(1)).mean((1, 2))
        found["warmth"] = (x[:, 0] - x[:, 2]).mean((1, 2))
    return found


def _signals(x: Floats) -> dict[str, Floats]:
    level = x.mean(1)
    contrast = level.std(1)
    return {
        "brightness": level.mean(1),
        "contrast": contrast,
        "edge energy": np.abs(np.diff(level, axis=1)).mean(1) / _some(contrast),
        "dominant frequency": _centroid(level, np.fft.fft, np.abs(np.fft.fftfreq(level.shape[1]))),
    }


def _some(values: Floats) -> Floats:
    return np.asarray(np.maximum(values, 1e-9 * max(1.0, float(values.max()))))


def _radius(height: int, width: int) -> Floats:
    return np.asarray(np.hypot(np.fft.fftfreq(height)[:, None], np.fft.fftfreq(width)[None]))


def _centroid(level: Floats, transform: Callable[[Floats], npt.NDArray[np.complex128]], frequency: Floats) -> Floats:
    axes = tuple(range(1, level.ndim))
    power = np.abs(transform(level - level.mean(axes, keepdims=True))) ** 2
    total = power.sum(axes)
    return np.asarray((power * frequency).sum(axes) / np.maximum(total, 1e-300))


def _rest(level: Floats) -> Floats:
    """What the mean of the four neighbours does not tell of a pixel, inside the border."""
    around = level[:, :-2, 1:-1] + level[:, 2:, 1:-1] + level[:, 1:-1, :-2] + level[:, 1:-1, 2:]
    return np.asarray(level[:, 1:-1, 1:-1] - around / 4)
