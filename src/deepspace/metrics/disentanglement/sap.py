"""The separated attribute predictability score."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from deepspace.errors import SpaceError
from deepspace.metrics.disentanglement.information import BINS, Codes, Floats, checked, halves, interval_of, levels
from deepspace.metrics.measure import Measure

__all__ = ["predictability", "sap"]


def sap(
    latents: npt.ArrayLike, factors: npt.ArrayLike, ordered: Sequence[bool] | None = None, *, seed: int = 0
) -> Measure:
    """SAP = mean_k S_1k - S_2k, the two best of S_dk, how well dimension d alone tells factor k. Kumar 2018,
    arXiv:1711.00848.

    S_dk is the squared correlation for ordered factors, else the balanced share right when each bin of the dimension
    says its most likely value, each value counted alike (learned on every other row, scored on the rest, both ways).

    latents: (n, D); factors: (n, F), discrete; ordered: (F,), which factors are numbers; None: those whose values are.
    Raises SpaceError for other input.
    """
    z, f = checked(latents, factors)
    given = np.asarray(factors)
    if ordered is None:
        ordered = [_numbers(given[:, k]) for k in range(f.shape[1])]
    if len(ordered) != f.shape[1]:
        raise SpaceError(f"SAP needs one entry of ordered a factor: {f.shape[1]}, got {len(ordered)}.")
    numbers = f.astype(np.float64)
    for k in np.flatnonzero(ordered):
        numbers[:, k] = given[:, k].astype(np.float64)
    codes = np.stack([levels(z[:, d], BINS) for d in range(z.shape[1])], 1)
    order = np.random.default_rng(seed).permutation(len(z))
    flags = np.asarray(ordered, bool)

    def score(rows: Codes) -> float:
        found = predictability(z[rows], codes[rows], f[rows], numbers[rows], flags)
        ranked = np.sort(np.concatenate([np.zeros((1, found.shape[1])), found]), 0)
        return float((ranked[-1] - ranked[-2]).mean())

    value = score(order)
    drawn = np.array([score(rows) for rows in halves(len(z), np.random.default_rng([seed, 1]))])
    return Measure(
        "sap", value, n=len(z), better="higher", interval=interval_of(value, drawn), baseline=0.0,
        note="separated attribute predictability",
    )  # fmt: skip


def _numbers(values: npt.NDArray[np.generic]) -> bool:
    """Whether a factor's values are numbers, of more than two kinds: with two both scores mean the same."""
    return values.dtype.kind in "iuf" and len(np.unique(values)) > 2


def predictability(z: Floats, codes: Codes, factors: Codes, numbers: Floats, ordered: npt.NDArray[np.bool_]) -> Floats:
    """(D, F): S_dk. z (n, D) latents, codes their bins; factors (n, F) as codes, numbers as they are."""
    out = np.zeros((z.shape[1], factors.shape[1]))
    if ordered.any():
        a, b = z - z.mean(0), numbers[:, ordered] - numbers[:, ordered].mean(0)
        length = np.sqrt(np.square(a).sum(0))[:, None] * np.sqrt(np.square(b).sum(0))
        out[:, ordered] = np.square(np.divide(a.T @ b, length, out=np.zeros_like(length), where=length > 1e-9))
    first = np.arange(len(z)) % 2 == 0
    for k in np.flatnonzero(~ordered):
        for d in range(z.shape[1]):
            ways = (_balanced(codes[:, d], factors[:, k], rows) for rows in (first, ~first))
            out[d, k] = sum(ways) / 2
    return out


def _balanced(codes: Codes, factor: Codes, learn: npt.NDArray[np.bool_]) -> float:
    """The mean over the values of how many of their rows are told right."""
    width, size = int(codes.max()) + 1, int(factor.max()) + 1

    def counted(rows: npt.NDArray[np.bool_]) -> Floats:
        return np.bincount(codes[rows] * size + factor[rows], minlength=width * size).reshape(width, size).astype(float)

    known, asked = counted(learn), counted(~learn)
    guess = (known / np.maximum(known.sum(0), 1)).argmax(1)
    right = np.bincount(guess, asked[np.arange(width), guess], minlength=size)
    there = asked.sum(0) > 0
    return float((right[there] / asked.sum(0)[there]).mean())
