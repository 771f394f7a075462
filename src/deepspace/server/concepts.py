"""Whether a selection of rows can be told from other rows, layer by layer, for the page: of one selection at a time."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from deepspace.layers import Concept, LayerConcept, Layers, concept
from deepspace.server import wire
from deepspace.server.jobs import Job

__all__ = ["LEAST", "RUNS", "Concepts", "said"]

LEAST = 10
"""Rows that make a concept."""
RUNS = 10

Rows = npt.NDArray[np.int64]


def key_of(rows: Rows) -> str:
    return hashlib.blake2b(np.ascontiguousarray(rows, "<i8").tobytes(), digest_size=8).hexdigest()


class _Finding(Job[wire.FindingConcept]):
    """All the selection's rows may serve, not the recorded ones alone, of which a small one would have few."""

    def __init__(self, listed: Callable[[], Layers], rows: Rows) -> None:
        self.key = key_of(rows)
        super().__init__(wire.FindingConcept, "Looking for the selection")
        self._listed, self._rows = listed, rows

    def state(self) -> wire.FindingConcept:
        return super().state().model_copy(update={"key": self.key})

    def work(self) -> wire.ConceptInfo:
        listed = self._listed()
        done = 0

        def tell(heard: str) -> None:
            nonlocal done
            done += 1
            layer = heard.split(" at layer ")[-1].split(" of '")[0]
            self._tell(f"asked {layer}, {done} of {len(listed)} layers", done / (len(listed) + 1))

        self._tell("running rows through the network", 0.02)
        found = concept(listed, self._rows, name="the selection", runs=RUNS, tell=tell)
        return _info(found, len(self._rows))


class Concepts:
    """The latest selection's. Safe to call from several threads. listed: makes layers that nobody else watches."""

    def __init__(self, listed: Callable[[], Layers]) -> None:
        self._make, self._lock = listed, threading.Lock()
        self._layers: Layers | None = None
        self._making = threading.Lock()
        self._job: _Finding | None = None

    def state(self) -> wire.FindingConcept:
        with self._lock:
            return wire.FindingConcept(state="none") if self._job is None else self._job.state()

    def start(self, rows: Rows) -> wire.FindingConcept:
        """Begin with these rows, unless that is under way or done; what is under way of others ends."""
        with self._lock:
            if self._job is None or self._job.key != key_of(rows):
                if self._job is not None:
                    self._job.stop()
                self._job = _Finding(self._listed, rows)
            self._job.start()
            return self._job.state()

    def stop(self) -> wire.FindingConcept:
        with self._lock:
            if self._job is not None:
                self._job.stop()
        return self.state()

    def _listed(self) -> Layers:
        with self._making:
            if self._layers is None:
                self._layers = self._make()
            return self._layers


def _info(found: Concept, selected: int) -> wire.ConceptInfo:
    return wire.ConceptInfo(
        layers=[
            wire.ConceptAt(
                layer=each.layer,
                accuracy=each.accuracy,
                low=each.interval[0],
                high=each.interval[1],
                chance=each.chance,
                chance_low=each.chance_range[0],
                chance_high=each.chance_range[1],
                readable=each.readable,
            )
            for each in found
        ],
        selected=selected,
        size=found.size,
        pool=found.pool,
        runs=found.runs,
        left_out=[f"{name}: {why}" for name, why in found.left_out.items()],
        sentence=said(found.items, found.size),
    )


def said(items: Sequence[LayerConcept], size: int) -> str:
    """What one sees on the way to the latent, no more than the intervals say: readable is what even the interval's
    lower end has above what random selections reach."""
    last = next((i for i, each in enumerate(items) if each.layer == "latent"), len(items) - 1)
    way = list(items[: last + 1])
    if not way:
        return "No layer gives an answer."
    best = max(way, key=lambda each: each.accuracy)
    first = next((each for each in way if each.interval[0] > each.chance_range[1]), None)
    if first is None:
        return (
            f"No layer tells the selection from other rows reliably better than a random one: the best accuracy is "
            f"{_told(best, size)}, {_range(best)}."
        )
    if first is way[0]:
        what = "can be told from other rows from the first layer on"
    else:
        what = f"becomes readable at {first.layer}, and is not reliably before"
    parts = [f"The selection {what}: accuracy {_told(first, size)}, {_range(first)}."]
    if best.interval[0] > first.interval[1]:
        parts.append(f"Later layers tell it better, {best.layer} best: {_told(best, size)}.")
    end = way[-1]
    if end is not first and end.interval[1] < first.interval[0]:
        parts.append(f"The latent tells it less well again: {_told(end, size)}.")
    return " ".join(parts)


def _told(each: LayerConcept, size: int) -> str:
    return f"{each.accuracy:.2f} ({each.interval[0]:.2f} to {each.interval[1]:.2f}, n = {2 * size:,})"


def _range(each: LayerConcept) -> str:
    low, high = each.chance_range
    return f"where random selections of the same size reach {low:.2f} to {high:.2f}"
