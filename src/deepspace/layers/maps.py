"""A map of rows for every layer, each laid over the one before, so that one sees what a layer moves together."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from deepspace.errors import SpaceError
from deepspace.explore.association import Column
from deepspace.layers.concepts import LATENT
from deepspace.layers.layers import BATCH, Layers
from deepspace.layers.network import Network, SpaceNetwork
from deepspace.layers.recording import Recording, pick_rows, record, summary
from deepspace.results import Tabular, figure, text_table

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["INPUT", "LayerMap", "MapSeries", "Separation", "layer_map", "layer_maps"]

INPUT = "input"
"""What the rows themselves are called among the layers."""

_COMPONENTS = 50
_NEIGHBOURS, _VOTERS = 15, 5
_EARLY, _LATE = 50, 150
"""Steps of the layout. The early ones, which pull clusters together so that they pass each other, are for a map without
one before: they would turn clusters about that lie well (digits: equal layers move by .14 of the spread, else .05)."""
_FEWEST, _STRAIGHT = 3, 8
_TRUST_ROWS = 2000
_INPUT_WIDTH = 4096
_EXACT_WIDTH = 1024
_TWIN = 1e-4
"""Rows closer than this share of the layer's size are one row to the layout: rounding must not make islands."""

Rows = npt.NDArray[np.int64]
Singles = npt.NDArray[np.float32]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Separation:
    """How well a column is told by the five nearest other rows in a layer's features, of ``n`` rows with a value.

    Categories: the share told right, beside that of always saying the commonest (``baseline``). Numbers: 1 - squared
    error / variance, beside 0.
    """

    column: str
    value: float
    baseline: float
    n: int


@dataclass(frozen=True, eq=False)
class LayerMap:
    """Rows as one layer sees them.

    ``rows``: (M,) their numbers; ``positions``: (M, 2) float32, on the scale and at the place of the map that it was
    laid over. ``trustworthiness``, ``continuity``: against the layer's features, of ``measured`` rows (1: no false
    neighbours, none torn away; 0.5: chance; NaN where the layer answers the same to every row). ``moved``: mean
    distance from where a row lies on the map before, in units of that map's spread (root mean square distance from its
    centre; layers that answer the same to every row are passed over); None where there is none before.
    """

    layer: str
    rows: Rows = field(repr=False)
    positions: Singles = field(repr=False)
    trustworthiness: float
    continuity: float
    measured: int
    moved: float | None = None
    separation: dict[str, Separation] = field(default_factory=dict)

    def __str__(self) -> str:
        lines = [
            f"{self.layer}: {len(self.rows):,} rows, trustworthiness {self.trustworthiness:.3f}, "
            f"continuity {self.continuity:.3f} ({self.measured:,} rows)"
        ]
        if self.moved is not None:
            lines[0] += f", moved by {figure(self.moved, 2)} of the spread"
        for found in self.separation.values():
            lines.append(
                f"  {found.column}: {figure(found.value)} (baseline {figure(found.baseline)}, n = {found.n:,})"
            )
        return "\n".join(lines)


@dataclass(frozen=True, eq=False)
class MapSeries(Tabular):
    """Maps of the same rows in the order of the layers, each laid over the one before."""

    network: str
    rows: Rows = field(repr=False)
    items: tuple[LayerMap, ...]

    def __len__(self) -> int:
        return len(self.items)

    def __iter__(self) -> Iterator[LayerMap]:
        return iter(self.items)

    def __getitem__(self, layer: str) -> LayerMap:
        """By the layer's name. Raises SpaceError for one that is not there."""
        found = {item.layer: item for item in self.items}
        if layer not in found:
            raise SpaceError(f"'{self.network}' has no map of {layer!r}: there are those of {', '.join(found)}.")
        return found[layer]

    def to_arrow(self) -> pa.Table:
        """A row per layer and row: layer, row, x, y. The maps' own figures are in ``items`` and in what is printed."""
        import pyarrow as pa

        layers = [item.layer for item in self.items for _ in range(len(self.rows))]
        places = np.concatenate([item.positions for item in self.items])
        rows = np.tile(self.rows, len(self.items))
        return pa.table({"layer": layers, "row": rows, "x": places[:, 0], "y": places[:, 1]})

    def __str__(self) -> str:
        columns = list(dict.fromkeys(name for item in self.items for name in item.separation))
        header = ("layer", "trustworthiness", "continuity", "moved", *columns)
        lines = []
        for item in self.items:
            told = [item.separation.get(name) for name in columns]
            figures = [figure(None if each is None else each.value) for each in told]
            quality = f"{item.trustworthiness:.3f}", f"{item.continuity:.3f}"
            lines.append((item.layer, *quality, figure(item.moved, 2), *figures))
        return f"{len(self.rows):,} rows of '{self.network}'\n{text_table(header, lines)}"


