"""Which columns are the principal reasons: those that together, set to what accepted cases have, move the decision."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import numpy.typing as npt

from deepspace.decisions.reasons.shapley import Floats, Rows, asked_once, mixed

__all__ = ["CANDIDATES", "TIED", "Chosen", "choose"]

CANDIDATES = 8
"""Columns, by Shapley value, among which the principal ones are sought: 162 sets of at most four."""
PRICE = 0.005
"""What a further reason must bring, as a share of the gap between the case and accepted ones."""
TIED = 0.05
"""How much better, as a share of the gap, a set must be in a resample to take the place of the chosen one."""
TYPICAL = 0.3
"""Weight of the typical row beside the real ones in what a set of columns is worth."""

Asking = Generator[Rows, Floats, "Chosen"]


@dataclass(frozen=True)
class Chosen:
    """players: the set; often: in which share of the resamples each of them belongs to the best set, or this set is as
    good but for ``TIED``; reference: (R,) scores of the case with them set to each reference row; typical: the same,
    set to what is typical."""

    players: tuple[int, ...]
    often: tuple[float, ...]
    reference: Floats
    typical: float


def choose(
    x: Rows,
    refs: Rows,
    typicals: Rows,
    player: npt.NDArray[np.int64],
    values: Floats,
    certain: npt.NDArray[np.bool_],
    resamples: Floats,
    most: int,
    stable: float,
) -> Asking:
    """A generator that yields encoded rows, is sent their scores (not negative where favourable) and returns the set.

    x: (F,); refs: (R, F); typicals: (1 + T, F), what is typical of the references, then of T resamples of them;
    values: (P,) Shapley values; certain: (P,), whether such a value is surely above 0; resamples: (B, R), weights of
    the references that add up to 1; stable: in which share of the resamples a reason must hold to be stated.
    A set is worth the mean score with the references' values and the score with the typical ones, weighted: the second
    alone would be fitted to one row that need not exist, the first alone to no row that is ever stated. Among sets that
    are as good as the best but for ``TIED``, one goes first whose stated part turns the decision by itself.
    """
    ranked = np.argsort(-values, kind="stable")[:CANDIDATES]
    differs = _differs(x, typicals[0], player, len(values))
    likely = [int(j) for j in ranked if values[j] > 0 and differs[j]]
    # What cannot be stated must not take the place of what can; where nothing can, what fails is still told.
    candidates = [j for j in likely if certain[j]] or likely
    if not candidates:
        return Chosen((), (), np.empty(0), float("nan"))
    sets = [s for size in range(1, min(most, len(candidates)) + 1) for s in combinations(candidates, size)]
    member = np.zeros((len(sets), len(values)), bool)
    for i, chosen in enumerate(sets):
        member[i, list(chosen)] = True
    beside = np.concatenate([refs, typicals])
    rows = mixed(x, np.tile(beside, (len(sets), 1)), np.repeat(member, len(beside), 0), player)
    first, of = asked_once(np.concatenate([rows, x[None], refs]))
    answers = (yield np.concatenate([rows, x[None], refs])[first])[of]
    scores = answers[: len(rows)].reshape(len(sets), len(beside))
    gap = float(answers[len(rows) + 1 :].mean() - answers[len(rows)])
    price = PRICE * max(gap, 0.0) * member.sum(1)
    real, typical = scores[:, : len(refs)], scores[:, len(refs) :]
    means = (1 - TYPICAL) * real.mean(1) + TYPICAL * typical[:, 0] - price
    # Each resample of the rows is seen with a typical row that comes from a resample as well.
    beside_them = (
        typical[:, 1 + np.arange(len(resamples)) % max(len(typicals) - 1, 1)]
        if len(typicals) > 1
        else (np.repeat(typical, len(resamples), 1))
    )
    worth = (1 - TYPICAL) * resamples @ real.T + TYPICAL * beside_them.T - price
    trifle = TIED * max(gap, 0.0)
    # In a resample where a set is as good as the best but for a trifle, it has not lost its reasons to it.
    lost = (worth < worth.max(1, keepdims=True) - trifle).astype(np.float64)
    elsewhere = lost.T @ member[worth.argmax(1)] / len(lost)
    often = np.where(member, 1 - lost.mean(0)[:, None] + elsewhere, 0.0)
    best = _first(means, trifle, often >= stable, member, certain, typical[:, 0] >= 0)
    return Chosen(sets[best], tuple(float(often[best, j]) for j in sets[best]), real[best], float(typical[best, 0]))


def _first(
    means: Floats,
    trifle: float,
    holds: npt.NDArray[np.bool_],
    member: npt.NDArray[np.bool_],
    certain: npt.NDArray[np.bool_],
    turns: npt.NDArray[np.bool_],
) -> int:
    """The best set whose stated part turns the decision, among those that are as good as the best but for a trifle; the
    best where there is none."""
    ranked = np.argsort(-means, kind="stable")
    place = {row.tobytes(): i for i, row in enumerate(member)}
    for i in ranked[means[ranked] >= means.max() - trifle]:
        part = place.get((member[i] & holds[i] & certain).tobytes())
        if part is not None and turns[part]:
            return int(i)
    return int(ranked[0])


def _differs(x: Rows, other: Rows, player: npt.NDArray[np.int64], players: int) -> npt.NDArray[np.bool_]:
    """(P,): whether any column of a player differs between two rows."""
    same = (x == other) | (np.isnan(x) & np.isnan(other))
    return np.bincount(player, ~same, minlength=players) > 0
