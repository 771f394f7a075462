"""Mutual information between latent dimensions and known factors, less what so few rows show by chance."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from deepspace.errors import SpaceError
from deepspace.results import Z95

__all__ = ["BINS", "Information", "checked", "halves", "information", "interval_of", "levels"]

BINS = 20
PERMUTATIONS = 10
DRAWS = 50

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Information:
    """nmi: (D, F), I(z_d; f) / H(f) adjusted for chance, 0..1; drawn: (R, D, F), the same on random halves of the
    rows; heard: (D,) and told: (F,), the dimensions and factors with more than chance could show; n: rows."""

    nmi: Floats
    drawn: Floats
    heard: npt.NDArray[np.bool_]
    told: npt.NDArray[np.bool_]
    n: int

    def interval(self, score: Callable[[Floats], float]) -> tuple[float, float]:
        """95 %, for a score of such a matrix within 0..1."""
        return interval_of(score(self.nmi), np.array([score(nmi) for nmi in self.drawn]))


def checked(latents: npt.ArrayLike, factors: npt.ArrayLike, *, fewest: int = 1) -> tuple[Floats, Codes]:
    """latents (n, D) finite; factors (n, F) of any kind, as codes 0..K-1. Raises SpaceError, saying what is wrong."""
    z, f = np.asarray(latents, np.float64), np.asarray(factors)
    if z.ndim != 2 or f.ndim != 2 or len(z) != len(f):
        raise SpaceError(
            f"disentanglement needs latents (n, D) and factors (n, F) of the same rows, got {z.shape} and {f.shape}."
        )
    if not np.isfinite(z).all():
        raise SpaceError("disentanglement needs finite latents; some are NaN or infinite.")
    if f.shape[1] < fewest:
        raise SpaceError(f"disentanglement needs at least {fewest} known factors, got {f.shape[1]}.")
    if len(z) < 20:
        raise SpaceError(f"disentanglement needs at least 20 rows, got {len(z)}.")
    codes = np.empty(f.shape, np.int64)
    for i in range(f.shape[1]):
        values, codes[:, i] = np.unique(f[:, i], return_inverse=True)
        if not 2 <= len(values) <= len(z) / 2:
            raise SpaceError(
                f"factor {i} has {len(values)} different values in {len(z)} rows; "
                "a factor has at least two, each in some rows: bin a continuous one first."
            )
    return z, codes


def levels(values: Floats, bins: int = BINS) -> Codes:
    """(n,) -> codes: the values themselves where each has 10 rows on average, else bins of equally many rows.

    Equal numbers make the answer the same for every increasing function of a latent, and outliers harmless.
    """
    distinct, codes = np.unique(values, return_inverse=True)
    if len(distinct) <= max(bins, len(values) // 10):
        return codes.astype(np.int64)
    inner = np.unique(np.quantile(values, np.arange(1, bins) / bins))
    return np.searchsorted(inner, values, side="right").astype(np.int64)


def information(
    latents: npt.ArrayLike, factors: npt.ArrayLike, *, bins: int = BINS, draws: int = DRAWS, seed: int = 0
) -> Information:
    """I(z_d; f_k) / H(f_k) of each latent dimension and factor, adjusted for chance.

    From counts in bins, which by themselves show information that is not there: (bins - 1)(K - 1) / 2n nats at first
    order, more where rows are few. What rows in random order show, E, is taken off, and the rest stretched so that a
    code that says all still reaches 1: (I - E) / (H - E), as in the adjusted mutual information of Vinh 2010, whose E
    is exact where ours is the mean of 10 orders. As in what is published, 20 bins cannot tell more than log 20 nats: a
    continuous latent that knows one of 32 values exactly reaches .86 of its entropy. A latent of few values is counted
    as it is.

    latents: (n, D); factors: (n, F), discrete. Raises SpaceError for other input.
    """
    z, f = checked(latents, factors)
    rng = np.random.default_rng(seed)
    codes = np.stack([levels(z[:, d], bins) for d in range(z.shape[1])], 1)
    found, entropy = _mutual(codes, f)
    chance = np.stack([_mutual(codes[rng.permutation(len(z))], f)[0] for _ in range(PERMUTATIONS)])
    nmi = _adjusted(found, chance.mean(0), entropy)
    # Twice the largest of all D F entries under any of the orders: chance practically never gets there.
    floor = 2 * float(np.max((chance - chance.mean(0)) / np.maximum(entropy - chance.mean(0), 1e-12), initial=0.0))
    half = len(z) // 2
    parts = [rng.permutation(len(z))[:half] for _ in range(max(draws, 1))]
    first = parts[0]
    less = np.mean([_mutual(codes[first], f[rng.permutation(first)])[0] for _ in range(PERMUTATIONS)], 0)
    drawn = []
    for part in parts:
        own, own_entropy = _mutual(codes[part], f[part])
        drawn.append(_adjusted(own, less, own_entropy))
    beyond = np.asarray(nmi > floor)
    return Information(nmi, np.stack(drawn), np.asarray(beyond.any(1)), np.asarray(beyond.any(0)), len(z))


def _adjusted(found: Floats, chance: Floats, entropy: Floats) -> Floats:
    return np.clip((found - chance) / np.maximum(entropy - chance, 1e-12), 0, 1)


def _mutual(codes: Codes, factors: Codes) -> tuple[Floats, Floats]:
    """codes (n, D), factors (n, F) -> I (D, F) and H(f) (F,), in nats, from counts as they are."""
    n, count = factors.shape
    sizes = factors.max(0) + 1
    ends = np.cumsum(sizes)
    starts = ends - sizes
    placed = factors + starts  # all factors side by side, so that one pass counts them all
    total = int(ends[-1])
    entropy = _entropies(np.bincount(placed.ravel(), minlength=total)[None], starts, n)[0]
    out = np.empty((codes.shape[1], count))
    for d in range(codes.shape[1]):
        own = codes[:, d]
        width = int(own.max()) + 1
        table = np.bincount((own[:, None] * total + placed).ravel(), minlength=width * total).reshape(width, total)
        joint = _entropies(table, starts, n).sum(0)
        out[d] = np.maximum(_entropy(np.bincount(own), n) + entropy - joint, 0)
    return out, entropy


def _entropies(table: npt.NDArray[np.int64], starts: Codes, n: int) -> Floats:
    """(R, T) counts, whose columns are those of one factor after another -> (R, F): each row's part of the entropy."""
    share = table / n
    parts = -share * np.log(np.where(table > 0, share, 1))
    return np.asarray(np.add.reduceat(parts, starts, axis=1))


def _entropy(counts: npt.NDArray[np.int64], n: int) -> float:
    share = counts[counts > 0] / n
    return float(-(share * np.log(share)).sum())


def halves(n: int, rng: np.random.Generator, draws: int = DRAWS) -> list[Codes]:
    """Random halves of n rows, without replacement."""
    return [rng.permutation(n)[: n // 2] for _ in range(draws)]


def interval_of(value: float, drawn: npt.NDArray[Any], bounds: tuple[float, float] = (0.0, 1.0)) -> tuple[float, float]:
    """95 % about a value, from the same figure on random halves of the rows (Politis & Romano 1994).

    A mean over half of n rows, drawn without replacement, scatters about that of all by s^2 / n: just as the mean of
    all does about the truth. Rows drawn twice, as the bootstrap has them, would look like information.
    """
    reach = Z95 * float(np.std(drawn, ddof=1)) if len(drawn) > 1 else 0.0
    return float(np.clip(value - reach, *bounds)), float(np.clip(value + reach, *bounds))
