"""Latent dimensions for the page: ranked, and each as a film of what moving it changes."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import numpy.typing as npt

from deepspace.errors import SpaceError
from deepspace.explore import factors, traverse
from deepspace.server.formatting import as_number, cell
from deepspace.server.items import Items, records
from deepspace.server.planes import MAP, plane
from deepspace.server.wire import Change, FactorInfo, FactorsInfo, Film

__all__ = ["STEPS", "Films"]

STEPS = 7
_DECODES = 4096
_CHANGES = 4


class Films:
    """What the factors panel asks of one space. Safe to call from several threads."""

    def __init__(self, items: Items) -> None:
        self.items, self.space = items, items.space
        self._lock = threading.Lock()
        self._ranked: FactorsInfo | None = None

    def ranked(self) -> FactorsInfo:
        """Every latent dimension, strongest first; worked out once."""
        with self._lock:
            if self._ranked is None:
                sample = max(16, min(256, _DECODES // (2 * self.space.latent_dim)))
                found = factors(self.space, sample=sample)
                names = ("index", "rank", "kl", "effect", "active")
                self._ranked = FactorsInfo(
                    factors=[FactorInfo(**{name: getattr(f, name) for name in names}) for f in found],
                    n=found.n,
                    sample=found.sample,
                )
            return self._ranked

    def film(self, factor: int, row: int | None = None, axes: str = MAP) -> Film:
        """The dimension moved in ``STEPS`` steps, all others held where ``row`` has them (or at the mean)."""
        space = self.space
        if row is not None and not 0 <= row < len(space):
            raise SpaceError(f"cannot start from row {row}: '{space.name}' has rows 0 to {len(space) - 1}.")
        walk = traverse(space, factor, start=row, steps=STEPS)
        return Film(factor=factor, row=row, **self.frames(walk.positions, walk.z, axes))

    def frames(self, values: npt.NDArray[np.floating], z: npt.NDArray[np.float32], axes: str = MAP) -> dict[str, Any]:
        """What ``Frames`` says of generated places. values: (S,), how far each was moved; z: (S, D)."""
        space = self.space
        encoded = np.asarray(space.decode_encoded(z))
        nearest = [int(i) for i in space.neighbors(z=z, k=1).index[:, 0]]
        percentiles = np.asarray(space.density_percentile(z), np.float64)
        return {
            "values": values.tolist(),
            "contents": self.items.inline(encoded, nearest),
            "places": [(float(x), float(y)) for x, y in np.asarray(plane(space, axes).transform(z))],
            "nearest": nearest,
            "density_percentiles": [float(p) if np.isfinite(p) else None for p in percentiles],
            "changes": self.changes(encoded) if self.items.modality == "table" else None,
        }

    def changes(self, encoded: npt.NDArray[Any]) -> list[Change]:
        """The columns that change on the way, those that change most first."""
        items, made = self.items, records(self.items.schema.decode(encoded))
        found: list[tuple[float, Change]] = []
        for name in items.features:
            kind, values = items.kinds[name], [record.get(name) for record in made]
            texts = [cell(value, kind, digits=3) for value in values]
            if len(set(texts)) == 1:
                continue
            numbers: list[float | None] | None = None
            size = float(len(set(texts)) - 1)
            if kind in {"numeric", "integer", "date"}:
                line = np.array([as_number(value) for value in values])
                numbers, size = line.tolist(), float(np.ptp(line)) / items.spread(name)
            found.append((size, Change(name=name, kind=kind, texts=texts, numbers=numbers)))
        return [change for _, change in sorted(found, key=lambda f: -f[0])[:_CHANGES]]
