"""How far the 2-D map can be trusted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deepspace.metrics.heldout import HeldOut
from deepspace.metrics.measure import Measure

if TYPE_CHECKING:
    from deepspace.space import BaseSpace

__all__ = ["trust"]


def trust(space: BaseSpace, held: HeldOut) -> tuple[Measure, ...]:
    """Trustworthiness (no false neighbours) and continuity (no torn ones) of the map against the latents, as measured
    when the map was made. Venna & Kaski 2001. A map that scatters the rows at random has about 0.5 of both."""
    figures = space.map.trust
    n, k = int(figures["n"]), int(figures["k"])
    return tuple(
        Measure(name, float(figures[name]), n=n, unit=f"k = {k}", better="higher", baseline=0.5)
        for name in ("trustworthiness", "continuity")
    )
