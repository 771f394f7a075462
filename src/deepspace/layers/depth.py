"""How concepts form with depth: what can be read off each layer, beside what its architecture alone would give."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from deepspace.errors import SpaceError
from deepspace.explore.association import Column
from deepspace.layers.descriptors import descriptors
from deepspace.layers.dimension import Dimension, two_nn
from deepspace.layers.layers import Layers
from deepspace.layers.probes import Probe
from deepspace.layers.recording import Recording, record
from deepspace.results import Tabular, figure, text_table, wilson

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["Depth", "Reading", "depth"]

Floats = npt.NDArray[np.float64]
Interval = tuple[float, float]

_LEAST = 20
"""Rows that a column needs on each side."""
_TYPES = 5
"""Groups of look-alike inputs for each class of the control task."""
_DRAWS = 200
_K = 5


@dataclass(frozen=True)
class Reading:
    """One column at one layer, from rows held out of the probe.

    ``value``: the linear probe's accuracy, or R^2 of numbers; ``knn``: the same by 5 nearest neighbours; ``control``:
    of the same probe on the control task; ``untrained``: of the same probe where the weights are in a random order;
    ``gain``: value - untrained, paired by rows; ``baseline``: of the commonest class or the mean. ``descriptor``: no
    column of the user's, but what can be measured of the item itself.
    """

    layer: str
    column: str
    value: float
    interval: Interval
    knn: float
    control: float
    untrained: float | None
    gain: float | None
    gain_interval: Interval | None
    baseline: float
    n: int
    categories: int | None
    descriptor: bool = False

    @property
    def selectivity(self) -> float:
        """Value - control: how much better the layer tells the column than groups of look-alikes with random labels."""
        return self.value - self.control


@dataclass(frozen=True)
class Depth(Tabular):
    """Readings layer by layer, "input" first. ``dimensions``: the intrinsic dimension of each layer's answers.
    ``note``: a sentence on the rows."""

    layers: tuple[str, ...]
    readings: tuple[Reading, ...]
    dimensions: tuple[Dimension, ...]
    n: int
    note: str

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns read, the user's first."""
        return tuple(dict.fromkeys(reading.column for reading in self.readings))

    def of(self, column: str) -> tuple[Reading, ...]:
        """One column's readings in the order of the layers. Raises SpaceError for one that was not read."""
        found = tuple(reading for reading in self.readings if reading.column == column)
        if not found:
            raise SpaceError(f"Column {column!r} was not read: read were {', '.join(self.columns) or 'none'}.")
        return found

    def to_arrow(self) -> pa.Table:
        import pyarrow as pa

        plain = ("layer", "column", "value", "knn", "control", "selectivity", "untrained", "gain", "baseline", "n")
        columns = {name: [getattr(r, name) for r in self.readings] for name in plain}
        columns["low"], columns["high"] = ([r.interval[i] for r in self.readings] for i in (0, 1))
        columns["descriptor"] = [r.descriptor for r in self.readings]
        return pa.table(columns)

    def __str__(self) -> str:
        parts = []
        for column in self.columns:
            readings = self.of(column)
            kind = "R^2" if readings[0].categories is None else f"accuracy, {readings[0].categories} classes"
            rows = [
                (r.layer, f"{r.value:.3f}", f"{r.interval[0]:.3f} to {r.interval[1]:.3f}", f"{r.knn:.3f}",
                 f"{r.control:.3f}", f"{r.selectivity:+.3f}", figure(r.untrained), figure(r.gain))
                for r in readings
            ]  # fmt: skip
            header = ("layer", "probe", "95 %", "5-NN", "control", "selectivity", "untrained", "gain")
            parts.append(f"{column} ({kind}; baseline {readings[0].baseline:.3f}, n = {readings[0].n:,})")
            parts.append(text_table(header, rows) + "\n")
        dimensions = [
            (name, figure(d.value), f"{figure(d.interval[0])} to {figure(d.interval[1])}")
            for name, d in zip(self.layers, self.dimensions, strict=True)
        ]
        parts.append(f"intrinsic dimension\n{text_table(('layer', 'TwoNN', '95 %'), dimensions)}\n")
        return "\n".join([*parts, self.note])


