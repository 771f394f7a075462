"""One offline HTML file about the inside of a network: what each layer tells, and what single units answer to."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from deepspace.errors import SpaceError
from deepspace.explore.association import Column
from deepspace.layers import (
    Depth,
    Driver,
    Layers,
    Recording,
    SpaceNetwork,
    Unit,
    depth,
    dream,
    drivers,
    layer_maps,
    record,
    saliency,
    similarity,
    strip,
    units,
)
from deepspace.report.charts import Line, heat, line_chart
from deepspace.report.insides import drawn_array, drawn_item, drawn_maps, drawn_saliency
from deepspace.report.pictures import Key, colours, map_picture
from deepspace.report.writing import template, write

__all__ = ["atlas"]

_COLUMNS = 8
"""Columns of the user's that have a chart of their own."""
_UNITS = 6
_ITEMS = 9
_EXAMPLES = 3
_MAPS = 9
_GAIN = 0.01
"""The least that is called something that training added."""


@dataclass(frozen=True)
class _Chart:
    name: str
    picture: str
    sentence: str


@dataclass(frozen=True)
class _Page:
    unit: Unit
    most: tuple[str, ...]
    share: str
    dreams: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class _Chapter:
    """A layer's part of the atlas."""

    name: str
    kind: str
    named: int
    count: int
    pages: tuple[_Page, ...]


def atlas(
    listed: Layers,
    file: str | Path,
    *,
    dreams: int = 0,
    seed: int = 0,
    overwrite: bool = True,
    tell: Callable[[str], None] | None = None,
) -> Path:
    """Write the atlas of a network's layers to ``file``: charts of depth, a map a layer, single items with their maps
    and what the conclusion rests on, the likeness of layers, and the units that have a name with the real items that
    drive them. dreams: for how many units a layer a picture is made up of what they look for, seconds each.

    One page with everything inside, no script, nothing to fetch; written beside and moved into place. Raises SpaceError
    when it cannot be written.
    """
    made = record(listed, tell=tell)
    try:
        try:
            read: Depth | None = depth(listed, recording=made, seed=seed, tell=tell)
        except SpaceError:  # nothing is known of the rows: the rest stands without
            read = None
        chapters = []
        for i, layer in enumerate(made.layers):
            if tell is not None:
                tell(f"units of {layer.name} ({i + 1} of {len(made.layers)})")
            chapters.append(_chapter(listed, made, layer.name, seed, dreams))
        alike, examples = similarity(made), _examples(made)
        maps, key = _maps(listed, made, seed, tell)
        page = template("atlas.html").render(
            name=listed.network.name,
            listed=listed,
            n=len(made.rows),
            strips=[_strip(listed, int(row)) for row in examples],
            rests=_rests(listed, examples, seed, tell),
            maps=maps,
            key=key,
            dreamt=dreams > 0,
            charts=[] if read is None else [_chart(read, c, i) for i, c in enumerate(_mine(read))],
            looks=[] if read is None else [_chart(read, c, i) for i, c in enumerate(_looks(read))],
            note="" if read is None else read.note,
            dimension="" if read is None else _dimension(read),
            alike=heat(alike.values, alike.first, alike.second),
            alike_n=alike.n,
            chapters=[chapter for chapter in chapters if chapter.pages],
            silent=[chapter for chapter in chapters if not chapter.pages],
        )
    finally:
        made.close()
    return write(page, Path(file), "atlas", overwrite=overwrite)


def _mine(read: Depth) -> list[str]:
    return [c for c in read.columns if not read.of(c)[0].descriptor][:_COLUMNS]


def _looks(read: Depth) -> list[str]:
    return [c for c in read.columns if read.of(c)[0].descriptor]


def _examples(made: Recording) -> npt.NDArray[np.int64]:
    """Rows that are not like each other: one near the middle of each of some groups of the last layer's answers."""
    from sklearn.cluster import KMeans

    x = made.features("latent" if "latent" in made.names else made.names[-1])
    count = min(_EXAMPLES, len(x))
    groups = KMeans(count, random_state=0, n_init=2).fit(x)
    return np.asarray(made.rows[np.argmin(groups.transform(x), 0)])


def _strip(listed: Layers, row: int) -> dict[str, object]:
    found = strip(listed, row, most=8)
    return {
        "row": row,
        "item": drawn_item(listed.network, row),
        "layers": [(layer, drawn_maps(layer)) for layer in found.layers if layer.maps.ndim > 1 or len(layer.maps)],
        "about": found.about,
    }


def _chart(read: Depth, column: str, place: int) -> _Chart:
    readings = read.of(column)
    categories = readings[0].categories
    lines = [
        Line("read off the layer", "#0072b2", [r.value for r in readings], [r.interval for r in readings]),
        Line("its 5 nearest", "#56b4e9", [r.knn for r in readings]),
        Line("weights mixed up", "#d55e00", [r.untrained for r in readings], dashed=True),
        Line("control task", "#999999", [r.control for r in readings], dashed=True),
    ]
    # R^2 has no floor: a line that falls far below 0 must not flatten the others.
    low = (
        0.0 if categories else max(-0.2, min((v for line in lines for v in line.values if v is not None), default=0.0))
    )
    baseline = readings[0].baseline
    picture = line_chart(lines, read.layers, low=min(low, baseline), high=1.0, level=baseline)
    return _Chart(column, picture, said(read, column))


