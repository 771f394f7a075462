"""Interventional Shapley values of one case against reference rows.

Lundberg and Lee 2017 (arXiv 1705.07874); Strumbelj and Kononenko 2014 for the walks; antithetic pairs after Mitchell
et al. 2022 (arXiv 2104.12199). With one value a reference row, resampling the rows needs no further questions.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from math import factorial

import numpy as np
import numpy.typing as npt

__all__ = ["EXACT", "Rows", "Shapley", "asked_once", "mixed", "row_keys", "shapley"]

Floats = npt.NDArray[np.float64]
Rows = npt.NDArray[np.float32]
Asking = Generator[Rows, Floats, "Shapley"]

EXACT = 6
"""Players up to which all coalitions are asked about: 64 of them cost little more than the walks."""


@dataclass(frozen=True)
class Shapley:
    """values: (R, P), of each reference row; their mean over rows is the Shapley value. start: the score of the case;
    ends: (R,), of the reference rows."""

    values: Floats
    start: float
    ends: Floats


def mixed(x: Rows, refs: Rows, chosen: npt.NDArray[np.bool_], player: npt.NDArray[np.int64]) -> Rows:
    """x (F,) with the columns of the chosen players taken from refs (M, F). chosen: (M, P); player: (F,), the
    player of each column."""
    return np.where(chosen[:, player], refs, x).astype(np.float32)


def asked_once(rows: Rows) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """The first place of each different row of (M, F), and for each row its place among those."""
    _, first, place = np.unique(row_keys(rows), return_index=True, return_inverse=True)
    return first.astype(np.int64), place.ravel().astype(np.int64)


def row_keys(rows: Rows) -> npt.NDArray[np.void]:
    """(M,): equal exactly where rows (M, F) are, missing cells and both zeros taken as equal."""
    plain = np.ascontiguousarray(np.where(np.isnan(rows), np.float32(np.inf), rows + np.float32(0)), np.float32)
    return plain.view(np.dtype((np.void, plain.dtype.itemsize * plain.shape[1]))).ravel()


def shapley(x: Rows, refs: Rows, player: npt.NDArray[np.int64], pairs: int, rng: np.random.Generator) -> Asking:
    """A generator that yields encoded rows (M, F), is sent their scores (M,) and returns the values.

    x: (F,); refs: (R, F); pairs: antithetic pairs of walks a reference row. Exact for at most ``EXACT`` players.
    """
    count, players = len(refs), int(player.max()) + 1
    orders = rng.permuted(np.tile(np.arange(players), (count * pairs, 1)), axis=1)
    orders = np.stack([orders, orders[:, ::-1]], 1).reshape(-1, players)
    place = np.argsort(orders, 1)
    steps = place[:, None, :] < np.arange(players + 1)[None, :, None]
    which = np.repeat(np.arange(count), 2 * pairs * (players + 1))
    rows = mixed(x, refs[which], steps.reshape(-1, players), player)
    exact = players <= EXACT
    if exact:
        coalitions = (np.arange(2**players)[:, None] >> np.arange(players)) & 1 > 0
        every = mixed(x, np.repeat(refs, len(coalitions), 0), np.tile(coalitions, (count, 1)), player)
        rows = np.concatenate([rows, every])
    first, of = asked_once(rows)
    answers = yield rows[first]
    walks = of[: len(which)].reshape(len(orders), players + 1)
    scores = answers[walks]
    if exact:
        values = answers[of[len(which) :]].reshape(count, -1) @ _weights(coalitions)
    else:
        gains = np.take_along_axis(np.diff(scores, axis=1), place, 1)
        values = gains.reshape(count, 2 * pairs, players).mean(1)
    ends = scores[:: 2 * pairs, -1]
    return Shapley(values, float(scores[0, 0]), ends)


def _weights(coalitions: npt.NDArray[np.bool_]) -> Floats:
    """(2^P, P): what the score of a coalition counts in the value of each player."""
    players = coalitions.shape[1]
    size = coalitions.sum(1)
    out = np.empty(coalitions.shape)
    for j in range(players):
        others = size - coalitions[:, j]
        weight = np.array([factorial(s) * factorial(players - s - 1) / factorial(players) for s in others])
        out[:, j] = np.where(coalitions[:, j], weight, -weight)
    return out