class _Split(NamedTuple):
    """One task: places in the recording to fit on and to test on, and the values there."""

    column: Column
    fit: npt.NDArray[np.int64]
    test: npt.NDArray[np.int64]
    control: Floats
    descriptor: bool


def depth(
    listed: Layers,
    columns: str | Sequence[str] | None = None,
    *,
    recording: Recording | None = None,
    untrained: bool = True,
    looks: bool = True,
    seed: int = 0,
    tell: Callable[[str], None] | None = None,
) -> Depth:
    """What a linear probe reads off each layer (Alain & Bengio 2017, arXiv:1610.01644), beside three comparisons.

    Control task, after Hewitt & Liang 2019 (arXiv:1909.03368): inputs that look alike (k-means, five groups a class)
    share a label drawn at random, as frequent as the column's; a layer that tells the column no better than these knows
    the inputs and not the concept. Untrained: the same layer with its weights in a random order, what the architecture
    alone gives. 5-NN: without any probe.

    columns: of ``network.columns``, all without. looks: read descriptors of pictures and signals too, as edge energy.
    The probe is fitted on rows that training saw and tested on those held out of it; where nobody says which, on random
    thirds, and deeper layers are flattered if the network was trained on them. Raises SpaceError where no column can be
    read.
    """
    own = recording is None
    made = record(listed, tell=tell) if recording is None else recording
    try:
        tasks, note = _tasks(made, columns, looks, seed)
        names = made.names
        twin = None
        if untrained:
            silent = type(listed)(listed.items, listed.parameters, listed.network.untrained(seed), listed.left_out)
            twin = record(silent, made.rows, [layer.name for layer in made.layers], tell=tell)
        readings: list[Reading] = []
        dimensions = []
        for i, name in enumerate(names):
            if tell is not None:
                tell(f"reading layer {name} of '{listed.network.name}' ({i + 1} of {len(names)})")
            x = made.features(name).astype(np.float64)
            plain = None if twin is None else (x if name == "input" else twin.features(name).astype(np.float64))
            readings += _read(name, x, plain, tasks, seed)
            dimensions.append(two_nn(x[np.linspace(0, len(x) - 1, min(len(x), 2000)).round().astype(np.int64)]))
        if twin is not None:
            twin.close()
    finally:
        if own:
            made.close()
    order = {task.column.name: i for i, task in enumerate(tasks)}
    readings.sort(key=lambda r: order[r.column])
    return Depth(names, tuple(readings), tuple(dimensions), len(made.rows), note)


