"""The real rows nearest to an item, and how far they agree about the target."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from deepspace.errors import SpaceError
from deepspace.results import Tabular, figure, mean_interval, wilson

if TYPE_CHECKING:
    import pyarrow as pa

    from deepspace.space import BaseSpace

__all__ = ["Precedents", "precedents"]

NUMERIC = ("numeric", "integer")


@dataclass(frozen=True)
class Precedents(Tabular):
    """Real rows, nearest first. ``index``, ``distance``: (k,), latent distance; ``values``: their targets, None where
    missing.

    ``answer`` is the commonest target among them, or the mean of a numeric one; ``agreement`` the share that has it,
    None for numbers; ``interval`` is the 95 % interval of the share, or of the mean. It says how sure k rows can make
    one, not that the neighbours are right: they are near in what the model learned, which the target had no part in.
    """

    target: str
    index: npt.NDArray[np.int64]
    distance: npt.NDArray[np.float32]
    values: tuple[Any, ...]
    answer: Any
    agreement: float | None
    interval: tuple[float, float] | None
    n: int
    density_percentile: float

    def __len__(self) -> int:
        return len(self.index)

    def to_arrow(self) -> pa.Table:
        import pyarrow as pa

        columns: dict[str, Any] = {"row": self.index, "distance": self.distance}
        if self.target:
            columns[self.target] = list(self.values)
        return pa.table(columns)

    def __str__(self) -> str:
        where = f"{len(self)} nearest rows: {', '.join(str(i) for i in self.index)}"
        if not self.target or self.interval is None:
            return where
        low, high = self.interval
        if self.agreement is None:
            mean = f"mean {figure(float(self.answer))} [{figure(low)}, {figure(high)}]"
            return f"{where}\n{self.target}: {mean} (n = {self.n})"
        share = f"{100 * self.agreement:.0f} % of them agree [{100 * low:.0f} %, {100 * high:.0f} %]"
        return f"{where}\n{self.target}: {self.answer}, {share} (n = {self.n})"


def precedents(space: BaseSpace, x: Any = None, *, row: int | None = None, z: Any = None, k: int = 10) -> Precedents:
    """The k rows nearest in latent space to one item x (the user's units), to row number ``row`` (left out itself) or
    to latents z.

    Raises SpaceError unless exactly one place is given, and when there are fewer than k rows.
    """
    if sum(place is not None for place in (x, row, z)) != 1:
        raise SpaceError(f"precedents in '{space.name}' need one of an item x, a row number or latents z.")
    if row is not None and not 0 <= row < len(space):
        raise SpaceError(f"'{space.name}' has no row {row}: it has rows 0 to {len(space) - 1}.")
    most = len(space) - (row is not None)
    if not 1 <= k <= most:
        raise SpaceError(f"cannot find {k} precedents in '{space.name}': k may be 1 to {most}.")
    if row is not None:
        place = np.asarray(space.latents.mean[row], np.float32)[None]
    else:
        place = np.atleast_2d(np.asarray(space.encode(x) if z is None else z, np.float32))
    if len(place) != 1:
        raise SpaceError(f"precedents are of one item at a time, got {len(place)}.")
    found = space.neighbors(z=place, k=min(k + (row is not None), len(space)))
    index, distance = np.asarray(found.index[0], np.int64), np.asarray(found.distance[0], np.float32)
    if row is not None:
        # With exact doubles the row itself need not come first, or at all: then the last one goes.
        others = np.flatnonzero(index != row)[:k]
        index, distance = index[others], distance[others]
    percentile = float(space.density_percentile(place)[0])
    return _agree(space, index, distance, percentile)


def _agree(
    space: BaseSpace, index: npt.NDArray[np.int64], distance: npt.NDArray[np.float32], percentile: float
) -> Precedents:
    target = space.schema.target
    if target is None:
        return Precedents("", index, distance, (), None, None, None, 0, percentile)
    values = tuple(space.rows.table([target.name], index).column(0).to_pylist())
    known = [v for v in values if v is not None and v == v]
    answer, agreement, interval = None, None, None
    if known and target.kind in NUMERIC:
        numbers = np.asarray(known, np.float64)
        answer = float(numbers.mean())
        interval = mean_interval(answer, float(numbers.std(ddof=1)) if len(numbers) > 1 else 0.0, len(numbers))
    elif known:
        # Of equally common values the nearest row's wins: Counter keeps first-seen order.
        answer, count = Counter(known).most_common(1)[0]
        agreement, interval = count / len(known), wilson(count, len(known))
    return Precedents(target.name, index, distance, values, answer, agreement, interval, len(known), percentile)
