"""The reasons of one case, as a generator of questions, so that many cases can ask together."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from deepspace.decisions.reasons.order import in_order
from deepspace.decisions.reasons.principal import Chosen, choose
from deepspace.decisions.reasons.reference import FEWEST, NEAR, Accepted, typical
from deepspace.decisions.reasons.shapley import Floats, Rows, Shapley, mixed, shapley
from deepspace.metrics.heldout import spread

__all__ = ["LEVEL", "Found", "Settings", "investigate"]

Asking = Generator[Rows, Floats, "Found"]

LEVEL = 0.01
"""The share of cases of a predictor without any rule in which the test of it lets reasons through."""
_AGAIN = 16
"""Resamples whose typical values are asked about as well."""
_LEAST, _STEPS = 16, 20_000
_PAIRS = 1
"""Antithetic pairs of walks a reference row."""


@dataclass(frozen=True)
class Settings:
    """What is the same for all cases. player: (F,), the player of each column; see ``reasons`` for the others."""

    player: npt.NDArray[np.int64]
    cardinalities: tuple[int, ...]
    most: int
    bootstraps: int
    stable: float
    seed: int


@dataclass(frozen=True)
class Found:
    """turns: whether the case is decided otherwise once it is encoded; nothing else is known then.

    refs: (R, F) the accepted rows that it was compared with; typical: (F,); interval: (2, P) of the Shapley values;
    p_value: see ``in_order``; stated, unstable: players and their stability, weightiest first; share, flips, real, n:
    as in ``CaseReasons``.
    """

    turns: bool = False
    refs: Rows | None = None
    typical: Rows | None = None
    shapley: Shapley | None = None
    interval: Floats | None = None
    p_value: float = 1.0
    stated: tuple[tuple[int, float], ...] = ()
    unstable: tuple[tuple[int, float], ...] = ()
    share: float | None = None
    flips: bool | None = None
    real: float | None = None
    n: int = 0


def investigate(
    x: Rows, z: npt.NDArray[np.float32], accepted: Accepted, settings: Settings, rng: np.random.Generator
) -> Asking:
    """x: (F,) the case as encoded; z: (D,) its latents. Yields encoded rows, is sent scores that are not negative
    exactly where the decision is favourable, and returns what it found."""
    order = accepted.nearest(z)
    pools = accepted.pools(order)
    middles = np.stack([typical(accepted.encoded[pool], settings.cardinalities) for pool in pools])
    answers = yield np.concatenate([x[None], middles])
    if answers[0] >= 0:
        return Found(turns=True)
    good = np.flatnonzero(answers[1:] >= 0)
    pool = pools[good[0] if len(good) else 0]
    # Where no typical row is accepted as a whole, the nearest real one stands for it.
    middle = middles[good[0]] if len(good) else accepted.encoded[order[0]]
    # With very many columns fewer rows, so that a case stays within some tens of thousands of questions.
    count = min(NEAR, len(pool), max(_LEAST, _STEPS // (int(settings.player.max()) + 1)))
    chosen_refs = np.sort(rng.choice(len(pool), count, replace=False))
    refs = accepted.encoded[pool[chosen_refs]]
    found = yield from shapley(x, refs, settings.player, _PAIRS, rng)
    values = found.values.mean(0)
    resamples = rng.multinomial(len(refs), np.full(len(refs), 1 / len(refs)), settings.bootstraps) / len(refs)
    interval = np.quantile(resamples @ found.values, [0.025, 0.975], axis=0)
    p_value = yield from in_order(np.concatenate([x[None], accepted.denied(z), refs]), accepted.keys, rng)
    if p_value > LEVEL:
        ranked = [int(j) for j in np.argsort(-values, kind="stable")[: settings.most] if values[j] > 0]
        return Found(False, refs, middle, found, interval, p_value, (), tuple((j, 0.0) for j in ranked))
    draws = rng.integers(0, len(pool), (_AGAIN, len(pool)))
    again = [typical(accepted.encoded[pool[draw]], settings.cardinalities) for draw in draws]
    typicals = np.stack([middle, *(again if len(good) else [middle])])
    # The smallest contribution that counts is above rounding.
    certain = interval[0] > 1e-9 * max(float(np.abs(values).sum()), 1e-300)
    chosen = yield from choose(
        x, refs, typicals, settings.player, values, certain, resamples, settings.most, settings.stable
    )
    stated, unstable = _parted(chosen, values, certain, settings.stable)
    if not stated:
        return Found(False, refs, middle, found, interval, p_value, (), unstable)
    share, flips, real, n = yield from _tried(x, order, pool[chosen_refs], middle, stated, accepted, settings)
    return Found(False, refs, middle, found, interval, p_value, stated, unstable, share, flips, real, n)


Ranked = tuple[tuple[int, float], ...]


def _parted(chosen: Chosen, values: Floats, certain: npt.NDArray[np.bool_], stable: float) -> tuple[Ranked, Ranked]:
    """Stable and unstable, by weight."""
    both = sorted(zip(chosen.players, chosen.often, strict=True), key=lambda pair: -values[pair[0]])
    good = [pair for pair in both if pair[1] >= stable and certain[pair[0]]]
    return tuple(good), tuple(pair for pair in both if pair not in good)


def _tried(
    x: Rows,
    order: npt.NDArray[np.int64],
    used: npt.NDArray[np.int64],
    middle: Rows,
    stated: Ranked,
    accepted: Accepted,
    settings: Settings,
) -> Generator[Rows, Floats, tuple[float, bool, float, int]]:
    """What the stated columns do when set to what is typical, and to the nearest accepted rows that the choice of the
    columns did not see (to those it saw where there are too few)."""
    rest = order[~np.isin(order, used)][:NEAR]
    rows = accepted.encoded[rest if len(rest) >= FEWEST else spread(used, NEAR)]
    member = np.zeros(int(settings.player.max()) + 1, bool)
    member[[j for j, _ in stated]] = True
    beside = np.concatenate([x[None], middle[None], rows])
    answers = yield mixed(x, beside, np.tile(member, (len(beside), 1)), settings.player)
    share = float(np.clip((answers[1] - answers[0]) / -answers[0], 0.0, 1.0))
    return share, bool(answers[1] >= 0), float((answers[2:] >= 0).mean()), len(rows)
