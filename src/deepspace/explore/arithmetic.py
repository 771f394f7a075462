"""Sums of places: a - b + c, with what it decodes to and which real rows lie nearest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from deepspace.errors import SpaceError
from deepspace.explore.paths import _place, _with_content
from deepspace.results import Tabular, figure

if TYPE_CHECKING:
    import pyarrow as pa

    from deepspace.space import BaseSpace

__all__ = ["Sum", "arithmetic"]


@dataclass(frozen=True, eq=False)
class Sum(Tabular):
    """A generated place: ``z`` (D,), ``content`` its decode in the user's units (one item; None without a decoder),
    ``density_percentile`` (0 is the emptiest), and the real rows nearest to it: ``index``, ``distance`` (k,), without
    the rows that were summed, which usually are the nearest. ``warnings``: what is wrong with it, in sentences."""

    formula: str
    z: npt.NDArray[np.float32]
    content: Any
    log_density: float
    density_percentile: float
    index: npt.NDArray[np.int64]
    distance: npt.NDArray[np.float32]
    warnings: tuple[str, ...]

    def to_arrow(self) -> pa.Table:
        columns = {"log_density": np.array([self.log_density])}
        return _with_content(columns | {"density_percentile": np.array([self.density_percentile])}, self.content)

    def __str__(self) -> str:
        nearest = ", ".join(f"{i} ({figure(float(d))})" for i, d in zip(self.index, self.distance, strict=True))
        denser = 100 - self.density_percentile
        lines = [f"{self.formula} (generated); {denser:.0f} % of the rows lie in denser places"]
        return "\n".join([*lines, *(f"warning: {w}" for w in self.warnings), f"nearest real rows: {nearest}"])


def arithmetic(
    space: BaseSpace, plus: Sequence[int | npt.ArrayLike], minus: Sequence[int | npt.ArrayLike] = (), *, k: int = 8
) -> Sum:
    """The sum of the places in ``plus`` without those in ``minus``: a - b + c is ``plus=[a, c], minus=[b]``.

    Places are row numbers or latents (D,). With one place more in plus than in minus, the sum is a place among the
    others (it moves with them); otherwise it depends on where the origin of the latent space happens to lie, and the
    answer says so. Raises SpaceError for places that are not there.
    """
    listed = list(plus), list(minus)
    if not listed[0]:
        raise SpaceError(f"cannot add places of '{space.name}': plus names none; give one row or place at least.")
    nothing = np.zeros(space.latent_dim)
    added, taken = (sum((_place(space, p) for p in places), nothing) for places in listed)
    place = np.asarray(added - taken, np.float32)[None]
    own = {int(p) % len(space) for p in listed[0] + listed[1] if isinstance(p, (int, np.integer))}
    nearest = space.neighbors(z=place, k=min(k + len(own), len(space)))
    kept = [i for i, row in enumerate(nearest.index[0]) if int(row) not in own][:k]
    percentile = float(space.density_percentile(place)[0])
    return Sum(
        formula=_formula(*listed),
        z=place[0],
        content=space.decode(place) if "decoder" not in space.lacks else None,
        log_density=float(space.density(place)[0]),
        density_percentile=percentile,
        index=np.asarray(nearest.index[0][kept], np.int64),
        distance=np.asarray(nearest.distance[0][kept], np.float32),
        warnings=_warnings(len(listed[0]) - len(listed[1]), percentile),
    )


def _formula(plus: list[Any], minus: list[Any]) -> str:
    """a - b + c, in the order in which it is said."""

    def name(place: Any) -> str:
        return f"row {int(place)}" if isinstance(place, (int, np.integer)) else "a place"

    terms = [name(plus[0]), *(f"- {name(p)}" for p in minus), *(f"+ {name(p)}" for p in plus[1:])]
    return " ".join(terms)


def _warnings(balance: int, percentile: float) -> tuple[str, ...]:
    found = []
    if balance != 1:
        found.append("plus needs one place more than minus, or the sum depends on where the latent origin lies.")
    if percentile <= 0:
        found.append("every row lies in a denser place: nothing like this was in the data.")
    return tuple(found)
