"""Latent dimensions for the page: ranked, named, each as a film of what moving it changes, and set together by hand."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from deepspace.errors import SpaceError
from deepspace.explore import factors, local_factors, name_factors, traverse
from deepspace.server.formatting import as_number, cell
from deepspace.server.items import Items
from deepspace.server.places import MEAN, latent
from deepspace.server.planes import MAP, plane
from deepspace.server.wire import (
    Along,
    Change,
    FactorInfo,
    FactorName,
    FactorNamesInfo,
    FactorsInfo,
    Film,
    LocalFactorInfo,
    Mixed,
)
from deepspace.space.moments import latent_moments

__all__ = ["STEPS", "Films"]

STEPS = 7
_DECODES = 4096
_CHANGES = 4
_HEAVIEST = 3
_NEAREST = 3


class Films:
    """What the factors panel asks of one space. Safe to call from several threads."""

    def __init__(self, items: Items) -> None:
        self.items, self.space = items, items.space
        self._lock, self._naming = threading.Lock(), threading.Lock()
        self._ranked: FactorsInfo | None = None
        self._names: FactorNamesInfo | None = None

    def ranked(self) -> FactorsInfo:
        """Every latent dimension, strongest first; worked out once."""
        with self._lock:
            if self._ranked is None:
                sample = max(16, min(256, _DECODES // (2 * self.space.latent_dim)))
                found = factors(self.space, sample=sample)
                moments = latent_moments(self.space.latents.mean, self.space.latents.scale)
                names = ("index", "rank", "active", "deviation")
                self._ranked = FactorsInfo(
                    factors=[
                        FactorInfo(
                            **{name: getattr(f, name) for name in names},
                            kl=_finite(f.kl),
                            effect=_finite(f.effect),
                            mean=float(moments.mean[f.index]),
                        )
                        for f in found
                    ],
                    n=found.n,
                    sample=found.sample,
                )
            return self._ranked

    def names(self) -> FactorNamesInfo:
        """The columns that single dimensions follow; worked out once."""
        with self._naming:
            if self._names is None:
                found = name_factors(self.space)
                names = [FactorName(factor=n.factor, title=n.title, certainty=n.certainty) for n in found]
                self._names = FactorNamesInfo(names=names, pairs=found.tested, level=found.level)
            return self._names

    def film(self, factor: int, place: str = MEAN, axes: str = MAP) -> Film:
        """The dimension moved in ``STEPS`` steps, all others held where ``place`` has them."""
        walk = traverse(self.space, factor, start=self._start(place), steps=STEPS)
        return Film(factor=factor, place=place, **self.frames(walk.positions, walk.z, axes))

    def local(self, place: str, k: int, axes: str = MAP) -> list[LocalFactorInfo]:
        """The k directions in which the decode changes most at ``place``, each as a film in standard steps."""
        deviation = latent_moments(self.space.latents.mean, self.space.latents.scale).deviation
        answers = []
        for item in local_factors(self.space, self._start(place), k, steps=STEPS):
            weights = item.direction / np.maximum(deviation, 1e-6)
            heaviest = np.argsort(-np.abs(weights))[:_HEAVIEST]
            answers.append(
                LocalFactorInfo(
                    share=item.share,
                    gain=item.gain,
                    along=[Along(dimension=int(d), weight=float(weights[d])) for d in heaviest],
                    film=Film(factor=item.rank, place=place, **self.frames(item.positions, item.z, axes)),
                )
            )
        return answers

    def mixed(self, place: str, moves: Mapping[int, float], axes: str = MAP) -> Mixed:
        """``place`` with the dimensions in ``moves`` set to the values there."""
        space, z = self.space, self._start(place).copy()
        for dimension, value in moves.items():
            if not 0 <= dimension < space.latent_dim:
                raise SpaceError(
                    f"cannot set dimension {dimension} of '{space.name}': "
                    f"it has dimensions 0 to {space.latent_dim - 1}."
                )
            z[dimension] = value
        found = space.neighbors(z=z[None], k=min(_NEAREST, len(space)))
        nearest = self.items.neighbours(found.index[0], found.distance[0])
        seen = plane(space, axes)
        position = np.asarray(seen.transform(z[None]))
        surety = self.items.sureness.of(z[None])[0]
        return Mixed(
            z=z.tolist(),
            content=self.items.inline(self.items.shown(z[None], [nearest[0].index]), [nearest[0].index])[0],
            place=(float(position[0, 0]), float(position[0, 1])),
            has_data=bool(seen.has_data(position)[0]),
            nearest=nearest,
            density_percentile=_finite(space.density_percentile(z[None])[0]),
            uncertainty=surety.value,
            uncertainty_percentile=surety.percentile,
        )

    def _start(self, place: str) -> npt.NDArray[np.float32]:
        """A place's latents (D,); the mean of all rows as it was counted once."""
        if place != MEAN:
            return latent(self.space, place)
        return latent_moments(self.space.latents.mean, self.space.latents.scale).mean.astype(np.float32)

    def frames(self, values: npt.NDArray[np.floating], z: npt.NDArray[np.float32], axes: str = MAP) -> dict[str, Any]:
        """What ``Frames`` says of generated places. values: (S,), how far each was moved; z: (S, D)."""
        space = self.space
        nearest = [int(i) for i in space.neighbors(z=z, k=1).index[:, 0]]
        encoded = self.items.shown(z, nearest)
        return {
            "values": values.tolist(),
            "contents": self.items.inline(encoded, nearest),
            "places": [(float(x), float(y)) for x, y in np.asarray(plane(space, axes).transform(z))],
            "nearest": nearest,
            "density_percentiles": [_finite(p) for p in space.density_percentile(z)],
            "changes": self.changes(encoded) if self.items.modality == "table" else None,
        }

    def changes(self, encoded: npt.NDArray[Any]) -> list[Change]:
        """The columns that change on the way, those that change most first."""
        items, made = self.items, self.items.records(encoded)
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


def _finite(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
