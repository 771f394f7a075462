"""Other two dimensions to look at a space through: latent dimensions, principal components, the user's own columns.

Whatever the axes, every place decodes, by what the map does too: a linear guess for the place, and beside it what the
guess misses at the rows around (``deepspace.space.map.residual``). So the decode at a row's own place is that row's
reconstruction, and what two dimensions cannot say is that of the near rows, without a jump from one row to the next.

latent    (z_i, z_j): exactly these two are set; the others are those of the near rows
pca       m + p V: the first two principal components of the latents; the rest is that of the near rows
columns   the user's own numbers: nothing leads back to latents, so the near rows' latents are blended
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from deepspace.errors import SpaceError
from deepspace.results import Tabular, figure
from deepspace.space.map import measure_trust
from deepspace.space.map.outline import rows_inside
from deepspace.space.map.presence import Presence
from deepspace.space.map.residual import Residual

if TYPE_CHECKING:
    from deepspace.space import BaseSpace

__all__ = ["Axes", "axes"]

Kind = Literal["map", "latent", "pca", "columns"]
Which = str | Sequence[int] | Sequence[str]
Float = npt.NDArray[np.float32]

_BLOCK = 65_536
_TRUST_ROWS = 2_000
_NUMBERS = ("numeric", "integer", "date")
_PLAIN = ("numeric", "numeric")
_SIDE = 10.0
"""How wide own columns are drawn, each stretched to it unless their ranges are alike."""
_ALIKE = 4.0
"""Ranges within this factor keep one scale: two coordinates of one picture or one country must not be stretched."""


@dataclass(frozen=True)
class Axes(Tabular):
    """Two dimensions of a space of N rows, D latents.

    ``name``: what ``axes`` takes to give them again. ``labels``: as the page writes them;
    ``kinds``: of the numbers. ``positions``: (N, 2) float32, where each row lies; NaN where a row has no value. A place
    (x, y) reads ``origin + unit * place`` in the axes' own units: days since 1970-01-01 for dates, else as they are.
    ``explained``: the share of the latents' variance along each axis, where axes are of the latents. ``exact``: does a
    place lead back to latents by itself? Own columns do not: there the near rows are blended.
    """

    kind: Kind
    name: str
    labels: tuple[str, str]
    kinds: tuple[str, str]
    positions: Float
    origin: tuple[float, float] = (0.0, 0.0)
    unit: tuple[float, float] = (1.0, 1.0)
    explained: tuple[float, float] | None = None
    exact: bool = True
    centre: npt.NDArray[np.float64] = field(default_factory=lambda: np.zeros(0), repr=False)
    basis: npt.NDArray[np.float64] = field(default_factory=lambda: np.zeros((2, 0)), repr=False)
    space: BaseSpace = field(default=None, repr=False, compare=False)  # type: ignore[assignment]
    _lock: threading.RLock = field(default_factory=threading.RLock, repr=False, compare=False)

    def __len__(self) -> int:
        return len(self.positions)

    @cached_property
    def placed(self) -> npt.NDArray[np.int64]:
        """The rows that have a place, ascending."""
        return np.flatnonzero(np.isfinite(self.positions).all(1))

    @cached_property
    def bounds(self) -> tuple[float, float, float, float]:
        """(x0, y0, x1, y1) of the rows' places."""
        low, high = self._there.min(0), self._there.max(0)
        return float(low[0]), float(low[1]), float(high[0]), float(high[1])

    @cached_property
    def trust(self) -> dict[str, float | int]:
        """As the map's: {trustworthiness, continuity, n, k}, of the neighbours in the latents that these axes keep."""
        if self.kind == "map":
            return dict(self.space.map.trust)
        chosen = self.placed
        if len(chosen) > _TRUST_ROWS:
            chosen = np.sort(np.random.default_rng(0).choice(chosen, _TRUST_ROWS, replace=False))
        return measure_trust(np.asarray(self.space.latents.mean[chosen]), self.positions[chosen])

    def inverse_transform(self, places: npt.ArrayLike) -> Float:
        """(M, 2), or one (2,), -> (M, D) latents: a row's own at its place, defined everywhere, without jumps.

        Rows that share a place share the mean of their latents.
        """
        places = _checked(places, 2, "decode these axes", "coordinates")
        return self.space.map.inverse_transform(places) if self.kind == "map" else self._residual.add_to(places)

    def transform(self, z: npt.ArrayLike) -> Float:
        """(M, D), or one (D,), -> (M, 2). On own columns a latent lies where its nearest row does."""
        rows = _checked(z, self.space.latent_dim, "place on these axes", "latent dimensions")
        if self.kind == "map":
            return self.space.map.transform(rows)
        if self.kind == "columns":
            return self._nearest_placed(rows)
        return np.asarray((rows - self.centre) @ self.basis.T, np.float32)

    def has_data(self, places: npt.ArrayLike) -> npt.NDArray[np.bool_]:
        """(M, 2) -> (M,): is there a row at this place, at the scale of the rows' own spacing?"""
        if self.kind == "map":
            return self.space.map.has_data(places)
        return self._presence.has(np.atleast_2d(np.asarray(places, np.float32)))

    def inside(self, outline: npt.ArrayLike) -> npt.NDArray[np.int64]:
        """Row numbers, ascending, inside an outline on these axes, as ``space.map.inside`` gives those on the map."""
        return rows_inside(self.positions, outline)

    def prepare(self) -> None:
        """Builds the lookups now (about two seconds for 1,000,000 rows) instead of at the first question."""
        if self.kind == "map":
            self.space.map.prepare()
        else:
            self._residual.prepare()
            _ = self._presence

    def to_arrow(self) -> pa.Table:
        """A row's place in the axes' own units: two columns, in the order of the rows."""
        values = np.asarray(self.origin) + np.asarray(self.unit) * self.positions.astype(np.float64)
        return pa.table({label: pa.array(values[:, i]) for i, label in enumerate(self.labels)})

    def __str__(self) -> str:
        parts = [f"{self.labels[0]} x {self.labels[1]}: {len(self.placed):,} of {len(self):,} rows"]
        if self.explained is not None:
            shares = " + ".join(f"{100 * share:.0f} %" for share in self.explained)
            parts.append(f"{shares} of the latents' variance (n = {len(self):,})")
        if not self.exact:
            parts.append("a place between rows blends the latents of the near ones")
        trust = self.trust
        kept = ", ".join(f"{name} {figure(trust[name])}" for name in ("trustworthiness", "continuity") if name in trust)
        return "; ".join([*parts, f"{kept} (n = {trust['n']:,})"] if kept else parts)

    @property
    def _there(self) -> Float:
        return self.positions if len(self.placed) == len(self) else self.positions[self.placed]

    @property
    def _residual(self) -> Residual:
        with self._lock:
            return self._made_residual

    @cached_property
    def _made_residual(self) -> Residual:
        latents = self.space.latents.mean
        if len(self.placed) < len(self):
            latents = np.ascontiguousarray(latents[self.placed])
        return Residual(self._there, latents, self._guess)

    @property
    def _presence(self) -> Presence:
        with self._lock:
            return self._made_presence

    @cached_property
    def _made_presence(self) -> Presence:
        return Presence(self._there)

    def _guess(self, places: Float) -> Float:
        """(M, 2) -> (M, D): what the axes say by themselves."""
        return np.asarray(self.centre + np.asarray(places, np.float64) @ self.basis, np.float32)

    def _nearest_placed(self, rows: Float) -> Float:
        k = min(len(self), 1 if len(self.placed) == len(self) else 16)
        near = self.positions[self.space.neighbors(z=rows, k=k).index]  # (M, k, 2)
        first = np.isfinite(near).all(2).argmax(1)
        return np.asarray(near[np.arange(len(near)), first], np.float32)


