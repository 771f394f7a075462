"""Where on the map the picture and the predictor disagree."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from deepspace.decisions.boundary.proxy import Proxy, proxy
from deepspace.errors import SpaceError
from deepspace.explore.field import Grid
from deepspace.results import figure

if TYPE_CHECKING:
    from deepspace.decisions.audit import Audit

__all__ = ["DOUBTFUL", "Doubt", "doubt"]

DOUBTFUL = 0.25
"""From this share of disagreement on a place is hatched."""
NEAR = 25


@dataclass(frozen=True, eq=False)
class Doubt(Grid):
    """``values``: (rows, columns) the share of the ``k`` measured rows nearest on the map whose place is decided
    otherwise than they are (``Proxy.differs``), NaN where there is no data. ``doubtful``: where it is at least
    ``level``. ``n``: rows measured; ``share``: how many of them disagree."""

    k: int
    level: float
    n: int
    share: float

    @property
    def doubtful(self) -> npt.NDArray[np.bool_]:
        return np.asarray(np.nan_to_num(self.values) >= self.level)

    @property
    def hatched(self) -> float:
        """The share of the places with data that are doubtful."""
        return float(self.doubtful.sum() / max(int(np.isfinite(self.values).sum()), 1))

    def __str__(self) -> str:
        return (
            f"the map decides {figure(100 * self.share)} % of {self.n:,} rows otherwise than the predictor; at least "
            f"{figure(100 * self.level)} % of the {self.k} rows around at {figure(100 * self.hatched)} % of its places"
        )


def doubt(
    audit: Audit, *, proxy: Proxy | None = None, cells: int = 128, k: int = NEAR, level: float = DOUBTFUL
) -> Doubt:
    """On ``cells`` along the longer side of the map. proxy: what ``proxy`` gave, if it is known.

    Raises SpaceError without a decoder, and for a level outside 0 to 1.
    """
    from scipy.spatial import cKDTree

    if not 0 < level <= 1 or cells < 1 or k < 1:
        raise SpaceError(
            f"doubt about '{audit.space.name}' needs cells and rows, and a level between 0 and 1; got {cells} cells, "
            f"{k} rows and a level of {level}."
        )
    seen = _proxy(audit) if proxy is None else proxy
    x0, y0, x1, y1 = audit.space.map.bounds
    cell = (max(x1 - x0, y1 - y0) or 1.0) / cells
    columns, rows = (int(np.ceil((high - low) / cell)) + 3 for low, high in ((x0, x1), (y0, y1)))
    across, up = np.meshgrid(x0 + cell * (np.arange(columns) - 1), y0 + cell * (np.arange(rows) - 1))
    places = np.stack([across.ravel(), up.ravel()], 1).astype(np.float32)
    k = min(k, len(seen))
    near = cKDTree(np.asarray(audit.space.map.positions[seen.rows])).query(places, k=k)[1].reshape(len(places), -1)
    values = seen.differs[near].mean(1)
    values[~audit.space.map.has_data(places)] = np.nan
    return Doubt(
        values.reshape(rows, columns).astype(np.float32), (float(places[0, 0]), float(places[0, 1])), cell,
        k, level, len(seen), float(seen.differs.mean()),
    )  # fmt: skip


def _proxy(audit: Audit) -> Proxy:
    return proxy(audit)