def _tasks(made: Recording, wanted: str | Sequence[str] | None, looks: bool, seed: int) -> tuple[list[_Split], str]:
    known = made.network.columns(made.rows)
    names = [wanted] if isinstance(wanted, str) else wanted
    if names is not None:
        absent = [name for name in names if name not in {c.name for c in known}]
        if absent:
            there = ", ".join(c.name for c in known) or "none"
            raise SpaceError(
                f"'{made.network.name}' has no column {absent[0]!r} to read off its layers: it has {there}."
            )
        known = [c for c in known if c.name in names]
    held = made.held_out()
    note = f"{len(made.rows):,} rows; tested on rows that neither the probe nor the network was trained on."
    if held is None or held.sum() < _LEAST or (~held).sum() < _LEAST:
        held = np.random.default_rng(seed).random(len(made.rows)) < 1 / 3
        note = f"{len(made.rows):,} rows; a random third tests the probe, and the network may have been trained on it."
    types = made.features("input").astype(np.float64)
    seen = made.network.inputs(made.rows[:1]).ndim
    found = [(c, False) for c in known]
    if looks and seen in (3, 4):
        raw = np.concatenate(
            [made.network.inputs(part).cpu().numpy() for part in np.array_split(made.rows, -(-len(made.rows) // 256))]
        )
        taken = {c.name for c, _ in found}
        found += [(c, True) for c in descriptors(raw) if c.name not in taken]
    tasks = [t for column, descriptor in found if (t := _split(column, held, types, descriptor, seed)) is not None]
    if not tasks:
        raise SpaceError(
            f"'{made.network.name}' has no column that varies and has {_LEAST} values on both sides of the split; "
            "columns={name: values} gives some."
        )
    return tasks, note


def _split(column: Column, held: npt.NDArray[np.bool_], types: Floats, descriptor: bool, seed: int) -> _Split | None:
    known = column.known
    fit, test = np.flatnonzero(known & ~held), np.flatnonzero(known & held)
    if min(len(fit), len(test)) < _LEAST or len(np.unique(column.values[fit])) < 2:
        return None
    return _Split(column, fit, test, _control(column, types, fit, seed), descriptor)


def _control(column: Column, types: Floats, fit: npt.NDArray[np.int64], seed: int) -> Floats:
    """Each row's value of the control task: look-alikes share the value of a row drawn at random."""
    from sklearn.cluster import MiniBatchKMeans

    rng = np.random.default_rng(seed)
    classes = len(np.unique(column.values[fit])) if column.categories else 4
    count = int(min(_TYPES * classes, max(2, len(fit) // 10)))
    # Which look alike does not depend on the column, but for how many groups it needs.
    group = MiniBatchKMeans(count, random_state=seed, n_init=3, batch_size=1024).fit(types).labels_
    values = column.values[rng.choice(fit, count)]
    if column.categories:  # as frequent as the classes themselves, and each there
        shares = np.bincount(column.values[fit].astype(int), minlength=len(column.categories)) / len(fit)
        filled = np.repeat(np.arange(len(shares)), np.maximum(np.round(shares * count), shares > 0).astype(int))
        values = rng.permutation(np.resize(rng.permutation(filled), count)).astype(np.float64)
    return np.asarray(values[group])


def _read(name: str, x: Floats, plain: Floats | None, tasks: list[_Split], seed: int) -> list[Reading]:
    """All columns at one layer; probes of columns that share their rows share a decomposition."""
    probes: dict[tuple[bytes, bytes, int], Probe] = {}

    def probe(task: _Split, features: Floats) -> Probe:
        key = (task.fit.tobytes(), task.test.tobytes(), id(features))
        if key not in probes:
            probes[key] = Probe(features[task.fit], features[task.test])
        return probes[key]

    found = []
    for task in tasks:
        column = task.column
        size = len(column.categories) if column.categories else None
        truth, guess = column.values[task.test], column.values[task.fit]
        ours = probe(task, x)
        score = ours.scores(guess, truth, size)
        control = ours.scores(task.control[task.fit], task.control[task.test], size)
        bare = None if plain is None else probe(task, plain).scores(guess, truth, size)
        near = ours.neighbours(guess, truth, size, _K)
        gain = None if bare is None else float(score.mean()) - float(bare.mean())
        if size is not None:
            interval = wilson(int(score.sum()), len(score))
            baseline = float((truth == np.bincount(guess.astype(int)).argmax()).mean())
        else:
            interval, baseline = _bootstrap(score, seed), 0.0
        found.append(
            Reading(
                name, column.name, float(score.mean()), interval, float(near.mean()), float(control.mean()),
                None if bare is None else float(bare.mean()), gain,
                None if bare is None else _bootstrap(score - bare, seed), baseline, len(truth), size, task.descriptor,
            )
        )  # fmt: skip
    return found


def _bootstrap(scores: Floats, seed: int) -> Interval:
    picks = np.random.default_rng(seed).integers(0, len(scores), (_DRAWS, len(scores)))
    low, high = np.percentile(scores[picks].mean(1), [2.5, 97.5])
    return float(low), float(high)
