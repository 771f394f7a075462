"""How sure a decode is: how far it moves when the place moves as the encoder leaves it unsure.

    u(z)^2 = E_e mean_f (decode(z + s(z) e)_f - decode(z)_f)^2,   e ~ N(0, I),   s(z)^2 = mean of scale_i^2, i near z

with f the elements of an encoded row and i the ten rows nearest to z. The rows near a place fix its latents only to
within their posterior scale; u is what that costs in the decode. It says nothing about whether there is data at z: far
from all rows the scale is still that of the nearest, and density is the figure to ask.

The expectation is taken over a few directions of length sqrt(D), orthogonal to each other and the same for every
place, so that u is smooth in z and comes out the same each time. With as many directions as latents (up to 16) the
second moment of e is exact, and so is u where the decoder is linear: u^2 = sum_d s_d^2 |w_d|^2 / F. Beyond, the
directions are a stratified sample of it. Julier and Uhlmann 1997 (the unscented transform), one-sided.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt

from deepspace.errors import SpaceError
from deepspace.space.change import changed

if TYPE_CHECKING:
    from deepspace.space.base import BaseSpace

__all__ = ["DRAWS", "NEAR", "nearby_scale", "uncertainty", "uncertainty_of_rows"]

DRAWS: Final = 16
"""The most directions in which a place is moved."""
NEAR: Final = 10
"""Rows whose posterior scale stands for a place's."""

_SEED: Final = 0
_ROWS: Final = 1_000
_FEW_ROWS: Final = 200
_ELEMENTS: Final = 1 << 22

Float = npt.NDArray[np.float32]


def uncertainty(space: BaseSpace, z: Float) -> Float:
    """z: (M, D) -> (M,) root mean square change of the decode, in encoded units, under the posterior noise near z.

    Encoded units: grey levels 0..255 for images, standard deviations for numbers; a category counts 1 when it changes.
    Takes the time of up to ``DRAWS`` decodes a place. Raises SpaceError where the encoder gives no posterior.
    """
    if "posterior" in space.lacks:
        raise SpaceError(f"the encoder of '{space.name}' gives no posterior, so nobody knows how sure a decode is.")
    noise = _directions(z.shape[1])
    result = np.empty(len(z), np.float32)
    step = max(1, _ELEMENTS // (len(noise) * int(np.prod(space.schema.shape))))
    for start in range(0, len(z), step):
        block = z[start : start + step]
        moved = block[:, None] + nearby_scale(space, block)[:, None] * noise
        still = space.decode_encoded(block)
        shaken = space.decode_encoded(moved.reshape(-1, z.shape[1]))
        change = changed(space, shaken, np.repeat(still, len(noise), axis=0))
        result[start : start + step] = np.sqrt(np.square(change).reshape(len(block), -1).mean(1))
    return result


def nearby_scale(space: BaseSpace, z: Float) -> Float:
    """(M, D) -> (M, D): the posterior scale at a place, the root mean square of its ``NEAR`` nearest rows'."""
    near = space.neighbors(z=z, k=min(NEAR, len(space))).index
    scale = np.asarray(space.latents.scale[near], np.float64)
    return np.asarray(np.sqrt(np.square(scale).mean(1)), np.float32)


def uncertainty_of_rows(space: BaseSpace) -> Float:
    """Ascending: ``uncertainty`` at the posterior means of a fixed sample of rows, to compare a place's with.

    1,000 rows, down to 200 where a decode is large: a percentile then has a standard error of up to 3.5.
    """
    afford = 4 * _ELEMENTS // (DRAWS * int(np.prod(space.schema.shape)))
    count = min(len(space), max(_FEW_ROWS, min(_ROWS, afford)))
    chosen = np.sort(np.random.default_rng(_SEED).choice(len(space), count, replace=False))
    return np.sort(uncertainty(space, np.asarray(space.latents.mean[chosen], np.float32)))


def _directions(dim: int) -> Float:
    """(min(DRAWS, D), D): orthogonal rows of length sqrt(D), as a standard normal draw has on average."""
    square = np.random.default_rng(_SEED).normal(size=(dim, dim))
    turned, upper = np.linalg.qr(square)
    turned *= np.sign(np.diagonal(upper))  # without it QR does not draw evenly from all rotations
    return np.asarray(turned[:DRAWS] * np.sqrt(dim), np.float32)
