"""Where a search may go from a factual: values of one unit at a time, and real rows of the desired decision near it."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from deepspace.decisions.counterfactuals.ground import Ground
from deepspace.decisions.counterfactuals.legal import Legal
from deepspace.decisions.counterfactuals.vocabulary import Codes, Values

__all__ = ["donors_of", "every_of", "moves_of"]

Index = npt.NDArray[np.int64]

DONORS = 48
"""Real rows of the desired decision near a factual whose values are tried."""
VALUES = 14
"""Values of a column that are tried."""
FEW = 1_000
"""Permitted combinations of values up to which all of them are tried."""
LEVELS = (0.0, 0.02, 0.1, 0.25, 0.5, 0.75, 0.9, 0.98, 1.0)
"""Shares of all training rows at whose values an ordered column is tried."""
_OWN = -2
NEAR_LEVELS = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)


def donors_of(ground: Ground, own: Codes, desired: Index) -> Index:
    """(n, d): the training rows of the desired decision nearest to each factual; where the predictor gives it to none,
    the nearest of any decision."""
    import faiss

    found: dict[int, Index] = {}
    points = ground.metric.points(own)
    for k in np.unique(desired):
        rows = np.flatnonzero(ground.answers.outcome == k)
        rows = rows if len(rows) else np.arange(len(ground.codes))
        index = faiss.IndexFlatL2(points.shape[1])
        index.add(np.ascontiguousarray(ground.points[rows]))
        mine = np.flatnonzero(desired == k)
        near = index.search(np.ascontiguousarray(points[mine]), min(DONORS, len(rows)))[1]
        found |= {int(i): rows[near[a]] for a, i in enumerate(mine)}
    least = min(len(rows) for rows in found.values())
    return np.stack([found[i][:least] for i in range(len(own))])


def moves_of(ground: Ground, legal: Legal, own: Codes, desired: Index, donors: Index) -> tuple[Codes, Index, Index]:
    """(M, F) rows that differ from a factual in one unit and are permitted, (M,) the factuals, (M,) the units."""
    parts: list[tuple[Codes, Index, Index]] = []
    for u, group in enumerate(legal.units):
        for wanted, columns in _tried(ground, legal, own, donors, group):
            n, count = wanted.shape[:2]
            codes = np.repeat(own, count, 0)
            codes[:, columns] = wanted.reshape(n * count, len(columns))
            which = np.repeat(np.arange(n), count)
            for turn in range(legal.turns):
                if turn == 1:  # other ways to mend what a change breaks
                    broken = ~legal.keeps(codes, own[which])
                    codes, which = codes[broken], which[broken]
                made = legal.project(codes, own[which], columns[0], turn)
                moved = (made != own[which]).any(1)
                parts.append((made[moved], which[moved], np.full(int(moved.sum()), u)))
    if not parts:
        return own[:0], np.empty(0, np.int64), np.empty(0, np.int64)
    codes, which, unit = (np.concatenate([part[i] for part in parts]) for i in range(3))
    both = np.concatenate([which[:, None].astype(np.int32), codes], 1)
    first = np.sort(np.unique(both, axis=0, return_index=True)[1])
    return codes[first], which[first], unit[first]


def every_of(legal: Legal, own: Codes) -> tuple[Codes, Index] | None:
    """All permitted rows (M, F) of each factual, and the factuals (M,); None where there may be more than a few."""
    units = legal.units
    if not units or any(len(group) > 1 for group in units):
        return None
    choices = [
        np.append(np.flatnonzero(legal.proposable[j]), [_OWN, *([-1] if legal.empties[j] else [])]) for (j,) in units
    ]
    count = int(np.prod([len(choice) for choice in choices], dtype=np.float64))
    if count > FEW:
        return None
    grid = np.stack(np.meshgrid(*choices, indexing="ij"), -1).reshape(count, len(units))
    which = np.repeat(np.arange(len(own)), count)
    codes = own[which]
    for place, (j,) in enumerate(units):
        wanted = np.tile(grid[:, place], len(own))
        codes[:, j] = np.where(wanted == _OWN, codes[:, j], wanted)
    codes = legal.project(codes, own[which])
    both = np.concatenate([which[:, None].astype(np.int32), codes], 1)
    first = np.sort(np.unique(both, axis=0, return_index=True)[1])
    first = first[(codes[first] != own[which[first]]).any(1)]
    return codes[first], which[first]


def _tried(
    ground: Ground, legal: Legal, own: Codes, donors: Index, group: tuple[int, ...]
) -> Iterator[tuple[Codes, list[int]]]:
    """(n, t, columns) values to be tried, and for which columns."""
    for j in group:
        values, near = ground.vocabulary.columns[j], ground.codes[donors, j]
        few = np.flatnonzero(legal.proposable[j])
        if len(few) <= VALUES:
            tried = np.repeat(few.astype(np.int32)[None], len(own), 0)
        elif values.continuous:
            tried = _ordered(values, near, own[:, j])
        else:
            tried = _categories(values, near, ground.codes[:, j])
        if legal.empties[j]:
            tried = np.concatenate([tried, np.full((len(own), 1), -1, np.int32)], 1)
        yield tried[:, :, None].astype(np.int32), [j]
    if len(group) > 1:
        yield ground.codes[donors[:, :VALUES]][:, :, list(group)], list(group)


def _ordered(values: Values, near: Codes, own: Codes) -> Codes:
    """(n, t): values at fixed shares of all rows, at shares of the near rows, and the neighbours of the own one."""
    sorted_near = np.sort(near, 1)
    places = np.rint(np.array(NEAR_LEVELS) * (near.shape[1] - 1)).astype(int)
    every = np.searchsorted(values.place, LEVELS).clip(0, values.known - 1)
    fixed = np.repeat(every[None], len(own), 0)
    beside = np.stack([own - 1, own + 1], 1).clip(0, values.known - 1)
    return np.concatenate([sorted_near[:, places], fixed, beside], 1).astype(np.int32)


def _categories(values: Values, near: Codes, training: Codes) -> Codes:
    """(n, t): the categories commonest among the near rows, then among all."""
    every = np.bincount(training[training >= 0], minlength=len(values))[: values.known]
    counts = np.zeros((len(near), values.known))
    for i, row in enumerate(near):
        counts[i] = np.bincount(row[row >= 0], minlength=len(values))[: values.known]
    counts += every[None] / (every.max() + 1.0)
    return np.argsort(-counts, 1, kind="stable")[:, :VALUES].astype(np.int32)
