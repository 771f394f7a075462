"""The Frechet distance of two sets of rows, each taken for a Gaussian, and what it would be of endless ones."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from deepspace.errors import SpaceError

__all__ = ["frechet", "frechet_endless", "frechet_interval", "frechet_moments"]

_SIZES = 8
_SMALLEST = 0.4
"""The smallest of the sizes that are extrapolated from, as a share of all rows."""

Floats = npt.NDArray[np.float64]


def frechet(real: npt.ArrayLike, made: npt.ArrayLike) -> float:
    """|m1 - m2|^2 + tr(C1 + C2 - 2 (C1 C2)^1/2) of features (N, F) and (M, F) (Dowson and Landau 1982; Heusel 2017,
    arXiv:1706.08500).

    Biased upwards, by about a constant over the number of rows: only distances of as many rows compare.
    """
    r, m = _checked(real, made)
    return frechet_moments(*_moments(r), *_moments(m))


def frechet_moments(mean: Floats, covariance: Floats, mean2: Floats, covariance2: Floats) -> float:
    """The same of two Gaussians: tr (C1 C2)^1/2 = tr (C1^1/2 C2 C1^1/2)^1/2, whose eigenvalues are real."""
    values, vectors = np.linalg.eigh(covariance)
    root = (vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T
    inner = np.linalg.eigvalsh(root @ covariance2 @ root)
    both = float(np.sqrt(np.maximum(inner, 0)).sum())
    gap = float(((mean - mean2) ** 2).sum())
    return max(0.0, gap + float(np.trace(covariance) + np.trace(covariance2)) - 2 * both)


def frechet_endless(real: npt.ArrayLike, made: npt.ArrayLike, seed: int = 0) -> float:
    """The distance at endlessly many rows: that of random parts of both, a straight line in one over their share,
    read at 0 (Chong and Forsyth 2020, arXiv:1911.07023). About unbiased, so it may fall a little below 0."""
    r, m = _checked(real, made)
    rng = np.random.default_rng(seed)
    shares = 1 / np.linspace(1, 1 / _SMALLEST, _SIZES)
    found = [frechet_moments(*_moments(_part(r, share, rng)), *_moments(_part(m, share, rng))) for share in shares]
    return float(np.polyfit(1 / shares, found, 1)[1])


def frechet_interval(real: npt.ArrayLike, made: npt.ArrayLike, draws: int = 100, seed: int = 0) -> tuple[float, float]:
    """95 %, by bootstrap over the rows of both sides, moved down by what drawing rows twice adds (basic bootstrap)."""
    r, m = _checked(real, made)
    rng = np.random.default_rng(seed)
    whole = frechet(r, m)
    again = [
        frechet_moments(*_moments(r[rng.integers(0, len(r), len(r))]), *_moments(m[rng.integers(0, len(m), len(m))]))
        for _ in range(draws)
    ]
    deviation = 1.96 * float(np.std(again, ddof=1))
    return max(0.0, whole - deviation), whole + deviation


def _part(rows: Floats, share: float, rng: np.random.Generator) -> Floats:
    return rows[rng.permutation(len(rows))[: max(2, round(share * len(rows)))]]


def _moments(rows: Floats) -> tuple[Floats, Floats]:
    mean = rows.mean(0)
    apart = rows - mean
    return mean, apart.T @ apart / (len(rows) - 1)


def _checked(real: npt.ArrayLike, made: npt.ArrayLike) -> tuple[Floats, Floats]:
    r, m = (np.asarray(x, np.float64).reshape(len(np.asarray(x)), -1) for x in (real, made))
    if r.shape[1] != m.shape[1]:
        raise SpaceError(f"cannot compare rows of {r.shape[1]} features with generated ones of {m.shape[1]}.")
    if min(len(r), len(m)) < 3:
        raise SpaceError(f"cannot take a Frechet distance of {len(r)} real and {len(m)} generated rows: 3 are needed.")
    if not (np.isfinite(r).all() and np.isfinite(m).all()):
        raise SpaceError("cannot take a Frechet distance: the features hold NaN or infinity.")
    return r, m
