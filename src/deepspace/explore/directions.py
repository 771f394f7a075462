"""Directions: from one group of rows to another, with how sure it is, what else moves along it, and walks along it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

from deepspace.errors import SpaceError
from deepspace.explore.along import SideEffects, columns_of, numbers, side_effects
from deepspace.explore.certainty import LEAST, bootstrap, doubts, held_out, latents_at, scored
from deepspace.explore.groups import Group, pair
from deepspace.explore.paths import _frame_to_arrow, _need_steps, _place, _with_content
from deepspace.explore.separation import NORMALS
from deepspace.results import Tabular, figure
from deepspace.space.change import changed
from deepspace.space.moments import BLOCK, latent_moments

if TYPE_CHECKING:
    import pyarrow as pa

    from deepspace.space import BaseSpace

__all__ = ["Direction", "Method", "Shift", "direction"]

Method = Literal["means", "logistic"]
Floats = npt.NDArray[np.float64]

MOST_ROWS = {"means": 4000, "logistic": 1500}
"""Rows of each group that are drawn where it has more: the interval is narrow by then, and the answer soon there."""
_ALONG_ROWS, _DECODED = 2000, 32


@dataclass(frozen=True)
class Shift(Tabular):
    """A place moved along a direction in S steps, all of it generated.

    ``amounts``: (S,), 0 is the place itself and 1 the way from the average of B to the average of A; ``z``: (S, D);
    ``content``: the decode in the user's units; ``density_percentile``: (S,), 0 is emptier than every row.
    """

    amounts: Floats
    z: npt.NDArray[np.float32]
    content: Any
    log_density: Floats
    density_percentile: Floats

    def __len__(self) -> int:
        return len(self.amounts)

    def to_arrow(self) -> pa.Table:
        columns = {"amount": self.amounts, "log_density": self.log_density}
        return _with_content(columns | {"density_percentile": self.density_percentile}, self.content)

    def __str__(self) -> str:
        ends = f"{figure(float(self.amounts[0]))} to {figure(float(self.amounts[-1]))}"
        return f"{len(self)} places moved by {ends} of the way from B to A (generated)"


@dataclass(frozen=True, eq=False)
class Direction(Tabular):
    """The way from group B to group A.

    ``vector``: (D,), of length 1; ``low``, ``high``: (D,), 95 % of its bootstrap values. ``step``: the latent distance
    along it between the averages of the groups, with its interval. ``angle``: degrees within which the true direction
    lies with 95 % certainty; 180 says that the rows do not determine one. ``auc``: how often a row of A lies further
    along than a row of B, for ``held_out`` rows (of A, of B) and a direction that the other half of the rows made;
    None for groups of fewer than four. ``null``: the same for random pairs of groups of these sizes, and ``p`` how
    often those do as well. ``effects``: the columns that move along it. ``change``: what moving by one step changes in
    the decode, (*shape) in encoded pixels, or the user's units; for tables a number's change in its own units and the
    share of rows whose category changes, in the order of the features; NaN without a decoder. ``warnings``: what is
    wrong, first.
    """

    positive: Group
    negative: Group
    method: Method
    vector: Floats
    low: Floats
    high: Floats
    step: float
    step_interval: tuple[float, float]
    angle: float
    auc: float | None
    auc_interval: tuple[float, float] | None
    held_out: tuple[int, int]
    null: Floats
    p: float | None
    effects: SideEffects
    change: Floats
    warnings: tuple[str, ...]
    origin: float
    space: BaseSpace = field(repr=False)

    def project(self, x: Any = None, *, z: npt.ArrayLike | None = None) -> npt.NDArray[np.float32]:
        """How far along each of x (the user's units) or z (M, D) lies, (M,): 0 is the average of B and 1 that of A.
        Without either, every row of the space, (N,)."""
        if x is not None and z is not None:
            raise SpaceError("cannot project both x and z at once: give one, or neither for every row.")
        if x is None and z is None:
            means = self.space.latents.mean
            blocks = [self._scores(means[start : start + BLOCK]) for start in range(0, len(means), BLOCK)]
            return np.concatenate(blocks).astype(np.float32)
        return self._scores(self.space.encode(x) if z is None else np.atleast_2d(np.asarray(z))).astype(np.float32)

    def _scores(self, z: npt.NDArray[Any]) -> Floats:
        return np.asarray((np.asarray(z, np.float64) @ self.vector - self.origin) / self.step)

    def apply(self, start: int | npt.ArrayLike | None = None, amount: npt.ArrayLike = 1.0) -> Shift:
        """Move a row, latents (D,) or the average of all rows (no start) by ``amount`` times the way from B to A, for
        one amount or several, and decode each place."""
        space = self.space
        mean = latent_moments(space.latents.mean, space.latents.scale).mean if start is None else _place(space, start)
        amounts = np.atleast_1d(np.asarray(amount, np.float64))
        if amounts.ndim != 1 or not len(amounts) or not np.isfinite(amounts).all():
            raise SpaceError(f"a direction is applied by one finite amount or a list of them, got {amount!r}.")
        z = (mean + amounts[:, None] * self.step * self.vector).astype(np.float32)
        return Shift(
            amounts=amounts,
            z=z,
            content=space.decode(z),
            log_density=np.asarray(space.density(z), np.float64),
            density_percentile=np.asarray(space.density_percentile(z), np.float64),
        )

    def traverse(
        self, start: int | npt.ArrayLike | None = None, *, steps: int = 7, span: float = 1.5
    ) -> Shift:  # fmt: skip
        """``apply`` in equal steps from -span to +span times the way from B to A."""
        _need_steps(steps)
        return self.apply(start, np.linspace(-span, span, steps))

    def to_arrow(self) -> pa.Table:
        """One row a latent dimension; ``effects.to_arrow()`` has the columns that move along."""
        import pyarrow as pa

        dimensions = np.arange(len(self.vector))
        return pa.table({"dimension": dimensions, "component": self.vector, "low": self.low, "high": self.high})

    def __str__(self) -> str:
        low, high = self.step_interval
        lines = [f"direction from {self.negative} to {self.positive}, {_TITLES[self.method]}"]
        lines += [f"warning: {warning}" for warning in self.warnings]
        if self.auc is not None and self.auc_interval is not None:
            held, (least, most) = sum(self.held_out), self.auc_interval
            lines.append(
                f"held-out AUC {figure(self.auc)} ({figure(least)}-{figure(most)}, n = {held:,}); random pairs of "
                f"groups {figure(float(self.null.mean()))}, p = {figure(self.p, 2)} ({len(self.null)} pairs)"
            )
        known = f"known to within {self.angle:.0f} degrees" if self.angle < 90 else "not determined by these rows"
        lines.append(f"{known}; step {figure(self.step)} ({figure(low)}-{figure(high)})")
        return "\n".join([*lines, str(self.effects)])


_TITLES = {"means": "difference of means", "logistic": "normal of a logistic regression"}


def direction(
    space: BaseSpace, positive: Any, negative: Any = None, *, method: Method = "means", seed: int = 0
) -> Direction:
    """The direction from one group of rows (B, negative; else all the others) to another (A, positive).

    positive, negative: row numbers, a mask over all rows, ``{column: value or values}`` or an SQL condition.
    method: "means", the difference of the groups' means (White 2016), or "logistic", the normal of the plane that parts
    them. seed: of every draw. Of groups larger than a few thousand rows that many are drawn. The tests are those of
    Latent Space Cartography (Liu 2019): a bootstrap, a held-out half, and random pairs of groups. Raises SpaceError for
    groups that are empty, overlap or name rows or columns that are not there.
    """
    if method not in NORMALS:
        raise SpaceError(f"cannot find a direction by method={method!r}: use 'means' or 'logistic'.")
    rng = np.random.default_rng(seed)
    first, second = pair(space, positive, negative)
    groups = first.drawn(MOST_ROWS[method], rng), second.drawn(MOST_ROWS[method], rng)
    rows = rng.permutation(groups[0].rows), rng.permutation(groups[1].rows)
    a, b = latents_at(space, rows[0]), latents_at(space, rows[1])
    found = NORMALS[method](a, b)
    length = float(np.linalg.norm(found))
    step = float((a.mean(0) - b.mean(0)) @ found) / length if length > 0 else 0.0
    if step <= 1e-12:
        raise SpaceError(f"the two groups in '{space.name}' have the same average: there is no direction between them.")
    vector = found / length
    # All columns at once, since reading scattered rows means reading nearly all of the file.
    held, some = scored(rows), rng.choice(len(space), min(_ALONG_ROWS, len(space)), replace=False)
    columns = columns_of(space, np.concatenate([held, some]))
    tested = held_out(space, rows, method, rng, [column[: len(held)] for column in columns])
    turned = bootstrap(a, b, found, method, rng)
    effects = side_effects(
        latents_at(space, some) @ vector,
        [column[len(held) :] for column in columns],
        defining=groups[0].columns + groups[1].columns,
        within={name: alike.auc for name, alike in tested.alike.items() if min(alike.m, alike.n) >= LEAST},
        seed=int(rng.integers(1 << 31)),
    )
    return Direction(
        positive=groups[0],
        negative=groups[1],
        method=method,
        vector=vector,
        low=turned.low,
        high=turned.high,
        step=step,
        step_interval=turned.step,
        angle=turned.angle,
        auc=tested.auc,
        auc_interval=tested.interval,
        held_out=tested.sizes,
        null=tested.null,
        p=tested.p,
        effects=effects,
        change=_change(space, np.concatenate([a[:_DECODED], b[:_DECODED]]), vector * step),
        warnings=doubts(groups, method, turned, tested, effects),
        origin=float(b.mean(0) @ vector),
        space=space,
    )


def _change(space: BaseSpace, z: Floats, step: Floats) -> Floats:
    """What half a step back and half a step on from each of z (M, D) change in the decode, on average: (*shape)."""
    if "decoder" in space.lacks:
        return np.full(space.schema.shape, np.nan)
    before, after = (space.decode_encoded((z + side * step / 2).astype(np.float32)) for side in (-1, 1))
    schema: Any = space.schema
    if schema.form == "image":
        return np.asarray((after.astype(np.float64) - before).mean(0))
    if schema.form != "table":
        return np.asarray((np.asarray(schema.decode(after), np.float64) - np.asarray(schema.decode(before))).mean(0))
    found = changed(space, before, after).mean(0)
    tables = [_frame_to_arrow(schema.decode(encoded)) for encoded in (before, after)]
    for i, column in enumerate(schema.features):
        if column.kind in ("numeric", "integer", "date"):
            one, other = (numbers(table.column(column.name)) for table in tables)
            found[i] = np.nanmean(other - one)
    return np.asarray(found)
