"""How many latent dimensions carry something, and how much each."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deepspace.metrics.heldout import HeldOut
from deepspace.metrics.measure import Measure
from deepspace.space.moments import ACTIVE_VARIANCE, latent_moments

if TYPE_CHECKING:
    from deepspace.space import BaseSpace

__all__ = ["units"]


def units(space: BaseSpace, held: HeldOut) -> tuple[Measure, ...]:
    """Active units, #{d : Var_x(E_q[z_d | x]) > 0.01} (Burda 2016, arXiv:1509.00519), and the KL of each dimension,
    over all rows."""
    moments = latent_moments(space.latents.mean, space.latents.scale)
    active = Measure(
        "active_units",
        float(moments.active.sum()),
        n=moments.n,
        unit=f"of {len(moments.kl)}",
        better="",
        note=f"dimensions whose posterior mean has variance over {ACTIVE_VARIANCE}",
    )
    if "posterior" in space.lacks:
        return (active,)
    each = [
        Measure("kl", float(value), n=moments.n, unit="nats per row", about=f"dimension {dimension}")
        for dimension, value in enumerate(moments.kl)
    ]
    return (active, *each)
