"""Sprites with the factors of dSprites (Matthey 2017), drawn here: shape 3, scale 6, orientation 40, x 32, y 32.

A white square, ellipse or heart on black; all 737,280 pictures are possible, ``draw`` renders those that are asked for.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

FACTORS = {"shape": 3, "scale": 6, "orientation": 40, "x": 32, "y": 32}
SIZES = tuple(FACTORS.values())
COUNT = int(np.prod(SIZES))

_CHUNK = 2000
_RADIUS = 0.36  # of the largest sprite, where the picture reaches from -1 to 1: dSprites is as large
_REACH = 0.58  # how far centres move: sprites never leave the picture


def subset(n: int, seed: int = 0) -> NDArray[np.int64]:
    """(n, 5) factor values of n different sprites out of all, at random, in the order of FACTORS."""
    chosen = np.random.default_rng(seed).choice(COUNT, n, replace=False)
    return np.stack(np.unravel_index(chosen, SIZES), 1)


def draw(factors: NDArray[np.int64], side: int = 64) -> NDArray[np.uint8]:
    """(n, 5) factor values -> (n, side, side) pictures of 0 and 255."""
    out = np.empty((len(factors), side, side), np.uint8)
    line = ((np.arange(side) + 0.5) / side * 2 - 1).astype(np.float32)
    for start in range(0, len(factors), _CHUNK):
        out[start : start + _CHUNK] = _inside(factors[start : start + _CHUNK], line) * np.uint8(255)
    return out


def _inside(factors: NDArray[np.int64], line: NDArray[np.float32]) -> NDArray[np.bool_]:
    shape, scale, orientation, x, y = factors.T
    size = (_RADIUS * (0.5 + 0.5 * scale / 5)).astype(np.float32)[:, None, None]
    angle = (2 * np.pi * orientation / 40).astype(np.float32)[:, None, None]
    centre = [(_REACH * (2 * c / 31 - 1)).astype(np.float32) for c in (x, y)]
    across = (line[None, None, :] - centre[0][:, None, None]) / size
    down = (line[None, :, None] - centre[1][:, None, None]) / size
    u = np.cos(angle) * across + np.sin(angle) * down  # (n, side, side), in the sprite's own frame
    v = np.cos(angle) * down - np.sin(angle) * across
    inside = np.empty(u.shape, bool)
    square, ellipse, heart = (shape == k for k in range(3))
    inside[square] = np.maximum(np.abs(u[square]), np.abs(v[square])) < 0.8
    inside[ellipse] = u[ellipse] ** 2 + (v[ellipse] / 0.55) ** 2 < 1
    a, b = 1.25 * u[heart], 0.15 - 1.25 * v[heart]
    inside[heart] = (a**2 + b**2 - 1) ** 3 < a**2 * b**3
    return inside
