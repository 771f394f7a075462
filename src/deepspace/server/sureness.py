"""How sure the decodes of places are, against how sure those of the rows are."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from deepspace.errors import ModelError, SpaceError

if TYPE_CHECKING:
    from deepspace.space import BaseSpace

__all__ = ["Sureness", "Surety"]


class Surety(NamedTuple):
    """``value``: in encoded units, None without decoder or posterior; ``percentile``: the share of rows whose decode is
    surer, None until known."""

    value: float | None
    percentile: float | None


class Sureness:
    """``space.uncertainty`` of places, with the rows' own, which take seconds, measured beside it when first needed."""

    def __init__(self, space: BaseSpace) -> None:
        self.space = space
        self._lock = threading.Lock()
        self._measuring: threading.Thread | None = None

    def of(self, z: npt.NDArray[Any]) -> list[Surety]:
        """z: (M, D)."""
        try:
            values = np.asarray(self.space.uncertainty(z), np.float64)
        except (ModelError, SpaceError):  # no decoder, or no posterior
            return [Surety(None, None)] * len(z)
        if not self._known():
            return [Surety(float(value), None) for value in values]
        percentiles = self.space.uncertainty_percentile_of(values)
        return [Surety(float(v), float(p)) for v, p in zip(values, percentiles, strict=True)]

    def wait(self) -> None:
        """Until the rows' own are known."""
        self._known()
        if self._measuring is not None:
            self._measuring.join()

    def _known(self) -> bool:
        with self._lock:
            if self._measuring is None:
                self._measuring = threading.Thread(target=self._measure, daemon=True)
                self._measuring.start()
            return not self._measuring.is_alive()

    def _measure(self) -> None:
        self.space.uncertainty_percentile_of([0.0])
