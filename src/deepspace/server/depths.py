"""What can be read off each layer, for the page: measured in the background when first asked for, then kept."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from deepspace.layers import Recording
from deepspace.layers.depth import Depth, Reading, depth
from deepspace.layers.descriptors import DESCRIPTORS
from deepspace.server import wire
from deepspace.server.jobs import Job, share_of

__all__ = ["Depths", "sentence"]

_RUN, _MIXED = 0.3, 0.5
"""How far it is once the rows ran through the network, and through the one with mixed weights."""


class Depths(Job[wire.ReadingDepth]):
    """The reading of one space's layers. Safe to call from several threads."""

    def __init__(self, recording: Callable[[Callable[[str], None]], Recording]) -> None:
        super().__init__(wire.ReadingDepth, "Reading the layers")
        self._recording = recording

    def work(self) -> wire.DepthInfo:
        made = self._recording(self._recorded)
        return _info(depth(made.listed, recording=made, tell=self._read))

    def _recorded(self, said: str) -> None:
        self._tell("running rows through the network", _RUN * share_of(said))

    def _read(self, said: str) -> None:
        share = share_of(said)
        if said.startswith("reading"):
            layer = said.removeprefix("reading layer ").split(" of '")[0]
            self._tell(f"reading what {layer} tells", _MIXED + (1 - _MIXED) * share)
        else:
            self._tell("running the same rows with the weights mixed up", _RUN + (_MIXED - _RUN) * share)


def _info(found: Depth) -> wire.DepthInfo:
    encoder = found.layers.index("latent") + 1 if "latent" in found.layers else len(found.layers)
    columns = []
    for name in found.columns:
        readings = found.of(name)
        columns.append(
            wire.DepthColumn(
                name=name,
                descriptor=readings[0].descriptor,
                categories=readings[0].categories,
                about=DESCRIPTORS.get(name, "") if readings[0].descriptor else "",
                sentence=sentence(readings[:encoder]),
                readings=[_reading(r) for r in readings],
            )
        )
    return wire.DepthInfo(
        layers=list(found.layers),
        columns=columns,
        dimensions=[
            wire.DimensionReading(
                value=_finite(d.value), low=_finite(d.interval[0]), high=_finite(d.interval[1]), n=d.n
            )
            for d in found.dimensions
        ],
        n=found.n,
        note=found.note,
    )


def _finite(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


def _reading(r: Reading) -> wire.DepthReading:
    low, high = r.gain_interval or (None, None)
    return wire.DepthReading(
        value=r.value, low=r.interval[0], high=r.interval[1], knn=r.knn, control=r.control, untrained=r.untrained,
        gain=r.gain, gain_low=low, gain_high=high, baseline=r.baseline, n=r.n,
    )  # fmt: skip


def sentence(readings: Sequence[Reading]) -> str:
    """What one sees of a column on the way from the input to the latent, as carefully as the intervals say."""
    best = max(readings, key=lambda r: r.value)
    column, what = _plain(best), "accuracy" if best.categories else "R²"
    guess = "always saying the commonest" if best.categories else "always saying the mean"
    if best.interval[0] <= best.baseline:
        return (
            f"No layer tells {column} reliably better than {guess}: the best {what} is {_told(best)}, against "
            f"{best.baseline:.2f}."
        )
    # The first that is not reliably worse than the best.
    first = next(r for r in readings if r.interval[1] >= best.value)
    said = [_where(first, readings[0], what)]
    if first.untrained is not None and first.gain_interval is not None and first.layer != "input":
        said.append(_mixed(first))
    last = readings[-1]
    name = "the latent" if last.layer == "latent" else last.layer
    if last is not first and last.interval[1] < first.interval[0]:
        said.append(f"Part of it is no longer read off {name}: {_told(last)}.")
    if first.control >= first.interval[0]:
        said.append(
            f"Random labels of look-alike items are read as well ({first.control:.2f}): the layer may know the items "
            f"rather than {column}."
        )
    return " ".join(said)


def _where(first: Reading, start: Reading, what: str) -> str:
    column = _plain(first)
    if first is start:
        return (
            f"{column} is read off the input itself, {what} {_told(first)}, and no layer up to the latent tells more."
        )
    if start.interval[1] < first.interval[0]:
        becomes = "readable" if start.interval[0] <= start.baseline else "easier to read"
        return (
            f"{column} becomes {becomes} at {first.layer}: {what} {_told(first)}, "
            f"up from {start.value:.2f} at the input."
        )
    return (
        f"{column} is read best from {first.layer} on: {what} {_told(first)}; the input alone gives {start.value:.2f}, "
        "which is hardly less."
    )


def _mixed(first: Reading) -> str:
    assert first.gain_interval is not None
    assert first.untrained is not None
    low, high = first.gain_interval
    if low > 0:
        return (
            f"With the weights mixed up the same layer gives {first.untrained:.2f}: training added "
            f"{first.gain:.2f} ({low:.2f} to {high:.2f})."
        )
    if high < 0:
        return (
            f"With the weights mixed up the same layer gives more, {first.untrained:.2f}: training did not make it "
            "readable."
        )
    return (
        f"With the weights mixed up the same layer gives {first.untrained:.2f}, no reliable difference: this may come "
        "from the architecture alone."
    )


def _plain(r: Reading) -> str:
    return r.column.replace("_", " ")


def _told(r: Reading) -> str:
    return f"{r.value:.2f} ({r.interval[0]:.2f} to {r.interval[1]:.2f}, n = {r.n:,})"
