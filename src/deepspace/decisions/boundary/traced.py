"""The decision on the map: where it changes as places of the map decode, and as the real rows around are decided."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

from deepspace.decisions.boundary.lines import Pair, trace
from deepspace.decisions.boundary.refine import Lattice, Refined, refine
from deepspace.errors import SpaceError
from deepspace.explore.field import Grid
from deepspace.results import Tabular, figure, wilson

if TYPE_CHECKING:
    import pyarrow as pa

    from deepspace.decisions.audit import Audit
    from deepspace.decisions.boundary.proxy import Proxy
    from deepspace.decisions.predictors import Answers

__all__ = ["Boundary", "boundary", "check_decodes", "leads", "static_boundary"]

View = Literal["generative", "static"]
Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

NEAR = 15
"""Real rows that vote in the static view."""
_FINEST = 4096
_ELEMENTS = 1 << 24
"""Elements decoded at a time."""


@dataclass(frozen=True, eq=False)
class Boundary(Grid, Tabular):
    """Where one predictor's decision changes on the map.

    ``values``: (rows, columns) the score that the decision hangs on at each place (``Answers.score``; in the static
    view the share of the votes that the outcome has), NaN where there is no data; ``outcome``: (rows, columns), places
    among ``outcomes``, -1 where there is no data. ``lines``: polylines (n, 2) in map units, each between the two
    outcomes of ``between``. ``view``: "generative", what places decode to, or "static", how the real rows nearest on
    the map are decided. ``calls``: items that the predictor was asked about, of ``full`` for the whole lattice.
    ``accuracy``, ``interval``, ``n``: of the static view, the share of rows whose own decision their neighbours have.
    """

    outcome: npt.NDArray[np.int16]
    lines: tuple[Floats, ...]
    between: tuple[Pair, ...]
    outcomes: tuple[str, ...]
    predictor: str
    view: View
    calls: int
    full: int
    accuracy: float | None = None
    interval: tuple[float, float] | None = None
    n: int = 0

    def at(self, places: npt.ArrayLike) -> Ints:
        """Map positions (M, 2) -> the outcome of the nearest place of the lattice, -1 without data."""
        across, up = (np.rint(v).astype(np.int64) for v in self.cells(places))
        rows, columns = self.outcome.shape
        inside = (across >= 0) & (up >= 0) & (across < columns) & (up < rows)
        return np.where(inside, self.outcome[np.where(inside, up, 0), np.where(inside, across, 0)], -1)

    @property
    def length(self) -> float:
        """Of all lines, in map units."""
        return float(sum(np.linalg.norm(np.diff(line, axis=0), axis=1).sum() for line in self.lines))

    def to_arrow(self) -> pa.Table:
        """One row a point of the lines."""
        import pyarrow as pa

        sizes = [len(line) for line in self.lines]
        at = np.concatenate([*self.lines, np.empty((0, 2))])
        return pa.table({
            "line": np.repeat(np.arange(len(sizes)), sizes), "x": at[:, 0], "y": at[:, 1],
            "outcome": np.repeat([self.outcomes[a] for a, _ in self.between], sizes).astype(str),
            "other": np.repeat([self.outcomes[b] for _, b in self.between], sizes).astype(str),
        })  # fmt: skip

    def __str__(self) -> str:
        counts = np.bincount(self.outcome[self.outcome >= 0], minlength=len(self.outcomes))
        total = max(int(counts.sum()), 1)
        shares = ", ".join(f"{o} {100 * c / total:.3g} %" for o, c in zip(self.outcomes, counts, strict=True))
        lines = f"{len(self.lines)} lines, {figure(self.length)} map units long"
        if self.view == "static":
            assert self.interval is not None
            low, high = self.interval
            own = f"{figure(self.accuracy)} ({figure(low)} to {figure(high)}, n = {self.n:,}) of rows decided as shown"
            return f"decision of {self.predictor} by the real rows nearest on the map: {shares}; {lines}; {own}"
        return (
            f"decision of {self.predictor} on what the map decodes to: {shares}; {lines}; {self.calls:,} items asked "
            f"instead of {self.full:,}"
        )


def boundary(
    audit: Audit,
    *,
    resolution: int = 32,
    depth: int = 4,
    proxy: Proxy | None = None,
    tell: Callable[[Boundary, bool], None] | None = None,
) -> Boundary:
    """The decision at the places of the map: each is decoded and shown to the predictor.

    resolution: coarse cells along the map's longer side, all of whose corners are asked; depth: how often a cell in
    which something disagrees is cut in four, so that lines are as fine as 1 / (resolution * 2**depth) of that side.
    proxy: what rows decode to, if it is known: a cell that holds a row decided otherwise than its corners is cut too.
    tell: hears the boundary after each batch, and whether it is the last. Only where there is data.

    Raises SpaceError without a decoder, and for a lattice that is none or too fine.
    """
    check_decodes(audit)
    lattice = _lattice(audit, resolution, depth)
    there = audit.space.map.has_data(lattice.places(np.arange(lattice.rows * lattice.columns)))
    there = there.reshape(lattice.rows, lattice.columns)
    near = _Nearest(audit)
    witnesses = None if proxy is None else (audit.space.map.positions[proxy.rows], proxy.rebuilt.outcome)

    def ask(places: npt.NDArray[np.float32]) -> tuple[Ints, Floats]:
        step = max(1, _ELEMENTS // int(np.prod(audit.space.schema.shape)))
        parts = [_asked(audit, places[i : i + step], near) for i in range(0, len(places), step)]
        return np.concatenate([p[0] for p in parts]), np.concatenate([p[1] for p in parts])

    def made(found: Refined) -> Boundary:
        return _boundary(audit, found, there, "generative", found.calls + (0 if proxy is None else len(proxy.rows)))

    heard = None if tell is None else lambda found, last: tell(made(found), last)
    return made(refine(lattice, there, ask, witnesses=witnesses, tell=heard))


def static_boundary(audit: Audit, *, resolution: int = 32, depth: int = 3, k: int = NEAR) -> Boundary:
    """The decision by vote of the k real rows nearest on the map, which needs no decoder; beside it how often a row's
    own decision is that of the k others nearest to it. An odd k leaves no ties between two outcomes."""
    from scipy.spatial import cKDTree

    lattice = _lattice(audit, resolution, depth)
    there = audit.space.map.has_data(lattice.places(np.arange(lattice.rows * lattice.columns)))
    positions, own = np.asarray(audit.space.map.positions[audit.rows]), audit.answers.outcome
    k = max(1, min(k, len(positions) - 1))
    tree, kinds = cKDTree(positions), np.eye(len(audit.outcomes))

    def ask(places: npt.NDArray[np.float32]) -> tuple[Ints, Floats]:
        near = tree.query(places, k=k)[1].reshape(len(places), -1)
        votes = kinds[own[near]].mean(1)
        return votes.argmax(1), votes

    found = refine(lattice, there.reshape(lattice.rows, lattice.columns), ask)
    some = np.unique(np.linspace(0, len(positions) - 1, 5000).astype(np.int64))
    right = _left_out(tree, positions, own, kinds, some, k)
    made = _boundary(audit, found, there.reshape(lattice.rows, lattice.columns), "static", len(positions))
    return Boundary(**{
        **vars(made), "full": len(positions), "accuracy": right / len(some), "interval": wilson(right, len(some)),
        "n": len(some),
    })  # fmt: skip


def _left_out(tree: Any, positions: npt.NDArray[np.floating], own: Ints, kinds: Floats, some: Ints, k: int) -> int:
    near = tree.query(positions[some], k=k + 1)[1].reshape(len(some), -1)
    others = near != some[:, None]
    # With exact doubles the row itself may be absent: then the farthest goes.
    others[others.all(1), -1] = False
    votes = kinds[own[near[others].reshape(len(some), -1)]].mean(1)
    return int((votes.argmax(1) == own[some]).sum())


def check_decodes(audit: Audit) -> None:
    """Raises SpaceError where places of the map cannot be shown to the predictor."""
    if "decoder" in audit.space.lacks:
        raise SpaceError(
            f"'{audit.space.name}' has no decoder, so that no place of its map can be shown to "
            f"{audit.predictor.name}; static_boundary() needs none."
        )


def leads(answers: Answers) -> Floats:
    """(M, K): what a decision is made by, the outcome's own being the largest; of two outcomes how far the score is on
    the side of each."""
    if answers.threshold is None:
        return answers.scores
    side = answers.score - answers.threshold
    return np.stack([-side, side], 1)


class _Nearest:
    """The row nearest on the map: its values stand in columns that the predictor wants and the space did not learn."""

    def __init__(self, audit: Audit) -> None:
        from scipy.spatial import cKDTree

        self._rows = audit.rows
        self._tree = cKDTree(np.asarray(audit.space.map.positions[audit.rows]))

    def of(self, places: npt.NDArray[np.float32]) -> Ints:
        return np.asarray(self._rows[self._tree.query(places)[1]], np.int64)


def _asked(audit: Audit, places: npt.NDArray[np.float32], near: _Nearest) -> tuple[Ints, Floats]:
    answers = audit.ask_latents(audit.space.map.inverse_transform(places), like=near.of(places))
    return answers.outcome, leads(answers)


def _lattice(audit: Audit, resolution: int, depth: int) -> Lattice:
    if resolution < 2 or depth < 0 or resolution * 2**depth > _FINEST:
        raise SpaceError(
            f"a boundary on '{audit.space.name}' needs a resolution of 2 or more, a depth of 0 or more, and at most "
            f"{_FINEST:,} fine cells along a side; got {resolution} and {depth}."
        )
    return Lattice.over(audit.space.map.bounds, resolution, depth)


def _boundary(audit: Audit, found: Refined, there: npt.NDArray[np.bool_], view: View, calls: int) -> Boundary:
    lattice, lead = found.lattice, found.lead
    nodes, cells = np.unique(found.torn, return_inverse=True)
    places = np.stack([lattice.origin[0] + lattice.cell * (nodes % lattice.columns),
                       lattice.origin[1] + lattice.cell * (nodes // lattice.columns)], 1)  # fmt: skip
    flat = found.outcome.ravel()
    lines, between = trace(places, flat[nodes].astype(np.int64), lead[nodes], cells.reshape(-1, 4))
    bare = (found.outcome < 0) | ~there
    values = lead[:, 1] + (audit.threshold or 0.0) if view == "generative" and audit.threshold is not None else (
        lead.max(1)
    )  # fmt: skip
    return Boundary(
        np.where(bare, np.nan, values.reshape(bare.shape)).astype(np.float32), lattice.origin, lattice.cell,
        np.where(bare, -1, found.outcome).astype(np.int16), lines, between, audit.outcomes, audit.predictor.name,
        view, calls, found.full,
    )  # fmt: skip