def axes(space: BaseSpace, which: Which = "map") -> Axes:
    """The rows' places on "map", "pca", two latent dimensions (i, j), or two columns of the user's own ("x", "y").

    Pairs may also be written as the page's address has them: "latent:0,3", "columns:x,y". Dimensions count from 0.
    Raises SpaceError for axes that the space does not have.
    """
    kind, pair = _read(space, which)
    if kind == "map":
        return Axes("map", "map", ("map 1", "map 2"), _PLAIN, np.asarray(space.map.positions), space=space)
    if kind == "columns":
        return _columns(space, str(pair[0]), str(pair[1]))
    if space.latent_dim < 2:
        raise SpaceError(f"'{space.name}' has one latent dimension, so there are no two to look along; use the map.")
    return _pca(space) if kind == "pca" else _latent(space, int(pair[0]), int(pair[1]))


def _read(space: BaseSpace, which: Which) -> tuple[Kind, tuple[int, int] | tuple[str, str]]:
    """What was asked for: a kind, and the two that it names."""
    if isinstance(which, str):
        kind, _, rest = which.partition(":")
        if kind == "map" and not rest:
            return "map", (0, 0)
        if kind == "pca" and not rest:
            return "pca", (0, 0)
        if kind == "latent" and len(numbers := rest.split(",")) == 2 and all(n.strip().isdecimal() for n in numbers):
            return "latent", (int(numbers[0]), int(numbers[1]))
        if kind == "columns":
            return "columns", _two_names(space, rest)
    elif len(which) == 2:
        first, second = which
        if isinstance(first, (int, np.integer)) and isinstance(second, (int, np.integer)):
            return "latent", (int(first), int(second))
        if isinstance(first, str) and isinstance(second, str):
            return "columns", (first, second)
    raise SpaceError(
        f"'{space.name}' has no axes {which!r}: use 'map', 'pca', two latent dimensions such as (0, 1), "
        "or the names of two columns of numbers."
    )


