"""A page for every unit: the real items that drive it, where in them it looked, and what it goes with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from deepspace.errors import SpaceError
from deepspace.explore.association import Column, Design, association, permutation_p, ranks
from deepspace.explore.discovery import adjusted
from deepspace.layers.descriptors import descriptors
from deepspace.layers.layers import Layer, Layers
from deepspace.layers.network import Part, watch
from deepspace.layers.recording import Recording, record
from deepspace.results import Tabular, figure, text_table

if TYPE_CHECKING:
    import pyarrow as pa
    import torch

__all__ = ["Box", "Driver", "Link", "Unit", "Units", "drivers", "unit", "units"]

Floats = npt.NDArray[np.float64]
Box = tuple[tuple[int, int], ...]
"""(first, last + 1) along each axis of the input that has positions: rows and columns of a picture, a signal's time."""

FDR = 0.05
_LEAST = 0.15
"""The weakest association by which a unit is named: below, it is sure and says little."""
_PERMUTATIONS = 2000
_THEIRS = 0.8
"""What a descriptor counts beside a column of the user's: where both fit about as well, a unit has the user's word."""


@dataclass(frozen=True)
class Link:
    """A unit and a column.

    ``strength``: rank correlation with numbers, -1..1; for categories the root of the share of the ranks' variance
    between them, 0..1. ``value``: the category most over-represented where the unit answers most; ``area``: how often
    it answers more to a row of that category than to another, .5 by chance. ``p``: by permutation; ``q``: adjusted over
    all units of the layer and all columns (Benjamini & Hochberg 1995).
    """

    column: str
    strength: float
    p: float
    q: float
    value: str | None = None
    area: float | None = None
    descriptor: bool = False

    @property
    def phrase(self) -> str:
        """In words: "digit is 3", "more edge energy"."""
        if self.value is not None:
            return f"{self.column} is {self.value}"
        return f"{'more' if self.strength > 0 else 'less'} {self.column}"


@dataclass(frozen=True)
class Unit:
    """A unit in short. ``links``: those that pass FDR and are not weak, strongest first; empty: it has no name."""

    layer: str
    index: int
    links: tuple[Link, ...]
    mean: float
    deviation: float
    fires: float
    """The share of rows at which it answers above 0."""

    @property
    def name(self) -> str | None:
        return self.links[0].phrase if self.links else None


@dataclass(frozen=True)
class Units(Tabular):
    """All units of a layer. ``n``: rows; ``tested``: pairs of unit and column that were tested together."""

    layer: Layer
    items: tuple[Unit, ...]
    n: int
    tested: int

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, index: int) -> Unit:
        return self.items[index]

    @property
    def named(self) -> tuple[Unit, ...]:
        """Those with a name, strongest first."""
        return tuple(sorted((u for u in self.items if u.links), key=lambda u: -abs(u.links[0].strength)))

    def to_arrow(self) -> pa.Table:
        import pyarrow as pa

        first = [u.links[0] if u.links else None for u in self.items]
        return pa.table(
            {
                "unit": [u.index for u in self.items],
                "name": [u.name for u in self.items],
                "strength": [None if k is None else k.strength for k in first],
                "q": [None if k is None else k.q for k in first],
                "mean": [u.mean for u in self.items],
                "deviation": [u.deviation for u in self.items],
                "fires": [u.fires for u in self.items],
            }
        )

    def __str__(self) -> str:
        rows = [
            (str(u.index), u.name or "", figure(u.links[0].strength, 2), figure(u.links[0].q, 2), f"{u.fires:.0%}")
            for u in self.named
        ]
        tail = (
            f"{len(self.named):,} of {len(self.items):,} units of {self.layer.name} have a name "
            f"(q at most {FDR}, {self.tested:,} tests by permutation, n = {self.n:,})"
        )
        return f"{text_table(('unit', 'goes with', 'strength', 'q', 'fires'), rows)}\n{tail}"


@dataclass(frozen=True)
class Driver:
    """A row that drives a unit. ``box``: what of the item reaches the unit where it answers most; None where all of it
    does, or where nobody can say (the unit is silent there)."""

    row: int
    answer: float
    box: Box | None


def units(
    listed: Layers,
    layer: str,
    *,
    recording: Recording | None = None,
    columns: list[Column] | None = None,
    seed: int = 0,
    tell: Callable[[str], None] | None = None,
) -> Units:
    """What each unit of a layer goes with: its peaks against all columns, by rank, with a permutation null.

    columns: at the recording's rows; those of the network without, and what can be measured of pictures and signals.
    """
    own = recording is None
    chosen = listed[layer]
    made = record(listed, names=[layer], tell=tell) if recording is None else recording
    try:
        peaks = made.peaks(layer).astype(np.float64)
        known, looks = (made.network.columns(made.rows), looked(made)) if columns is None else (columns, [])
        taken = {c.name for c in known}
        asked = [*known, *(c for c in looks if c.name not in taken)]
        links = _links(peaks, asked, {c.name for c in looks} - taken, seed)
    finally:
        if own:
            made.close()
    items = tuple(
        Unit(layer, i, links[i], float(peaks[:, i].mean()), float(peaks[:, i].std()), float((peaks[:, i] > 0).mean()))
        for i in range(peaks.shape[1])
    )
    return Units(chosen, items, len(peaks), len(items) * len(asked))


