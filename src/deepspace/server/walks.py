"""Paths for the page: all kinds through the same places, as films, as courses on the map, and as files."""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from deepspace.errors import SpaceError
from deepspace.explore import Axes, Path, Paths, paths
from deepspace.explore.strips import as_csv, as_gif, as_png
from deepspace.server import places
from deepspace.server.films import Films
from deepspace.server.planes import MAP, plane
from deepspace.server.wire import Way, Ways

__all__ = ["MOST_ANCHORS", "MOST_STEPS", "Form", "Walks"]

Form = Literal["gif", "png", "csv"]

MOST_ANCHORS, MOST_STEPS = 12, 65
_KEPT = 8
_COURSE = 72
_LARGE = 1 << 21
_UNITS = {"image": "grey levels"}


class Walks:
    """What the paths panel asks of one space. Safe to call from several threads."""

    def __init__(self, films: Films) -> None:
        self.films, self.items, self.space = films, films.items, films.space
        self._kept: OrderedDict[tuple[str, int, str], tuple[Paths, Ways]] = OrderedDict()
        self._lock = threading.Lock()

    def ways(self, through: str, steps: int, axes: str = MAP) -> Ways:
        """through: places, as ``places.latent`` takes them, with ; between; drawn on these axes."""
        return self._walked(through, steps, axes)[1]

    def file(self, through: str, steps: int, kind: str, form: Form) -> bytes:
        """One of them as ``Path.save`` would write it."""
        walk = self._walked(through, steps, MAP)[0][kind]
        return {"gif": as_gif, "png": as_png, "csv": as_csv}[form](walk)

    def _walked(self, through: str, steps: int, axes: str) -> tuple[Paths, Ways]:
        key = through, steps, axes
        with self._lock:
            if key not in self._kept:
                names = through.split(";")
                if len(names) > MOST_ANCHORS:
                    raise SpaceError(f"a path leads through {MOST_ANCHORS} places at most, got {len(names)}.")
                walks = paths(self.space, *(places.latent(self.space, name) for name in names), steps=steps)
                self._kept[key] = walks, self._shown(names, walks, axes)
                while len(self._kept) > _KEPT:
                    self._kept.popitem(last=False)
            self._kept.move_to_end(key)
            return self._kept[key]

    def _shown(self, names: list[str], walks: Paths, axes: str) -> Ways:
        first = walks.items[0]
        form = self.space.schema.form
        here = [places.position(self.space, name, axes) for name in names]
        return Ways(
            through=names,
            steps=len(first),
            anchors=list(first.anchors),
            unit=_UNITS.get(form, "standard deviations"),
            n=len(self.space),
            python=[places.python(self.space, name) for name in names],
            ways=[self._way(walk, here, plane(self.space, axes)) for walk in walks],
        )

    def _way(self, walk: Path, here: list[tuple[float, float] | None], seen: Axes) -> Way:
        space, items = self.space, self.items
        course, each = _between(walk.z)
        line, at_steps = _laid(seen, course), _laid(seen, walk.z)
        # A position decodes to what the map itself would lay elsewhere: an anchor stays where it was marked.
        for step, position in zip(walk.anchors, here, strict=True):
            if position is not None:
                line[step * each] = at_steps[step] = position
        encoded = np.asarray(space.decode_encoded(walk.z))
        nearest = [int(i) for i in space.neighbors(z=walk.z, k=1).index[:, 0]]
        show = items.small if encoded.size > _LARGE else items.inline
        return Way(
            kind=walk.kind,
            found=walk.found,
            length=walk.length,
            decoded_length=walk.decoded_length,
            shorter=walk.gain.decoded,
            denser=walk.gain.percentile,
            lowest=walk.lowest,
            line=line,
            contents=show(encoded, nearest),
            places=at_steps,
            nearest=nearest,
            density_percentiles=[float(p) if np.isfinite(p) else None for p in walk.density_percentile],
            changes=self.films.changes(encoded) if items.modality == "table" else None,
        )


def _laid(seen: Axes, z: npt.NDArray[Any]) -> list[tuple[float, float]]:
    return [(float(x), float(y)) for x, y in np.asarray(seen.transform(z))]


def _between(z: npt.NDArray[np.float32]) -> tuple[npt.NDArray[np.float32], int]:
    """(S, D) with places between the steps, and how many to a step: what is straight in the latent space bends on the
    map."""
    each = max(1, -(-_COURSE // (len(z) - 1)))
    t = np.linspace(0, 1, each, endpoint=False, dtype=np.float32)[None, :, None]
    inner = (1 - t) * z[:-1, None] + t * z[1:, None]
    return np.concatenate([inner.reshape(-1, z.shape[1]), z[-1:]]), each
