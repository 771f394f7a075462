"""The second space beside the one that is walked: made in the background when it is first asked for, then kept."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from deepspace.errors import DeepspaceError, SpaceError
from deepspace.metrics import compare, record, sides, twin
from deepspace.metrics.comparing import Comparison, Curve, Gap, find_twin
from deepspace.server import wire
from deepspace.server.items import Items
from deepspace.space.figures import own_condition

if TYPE_CHECKING:
    from deepspace.space import BaseSpace
    from deepspace.training.events import Progress

__all__ = ["Comparisons"]

log = logging.getLogger("deepspace.server")

_DOING = {
    "training": "finding the principal components",
    "encoding": "placing every row",
    "mapping": "drawing their map",
    "measuring": "measuring",
    "saving": "saving",
}
_MAKING = 0.8
_SHARES = {"training": (0.0, 0.1), "encoding": (0.1, 0.25), "mapping": (0.25, 0.7), "saving": (0.7, 0.75)}


class _Stopped(BaseException):
    """Raised into the work when the page asked it to end; no error of its own."""


class Comparisons:
    """What the compare panel asks of one space. Safe to call from several threads."""

    def __init__(self, items: Items, given: BaseSpace | None = None) -> None:
        self.items, self.space, self._given = items, items.space, given
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._state = wire.Comparing(state="none")
        self._other: BaseSpace | None = None

    # The state

    def state(self) -> wire.Comparing:
        """How far it is."""
        with self._lock:
            state = self._state
        if state.state == "none":
            return state.model_copy(update={"kept": self._given is not None or find_twin(self.space) is not None})
        return state

    def start(self) -> wire.Comparing:
        """Begin, unless it is under way or done."""
        with self._lock:
            if self._state.state in ("none", "failed"):
                self._stop.clear()
                self._state = wire.Comparing(state="making", doing="beginning")
                self._thread = threading.Thread(target=self._run, name="deepspace-compare", daemon=True)
                self._thread.start()
            return self._state

    def stop(self) -> wire.Comparing:
        """End what is under way; nothing half made is left."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(2.0)
        return self.state()

    def _tell(self, doing: str, fraction: float) -> None:
        if self._stop.is_set():
            raise _Stopped
        with self._lock:
            self._state = wire.Comparing(state="making", doing=doing, fraction=fraction)

    def _heard(self, progress: Progress) -> None:
        low, high = _SHARES.get(progress.phase, (0.75, _MAKING))
        self._tell(_DOING.get(progress.phase, progress.phase), low + (high - low) * progress.fraction)

    def _run(self) -> None:
        try:
            other = self._given or twin(self.space, measure=record, on_progress=self._heard)
            found = compare(
                self.space, other, on_progress=lambda f: self._tell("comparing", _MAKING + (1 - _MAKING) * f)
            )
            state = wire.Comparing(state="ready", fraction=1.0, found=_compared(found))
            with self._lock:
                self._other, self._state = other, state
        except _Stopped:
            self._end(wire.Comparing(state="none"))
        except DeepspaceError as error:
            self._end(wire.Comparing(state="failed", error=str(error)))
        except Exception as error:
            log.exception("the comparison failed")
            sentence = f"The comparison failed unexpectedly ({type(error).__name__}); the terminal shows where."
            self._end(wire.Comparing(state="failed", error=sentence))

    def _end(self, state: wire.Comparing) -> None:
        with self._lock:
            self._state = state

    # The second space

    def _second(self) -> BaseSpace:
        with self._lock:
            other = self._other
        if other is None:
            raise SpaceError(f"'{self.space.name}' has nothing to be compared with yet; start the comparison first.")
        return other

    def positions(self) -> npt.NDArray[np.float32]:
        """(N, 2), little-endian: where the second space's map has the rows."""
        return np.ascontiguousarray(self._second().map.positions, dtype="<f4")

    def item(self, index: int) -> wire.ComparedItem:
        """One row in both."""
        other = self._second()
        spaces = (self.space, other)
        found = sides(self.space, other, index)
        row = slice(index, index + 1)
        decoded = [np.asarray(s.decode_encoded(s.latents.mean[row], **own_condition(s, row))) for s in spaces]
        rebuilt = [self.items.inline(one, [index])[0] for one in decoded]
        errors = [float(np.asarray(s.figures["reconstruction_error"])[index]) for s in spaces]
        return wire.ComparedItem(
            index=index,
            real=self.items.real(index),
            rebuilt=(rebuilt[0], rebuilt[1]),
            errors=(errors[0], errors[1]),
            both=_neighbours(self.space, index, found.both),
            only_a=_neighbours(self.space, index, found.only_a),
            only_b=_neighbours(other, index, found.only_b),
        )

    def decode(self, x: float, y: float) -> wire.Beside:
        """What the second space decodes at a place of its own map."""
        other = self._second()
        place = np.array([[x, y]], np.float32)
        z = np.asarray(other.map.inverse_transform(place), np.float32)
        near = other.neighbors(z=z, k=1)
        row, distance = int(near.index[0, 0]), float(near.distance[0, 0])
        return wire.Beside(
            x=x,
            y=y,
            content=self.items.inline(np.asarray(other.decode_encoded(z)), [row])[0],
            nearest=wire.NeighbourInfo(index=row, distance=distance),
            has_data=bool(other.map.has_data(place)[0]),
        )


def _neighbours(space: BaseSpace, index: int, rows: tuple[int, ...]) -> list[wire.NeighbourInfo]:
    """With their distances from row ``index``, as ``space.neighbors`` gives them."""
    if not rows:
        return []
    z = np.asarray(space.latents.mean[[index, *rows]], np.float64)
    weights: Any = space.manifest.get("neighbours", {}).get("weights")
    squares = np.square(z[1:] - z[0]) * (1.0 if weights is None else np.asarray(weights))
    return [wire.NeighbourInfo(index=i, distance=float(d)) for i, d in zip(rows, np.sqrt(squares.sum(1)), strict=True)]


def _compared(found: Comparison) -> wire.Compared:
    gaps = [*found.errors, *([found.agreement] if found.agreement is not None else [])]
    trust = [t.get("trustworthiness") for t in found.trust]
    return wire.Compared(
        names=found.names,
        labels=found.labels,
        dims=found.dims,
        sentences=list(found.sentences),
        unit=found.unit,
        gaps=[_gap(g) for g in gaps],
        curves=(_curve(found.curves[0]), _curve(found.curves[1])),
        kept=found.kept.mean,
        kept_interval=found.kept.interval,
        k=found.kept.k,
        n=found.kept.n,
        trustworthiness=(trust[0], trust[1]),
    )


def _gap(gap: Gap) -> wire.ComparedGap:
    low, high = gap.interval or (None, None)
    return wire.ComparedGap(
        part=gap.part, about=gap.about, a=gap.a, b=gap.b, n=gap.n, low=low, high=high, winner=gap.winner
    )


def _curve(curve: Curve) -> wire.ComparedCurve:
    return wire.ComparedCurve(
        dims=curve.dims.tolist(), error=curve.error.tolist(), low=curve.low.tolist(), high=curve.high.tolist(),
        n=curve.n,
    )  # fmt: skip
