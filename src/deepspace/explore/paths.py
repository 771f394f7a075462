"""Walks through a space: along one dimension, or from one place to another, with the density on the way."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

from deepspace.errors import SpaceError
from deepspace.explore.factors import Factor, changed
from deepspace.results import Tabular, figure
from deepspace.space.moments import latent_moments

if TYPE_CHECKING:
    import pyarrow as pa

    from deepspace.space import BaseSpace

__all__ = ["Kind", "Path", "Traversal", "lerp", "path", "slerp", "traverse"]

Kind = Literal["linear", "spherical"]
Vectors = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Traversal(Tabular):
    """What one dimension does, all others held: ``positions`` (S,) on it, ``z`` (S, D), ``content`` in user's units."""

    factor: int
    positions: npt.NDArray[np.float64]
    z: Vectors
    content: Any
    log_density: npt.NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.positions)

    def to_arrow(self) -> pa.Table:
        return _with_content({"position": self.positions, "log_density": self.log_density}, self.content)

    def __str__(self) -> str:
        ends = f"{figure(float(self.positions[0]))} to {figure(float(self.positions[-1]))}"
        return f"dimension {self.factor} from {ends} in {len(self)} steps (generated)"


@dataclass(frozen=True)
class Path(Tabular):
    """A way from one place to another in S steps, all of it generated.

    ``z``: (S, D); ``content``: the decode in the user's units; ``log_density`` and ``density_percentile``: (S,),
    where 0 is emptier than every row; ``length``: in latent units; ``decoded_length``: the summed mean change of the
    decode.
    """

    kind: Kind
    z: Vectors
    content: Any
    log_density: npt.NDArray[np.float64]
    density_percentile: npt.NDArray[np.float64]
    length: float
    decoded_length: float

    def __len__(self) -> int:
        return len(self.z)

    @property
    def lowest(self) -> int:
        """The step at which the way is emptiest."""
        return int(np.argmin(self.log_density))

    def to_arrow(self) -> pa.Table:
        columns = {"step": np.arange(len(self)), "log_density": self.log_density}
        return _with_content(columns | {"density_percentile": self.density_percentile}, self.content)

    def __str__(self) -> str:
        denser = 100 - float(self.density_percentile[self.lowest])
        return (
            f"{self.kind} path of {len(self)} steps, length {figure(self.length)}; emptiest at step {self.lowest}, "
            f"where {denser:.0f} % of the rows lie in denser places (generated)"
        )


def traverse(
    space: BaseSpace,
    factor: int | Factor,
    *,
    start: int | npt.ArrayLike | None = None,
    steps: int = 9,
    span: float = 2.0,
) -> Traversal:
    """Move one latent dimension from -span to +span deviations of the aggregate posterior and decode each step.

    start: a row's number, a latent (D,), or nothing for the mean of all latents. Raises SpaceError for a dimension
    that is not there.
    """
    dimension = factor.index if isinstance(factor, Factor) else int(factor)
    if not 0 <= dimension < space.latent_dim:
        raise SpaceError(
            f"cannot traverse dimension {dimension} of '{space.name}': it has dimensions 0 to {space.latent_dim - 1}."
        )
    _need_steps(steps)
    moments = latent_moments(space.latents.mean, space.latents.scale)
    z = np.repeat((moments.mean if start is None else _place(space, start))[None], steps, 0).astype(np.float32)
    positions = moments.mean[dimension] + np.linspace(-span, span, steps) * moments.deviation[dimension]
    z[:, dimension] = positions
    return Traversal(dimension, positions, z, space.decode(z), np.asarray(space.density(z), np.float64))


