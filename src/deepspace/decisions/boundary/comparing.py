"""Several predictors of the same rows: on which rows they disagree, who is right there, and where on the map."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from deepspace.decisions.boundary.traced import Boundary, boundary, static_boundary
from deepspace.decisions.boundary.trust import Share
from deepspace.errors import SpaceError
from deepspace.explore.field import Grid
from deepspace.results import Tabular, figure, text_table

if TYPE_CHECKING:
    import pyarrow as pa

    from deepspace.decisions.audit import Audit

__all__ = ["PredictorComparison", "PredictorPair", "compare_boundaries", "pairs_of"]

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class PredictorPair:
    """Two predictors, ``a`` and ``b``, by number. ``agreement``: on the rows that neither was fitted on, as far as is
    known; ``rows``: those of all that were asked about on which they disagree, ascending; ``a_right``, ``b_right``: of
    the tested among them with a known outcome, how many each has right, None without a target. ``area``: the share of
    the map on which they disagree, None where only rows were looked at."""

    a: int
    b: int
    agreement: Share
    rows: Ints
    a_right: Share | None
    b_right: Share | None
    area: float | None = None

    def __len__(self) -> int:
        return len(self.rows)


@dataclass(frozen=True, eq=False)
class PredictorComparison(Grid, Tabular):
    """``values``: (rows, columns) of the map, how many outcomes the predictors have there less one, so that 0 is
    agreement, NaN where there is no data. ``boundaries``: of each; ``pairs``: every two of them."""

    names: tuple[str, ...]
    boundaries: tuple[Boundary, ...]
    pairs: tuple[PredictorPair, ...]

    def to_arrow(self) -> pa.Table:
        import pyarrow as pa

        right = [[None if s is None else s.value for s in (p.a_right, p.b_right)] for p in self.pairs]
        return pa.table({
            "predictor": [self.names[p.a] for p in self.pairs], "other": [self.names[p.b] for p in self.pairs],
            "agreement": [p.agreement.value for p in self.pairs], "low": [p.agreement.interval[0] for p in self.pairs],
            "high": [p.agreement.interval[1] for p in self.pairs], "n": [p.agreement.n for p in self.pairs],
            "rows": [len(p) for p in self.pairs], "predictor_right": [r[0] for r in right],
            "other_right": [r[1] for r in right], "area": [p.area for p in self.pairs],
        })  # fmt: skip

    def __str__(self) -> str:
        rows = []
        for p in self.pairs:
            low, high = p.agreement.interval
            right = "-" if p.a_right is None or p.b_right is None else f"{p.a_right.count} | {p.b_right.count}"
            agreed = f"{figure(p.agreement.value)} ({figure(low)} to {figure(high)})"
            rows.append((f"{self.names[p.a]} | {self.names[p.b]}", agreed, f"{p.agreement.n:,}", right,
                         figure(None if p.area is None else 100 * p.area) + " %"))  # fmt: skip
        return text_table(("predictors", "agree on held-out rows", "n", "right where not", "map area apart"), rows)


def compare_boundaries(
    audits: Sequence[Audit], *, resolution: int = 32, depth: int = 3, boundaries: Sequence[Boundary] | None = None
) -> PredictorComparison:
    """Predictors of one space that decide between the same outcomes. boundaries: one each, if they are known and on the
    same lattice. Without a decoder the static view stands for the map.

    Raises SpaceError for fewer than two, for different spaces and for different outcomes.
    """
    _check(audits)
    first = audits[0]
    if boundaries is None:
        make = static_boundary if "decoder" in first.space.lacks else boundary
        boundaries = [make(audit, resolution=resolution, depth=depth) for audit in audits]
    grids = [np.append(_aligned(first, a), -1)[b.outcome] for a, b in zip(audits, boundaries, strict=True)]
    there = np.all([g >= 0 for g in grids], 0)
    kinds = np.sort(np.stack(grids), 0)
    apart = np.where(there, (np.diff(kinds, axis=0) != 0).sum(0), np.nan).astype(np.float32)
    pairs = [
        replace(pair, area=float((grids[pair.a] != grids[pair.b])[there].mean()) if there.any() else None)
        for pair in pairs_of(audits)
    ]
    return PredictorComparison(
        apart, boundaries[0].origin, boundaries[0].cell, tuple(_names(audits)), tuple(boundaries), tuple(pairs)
    )


def pairs_of(audits: Sequence[Audit]) -> list[PredictorPair]:
    """Every two of them, on the rows alone. Raises SpaceError as ``compare_boundaries`` does."""
    _check(audits)
    return [_pair(audits, a, b) for a, b in combinations(range(len(audits)), 2)]


def _aligned(first: Audit, other: Audit) -> Ints:
    """(K,): the place among the first predictor's outcomes of each of another's."""
    return np.array([first.outcomes.index(name) for name in other.outcomes], np.int64)


def _check(audits: Sequence[Audit]) -> None:
    if len(audits) < 2:
        raise SpaceError(f"comparing predictors takes two or more, got {len(audits)}.")
    first, *rest = audits
    for other in rest:
        if other.space is not first.space:
            raise SpaceError(
                f"predictors are compared on one space, but there are '{first.space.name}' and '{other.space.name}'; "
                "audit both on the same."
            )
        if set(other.outcomes) != set(first.outcomes):
            raise SpaceError(
                f"predictors are compared between the same outcomes, but {first.predictor.name} decides between "
                f"{', '.join(map(repr, first.outcomes))} and {other.predictor.name} between "
                f"{', '.join(map(repr, other.outcomes))}."
            )


def _names(audits: Sequence[Audit]) -> list[str]:
    """Each predictor's name; with its number where two have the same."""
    names = [a.predictor.name for a in audits]
    return [n if names.count(n) == 1 else f"{n} {i + 1}" for i, n in enumerate(names)]


def _pair(audits: Sequence[Audit], a: int, b: int) -> PredictorPair:
    one, other = audits[a], audits[b]
    rows = np.intersect1d(one.rows, other.rows)
    tested = np.isin(rows, np.intersect1d(one.tested, other.tested))
    said = [_aligned(one, x)[x.answers.outcome[np.searchsorted(x.rows, rows)]] for x in (one, other)]
    apart = said[0] != said[1]
    right: list[Share | None] = [None, None]
    if one.target is not None:
        some = np.flatnonzero(apart & tested)
        truth = one.truth_of(rows[some])
        right = [Share.of((s[some] == truth)[truth >= 0]) for s in said]
    return PredictorPair(a, b, Share.of(~apart[tested]), rows[apart], right[0], right[1])
