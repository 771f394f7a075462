"""Like anything seen? Of each item: how unusual it is, which score says so, and the rows of the space nearest to it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from deepspace.errors import SpaceError
from deepspace.metrics.ood import ALONE, OutOfDistribution, ood, ood_rows
from deepspace.results import Tabular, figure, text_table

if TYPE_CHECKING:
    import pyarrow as pa

    from deepspace.decisions.audit import Audit

__all__ = ["Familiarity", "Unfamiliar", "unfamiliar"]

NEAREST = 3
SAYS = {
    "latent_knn": "far from all training rows in what the model encodes",
    "input_knn": "far from all training rows as it is",
    "typicality": "its ELBO is not that of training rows",
    "complexity": "more or less simple than the model takes it to be",
    "regret": "the encoder places it badly",
}


@dataclass(frozen=True)
class Unfamiliar:
    """One item. ``item``: its place among those asked about; ``row``: its number in the space, or None; ``p``:
    conformal, of all scores together; ``score``: the one with the smallest p of its own, ``score_p``; ``decision``: the
    predictor's; ``nearest``: rows of the space, nearest first, empty without an encoder."""

    item: int
    row: int | None
    p: float
    flagged: bool
    score: str
    score_p: float
    decision: str
    nearest: tuple[int, ...]

    @property
    def reason(self) -> str:
        return SAYS.get(self.score, self.score)


@dataclass(frozen=True, eq=False)
class Familiarity(Tabular):
    """Every item asked about, the least familiar first. ``rate``: false alarms aimed at; ``alarms``: their mean over
    calibrations and the 95 % range for this one, by ``OutOfDistribution.false_alarms``; ``found``: all scores, in the
    order asked."""

    items: tuple[Unfamiliar, ...]
    rate: float
    alarms: tuple[float, float, float]
    found: OutOfDistribution
    notes: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.items)

    @property
    def flagged(self) -> tuple[Unfamiliar, ...]:
        return tuple(item for item in self.items if item.flagged)

    def to_arrow(self) -> pa.Table:
        import pyarrow as pa

        names = ("item", "row", "p", "flagged", "score", "score_p", "decision", "nearest")
        return pa.table({name: [getattr(item, name) for item in self.items] for name in names})

    def __str__(self) -> str:
        _, low, high = self.alarms
        head = (
            f"{len(self.flagged):,} of {len(self):,} items are unlike anything seen, where {100 * self.rate:.3g} % of "
            f"usual ones would be called so ({100 * low:.2g} to {100 * high:.2g} % with {self.found.rows})"
        )
        rows = [
            (f"row {i.row}" if i.row is not None else f"item {i.item}", figure(i.p, 2), i.decision, i.reason)
            for i in (self.flagged or self.items)[:10]
        ]
        return "\n".join([*self.notes, head, text_table(("", "p", "decided", "because"), rows)])


def unfamiliar(audit: Audit, *, rows: npt.ArrayLike | None = None, x: Any = None, rate: float = 0.05) -> Familiarity:
    """Which items are like nothing that the space was learned from, and how the predictor decides them all the same.

    Either rows of the space by number, or items x in the user's units. Raises SpaceError unless exactly one is given,
    and where the held-out rows are too few for ``rate``.
    """
    if (rows is None) == (x is None):
        raise SpaceError("familiarity is of either rows of the space or items x; give one of them.")
    space, notes = audit.space, list[str]()
    index = None if rows is None else np.asarray(rows, np.int64).ravel()
    found = ood(space, x) if index is None else ood_rows(space, index)
    flagged = found.flagged(rate)
    answers = audit.ask(x) if index is None else audit.ask_rows(index)
    if index is not None:
        seen = ~np.isin(index, space.validation_index)
        if seen.any():
            notes.append(
                f"{int(seen.sum()):,} of these rows were trained on, or may have been, and look more familiar than new "
                "ones would."
            )
    nearest = _nearest(audit, x, index)
    own = {name: p for name, p in found.p.items() if name not in ALONE} or dict(found.p)
    names, table = list(own), np.stack(list(own.values()))
    first = table.argmin(0)
    items = [
        Unfamiliar(
            item=i,
            row=None if index is None else int(index[i]),
            p=float(found.combined_p[i]),
            flagged=bool(flagged[i]),
            score=names[first[i]],
            score_p=float(table[first[i], i]),
            decision=answers.outcomes[answers.outcome[i]],
            nearest=nearest[i],
        )
        for i in range(len(found))
    ]
    items.sort(key=lambda item: (item.p, -float(found.combined[item.item])))
    return Familiarity(tuple(items), rate, found.false_alarms(rate), found, tuple(notes))


def _nearest(audit: Audit, x: Any, index: npt.NDArray[np.int64] | None) -> list[tuple[int, ...]]:
    space = audit.space
    if index is None and "encoder" in space.lacks:
        return [()] * len(space.schema.encode(x))
    z = space.encode(x) if index is None else np.asarray(space.latents.mean[index], np.float32)
    k = min(NEAREST + (index is not None), len(space))
    near = np.asarray(space.neighbors(z=z, k=k).index)
    return [
        tuple(int(row) for row in line if index is None or row != index[i])[:NEAREST] for i, line in enumerate(near)
    ]
