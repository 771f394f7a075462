"""How far apart latents are in the data: the decoder's average pull-back metric, one matrix for the whole space."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

__all__ = ["decoder_metric"]

_DECODES = 16_384
_RIDGE = 1e-3
_POWER = 0.5
"""1: decoded distances (the most trustworthy in data space); 0: latent ones (the best at classes). Half keeps both."""


def decoder_metric(
    latents: NDArray[np.float32], decode: Callable[[Tensor], Tensor], *, seed: int
) -> NDArray[np.float32] | None:
    """H (D, D), symmetric: |(a - b) H| lies half way, in powers, from latent distance to decoded distance.

    H^4 = mean over rows of J^T J, J the decoder's Jacobian by differences of a quarter of each dimension's deviation
    (Arvanitidis 2018, arXiv:1710.11379, averaged). A dimension that the decoder ignores has no length. None where what
    is decoded is not one kind of quantity (a row of a table), or does not move with the latents at all.
    """
    width = latents.shape[1]
    rng = np.random.default_rng(seed)
    count = min(len(latents), max(32, _DECODES // width))
    rows = torch.from_numpy(latents[np.sort(rng.choice(len(latents), count, replace=False))])
    spread = latents.std(0)
    step = torch.from_numpy((0.25 * np.maximum(spread, 0.1 * np.sqrt((spread**2).mean()))).astype(np.float32))
    if not bool((step > 0).all()):
        return None
    gram = np.zeros((width, width))
    with torch.inference_mode():
        if decode(rows[:1]).ndim < 3:
            return None
        for few in torch.split(rows, max(1, 2048 // width)):
            moved = (few[:, None, :] + torch.diag(step)).reshape(-1, width)
            here = decode(few).float().flatten(1)
            there = decode(moved).float().reshape(len(few), width, -1)
            slope = (there - here[:, None]) / step[:, None]
            gram += torch.einsum("nip,njp->ij", slope, slope).double().numpy()
    if not np.isfinite(gram).all() or np.trace(gram) <= 0:
        return None
    gram += np.eye(width) * _RIDGE * np.trace(gram) / width
    values, vectors = np.linalg.eigh(gram)
    root = (vectors * np.maximum(values, 0.0) ** (_POWER / 2.0)) @ vectors.T
    # Same overall length as before, so that nothing else needs another scale.
    before, after = (latents - latents.mean(0)).std(), ((latents - latents.mean(0)) @ root).std()
    metric: NDArray[np.float32] = (root * (before / max(after, 1e-30))).astype(np.float32)
    return metric
