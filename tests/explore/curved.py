"""A space around a decoder given as a formula, with rows where one wants them: what is shortest is known beforehand."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from deepspace.space.density import Density
from tests.linear import PlainSchema


class CurvedSpace:
    """Duck-typed ``BaseSpace``: rows at z (N, D), the decoder a function of tensors (B, D) -> (B, F)."""

    def __init__(self, z: np.ndarray, decoder: Callable[[Tensor], Tensor], scale: float = 0.05) -> None:
        mean = np.ascontiguousarray(z, np.float32)
        self.latents = SimpleNamespace(mean=mean, scale=np.full_like(mean, scale))
        self.latent_dim = mean.shape[1]
        self.model = SimpleNamespace(expected=decoder, decode=decoder)
        self.name, self.lacks = "curved", frozenset()
        self.schema = PlainSchema((decoder(torch.zeros(1, self.latent_dim)).shape[1],))
        self._density = Density(mean, np.full(self.latent_dim, scale, np.float32))
        self._own = np.sort(self._density.of_rows())

    def __len__(self) -> int:
        return len(self.latents.mean)

    def decode(self, z: Any) -> np.ndarray:
        return self.model.decode(torch.from_numpy(np.asarray(z, np.float32))).numpy()

    def density(self, z: Any) -> np.ndarray:
        return self._density.at(np.asarray(z, np.float32))

    def percentile_of(self, log_density: Any) -> np.ndarray:
        return 100.0 * np.searchsorted(self._own, log_density) / len(self)
