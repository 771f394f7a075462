"""How far the decode moves when a latent does: the decoder's pullback metric, measured by small steps."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from deepspace.space.figures import batch_rows

if TYPE_CHECKING:
    from torch import Tensor

    from deepspace.space import BaseSpace

__all__ = ["expected", "expected_tensor", "travelled"]

Floats = npt.NDArray[np.float64]


def expected_tensor(space: BaseSpace, z: Tensor) -> Tensor:
    """(M, D) -> (M, E), differentiable: what the decoder expects, scaled so that the Euclidean distance of two is the
    root mean square over an item's elements.

    Images in grey levels, other modalities in standard deviations; a category counts by its probabilities, 1 from
    surely one to surely another.
    """
    # Models are torch modules; their parameters keep no gradient here, since only z is asked for.
    found: Tensor = space.model.expected(z).flatten(1).float()
    scaled: Tensor = found * float(np.prod(space.schema.shape)) ** -0.5
    return scaled


def expected(space: BaseSpace, z: npt.ArrayLike) -> npt.NDArray[np.float32]:
    """As ``expected_tensor``, without gradient and batch by batch."""
    import torch

    places = np.ascontiguousarray(z, np.float32)
    size = batch_rows(space.schema.shape)
    with torch.inference_mode():
        parts = [
            expected_tensor(space, torch.from_numpy(places[start : start + size].copy())).numpy()
            for start in range(0, len(places), size)
        ]
    return np.concatenate(parts)


def travelled(space: BaseSpace, z: Floats) -> Floats:
    """z: (..., P, D), polylines of P places -> (..., P) how far the decode has moved since the first, from 0 on."""
    found = expected(space, z.reshape(-1, z.shape[-1])).reshape(*z.shape[:-1], -1)
    steps = np.linalg.norm(np.diff(found.astype(np.float64), axis=-2), axis=-1)
    return np.concatenate([np.zeros((*steps.shape[:-1], 1)), np.cumsum(steps, -1)], -1)