def _two_names(space: BaseSpace, text: str) -> tuple[str, str]:
    """Two names with a comma between them; a name may hold commas itself, so the one that names columns is meant."""
    parts = text.split(",")
    pairs = [(",".join(parts[:i]), ",".join(parts[i:])) for i in range(1, len(parts))]
    known = [pair for pair in pairs if all(name in space.rows.names for name in pair)]
    return (known or pairs or [(text, "")])[0]


def _latent(space: BaseSpace, i: int, j: int) -> Axes:
    wrong = [d for d in (i, j) if not 0 <= d < space.latent_dim]
    if wrong:
        raise SpaceError(
            f"'{space.name}' has no latent dimension {wrong[0]}: it has {space.latent_dim}, counted from 0."
        )
    if i == j:
        raise SpaceError(f"two axes of '{space.name}' must differ, got latent dimension {i} twice.")
    mean, variance = _spread(space.latents.mean)
    basis = np.zeros((2, space.latent_dim))
    basis[[0, 1], [i, j]] = 1.0
    centre = mean.copy()
    centre[[i, j]] = 0.0
    shares = np.diag(variance) / max(np.trace(variance), 1e-30)
    return Axes(
        "latent", f"latent:{i},{j}", (f"dimension {i}", f"dimension {j}"), _PLAIN,
        np.ascontiguousarray(space.latents.mean[:, [i, j]], np.float32),
        explained=(float(shares[i]), float(shares[j])), centre=centre, basis=basis, space=space,
    )  # fmt: skip


