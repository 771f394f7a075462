"""A space whose map is planted: positions and columns as given, no model behind it."""

from __future__ import annotations

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import numpy as np
import pyarrow as pa

from deepspace.data.schema import Column


class Planted:
    """Duck-typed ``BaseSpace``: positions (N, 2) are the latents too; columns: name -> (kind, role, values)."""

    def __init__(self, positions: np.ndarray, columns: Mapping[str, tuple[str, str, Any]] | None = None) -> None:
        self.name = "planted"
        self.latents = SimpleNamespace(mean=np.asarray(positions, np.float32))
        self.map = SimpleNamespace(positions=self.latents.mean)
        made = columns or {}
        table = {name: pa.chunked_array([pa.array(list(values))]) for name, (_, _, values) in made.items()}
        self.schema = SimpleNamespace(
            columns=tuple(
                Column(name, kind, role, distinct=len(set(values)))  # type: ignore[arg-type]
                for name, (kind, role, values) in made.items()
            )
        )
        self.rows = SimpleNamespace(names=tuple(made), column=table.__getitem__)

    def __len__(self) -> int:
        return len(self.map.positions)


def blobs(n: int, *, seed: int = 0, far: float = 8.0) -> tuple[np.ndarray, np.ndarray]:
    """Four round clusters of the sizes 4 : 3 : 2 : 1 at the corners of a square: positions (n, 2), cluster (n,)."""
    rng = np.random.default_rng(seed)
    cluster = rng.choice(4, n, p=[0.4, 0.3, 0.2, 0.1])
    corners = far * np.array([[0, 0], [1, 0], [0, 1], [1, 1]])
    return corners[cluster] + rng.normal(size=(n, 2)), cluster