def path(
    space: BaseSpace,
    a: int | npt.ArrayLike,
    b: int | npt.ArrayLike,
    *,
    kind: Kind = "linear",
    steps: int = 11,
) -> Path:
    """Walk from a to b in equal steps and decode each.

    a, b: row numbers or latents (D,). "spherical" keeps to the shell on which a high-dimensional normal prior has its
    mass (White 2016, arXiv:1609.04468); "linear" is the straight line. Density is that of the data's latents.
    """
    _need_steps(steps)
    start, end = _place(space, a), _place(space, b)
    if kind not in ("linear", "spherical"):
        raise SpaceError(f"cannot walk '{space.name}' by kind={kind!r}: use 'linear' or 'spherical'.")
    z = (slerp if kind == "spherical" else lerp)(start, end, steps).astype(np.float32)
    encoded = space.decode_encoded(z)
    moved = changed(space, encoded[:-1], encoded[1:]).reshape(steps - 1, -1).mean(1)
    return Path(
        kind=kind,
        z=z,
        content=space.decode(z),
        log_density=np.asarray(space.density(z), np.float64),
        density_percentile=np.asarray(space.density_percentile(z), np.float64),
        length=float(np.linalg.norm(np.diff(z.astype(np.float64), axis=0), axis=1).sum()),
        decoded_length=float(moved.sum()),
    )


def lerp(a: npt.NDArray[np.floating], b: npt.NDArray[np.floating], steps: int) -> npt.NDArray[np.float64]:
    """(1 - t) a + t b at equal t. a, b: (D,). Returns (steps, D), the ends exactly a and b."""
    t = np.linspace(0, 1, steps)[:, None]
    return np.asarray((1 - t) * np.asarray(a, np.float64) + t * np.asarray(b, np.float64))


def slerp(a: npt.NDArray[np.floating], b: npt.NDArray[np.floating], steps: int) -> npt.NDArray[np.float64]:
    """sin((1 - t) w) / sin(w) a + sin(t w) / sin(w) b, w the angle between a and b. White 2016, arXiv:1609.04468.

    a, b: (D,). Returns (steps, D). Falls back to the straight line where the angle is 0 or pi, or an end is the origin:
    there no great circle is singled out.

    >>> slerp(np.array([1.0, 0.0]), np.array([0.0, 1.0]), 3)[1].round(4).tolist()
    [0.7071, 0.7071]
    """
    a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
    norms = np.linalg.norm(a) * np.linalg.norm(b)
    cosine = float(np.clip(a @ b / norms, -1, 1)) if norms > 0 else 1.0
    angle = np.arccos(cosine)
    if np.sin(angle) < 1e-6:
        return lerp(a, b, steps)
    t = np.linspace(0, 1, steps)[:, None]
    return np.asarray(np.sin((1 - t) * angle) / np.sin(angle) * a + np.sin(t * angle) / np.sin(angle) * b)


def _place(space: BaseSpace, where: int | npt.ArrayLike) -> npt.NDArray[np.float64]:
    """A row's posterior mean or a latent itself, (D,)."""
    if isinstance(where, (int, np.integer)):
        if not -len(space) <= where < len(space):
            raise SpaceError(f"'{space.name}' has no row {where}: it has {len(space):,} rows, counted from 0.")
        return np.asarray(space.latents.mean[int(where)], np.float64)
    z = np.asarray(where, np.float64)
    if z.shape == (1, space.latent_dim):
        z = z[0]
    if z.shape != (space.latent_dim,) or not np.isfinite(z).all():
        raise SpaceError(
            f"a place in '{space.name}' is a row's number or {space.latent_dim} finite latent values, "
            f"got an array of shape {z.shape}."
        )
    return z


def _need_steps(steps: int) -> None:
    if steps < 2:
        raise SpaceError(f"a walk needs at least 2 steps, got {steps}.")


def _with_content(columns: dict[str, npt.NDArray[Any]], content: Any) -> pa.Table:
    """Columns beside the generated content: a table's columns as they are, arrays as one list column."""
    import pyarrow as pa

    table = pa.table(columns)
    if isinstance(content, np.ndarray):
        flat = content.reshape(len(content), -1)
        return table.append_column("content", pa.array(list(flat)))
    generated = content if isinstance(content, pa.Table) else _frame_to_arrow(content)
    for name in generated.column_names:
        table = table.append_column(f"generated {name}" if name in columns else name, generated.column(name))
    return table


def _frame_to_arrow(content: Any) -> pa.Table:
    import pyarrow as pa

    return content.to_arrow() if hasattr(content, "to_arrow") else pa.Table.from_pandas(content, preserve_index=False)
