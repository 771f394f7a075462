"""Where a sample of the rows lies while the model is still learning, drawn so that it moves smoothly."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from deepspace.server.columns import coded
from deepspace.server.wire import Preview, PreviewLabels

if TYPE_CHECKING:
    from deepspace.data.dataset import Dataset
    from deepspace.models.base import LatentModel

__all__ = ["Previews", "aligned", "principal"]

Points = npt.NDArray[np.float64]

MOST_ROWS = 4_000
_BATCH = 512
_PAUSE = 0.2

_SHARE = 0.05
"""Most of the time since the last preview that drawing one may have taken; else this epoch goes without."""


def principal(z: npt.NDArray[Any]) -> Points:
    """(N, D) -> (N, 2): the first two principal components, centred, scaled to unit root mean square radius."""
    centred: Points = np.asarray(z, dtype=np.float64) - np.mean(z, axis=0, dtype=np.float64)
    if centred.shape[1] == 1:
        centred = np.hstack([centred, np.zeros_like(centred)])
    _, vectors = np.linalg.eigh(centred.T @ centred)
    points: Points = centred @ vectors[:, :-3:-1]
    radius = float(np.sqrt((points**2).sum(1).mean()))
    return points / radius if radius > 0 else points


def aligned(points: Points, previous: Points) -> Points:
    """``points`` turned and mirrored, but not bent, to lie as near ``previous`` as they can (orthogonal Procrustes).

    Schoenemann 1966. Both (N, 2) and centred.
    """
    left, _, right = np.linalg.svd(points.T @ previous)
    return np.asarray(points @ (left @ right))


class Previews:
    """Draws a fixed sample of at most 4,000 rows after an epoch."""

    def __init__(self, dataset: Dataset, *, most: int = MOST_ROWS) -> None:
        n = len(dataset)
        self.index = np.unique(np.linspace(0, n - 1, min(n, most)).astype(np.int64))
        self._dataset = dataset
        self._rows = np.ascontiguousarray(dataset.array[self.index])
        self._previous: Points | None = None
        self._drawn_at = 0.0
        self._cost = 0.0
        self._labels, self._codes = self._label(dataset)

    def _label(self, dataset: Dataset) -> tuple[PreviewLabels | None, bytes]:
        target = dataset.schema.target
        if target is None or not target.categories or len(target.categories) > 255:
            return None, b""
        categories = list(target.categories)
        values = dataset.rows[target.name].take(pa.array(self.index))
        codes = coded(values, categories)
        return PreviewLabels(categories=categories), np.where(codes < 0, 255, codes).astype(np.uint8).tobytes()

    def draw(self, model: LatentModel) -> tuple[Preview, bytes, bytes] | None:
        """Header and payloads, or None when drawing now would hold training up."""
        now = time.monotonic()
        if self._cost > _SHARE * (now - self._drawn_at):
            return None
        points = principal(self._encode(model))
        self._drawn_at = time.monotonic()
        self._cost = self._drawn_at - now
        return self.place(points)

    def lay(self, rows: npt.NDArray[np.int64], places: npt.NDArray[np.float32]) -> tuple[Preview, bytes, bytes] | None:
        """Header and payloads while the map takes shape: rows (m,) ascending with places (m, 2) on any scale.

        Shows the rows that were shown before as far as they are among these (a map of very many rows is laid out on a
        sample of them), or None when the last one was drawn a moment ago.
        """
        now = time.monotonic()
        if now - self._drawn_at < _PAUSE:
            return None
        self._drawn_at = now
        self._keep(rows)
        points = places[np.searchsorted(rows, self.index)].astype(np.float64)
        points -= points.mean(0)
        return self.place(points / max(float(np.sqrt((points**2).sum(1).mean())), 1e-12))

    def _keep(self, rows: npt.NDArray[np.int64]) -> None:
        """From now on shows nothing but some of these rows."""
        kept = np.isin(self.index, rows)
        if kept.all():
            return
        if kept.sum() < len(kept) // 2:
            self.index = rows[np.unique(np.linspace(0, len(rows) - 1, min(len(rows), len(kept))).astype(np.int64))]
            self._previous = None
            self._labels, self._codes = self._label(self._dataset)
            return
        self.index = self.index[kept]
        if self._previous is not None:
            self._previous = self._previous[kept]
        self._codes = bytes(np.frombuffer(self._codes, np.uint8)[kept]) if self._codes else b""

    def place(self, points: npt.NDArray[Any]) -> tuple[Preview, bytes, bytes]:
        """Header and payloads for positions (n, 2) of the sampled rows, turned to fit the ones shown before."""
        placed = np.asarray(points, dtype=np.float64)
        if self._previous is not None:
            placed = aligned(placed, self._previous)
        self._previous = placed
        header = Preview(epoch=0, n=len(placed), labels=self._labels)
        return header, placed.astype("<f4").tobytes(), self._codes

    def _encode(self, model: LatentModel) -> npt.NDArray[Any]:
        import torch

        training = model.training
        model.eval()
        try:
            with torch.no_grad():
                device = next(model.parameters()).device
                blocks = [
                    model.encode(torch.from_numpy(self._rows[i : i + _BATCH]).to(device)).mean.float().cpu().numpy()
                    for i in range(0, len(self._rows), _BATCH)
                ]
        finally:
            model.train(training)
        return np.concatenate(blocks)
