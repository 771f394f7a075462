"""The parts of the map: its hills of density, what is distinctive of the rows there, and a row that stands for them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt

from deepspace.errors import SpaceError
from deepspace.explore.basins import basins
from deepspace.explore.field import Field, map_field
from deepspace.explore.traits import FDR, Trait, traits_of
from deepspace.results import Tabular, text_table

if TYPE_CHECKING:
    import pyarrow as pa

    from deepspace.space import BaseSpace

__all__ = ["Region", "Regions", "regions"]

_LEAST_SHARE: Final = 0.01
_LEAST_ROWS: Final = 10
_EXEMPLAR_ROWS: Final = 20_000


@dataclass(frozen=True)
class Region:
    """A hill of the map's density. ``rows``: its row numbers, ascending; ``share`` of all rows; ``at``: (x, y), the
    place deepest inside, where its label goes; ``traits``: what is distinctive, strongest first, empty where the test
    allows no name; ``exemplar``: the row whose latents are nearest to the rows' mean, which is their medoid under
    squared distance."""

    index: int
    rows: npt.NDArray[np.int64]
    share: float
    at: tuple[float, float]
    traits: tuple[Trait, ...]
    exemplar: int

    @property
    def n(self) -> int:
        return len(self.rows)

    @property
    def label(self) -> str:
        """The two strongest traits of different columns, or nothing."""
        columns: dict[str, Trait] = {}
        for trait in self.traits:
            columns.setdefault(trait.column, trait)
        return ", ".join(trait.short for trait in list(columns.values())[:2])

    def __str__(self) -> str:
        said = "; ".join(trait.phrase for trait in self.traits[:4]) or "nothing distinctive"
        return f"region {self.index}: n = {self.n:,} ({100 * self.share:.0f} %), {said}; exemplar row {self.exemplar}"


@dataclass(frozen=True)
class Regions(Tabular):
    """The regions of a map, largest first. ``of``: (N,) the region of each row, -1 for rows between or outside;
    ``field``: the density they are hills of; ``tested``: rows that the names come from; ``fdr``: the share of names
    that may be chance."""

    items: tuple[Region, ...]
    of: npt.NDArray[np.int32]
    field: Field
    tested: int
    fdr: float

    def __len__(self) -> int:
        return len(self.items)

    def __iter__(self) -> Iterator[Region]:
        return iter(self.items)

    def __getitem__(self, index: int) -> Region:
        return self.items[index]

    def to_arrow(self) -> pa.Table:
        import pyarrow as pa

        columns = {name: [getattr(region, name) for region in self.items] for name in ("index", "n", "share")}
        places = {axis: [region.at[i] for region in self.items] for i, axis in enumerate("xy")}
        names = {name: [getattr(region, name) for region in self.items] for name in ("label", "exemplar")}
        return pa.table(columns | places | names)

    def __str__(self) -> str:
        n, without = len(self.of), int((self.of < 0).sum())
        asked = "" if self.tested == n else f", named from {self.tested:,} of them"
        title = f"{len(self)} regions of the map (n = {n:,} rows{asked}; {without:,} in none)"
        rows = [
            (str(r.index), f"{r.n:,}", f"{100 * r.share:.0f} %", r.label or f"like row {r.exemplar}")
            for r in self.items
        ]
        return f"{title}\n{text_table(('region', 'rows', 'share', 'distinctive'), rows)}"


def regions(space: BaseSpace, *, fdr: float = FDR, seed: int = 0) -> Regions:
    """The hills of the map's density, each with its rows and what is distinctive of them.

    A region holds at least 1 % of the rows, and ten; it ends where 95 % of all rows lie in denser places. A name is
    given only where a test allows it with the false-discovery rate ``fdr`` over all columns and regions. See
    ``deepspace.explore.basins`` and ``deepspace.explore.traits``. Raises SpaceError for an ``fdr`` outside 0 to 1.
    """
    if not 0 < fdr < 1:
        raise SpaceError(f"cannot name the regions of '{space.name}': fdr lies between 0 and 1, got {fdr}.")
    field = map_field(space)
    hills = basins(field)
    of = _renumbered(_rows_in(field, hills, space.map.positions), space)
    count = int(of.max(initial=-1)) + 1
    named, tested = traits_of(space, of, count, fdr=fdr, seed=seed)
    items = []
    for index in range(count):
        rows = np.flatnonzero(of == index)
        hill = int(hills[_cells(field, hills, np.asarray(space.map.positions[rows[:1]]))][0])
        items.append(
            Region(
                index=index,
                rows=rows,
                share=len(rows) / len(of),
                at=_deepest(field, hills == hill),
                traits=named[index],
                exemplar=_exemplar(space, rows, seed),
            )
        )
    return Regions(tuple(items), of, field, tested, fdr)


def _cells(
    field: Field, hills: npt.NDArray[np.int64], places: npt.NDArray[np.floating]
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """The cell of each place, (M,) rows and columns."""
    across, up = field.cells(places)
    rows, columns = hills.shape
    down = np.clip(np.rint(up), 0, rows - 1).astype(np.int64)
    return down, np.clip(np.rint(across), 0, columns - 1).astype(np.int64)


def _rows_in(field: Field, hills: npt.NDArray[np.int64], positions: npt.NDArray[np.floating]) -> npt.NDArray[np.int64]:
    """(N,): the hill that each row lies on."""
    return np.asarray(hills[_cells(field, hills, np.asarray(positions))], np.int64)


def _renumbered(hill: npt.NDArray[np.int64], space: BaseSpace) -> npt.NDArray[np.int32]:
    """Hills with enough rows, from 0, the one with most rows first; -1 for the others."""
    sizes = np.bincount(hill[hill >= 0])
    enough = np.flatnonzero(sizes >= max(_LEAST_ROWS, _LEAST_SHARE * len(space)))
    number = np.full(len(sizes) + 1, -1, np.int32)
    number[enough[np.argsort(-sizes[enough], kind="stable")]] = np.arange(len(enough))
    return np.asarray(number[hill], np.int32)


def _deepest(field: Field, mask: npt.NDArray[np.bool_]) -> tuple[float, float]:
    """The cell farthest from the edge of a hill, the denser of equals."""
    from scipy.ndimage import distance_transform_edt

    depth = distance_transform_edt(np.pad(mask, 1))[1:-1, 1:-1] + 1e-6 * field.values / field.values.max()
    row, column = np.unravel_index(int(depth.argmax()), depth.shape)
    return field.place(int(row), int(column))


def _exemplar(space: BaseSpace, rows: npt.NDArray[np.int64], seed: int) -> int:
    """The row nearest to the mean, which has the smallest sum of squared distances to the others. Of more than 20,000
    rows a fixed sample is looked at."""
    if len(rows) > _EXEMPLAR_ROWS:
        rows = np.sort(np.random.default_rng(seed).choice(rows, _EXEMPLAR_ROWS, replace=False))
    z = np.asarray(space.latents.mean[rows], np.float64)
    return int(rows[np.square(z - z.mean(0)).sum(1).argmin()])
