"""Local factors: the directions in which the decode changes most around one place, and what each changes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from deepspace.errors import SpaceError
from deepspace.explore.decoded import expected
from deepspace.explore.paths import _need_steps, _place
from deepspace.results import Tabular, figure, text_table
from deepspace.space.moments import latent_moments

if TYPE_CHECKING:
    import pyarrow as pa

    from deepspace.space import BaseSpace

__all__ = ["LocalFactor", "LocalFactors", "decoder_jacobian", "local_factors"]

Floats = npt.NDArray[np.float64]

_STEP = 0.003
"""Deviations to either side: short enough for a derivative, long enough for float32."""


@dataclass(frozen=True)
class LocalFactor:
    """One principal direction of the decoder at a place, as a film.

    ``direction``: (D,) latent units, one standard step: it has length 1 when each dimension is measured in deviations
    of the aggregate posterior; ``gain``: how far the decode moves with one such step, root mean square over elements
    (grey levels or standard deviations; a category by its probabilities); ``share``: of the local variance.
    ``positions`` (S,) in standard steps, ``z`` (S, D), ``content`` in the user's units, ``log_density`` (S,).
    """

    rank: int
    direction: Floats
    gain: float
    share: float
    positions: Floats
    z: npt.NDArray[np.float32]
    content: Any
    log_density: Floats


@dataclass(frozen=True)
class LocalFactors(Tabular):
    """The k strongest directions at ``z`` (D,), strongest first; ``gains`` (min(D, P),) of all of them."""

    z: npt.NDArray[np.float32]
    items: tuple[LocalFactor, ...]
    gains: Floats

    def __len__(self) -> int:
        return len(self.items)

    def __iter__(self) -> Iterator[LocalFactor]:
        return iter(self.items)

    def __getitem__(self, rank: int) -> LocalFactor:
        return self.items[rank]

    @property
    def directions(self) -> Floats:
        """(K, D): one standard step along each."""
        return np.stack([item.direction for item in self.items])

    def to_arrow(self) -> pa.Table:
        import pyarrow as pa

        table = {name: [getattr(item, name) for item in self.items] for name in ("rank", "gain", "share")}
        return pa.table(table | {"direction": list(self.directions)})

    def __str__(self) -> str:
        rows = [(f"{f.rank}", figure(f.gain), f"{100 * f.share:.0f} %", _heaviest(f.direction)) for f in self.items]
        title = f"{len(self)} of {len(self.gains)} local factors (decode changes generated)"
        return f"{title}\n{text_table(('direction', 'gain', 'local variance', 'mostly along'), rows)}"


def local_factors(
    space: BaseSpace, place: int | npt.ArrayLike, k: int = 3, *, steps: int = 7, span: float = 2.0
) -> LocalFactors:
    """The k directions in which the decode changes most at a place, each walked from -span to +span standard steps.

    With J the decoder's Jacobian at z and s the deviations of the aggregate posterior, J diag(s) = U S V^T; the
    direction k is s * V_k, its gain S_k, its share of the local variance S_k^2 / sum S^2. Each points to where its
    heaviest dimension rises. place: a row's number or a latent (D,); k: all where there are fewer. Ramesh 2018,
    arXiv:1812.01161; Shao 2018, arXiv:1711.08014. Raises SpaceError for a k below 1 and a place that is none.
    """
    if k < 1:
        raise SpaceError(f"cannot find {k} local factors of '{space.name}': k must be 1 or more.")
    _need_steps(steps)
    z = _place(space, place)
    deviation = latent_moments(space.latents.mean, space.latents.scale).deviation
    jacobian = decoder_jacobian(space, z, deviation)  # (P, D)
    _, gains, axes = np.linalg.svd(jacobian * deviation, full_matrices=False)
    total = float(np.square(gains).sum())
    positions = np.linspace(-span, span, steps)
    items = []
    for rank, (gain, axis) in enumerate(zip(gains[:k], axes[:k], strict=True)):
        direction = deviation * (axis if axis[np.abs(axis).argmax()] > 0 else -axis)
        walk = (z + positions[:, None] * direction).astype(np.float32)
        items.append(
            LocalFactor(
                rank=rank,
                direction=direction,
                gain=float(gain),
                share=float(gain**2 / total) if total > 0 else 0.0,
                positions=positions,
                z=walk,
                content=space.decode(walk),
                log_density=np.asarray(space.density(walk), np.float64),
            )
        )
    return LocalFactors(z.astype(np.float32), tuple(items), gains)


def decoder_jacobian(space: BaseSpace, z: npt.NDArray[np.floating], unit: Floats) -> Floats:
    """(E, D): change of what the decoder expects (``explore.decoded.expected``) per latent unit at z (D,), by central
    differences of a step in ``unit`` (D,): one batch of 2 D decodes, whatever the model is."""
    half = np.diag(_STEP * np.maximum(unit, 1e-6))
    there = (np.asarray(z, np.float64) + np.concatenate([half, -half])).astype(np.float32)
    high, low = np.split(expected(space, there).astype(np.float64), 2)
    ahead, behind = np.split(there.astype(np.float64), 2)
    return np.asarray((high - low).T / np.diag(ahead - behind))  # by the step that float32 really took


def _heaviest(direction: Floats, most: int = 3) -> str:
    """The dimensions that make up a direction, heaviest first: "+4 -1"."""
    order = np.argsort(-np.abs(direction))[:most]
    return " ".join(f"{'+' if direction[d] > 0 else '-'}{d}" for d in order if abs(direction[d]) > 1e-9)