def looked(made: Recording) -> list[Column]:
    """The descriptors of a recording's items."""
    parts = np.array_split(made.rows, -(-len(made.rows) // 256))
    return descriptors(np.concatenate([made.network.inputs(part).cpu().numpy() for part in parts]))


def _links(peaks: Floats, columns: list[Column], looks: set[str], seed: int) -> list[tuple[Link, ...]]:
    if not columns:
        return [()] * peaks.shape[1]
    design = Design.of(columns, slice(0, len(peaks)))
    ranked = ranks(peaks.T)
    found = association(ranked, design)
    p = permutation_p(np.abs(found), design, _PERMUTATIONS, np.random.default_rng(seed))
    q = adjusted(p)
    out = []
    for i in range(len(ranked)):
        passed = [j for j in np.argsort(-np.abs(found[i])) if q[i, j] <= FDR and abs(found[i, j]) >= _LEAST]
        links = [_link(columns[j], ranked[i], found[i, j], p[i, j], q[i, j], looks) for j in passed]
        out.append(tuple(sorted(links, key=lambda k: -abs(k.strength) * (_THEIRS if k.descriptor else 1))))
    return out


def _link(column: Column, ranked: Floats, strength: float, p: float, q: float, looks: set[str]) -> Link:
    numbers = float(strength), float(p), float(q)
    if column.categories is None:
        return Link(column.name, *numbers, descriptor=column.name in looks)
    best = _driven(column, ranked)
    if best is None:
        return Link(column.name, *numbers)
    known = column.known
    inside = int((column.values == best).sum())
    others = int(known.sum()) - inside
    again = ranks(ranked[known][None])[0][column.values[known] == best].sum()
    area = (again - inside * (inside + 1) / 2) / max(1, inside * others)
    return Link(column.name, *numbers, value=column.categories[best], area=float(area))


def _driven(column: Column, ranked: Floats) -> int | None:
    """The category that is most over-represented where the unit answers most: a twentieth of the rows, at least 20.

    Not the one with the highest mean rank, which need not be among the items that drive the unit at all.
    """
    known = np.flatnonzero(column.known)
    codes, width = column.values[known].astype(int), len(column.categories or ())
    strongest = np.argsort(-ranked[known], kind="stable")[: max(20, len(known) // 20)]
    whole, top = np.bincount(codes, minlength=width), np.bincount(codes[strongest], minlength=width)
    if not len(known) or len(strongest) == len(known):
        return None
    # One row of a rare category is no evidence: a row of each is added to both sides.
    return int(np.argmax(np.where(whole >= 5, (top + 1) / (whole + len(known) / len(strongest)), -1)))


def drivers(
    listed: Layers, layer: str, unit: int, recording: Recording, *, count: int = 9, least: bool = False
) -> tuple[Driver, ...]:
    """The rows that drive a unit most, or least, strongest first, each with what of it the unit saw."""
    chosen = _checked(listed, layer, unit)
    peaks = recording.peaks(layer)[:, unit]
    order = np.argsort(peaks if least else -peaks, kind="stable")[:count]
    rows = recording.rows[order]
    boxes = _boxes(listed, chosen, unit, rows)
    return tuple(Driver(int(r), float(peaks[i]), box) for r, i, box in zip(rows, order, boxes, strict=True))


def unit(
    listed: Layers, layer: str, index: int, *, recording: Recording | None = None, seed: int = 0
) -> tuple[Unit, tuple[Driver, ...], tuple[Driver, ...]]:
    """One unit's page: what it goes with, and the rows that drive it most and least."""
    _checked(listed, layer, index)
    made = record(listed, names=[layer]) if recording is None else recording
    try:
        found = units(listed, layer, recording=made, seed=seed)[index]
        most, few = (drivers(listed, layer, index, made, least=least) for least in (False, True))
    finally:
        if recording is None:
            made.close()
    return found, most, few


def _checked(listed: Layers, layer: str, unit: int) -> Layer:
    chosen = listed[layer]
    if not 0 <= unit < chosen.units:
        raise SpaceError(f"Layer {layer!r} has units 0 to {chosen.units - 1}, and unit {unit} was asked for.")
    return chosen


def _boxes(listed: Layers, layer: Layer, unit: int, rows: npt.NDArray[np.int64]) -> list[Box | None]:
    """The box around all inputs that the gradient of the unit's largest answer reaches, row by row."""
    import torch

    x = listed.network.inputs(rows)
    positions = x.ndim - 2
    if positions < 1 or not torch.is_floating_point(x):
        return [None] * len(rows)
    answer: list[torch.Tensor] = []

    def note(name: str, part: Part, module: torch.nn.Module, output: torch.Tensor) -> torch.Tensor:
        if name == layer.name:
            answer.append(output)
        return output.clone()  # a layer after may work in place, which the gradient would not survive

    with watch(listed.network, note) as run, torch.enable_grad():
        x = x.clone().requires_grad_(True)
        run(x)
        own = answer[0].movedim(layer.axis + 1, 1)[:, unit] if answer[0].ndim > 1 else answer[0]
        peak = own.reshape(len(rows), -1).amax(1).sum()
        if not peak.requires_grad:
            return [None] * len(rows)
        (slope,) = torch.autograd.grad(peak, x, allow_unused=True)
    if slope is None:
        return [None] * len(rows)
    reached = (slope.abs() > 0).any(1).cpu().numpy()
    return [_around(line) for line in reached]


def _around(reached: npt.NDArray[np.bool_]) -> Box | None:
    if not reached.any() or reached.all():
        return None
    spans = []
    for axis in range(reached.ndim):
        along = np.flatnonzero(reached.any(tuple(a for a in range(reached.ndim) if a != axis)))
        spans.append((int(along[0]), int(along[-1]) + 1))
    return None if all(span == (0, size) for span, size in zip(spans, reached.shape, strict=True)) else tuple(spans)