def _pca(space: BaseSpace) -> Axes:
    """The eigenvectors of the latents' covariance; signs so that each has its largest entry positive, as sklearn's."""
    latents = space.latents.mean
    mean, variance = _spread(latents)
    values, vectors = np.linalg.eigh(variance)
    basis = vectors[:, ::-1][:, :2].T
    basis = basis * np.sign(basis[[0, 1], np.abs(basis).argmax(1)])[:, None]
    shares = values[::-1][:2] / max(float(np.trace(variance)), 1e-30)
    positions = np.empty((len(latents), 2), np.float32)
    for start in range(0, len(latents), _BLOCK):
        block = np.asarray(latents[start : start + _BLOCK], np.float64)
        positions[start : start + _BLOCK] = (block - mean) @ basis.T
    return Axes(
        "pca", "pca", ("component 1", "component 2"), _PLAIN, positions,
        explained=(float(shares[0]), float(shares[1])), centre=mean, basis=basis, space=space,
    )  # fmt: skip


def _spread(latents: Float) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Mean (D,) and covariance (D, D) of latents (N, D), block by block and in double."""
    origin = np.asarray(latents[0], np.float64)
    total, products = np.zeros(len(origin)), np.zeros((len(origin), len(origin)))
    for start in range(0, len(latents), _BLOCK):
        block = np.asarray(latents[start : start + _BLOCK], np.float64) - origin
        total += block.sum(0)
        products += block.T @ block
    shift = total / len(latents)
    return origin + shift, products / len(latents) - np.outer(shift, shift)


def _columns(space: BaseSpace, first: str, second: str) -> Axes:
    if first == second:
        raise SpaceError(f"two axes of '{space.name}' must differ, got the column '{first}' twice.")
    values = np.stack([_numbers(space, name) for name in (first, second)], 1)
    values[~np.isfinite(values).all(1)] = np.nan
    there = np.isfinite(values[:, 0])
    if int(there.sum()) < 2:
        raise SpaceError(f"'{space.name}' has no two rows with both '{first}' and '{second}'; choose other columns.")
    low, high = values[there].min(0), values[there].max(0)
    reach = np.where(high > low, high - low, 1.0)
    if reach.max() <= _ALIKE * reach.min():
        reach[:] = reach.max()
    unit, origin = reach / _SIDE, (low + high) / 2
    mean, _ = _spread(space.latents.mean)
    return Axes(
        "columns", f"columns:{first},{second}", (first, second), (_kind(space, first), _kind(space, second)),
        np.ascontiguousarray((values - origin) / unit, np.float32),
        origin=(float(origin[0]), float(origin[1])), unit=(float(unit[0]), float(unit[1])), exact=False,
        centre=mean, basis=np.zeros((2, space.latent_dim)), space=space,
    )  # fmt: skip


def _kind(space: BaseSpace, name: str) -> str:
    kind = next((column.kind for column in space.schema.columns if column.name == name), "")
    return str(kind) if name in space.rows.names else ""


def _numbers(space: BaseSpace, name: str) -> npt.NDArray[np.float64]:
    """A column of the user's as (N,) float64, NaN where missing; dates as days since 1970-01-01."""
    kind = _kind(space, name)
    if kind not in _NUMBERS:
        known = [c.name for c in space.schema.columns if c.kind in _NUMBERS and c.name in space.rows.names]
        why = f"'{name}' holds {kind}" if kind else f"there is no column '{name}'"
        choice = ", ".join(f"'{n}'" for n in known[:12]) or "none"
        raise SpaceError(f"'{space.name}' cannot be laid out by '{name}': {why}; columns of numbers are: {choice}.")
    values: pa.ChunkedArray = space.rows.column(name)
    if pa.types.is_temporal(values.type):
        stamps = values.cast(pa.timestamp("ms")).cast(pa.int64()).cast(pa.float64())
        return np.asarray(stamps.to_numpy(), np.float64) / 86_400_000
    return np.array(values.cast(pa.float64(), safe=False).to_numpy(), np.float64)


def _checked(values: npt.ArrayLike, width: int, task: str, what: str) -> Float:
    rows = np.atleast_2d(np.asarray(values, np.float32))
    if rows.ndim != 2 or rows.shape[1] != width or not np.isfinite(rows).all():
        raise SpaceError(f"cannot {task}: pass (n, {width}) finite {what}, got shape {np.shape(values)}.")
    return rows
