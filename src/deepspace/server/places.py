"""Places as the page names them: a row, a position on the map, or a latent itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from deepspace.errors import SpaceError
from deepspace.server.planes import LAYER, MAP, plane

if TYPE_CHECKING:
    from deepspace.space import BaseSpace

__all__ = ["MEAN", "latent", "position", "python"]

MEAN = "mean"

Vector = npt.NDArray[np.float32]


def latent(space: BaseSpace, place: str) -> Vector:
    """The latent (D,) that a place stands for.

    place: ``row:12`` (that row's posterior mean), ``at:x,y`` (what the map decodes at a position; on other axes
    ``at:x,y@pca``), ``z:a,b,...`` (D numbers), or ``mean`` (of all rows). Raises SpaceError, in one sentence, for
    anything else.
    """
    kind, _, rest = place.partition(":")
    if kind == MEAN and not rest:
        return np.asarray(space.latents.mean.mean(0), np.float32)
    if kind == "row" and rest.isdecimal() and int(rest) < len(space):
        return np.array(space.latents.mean[int(rest)], np.float32)
    rest, _, axes = rest.partition("@")
    numbers = _numbers(rest)
    if kind == "at" and len(numbers) == 2:
        return np.asarray(plane(space, axes or MAP).inverse_transform(numbers[None])[0], np.float32)
    if kind == "z" and not axes and len(numbers) == space.latent_dim:
        return numbers
    raise SpaceError(
        f"'{place[:80]}' is no place of '{space.name}': use row:0 to row:{len(space) - 1}, at:x,y on the map, "
        f"z: with {space.latent_dim} numbers, or {MEAN}."
    )


def position(space: BaseSpace, place: str, axes: str = MAP) -> tuple[float, float] | None:
    """Where a place was marked on these axes; nothing for latents, and for what was marked on other axes."""
    kind, _, rest = place.partition(":")
    if kind == "row":
        x, y = plane(space, axes).positions[int(rest)]
        return (float(x), float(y)) if np.isfinite(x) else None
    rest, _, own = rest.partition("@")
    if kind == "at" and (own or MAP) == axes:
        x, y = _numbers(rest)
        return float(x), float(y)
    return None


def python(space: BaseSpace, place: str) -> str:
    """The expression that names the same place in a script that has a ``space``."""
    kind, _, rest = place.partition(":")
    if kind == "row":
        return rest
    if kind == "at":
        rest, _, axes = rest.partition("@")
        if axes.startswith(LAYER):  # which Python knows no axes by
            return str([round(float(v), 6) for v in latent(space, place)])
        seen = f"axes({axes!r})" if axes else "map"
        return f"space.{seen}.inverse_transform([[{rest.replace(',', ', ')}]])[0]"
    return f"[{rest.replace(',', ', ')}]" if kind == "z" else "space.latents.mean.mean(0)"


def _numbers(text: str) -> Vector:
    """Comma-separated finite numbers; empty for anything else."""
    try:
        found = np.array([float(part) for part in text.split(",")], np.float32)
    except ValueError:
        return np.empty(0, np.float32)
    return found if np.isfinite(found).all() else np.empty(0, np.float32)
