"""Whether trainings that differ by their seed find the same factors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from deepspace.errors import SpaceError
from deepspace.metrics.comparing.compare import check_same_rows
from deepspace.metrics.heldout import MOST_HELD_OUT, spread
from deepspace.results import Z95, Tabular, figure, text_table
from deepspace.space.moments import latent_moments

if TYPE_CHECKING:
    import pyarrow as pa

    from deepspace.space import BaseSpace

__all__ = ["Stability", "stability", "udr"]

INFORMATIVE = 0.01
"""Mean KL, in nats, beyond which a dimension counts: Duan 2020."""
FEWEST = 200
DRAWS = 40

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Stability(Tabular):
    """How far several spaces of the same rows have the same latent dimensions, up to order, sign and scale.

    names: the spaces, the first is the one that is asked about. informative: its dimensions that carry KL. matched: (D,
    S - 1), the dimension of each other space that each of them was matched with, one to one, -1 for none; correlation:
    (D, S - 1), of ranks, absolute. udr: (S,), the unsupervised disentanglement ranking of each space, with ``interval``
    (S, 2), 95 %. chance: the largest mean correlation a dimension had after the rows of the others were put in random
    order. n: rows; seen: whether some space was trained on them.
    """

    names: tuple[str, ...]
    informative: npt.NDArray[np.bool_]
    matched: npt.NDArray[np.int64]
    correlation: Floats
    udr: Floats
    interval: Floats
    chance: float
    n: int
    seen: bool

    @property
    def mean(self) -> Floats:
        """(D,): the mean correlation of each dimension with its match, over the other spaces."""
        return np.asarray(self.correlation.mean(1))

    def stable(self, least: float = 0.8) -> npt.NDArray[np.int64]:
        """The informative dimensions that every other space has too, at a correlation of ``least`` or more."""
        return np.flatnonzero(self.informative & (self.correlation.min(1) >= least))

    def to_arrow(self) -> pa.Table:
        """One row a dimension of the first space: informative, mean and least correlation, and its matches."""
        import pyarrow as pa

        columns = {
            "dimension": pa.array(range(len(self.matched))),
            "informative": pa.array(self.informative),
            "correlation": pa.array(self.mean),
            "least": pa.array(self.correlation.min(1)),
        }
        for i, name in enumerate(self.names[1:]):
            columns[f"in {i + 1} {name}"] = pa.array(self.matched[:, i])
        return pa.table(columns)

    def __str__(self) -> str:
        rows = []
        for d in np.argsort(-np.where(self.informative, self.mean, -1), kind="stable"):
            if self.informative[d]:
                line = self.correlation[d]
                found = ", ".join(str(m) if m >= 0 else "-" for m in self.matched[d])
                rows.append((f"dimension {d}", figure(float(line.mean())), figure(float(line.min())), found))
        others = len(self.names) - 1
        head = (f"of '{self.names[0]}'", "mean |rank correlation|", "least", "matched with")
        scores = ", ".join(
            f"'{name}' {figure(float(u))} [{figure(float(low))}, {figure(float(high))}]"
            for name, u, (low, high) in zip(self.names, self.udr, self.interval, strict=True)
        )
        note = "" if not self.seen else " (no rows are held out of all the trainings: these flatter)"
        return (
            f"{text_table(head, rows)}\n"
            f"{len(self.stable())} of {int(self.informative.sum())} dimensions come back in "
            f"{'the other space' if others == 1 else f'all {others} others'} at .8 or more; "
            f"by chance a dimension reaches {figure(self.chance)}\n"
            f"unsupervised disentanglement ranking: {scores}\n"
            f"n = {self.n:,} rows{note}"
        )


def stability(spaces: Sequence[BaseSpace], *, seed: int = 0) -> Stability:
    """Match the latent dimensions of two or more spaces of the same rows, fitted alike but for the seed.

    |R|_ab is the absolute rank correlation (Spearman) of posterior means. Dimensions are matched one to one so that its
    sum is largest (Kuhn 1955). The UDR of a space is the median over the others of

    UDR = 1/(D_a + D_b) [sum_b r_b^2 / sum_a |R|_ab + sum_a r_a^2 / sum_b |R|_ab],  r the largest of that line,

    the sums in brackets over the D_a and D_b informative dimensions (mean KL over .01 nats): 1 where each has one
    partner and no other (Duan 2020, arXiv:1905.12614). On rows that all spaces held out, if there are 200, at most
    10,000. Raises SpaceError for fewer than two spaces or for others than of the same rows.
    """
    if len(spaces) < 2:
        raise SpaceError(
            f"stability needs two or more spaces of the same rows, got {len(spaces)}; fit with another seed."
        )
    for other in spaces[1:]:
        check_same_rows(spaces[0], other)
    common = reduce(np.intersect1d, [space.validation_index for space in spaces])
    seen = len(common) < FEWEST
    rows = spread(np.arange(len(spaces[0]), dtype=np.int64) if seen else common, MOST_HELD_OUT)
    informative = [latent_moments(s.latents.mean, s.latents.scale).kl > INFORMATIVE for s in spaces]
    ranked = [_ranks(np.asarray(s.latents.mean[rows], np.float64)) for s in spaces]
    rng = np.random.default_rng(seed)
    matched, correlation = _matched(ranked)
    shuffled = [ranked[0], *(r[rng.permutation(len(rows))] for r in ranked[1:])]
    scores = _scores(ranked, informative)
    parts = (rng.permutation(len(rows))[: len(rows) // 2] for _ in range(DRAWS))
    drawn = np.stack([_scores([r[part] for r in ranked], informative) for part in parts])
    reach = Z95 * drawn.std(0, ddof=1)[:, None] * np.array([-1, 1])
    return Stability(
        names=tuple(space.name for space in spaces),
        informative=informative[0],
        matched=matched,
        correlation=correlation,
        udr=scores,
        interval=np.clip(scores[:, None] + reach, 0, 1),
        chance=float(_matched(shuffled)[1].mean(1).max()),
        n=len(rows),
        seen=seen,
    )


def udr(correlation: Floats, informative: tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]) -> float:
    """The UDR of a pair of spaces: correlation (A, B), absolute; which dimensions of each are informative."""
    a, b = informative
    if not a.any() and not b.any():
        return 0.0
    return float((_share(correlation.T)[b].sum() + _share(correlation)[a].sum()) / (a.sum() + b.sum()))


def _share(lines: Floats) -> Floats:
    """(R, C) -> (R,): the square of the largest over the sum; 0 for a line of zeros."""
    total = lines.sum(1)
    return np.asarray(np.where(total > 0, lines.max(1) ** 2 / np.where(total > 0, total, 1), 0.0))


def _scores(ranked: list[Floats], informative: list[npt.NDArray[np.bool_]]) -> Floats:
    """(S,): the median UDR of each space with the others, over informative dimensions, as Duan 2020 has it."""
    count = len(ranked)
    pair = np.full((count, count), np.nan)
    for i in range(count):
        for j in range(i + 1, count):
            heard = np.where(informative[i][:, None] & informative[j], _correlation(ranked[i], ranked[j]), 0.0)
            pair[i, j] = pair[j, i] = udr(heard, (informative[i], informative[j]))
    return np.asarray(np.nanmedian(pair, 1))


def _matched(ranked: list[Floats]) -> tuple[npt.NDArray[np.int64], Floats]:
    from scipy.optimize import linear_sum_assignment

    width = ranked[0].shape[1]
    matched = np.full((width, len(ranked) - 1), -1, np.int64)
    found = np.zeros((width, len(ranked) - 1))
    for i, other in enumerate(ranked[1:]):
        correlation = _correlation(ranked[0], other)
        own, theirs = linear_sum_assignment(-correlation)
        matched[own, i], found[own, i] = theirs, correlation[own, theirs]
    return matched, found


def _ranks(z: Floats) -> Floats:
    from scipy.stats import rankdata

    return np.asarray(rankdata(z, axis=0), np.float64)


def _correlation(a: Floats, b: Floats) -> Floats:
    """(n, A), (n, B) ranks -> (A, B), absolute; 0 for a dimension of one value."""

    def normed(z: Floats) -> Floats:
        centred = z - z.mean(0)
        length = np.sqrt(np.square(centred).sum(0))
        return np.asarray(centred / np.where(length > 0, length, 1))

    return np.abs(normed(a).T @ normed(b))