def layer_map(
    listed: Layers,
    layer: str,
    *,
    recording: Recording | None = None,
    start: npt.ArrayLike | None = None,
    seed: int = 0,
    tell: Callable[[str], None] | None = None,
) -> LayerMap:
    """Rows as one layer sees them: the layout that maps of spaces have (``deepspace.space.map.layout``), of neighbours
    among at most 50 principal components of the layer's features.

    layer: a name among ``listed.names``, or "input" for the rows themselves, or "latent" for a space's posterior means.
    Features keep the scale they have in the layer, so that a unit which hardly answers moves nothing. recording: whose
    rows and features are used; without, at most 4,000 rows are recorded. start: (M, 2) where the rows lie on another
    map, which the layout begins from and is then laid over by rotation, reflection and scale; of a space, without, its
    own map. Raises SpaceError for a layer that is not there, and where the rows are fewer than 3.
    """
    return _maps(listed, [layer], recording, start, seed, tell)[0]


def layer_maps(
    listed: Layers,
    names: Sequence[str] | None = None,
    *,
    recording: Recording | None = None,
    start: npt.ArrayLike | None = None,
    seed: int = 0,
    tell: Callable[[str], None] | None = None,
) -> MapSeries:
    """``layer_map`` of several layers at the same rows, each begun from the one before and laid over it.

    names: in the order that the maps follow each other; without, "input", all layers that the recording has (of a
    space the encoder's), and of a space "latent". start: what the first begins from.
    """
    chosen = _names(listed, recording) if names is None else list(names)
    if not chosen:
        raise SpaceError(f"Maps of '{listed.network.name}' need at least one layer.")
    found = _maps(listed, chosen, recording, start, seed, tell)
    return MapSeries(listed.network.name, found[0].rows, tuple(found))


def _names(listed: Layers, recording: Recording | None) -> list[str]:
    layers = listed.items if recording is None else recording.layers
    names = [layer.name for layer in layers if layer.part != "decoder"]
    ends = [LATENT] if isinstance(listed.network, SpaceNetwork) else []
    return list(dict.fromkeys([INPUT, *names, *ends]))


def _maps(
    listed: Layers,
    names: list[str],
    recording: Recording | None,
    start: npt.ArrayLike | None,
    seed: int,
    tell: Callable[[str], None] | None,
) -> list[LayerMap]:
    network = listed.network
    # A layer of the network's own that bears such a name goes first.
    made = {INPUT, *([LATENT] if isinstance(network, SpaceNetwork) else [])} - set(listed.names)
    recorded = [name for name in names if name not in made]
    own = recording is None and bool(recorded)
    if own:
        recording = record(listed, names=recorded, tell=tell)
    rows = pick_rows(network.held_out, network.rows) if recording is None else recording.rows
    if len(rows) < _FEWEST:
        raise SpaceError(f"A map of '{network.name}' needs at least {_FEWEST} rows, got {len(rows)}.")
    before = _start(network, rows, start)
    columns = network.columns(rows)
    found: list[LayerMap] = []
    try:
        for name in names:
            if name in made or recording is None:
                features = _inputs(network, rows) if name == INPUT else _latents(network, rows)
            else:
                features = recording.features(name)
            found.append(_map(name, features, rows, before, columns, seed))
            if before is None or np.isfinite(found[-1].trustworthiness):
                before = found[-1].positions.astype(np.float64)  # A layer that tells no rows apart is passed over.
            if tell is not None:
                tell(f"map of layer {name} of '{network.name}'")
    finally:
        if own and recording is not None:
            recording.close()
    return found


def _start(network: Network, rows: Rows, start: npt.ArrayLike | None) -> Floats | None:
    if start is None:
        return np.asarray(network.space.map.positions[rows], np.float64) if isinstance(network, SpaceNetwork) else None
    given = np.asarray(start, np.float64)
    if given.shape != (len(rows), 2) or not np.isfinite(given).all():
        raise SpaceError(f"start needs a finite place for every row, ({len(rows)}, 2), got shape {given.shape}.")
    return given


def _inputs(network: Network, rows: Rows) -> Singles:
    """(M, w): the rows as the network takes them, flat, or their summary where those are more than 4,096 numbers. A
    cell that is missing is the mean of its column."""
    parts = [
        summary(network.inputs(rows[at : at + BATCH]).float(), 0, _INPUT_WIDTH)[0].cpu().numpy()
        for at in range(0, len(rows), BATCH)
    ]
    flat = np.concatenate(parts)
    missing = np.isnan(flat)
    if missing.any():
        known = np.maximum((~missing).sum(0), 1)
        flat = np.where(missing, np.where(missing, 0, flat).sum(0) / known, flat).astype(np.float32)
    return flat


def _latents(network: Network, rows: Rows) -> Singles:
    assert isinstance(network, SpaceNetwork)
    return np.asarray(network.space.latents.mean[rows], np.float32)


