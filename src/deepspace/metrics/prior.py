"""Whether the rows fill the prior: holes, where samples of the prior meet no data, and how the two differ.

The aggregate posterior q(z) = mean_i q(z | x_i) is what the data looks like in the latent space; the prior
p(z) is what ``sample`` draws from. Where p has mass and q has none, a sample decodes to what no row is like.
Makhzani 2015, arXiv:1511.05644; Rosca 2018, arXiv:1802.06847.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from deepspace.metrics.heldout import HeldOut
from deepspace.metrics.measure import Measure
from deepspace.results import wilson
from deepspace.space.moments import latent_moments

if TYPE_CHECKING:
    from deepspace.space import BaseSpace

__all__ = ["holes", "prior_mismatch"]

DRAWS = 1000
EMPTIEST = 0.01
"""The share of the training rows' own draws that lie in what is called empty."""
PERMUTATIONS = 199
_BOOTSTRAPS = 200

Floats = npt.NDArray[np.float64]


def holes(space: BaseSpace, held: HeldOut, *, seed: int = 0) -> tuple[Measure, ...]:
    """The share of prior samples that fall where no data lies, and the same share of draws from held-out rows.

    A place is empty when the density of the encoded rows (``space.density``) is below that at 99 % of draws z ~ q(z|x)
    of training rows. Were the aggregate posterior the prior, both shares would be near 1 %. Draws and not means are
    compared, since the prior is matched by draws.
    """
    rng = np.random.default_rng(seed)
    own = np.asarray(space.density(_posterior_draws(space, held.training, rng)), np.float64)
    limit = float(np.quantile(own[np.isfinite(own)], EMPTIEST)) if np.isfinite(own).any() else -np.inf
    note = f"emptier than {100 * (1 - EMPTIEST):.0f} % of the draws of {min(DRAWS, len(held.training)):,} training rows"
    prior = space.sample_prior(DRAWS, seed)
    measures = [_share("", "share of prior samples", space, prior, limit, note)]
    if not held.seen:
        measures.append(
            _share("held-out rows", "share of rows", space, _posterior_draws(space, held.rows, rng), limit, note)
        )
    return tuple(measures)


def _share(about: str, unit: str, space: BaseSpace, z: npt.NDArray[np.float32], limit: float, note: str) -> Measure:
    count, n = int((np.asarray(space.density(z)) < limit).sum()), len(z)
    return Measure(
        "holes", count / n, n=n, unit=unit, better="lower", interval=wilson(count, n),
        about=about, note=note,
    )  # fmt: skip


def prior_mismatch(space: BaseSpace, held: HeldOut, *, seed: int = 0) -> tuple[Measure, ...]:
    """How far the aggregate posterior is from the prior: two figures of the whole, and one a dimension.

    ``prior_energy``: the energy coefficient E = (2 |X-Y| - |X-X'| - |Y-Y'|) / (2 |X-Y|) between draws of the rows and
    of the prior, 0 where they are alike and 1 where they are apart, with its p by permutation (Szekely and Rizzo 2013).
    ``prior_kl``: KL(N(m, diag s^2) || N(a, diag b^2)) with the moments m and s of the aggregate, and a and b of the
    prior (0 and 1 where it is standard), in nats; moments only, so that separate clusters do not show in it. Of each
    dimension: its share of that.
    """
    moments = latent_moments(space.latents.mean, space.latents.scale)
    rng = np.random.default_rng(seed)
    rows = held.rows if held.seen else np.concatenate([held.rows, held.training])
    drawn = _posterior_draws(space, rows, rng).astype(np.float64)
    coefficient, interval, p = energy(drawn, space.sample_prior(len(drawn), seed).astype(np.float64), rng)
    found = [
        Measure(
            "prior_energy", coefficient, n=len(drawn), unit="0 alike, 1 apart", better="lower", interval=interval,
            note=f"draws of rows and as many of the prior; permutation p {'<' if p < 0.01 else '='} {max(p, 0.01):.2f}",
        )
    ]  # fmt: skip
    centre, width = _prior_moments(space)
    variance = np.maximum((moments.deviation / width) ** 2, 1e-30)
    each = 0.5 * (((moments.mean - centre) / width) ** 2 + variance - 1 - np.log(variance))
    note = "diagonal Gaussian of the aggregate posterior"
    found.append(Measure("prior_kl", float(each.sum()), n=moments.n, unit="nats", better="lower", note=note))
    for d, value in enumerate(each):
        about = f"dimension {d}"
        theirs = f"the prior's are {centre[d]:.3g} and {width[d]:.3g}"
        shape = f"mean {moments.mean[d]:.2f}, deviation {moments.deviation[d]:.2f}; {theirs}"
        found.append(
            Measure("prior_kl", float(value), n=moments.n, unit="nats", better="lower", about=about, note=shape)
        )
    return tuple(found)


