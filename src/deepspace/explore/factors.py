"""Which latent dimensions matter: what each carries, what moving it changes, and which are dead."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from deepspace.results import Tabular, figure, text_table
from deepspace.space.change import changed
from deepspace.space.moments import latent_moments

if TYPE_CHECKING:
    import pyarrow as pa

    from deepspace.space import BaseSpace

__all__ = ["Factor", "Factors", "factors"]


@dataclass(frozen=True)
class Factor:
    """One latent dimension.

    ``rank``: 0 is the strongest by KL; ``kl``: mean nats against the standard normal prior; ``variance``: of the
    posterior mean over the data; ``deviation``: of the aggregate posterior; ``effect``: mean change of the decode, in
    encoded units, when the dimension moves from -2 to +2 deviations.
    """

    index: int
    rank: int
    kl: float
    variance: float
    deviation: float
    effect: float
    active: bool

    @property
    def dead(self) -> bool:
        """The encoder writes next to nothing here: moving it is moving along noise."""
        return not self.active


@dataclass(frozen=True)
class Factors(Tabular):
    """Every latent dimension, strongest first. ``n`` rows give KL and variance, ``sample`` of them the effect."""

    items: tuple[Factor, ...]
    n: int
    sample: int

    def __len__(self) -> int:
        return len(self.items)

    def __iter__(self) -> Iterator[Factor]:
        return iter(self.items)

    def __getitem__(self, rank: int) -> Factor:
        return self.items[rank]

    @property
    def active(self) -> tuple[Factor, ...]:
        """The dimensions that carry something, strongest first."""
        return tuple(factor for factor in self.items if factor.active)

    def to_arrow(self) -> pa.Table:
        import pyarrow as pa

        names = ("index", "rank", "kl", "variance", "deviation", "effect", "active")
        return pa.table({name: [getattr(factor, name) for factor in self.items] for name in names})

    def __str__(self) -> str:
        rows = [
            (f"{f.index}", f"{f.rank}", figure(f.kl), figure(f.variance), figure(f.effect), "" if f.active else "dead")
            for f in self.items
        ]
        title = f"{len(self.active)} of {len(self)} latent dimensions active (n = {self.n:,})"
        return f"{title}\n{text_table(('dimension', 'rank', 'KL', 'variance', 'effect', ''), rows)}"


def factors(space: BaseSpace, *, sample: int = 256, seed: int = 0) -> Factors:
    """Rank the latent dimensions by KL, with active units and the decoder's answer beside it.

    KL and variance come from all rows; the effect from ``sample`` rows drawn with ``seed``: the mean over rows and
    elements of |decode(z with z_d = m_d + 2 s_d) - decode(z with z_d = m_d - 2 s_d)|, where m and s are the moments
    of the aggregate posterior; for unordered categories an element counts 1 when the category changes. Disvae; Burda
    2016. Without a decoder the effect is NaN; without a posterior the KL is, and the variance ranks.
    """
    moments = latent_moments(space.latents.mean, space.latents.scale)
    rows = np.sort(np.random.default_rng(seed).choice(moments.n, min(sample, moments.n), replace=False))
    base = np.asarray(space.latents.mean[rows], np.float32)
    effect = np.empty(len(moments.kl))
    effect[:] = np.nan
    for d in range(len(effect) if "decoder" not in space.lacks else 0):
        low, high = base.copy(), base.copy()
        low[:, d] = moments.mean[d] - 2 * moments.deviation[d]
        high[:, d] = moments.mean[d] + 2 * moments.deviation[d]
        effect[d] = changed(space, space.decode_encoded(low), space.decode_encoded(high)).mean()
    # Without a posterior there is no KL to rank by.
    weight = moments.variance if "posterior" in space.lacks else moments.kl
    order = np.argsort(-weight, kind="stable")
    items = tuple(
        Factor(
            index=int(d),
            rank=rank,
            kl=float(moments.kl[d]) if weight is moments.kl else float("nan"),
            variance=float(moments.variance[d]),
            deviation=float(moments.deviation[d]),
            effect=float(effect[d]),
            active=bool(moments.active[d]),
        )
        for rank, d in enumerate(order)
    )
    return Factors(items, n=moments.n, sample=len(rows))