def said(read: Depth, column: str) -> str:
    """What the readings of a column say, in a sentence or two."""
    readings = read.of(column)
    best = max(readings, key=lambda r: r.value)
    what = "accuracy" if best.categories else "R^2"
    first = next(r for r in readings if r.value >= best.value - 0.02)
    parts = [
        f"{column}: {what} {readings[0].value:.2f} from the input, most at {best.layer} "
        f"({best.value:.2f}, {best.interval[0]:.2f} to {best.interval[1]:.2f}, n = {best.n:,})"
    ]
    if first.layer != best.layer:
        parts[0] += f", and nearly that from {first.layer} on"
    gains = [r for r in readings if r.gain is not None and r.gain_interval is not None]
    learned = max(gains, key=lambda r: r.gain or 0.0, default=None)
    if learned is not None and learned.gain_interval is not None:
        if learned.gain_interval[0] > 0 and (learned.gain or 0) >= _GAIN:
            parts.append(
                f"Training added most at {learned.layer}: {learned.gain:+.2f} "
                f"({learned.gain_interval[0]:+.2f} to {learned.gain_interval[1]:+.2f}) "
                "over the same weights in a random order"
            )
        else:
            parts.append("No layer tells it surely better than the same weights in a random order")
    return ". ".join(parts) + "."


def _dimension(read: Depth) -> str:
    values = [d.value for d in read.dimensions]
    line = Line("intrinsic dimension", "#009e73", values, [d.interval for d in read.dimensions])
    return line_chart([line], read.layers, low=0.0)


def _maps(
    listed: Layers, made: Recording, seed: int, tell: Callable[[str], None] | None
) -> tuple[list[tuple[str, str, str]], Key | None]:
    """(layer, picture, sentence) of some layers from the input on, and the legend of their colours."""
    names = list(made.names)
    if listed.network.latent:
        names = names[: names.index("latent") + 1]
    if len(names) > _MAPS:
        names = [names[i] for i in np.linspace(0, len(names) - 1, _MAPS).round().astype(int)]
    try:
        found = layer_maps(listed, names, recording=made, seed=seed, tell=tell)
    except SpaceError:  # too few rows, or answers that are not finite
        return [], None
    column = next(iter(made.network.columns(made.rows)), None)
    paint, key = (np.full((len(made.rows), 3), 90, np.uint8), None) if column is None else _coloured(column)
    drawn = []
    for one in found.items:
        said = f"trustworthiness {one.trustworthiness:.2f}"
        if column is not None and column.name in one.separation:
            apart = one.separation[column.name]
            said = f"{column.name} by 5 nearest {apart.value:.2f} (commonest or mean {apart.baseline:.2f}); {said}"
        drawn.append((one.layer, map_picture(one.positions, paint, 300), said))
    return drawn, key


def _coloured(column: Column) -> tuple[npt.NDArray[np.uint8], Key]:
    words = column.categories
    values = [
        None if not np.isfinite(v) else (float(v) if words is None else words[int(v)]) for v in column.values.tolist()
    ]
    return colours(column.name, values, numeric=words is None)


def _rests(
    listed: Layers, rows: npt.NDArray[np.int64], seed: int, tell: Callable[[str], None] | None
) -> dict[str, object] | None:
    """What of each row its conclusion rests on: the prediction, or the latent that varies most over these rows."""
    network = listed.network
    try:
        target = (
            int(np.asarray(network.space.latents.mean).std(0).argmax()) if isinstance(network, SpaceNetwork) else None
        )
        found = saliency(listed, rows, "prediction" if target is None else target, seed=seed, tell=tell)
    except SpaceError:
        return None
    items = [
        drawn_saliency(network, int(row), value, found.names) for row, value in zip(rows, found.values, strict=True)
    ]
    return {"items": items, "check": found.check, "target": found.target_name, "method": found.method}


def _chapter(listed: Layers, made: Recording, name: str, seed: int, dreams: int) -> _Chapter:
    found = units(listed, name, recording=made, seed=seed)
    pages = tuple(
        _Page(
            unit,
            tuple(_driver(listed, d) for d in drivers(listed, name, unit.index, made, count=_ITEMS)),
            f"{unit.fires:.0%}",
            _dreams(listed, name, unit.index, seed) if i < dreams else (),
        )
        for i, unit in enumerate(_different(found.named))
    )
    return _Chapter(name, found.layer.kind, len(found.named), len(found), pages)


def _dreams(listed: Layers, layer: str, unit: int, seed: int) -> tuple[tuple[str, str], ...]:
    """(what it is, picture) of what a unit looks for: free pixels, and on the data's manifold through the decoder."""
    drawn = []
    for through, word in (("pixels", "any picture"), ("decoder", "of what the model can make")):
        try:
            made = dream(listed, layer, unit, through=through, seed=seed)  # type: ignore[arg-type]
        except SpaceError:  # no pixels, no decoder, or a unit that does not move
            continue
        against = f"{made.ratio:.1f} x the strongest row" if np.isfinite(made.ratio) else "above the strongest row"
        if made.activation <= made.reference.max():
            against = f"stronger than {made.percentile:.0f} % of rows"
        drawn.append((f"{word}, {against}", drawn_array(made.picture, f"unit {unit}")))
    return tuple(drawn)


def _different(named: Sequence[Unit]) -> list[Unit]:
    """The strongest, but of one name no more than two, so that the page shows what there is."""
    kept: list[Unit] = []
    for unit in named:
        if sum(other.name == unit.name for other in kept) < 2:
            kept.append(unit)
    return kept[:_UNITS]


def _driver(listed: Layers, driver: Driver) -> str:
    return drawn_item(listed.network, driver.row, driver.box, f"row {driver.row}, answer {driver.answer:.3g}")