def _prior_moments(space: BaseSpace) -> tuple[Floats, Floats]:
    """Mean and deviation of each dimension of the prior, (D,) each."""
    import torch

    with torch.inference_mode():
        mean, deviation = space.model.prior_moments()
    return mean.double().cpu().numpy(), np.maximum(deviation.double().cpu().numpy(), 1e-6)


def energy(x: Floats, y: Floats, rng: np.random.Generator) -> tuple[float, tuple[float, float], float]:
    """The energy coefficient of two samples (n, D) each, its 95 % interval by bootstrap, and p by permutation.

    Pairs of a point with itself are left out, so that it is unbiased (and may fall below 0 where the two are alike).
    """
    n = len(x)
    both = np.concatenate([x, y])
    squares = (both**2).sum(1)
    distance = np.sqrt(np.maximum(squares[:, None] + squares[None] - 2 * both @ both.T, 0))
    np.fill_diagonal(distance, 0)
    is_x = np.zeros(2 * n)
    is_x[:n] = 1
    value = float(_coefficient(distance, is_x[None], 1 - is_x[None])[0])
    labels = np.stack([rng.permutation(is_x) for _ in range(PERMUTATIONS)])
    chance = _coefficient(distance, labels, 1 - labels)
    p = float((1 + (chance >= value).sum()) / (1 + PERMUTATIONS))
    pick = rng.multinomial(n, np.full(n, 1 / n), (2, _BOOTSTRAPS)).astype(np.float64)
    none = np.zeros((_BOOTSTRAPS, n))
    again = _coefficient(distance, np.concatenate([pick[0], none], 1), np.concatenate([none, pick[1]], 1))
    low, high = np.percentile(again, [2.5, 97.5])
    return value, (float(low), float(high)), p


def _coefficient(distance: Floats, x: Floats, y: Floats) -> Floats:
    """Weights (B, 2n) of the two samples -> (B,)."""
    over_x, over_y = x @ distance, y @ distance
    n, m = x.sum(1), y.sum(1)
    across = (over_x * y).sum(1) / (n * m)
    # A point drawn twice is no pair of points.
    within = (over_x * x).sum(1) / (n**2 - (x**2).sum(1)), (over_y * y).sum(1) / (m**2 - (y**2).sum(1))
    return np.asarray((2 * across - within[0] - within[1]) / np.maximum(2 * across, 1e-30))


def _posterior_draws(
    space: BaseSpace, rows: npt.NDArray[np.int64], rng: np.random.Generator
) -> npt.NDArray[np.float32]:
    """(min(DRAWS, n), D): one draw z ~ q(z|x) of each of some rows."""
    chosen = rows if len(rows) <= DRAWS else np.sort(rng.choice(rows, DRAWS, replace=False))
    mean, scale = np.asarray(space.latents.mean[chosen]), np.asarray(space.latents.scale[chosen])
    return (mean + scale * rng.standard_normal(mean.shape)).astype(np.float32)