def _map(
    name: str, features: Singles, rows: Rows, before: Floats | None, columns: list[Column], seed: int
) -> LayerMap:  # fmt: skip
    from deepspace.graphs import nearest
    from deepspace.space.map.trust import measure_trust

    if not np.isfinite(features).all():
        raise SpaceError(f"Layer {name!r} answers NaN or infinity to some rows, which have no place on a map.")
    u = _components(features, seed)
    positions = _embed(u, before, seed)
    moved = None
    if before is None:
        # As on a space's own map, a coordinate is 1 in size.
        positions = (positions - positions.mean(0)) * (2**0.5 / max(_spread(positions), 1e-12))
    else:
        positions = _laid_over(positions, before)
        moved = float(np.linalg.norm(positions - before, axis=1).mean() / max(_spread(before), 1e-12))
    trust = measure_trust(features, positions, rows=_TRUST_ROWS, seed=seed)
    if not u.any():
        trust |= {"trustworthiness": float("nan"), "continuity": float("nan")}
    index, _ = nearest(u, min(_VOTERS, len(u) - 1), seed=seed)
    told = (_separation(column, u, index) for column in columns)
    return LayerMap(
        name, rows, positions.astype(np.float32), float(trust["trustworthiness"]), float(trust["continuity"]),
        int(trust["n"]), moved, {each.column: each for each in told if each is not None},
    )  # fmt: skip


def _components(features: Singles, seed: int) -> Singles:
    """(M, up to 50) principal components, the largest first, signs fixed; on one scale, the size of the whole."""
    from sklearn.decomposition import PCA

    x = features.astype(np.float64)
    x -= x.mean(0)
    size = float(np.sqrt((x**2).sum(1).mean()))
    if size == 0:
        return np.zeros((len(x), 1), np.float32)
    most = min(_COMPONENTS, *x.shape)
    solver = "covariance_eigh" if x.shape[1] <= _EXACT_WIDTH else "randomized"
    u = PCA(most, svd_solver=solver, iterated_power=3, random_state=seed).fit_transform(x / size)
    u *= np.where(u[np.abs(u).argmax(0), np.arange(u.shape[1])] < 0, -1.0, 1.0)
    return np.ascontiguousarray(u, dtype=np.float32)


def _embed(u: Singles, before: Floats | None, seed: int) -> Floats:
    """(M, 2): neighbours of u (M, w) side by side, begun from ``before`` or from the two largest components."""
    from deepspace.graphs import fuzzy_graph, nearest
    from deepspace.space.map.layout import layout

    straight = np.zeros((len(u), 2))
    straight[:, : u.shape[1]] = u[:, :2]
    _, first, group = np.unique(np.round(u / _TWIN), axis=0, return_index=True, return_inverse=True)
    if u.shape[1] <= 2 or len(first) < _STRAIGHT:  # Nothing to unfold: the layer itself, seen straight.
        return straight
    graph = fuzzy_graph(*nearest(u[first], min(_NEIGHBOURS, len(first) - 1), seed=seed))
    begin = straight[first]
    if before is not None and _spread(before) > 0:
        counts = np.bincount(group.reshape(-1), minlength=len(first)).astype(np.float64)
        # Rows that are one to the layer begin where they lie on average.
        begin = np.stack([np.bincount(group.reshape(-1), before[:, axis]) / counts for axis in (0, 1)], 1)
        begin = begin + 1e-3 * _spread(before) * straight[first]
    begin = (begin - begin.mean(0)).astype(np.float32)
    places = layout(graph, begin, early=_EARLY if before is None else 0, late=_LATE)
    return places[group.reshape(-1)].astype(np.float64)


def _laid_over(positions: Floats, before: Floats) -> Floats:
    """Rotated, reflected, scaled to the same spread and moved onto ``before``, with the least squared distance
    (Procrustes; Schoenemann 1966). The scale is that of the spreads, not the least-squares one, which would shrink a
    map the more, the less it has in common with the one before."""
    centre = before.mean(0)
    mine, theirs = positions - positions.mean(0), before - centre
    spreads = _spread(before), _spread(positions)
    if 0 in spreads:
        return np.asarray(mine + centre)
    left, _, right = np.linalg.svd(mine.T @ theirs)
    return np.asarray(mine @ (left @ right) * (spreads[0] / spreads[1]) + centre)


def _spread(positions: Floats) -> float:
    return float(np.sqrt(((positions - positions.mean(0)) ** 2).sum(1).mean()))


def _separation(column: Column, u: Singles, index: Rows) -> Separation | None:
    """index: (M, 5) nearest other rows of all; where a value is missing, those of the rows that have one."""
    from deepspace.graphs import nearest

    known = np.flatnonzero(column.known)
    values = column.values[known]
    if len(known) <= _VOTERS or len(np.unique(values)) < 2:
        return None
    if len(known) < len(u):
        index, _ = nearest(u[known], _VOTERS)
    votes = values[index]
    if column.categories is None:
        error = float(((votes.mean(1) - values) ** 2).mean())
        return Separation(column.name, 1 - error / float(values.var()), 0.0, len(values))
    codes = values.astype(np.int64)
    counts = np.zeros((len(values), len(column.categories)))
    for place in range(votes.shape[1]):
        # A tie goes to the class of the nearest.
        counts[np.arange(len(values)), votes[:, place].astype(np.int64)] += 1 - 1e-3 * place
    right = float((counts.argmax(1) == codes).mean())
    return Separation(column.name, right, float(np.bincount(codes).max() / len(codes)), len(codes))
