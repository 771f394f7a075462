"""Walks through a space: along one dimension, or from one place to another, with the density on the way."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path as FilePath
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, get_args

import numpy as np
import numpy.typing as npt

from deepspace.errors import SpaceError
from deepspace.explore.decoded import travelled
from deepspace.explore.factors import Factor
from deepspace.explore.routes import FINE, lengths, resampled, routes_of
from deepspace.results import Tabular, figure, text_table
from deepspace.space.moments import latent_moments

if TYPE_CHECKING:
    import pyarrow as pa

    from deepspace.space import BaseSpace

__all__ = ["KINDS", "Gain", "Kind", "Path", "Paths", "Traversal", "lerp", "path", "paths", "slerp", "traverse"]

Kind = Literal["linear", "spherical", "geodesic", "density"]
KINDS: tuple[Kind, ...] = get_args(Kind)
Vectors = npt.NDArray[np.float32]
Floats = npt.NDArray[np.float64]


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


class Gain(NamedTuple):
    """What a path gains over the straight line through the same anchors.

    ``decoded``: the share by which its decode moves less, 0.2 for a fifth less; ``percentile``: by how many points its
    emptiest step is less empty.
    """

    decoded: float
    percentile: float


@dataclass(frozen=True)
class Path(Tabular):
    """A way through two or more anchors in S steps, all of it generated.

    ``z``: (S, D); ``content``: the decode in the user's units; ``anchors``: the steps at which the anchors are;
    ``log_density`` and ``density_percentile``: (S,), where 0 is emptier than every row; ``length``: of the way, in
    latent units; ``decoded_length``: how far its decode moves, the root mean square over an item's elements (grey
    levels of images, else standard deviations; a category counts 1 from surely one to surely another), summed over
    small steps; ``gain`` over the line; ``found``: what it was searched on, empty where there is a formula.
    """

    kind: Kind
    modality: str
    z: Vectors
    content: Any
    anchors: tuple[int, ...]
    log_density: Floats
    density_percentile: Floats
    length: float
    decoded_length: float
    gain: Gain
    found: str

    def __len__(self) -> int:
        return len(self.z)

    @property
    def lowest(self) -> int:
        """The step at which the way is emptiest."""
        return int(np.argmin(self.log_density))

    def to_arrow(self) -> pa.Table:
        columns = {"step": np.arange(len(self)), "log_density": self.log_density}
        return _with_content(columns | {"density_percentile": self.density_percentile}, self.content)

    def save(self, file: str | FilePath) -> FilePath:
        """Write the path by the file's ending, whole or not at all, and return where.

        ``.gif``: a film of images or signals; ``.png``: a strip of them, each dashed as what is generated; ``.csv``: a
        line for each step, with its latents, density and content in the user's units. Raises SpaceError.
        """
        from deepspace.explore.strips import save

        return save(self, file)

    def __str__(self) -> str:
        denser = 100 - float(self.density_percentile[self.lowest])
        return (
            f"{self.kind} path of {len(self)} steps, length {figure(self.length)}; emptiest at step {self.lowest}, "
            f"where {denser:.0f} % of the rows lie in denser places (generated)"
        )


@dataclass(frozen=True)
class Paths(Tabular):
    """The same anchors joined in every way, to be compared: ``paths["geodesic"]`` is one of them."""

    items: tuple[Path, ...]

    def __len__(self) -> int:
        return len(self.items)

    def __iter__(self) -> Iterator[Path]:
        return iter(self.items)

    def __getitem__(self, kind: str) -> Path:
        return next(item for item in self.items if item.kind == kind)

    def to_arrow(self) -> pa.Table:
        """One row a kind: its lengths, where it is emptiest and how empty, and the gain over the line."""
        import pyarrow as pa

        lowest = [item.lowest for item in self.items]
        return pa.table(
            {
                "kind": [item.kind for item in self.items],
                "length": [item.length for item in self.items],
                "decoded_length": [item.decoded_length for item in self.items],
                "lowest_step": lowest,
                "lowest_log_density": [item.log_density[i] for item, i in zip(self.items, lowest, strict=True)],
                "lowest_percentile": [item.density_percentile[i] for item, i in zip(self.items, lowest, strict=True)],
                "gain_decoded": [item.gain.decoded for item in self.items],
                "gain_percentile": [item.gain.percentile for item in self.items],
            }
        )

    def __str__(self) -> str:
        header = ("path (generated)", "length", "decoded length", "less than the line", "emptiest percentile")
        rows = [
            (
                item.kind,
                figure(item.length),
                figure(item.decoded_length),
                f"{100 * item.gain.decoded:.0f} %",
                f"{item.density_percentile.min():.0f}",
            )
            for item in self.items
        ]
        return text_table(header, rows)


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


def path(space: BaseSpace, *through: int | npt.ArrayLike, kind: Kind = "linear", steps: int = 11) -> Path:
    """Walk through two or more places in order and decode each step.

    through: row numbers or latents (D,); the walk is exactly there at the steps that ``anchors`` names. kind:
    "linear", the straight line; "spherical", which keeps to the shell on which a high-dimensional normal prior has its
    mass (White 2016, arXiv:1609.04468); "geodesic", the way on which the decode changes least (Arvanitidis 2018,
    arXiv:1710.11379; Chen 2019, arXiv:1812.08284), in steps of equal change and never longer than the line; "density",
    which keeps to where data is, nowhere emptier than the line. The latter two are searched on a sample of the rows,
    as ``found`` says. Density is that of the data's latents. Raises SpaceError for a place that is not there.
    """
    return _walk(space, through, (kind,), steps)[0]


def paths(space: BaseSpace, *through: int | npt.ArrayLike, steps: int = 11) -> Paths:
    """The four kinds of path through the same places, to be compared; see ``path``."""
    return Paths(_walk(space, through, KINDS, steps))


def _walk(
    space: BaseSpace, through: tuple[int | npt.ArrayLike, ...], kinds: tuple[Kind, ...], steps: int
) -> tuple[Path, ...]:
    if len(through) < 2:
        raise SpaceError(f"a path in '{space.name}' needs 2 or more places, got {len(through)}: path(a, b).")
    _need_steps(steps)
    if steps < len(through):
        raise SpaceError(f"a path through {len(through)} places needs as many steps or more, got steps={steps}.")
    for kind in kinds:
        if kind not in KINDS:
            raise SpaceError(f"cannot walk '{space.name}' by kind={kind!r}: use {', '.join(map(repr, KINDS))}.")
    places = [_place(space, where) for where in through]
    legs = list(pairwise(places))
    counts = _share_out(np.array([np.linalg.norm(b - a) for a, b in legs]), steps - 1)
    line = _Way.along(space, "linear", legs, counts)
    ways = [line if kind == "linear" else _Way.along(space, kind, legs, counts) for kind in kinds]
    anchors = (0, *(int(step) for step in np.cumsum(counts)))
    return tuple(_as_path(space, way, line, anchors) for way in ways)


class _Way(NamedTuple):
    """A path before it is decoded: its places at the steps asked for, and what was measured at many more."""

    kind: Kind
    z: Vectors
    length: float
    decoded: float
    log_density: Floats
    percentile: Floats
    found: str

    @classmethod
    def along(cls, space: BaseSpace, kind: Kind, legs: list[tuple[Floats, Floats]], counts: list[int]) -> _Way:
        """legs: the ends of each, (D,); counts: steps from one to the other."""
        routes = routes_of(space)
        searched = kind in ("geodesic", "density")
        length = decoded = 0.0
        pieces = [legs[0][0][None]]
        for (a, b), count in zip(legs, counts, strict=True):
            straight = slerp if kind == "spherical" else lerp
            if searched:
                fine = routes.geodesic(space, a, b) if kind == "geodesic" else routes.dense(a, b)
            else:
                fine = straight(a, b, FINE)
            clock = travelled(space, fine)
            if searched:
                piece = resampled(fine, clock if kind == "geodesic" else lengths(fine), count + 1)
            else:
                piece = straight(a, b, count + 1)
            length += float(lengths(fine)[-1])
            decoded += float(clock[-1])
            pieces.append(piece[1:])
        z = np.concatenate(pieces).astype(np.float32)
        log_density = np.asarray(space.density(z), np.float64)
        percentile = np.asarray(space.percentile_of(log_density), np.float64)
        return cls(kind, z, length, decoded, log_density, percentile, routes.how(kind) if searched else "")


def _as_path(space: BaseSpace, way: _Way, line: _Way, anchors: tuple[int, ...]) -> Path:
    shorter = 1 - way.decoded / line.decoded if line.decoded > 0 else 0.0
    return Path(
        kind=way.kind,
        modality=space.schema.form,
        z=way.z,
        content=space.decode(way.z),
        anchors=anchors,
        log_density=way.log_density,
        density_percentile=way.percentile,
        length=way.length,
        decoded_length=way.decoded,
        gain=Gain(shorter, float(way.percentile.min() - line.percentile.min())),
        found=way.found,
    )


def _share_out(sizes: Floats, steps: int) -> list[int]:
    """Steps to each leg by its size, one at least, ``steps`` in all."""
    left = steps - len(sizes)
    exact = left * (sizes / sizes.sum() if sizes.sum() > 0 else np.full(len(sizes), 1 / len(sizes)))
    counts = np.floor(exact).astype(int)
    most = np.argsort(counts - exact, kind="stable")[: left - int(counts.sum())]
    counts[most] += 1
    return [int(count) + 1 for count in counts]


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
    if content is None:
        return table
    if isinstance(content, np.ndarray):
        flat = content.reshape(len(content), -1)
        return table.append_column("content", pa.array(list(flat)))
    generated = _frame_to_arrow(content)
    for name in generated.column_names:
        table = table.append_column(f"generated {name}" if name in columns else name, generated.column(name))
    return table


def _frame_to_arrow(content: Any) -> pa.Table:
    """A table of rows, whichever library it came from, as Arrow."""
    import pyarrow as pa

    if isinstance(content, pa.Table):
        return content
    return content.to_arrow() if hasattr(content, "to_arrow") else pa.Table.from_pandas(content, preserve_index=False)
