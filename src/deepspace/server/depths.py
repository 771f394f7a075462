"""What can be read off each layer, for the page: measured in the background when first asked for, then kept."""

from __future__ import annotations

import logging
import math
import re
import threading
from collections.abc import Callable, Sequence

from deepspace.errors import DeepspaceError
from deepspace.layers import Recording
from deepspace.layers.depth import Depth, Reading, depth
from deepspace.layers.descriptors import DESCRIPTORS
from deepspace.server import wire

__all__ = ["Depths", "sentence", "share_of"]

log = logging.getLogger("deepspace.server")

_RUN, _MIXED = 0.3, 0.5
"""How far it is once the rows ran through the network, and through the one with mixed weights."""


class _Stopped(BaseException):
    """Raised into the work when the page asked it to end; no error of its own."""


def share_of(said: str) -> float:
    """How far what is told is: "512 of 4,000 rows" is 0.128."""
    found = re.search(r"([\d,]+) of ([\d,]+)(?!.*[\d,]+ of [\d,]+)", said)
    if not found:
        return 0.0
    done, of = (int(part.replace(",", "") or 0) for part in found.groups())
    return min(1.0, done / max(1, of))


class Depths:
    """The reading of one space's layers. Safe to call from several threads."""

    def __init__(self, name: str, recording: Callable[[Callable[[str], None]], Recording]) -> None:
        self.name, self._recording = name, recording
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._state = wire.ReadingDepth(state="none")

    def state(self) -> wire.ReadingDepth:
        """How far it is."""
        with self._lock:
            return self._state

    def start(self) -> wire.ReadingDepth:
        """Begin, unless it is under way or done."""
        with self._lock:
            if self._state.state in ("none", "failed"):
                self._stop.clear()
                self._state = wire.ReadingDepth(state="making", doing="beginning")
                self._thread = threading.Thread(target=self._run, name="deepspace-depth", daemon=True)
                self._thread.start()
            return self._state

    def stop(self) -> wire.ReadingDepth:
        """End what is under way, at its next step."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(2.0)
        return self.state()

    def _tell(self, doing: str, fraction: float) -> None:
        if self._stop.is_set():
            raise _Stopped
        self._end(wire.ReadingDepth(state="making", doing=doing, fraction=fraction))

    def _recorded(self, said: str) -> None:
        self._tell("running rows through the network", _RUN * share_of(said))

    def _read(self, said: str) -> None:
        share = share_of(said)
        if said.startswith("reading"):
            layer = said.removeprefix("reading layer ").split(" of '")[0]
            self._tell(f"reading what {layer} tells", _MIXED + (1 - _MIXED) * share)
        else:
            self._tell("running the same rows with the weights mixed up", _RUN + (_MIXED - _RUN) * share)

    def _run(self) -> None:
        try:
            made = self._recording(self._recorded)
            found = depth(made.listed, recording=made, tell=self._read)
            self._end(wire.ReadingDepth(state="ready", fraction=1.0, found=_info(found)))
        except _Stopped:
            self._end(wire.ReadingDepth(state="none"))
        except DeepspaceError as error:
            self._end(wire.ReadingDepth(state="failed", error=str(error)))
        except Exception as error:
            log.exception("the layers could not be read")
            said = f"Reading the layers failed unexpectedly ({type(error).__name__}); the terminal shows where."
            self._end(wire.ReadingDepth(state="failed", error=said))

    def _end(self, state: wire.ReadingDepth) -> None:
        with self._lock:
            self._state = state


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
