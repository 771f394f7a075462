"""A fitted map: latents to positions and back, where the data is, and how far to trust it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from deepspace.errors import SpaceError
from deepspace.space.map.networks import Perceptron, build_pair
from deepspace.space.map.outline import rows_inside
from deepspace.space.map.placing import Placing
from deepspace.space.map.presence import Presence
from deepspace.space.map.residual import Residual

__all__ = ["FittedMap", "use_threads"]

_BLOCK = 32_768


class FittedMap:
    """The 2-D view of a latent space, on which every position decodes.

    positions: (N, 2) float32, where the data lies. ``inverse_transform(positions[i])`` is ``latents[i]``; between data
    points it is what the decoder network and the data around lead one to expect there.
    """

    def __init__(
        self,
        encoder: Perceptron,
        decoder: Perceptron,
        *,
        centre: NDArray[np.float32],
        scale: float,
        metric: NDArray[np.float32],
        landmarks: NDArray[np.int32],
        reach: NDArray[np.float32],
        positions: NDArray[np.float32],
        latents: NDArray[np.float32],
        trust: dict[str, float | int],
        settings: Mapping[str, Any],
    ) -> None:
        self._encoder, self._decoder = encoder.eval(), decoder.eval()
        self._centre, self._scale = centre.astype(np.float32), float(scale)
        self._metric, self._landmarks, self._reach = metric.astype(np.float32), landmarks.astype(np.int32), reach
        self._latents, self._settings = latents, dict(settings)
        self.positions, self.trust = positions, dict(trust)
        self._lock = threading.Lock()
        self._placing: Placing | None = None
        self._residual: Residual | None = None
        self._presence: Presence | None = None
        self._bounds: tuple[float, float, float, float] | None = None

    @property
    def latent_dim(self) -> int:
        return len(self._centre)

    @property
    def bounds(self) -> tuple[float, float, float, float]:
        """(x0, y0, x1, y1) of the data's positions."""
        if self._bounds is None:
            low, high = np.asarray(self.positions).min(0), np.asarray(self.positions).max(0)
            self._bounds = (float(low[0]), float(low[1]), float(high[0]), float(high[1]))
        return self._bounds

    def transform(self, z: ArrayLike | Tensor) -> NDArray[np.float32]:
        """Latents (M, D), or one (D,), to positions (M, 2), beside their neighbours. Nothing is refitted."""
        rows = self._scaled(_rows(z, self.latent_dim, "place on the map", "latent dimensions"))
        alone = self._run(self._encoder, rows)
        return alone if len(self._landmarks) == 0 else self._places().place(self._measured(rows), alone)

    def inverse_transform(self, p: ArrayLike | Tensor) -> NDArray[np.float32]:
        """Positions (M, 2), or one (2,), to latents (M, D): exact at data points, continuous, defined everywhere."""
        places = _rows(p, 2, "decode the map", "coordinates")
        return self._remainder().add_to(places)

    def without(self, rows: ArrayLike) -> Callable[[ArrayLike], NDArray[np.float32]]:
        """``inverse_transform`` as it would be had some rows, by number, never been placed: what a new item that lies
        where one of them does would decode to. The networks are the same. Raises SpaceError where no row is left."""
        kept = np.setdiff1d(np.arange(len(self.positions)), np.asarray(rows, np.int64))
        if not len(kept):
            raise SpaceError("cannot decode the map without its rows: none is left; leave some of them in")
        others = Residual(self.positions[kept], np.asarray(self._latents[kept]), self._expected)
        others.prepare()
        return lambda p: others.add_to(_rows(p, 2, "decode the map", "coordinates"))

    def has_data(self, p: ArrayLike | Tensor) -> NDArray[np.bool_]:
        """(M, 2) -> (M,) bool: is there data at this place, at the scale of the data's own spacing?"""
        places = _rows(p, 2, "look up the map", "coordinates", finite=False)
        return self._where().has(places)

    def inside(self, outline: ArrayLike) -> NDArray[np.int64]:
        """Row numbers, ascending, whose positions lie inside an outline.

        outline: corners (K, 2), or x and y in turn as the page's address writes a lasso; it closes by itself, and where
        it crosses itself the even-odd rule holds.
        """
        return rows_inside(self.positions, outline)

    def prepare(self) -> None:
        """Builds the lookups now (about a second for 1,000,000 rows) instead of at the first question."""
        self._remainder().prepare()
        self._where()
        if len(self._landmarks):
            self._places()

    def tensors(self) -> dict[str, Tensor]:
        """The weights, for safetensors; with ``config_json`` and the two arrays they make the same map again."""
        tensors = {f"encoder.{name}": value for name, value in self._encoder.state_dict().items()}
        tensors |= {f"decoder.{name}": value for name, value in self._decoder.state_dict().items()}
        tensors["centre"], tensors["metric"] = torch.from_numpy(self._centre), torch.from_numpy(self._metric)
        tensors["landmarks"], tensors["reach"] = torch.from_numpy(self._landmarks), torch.from_numpy(self._reach)
        return {name: value.detach().contiguous().clone() for name, value in tensors.items()}

    def config_json(self) -> dict[str, Any]:
        """A JSON object: architecture, scale, trust and how the map was fitted."""
        return {**self._settings, "latent_dim": self.latent_dim, "scale": self._scale, "trust": dict(self.trust)}

    @classmethod
    def load(
        cls,
        tensors: Mapping[str, Tensor],
        config: Mapping[str, Any],
        positions: NDArray[np.float32],
        latents_mean: NDArray[np.float32],
    ) -> FittedMap:
        """The map that ``tensors`` and ``config_json`` describe. Raises SpaceError where they do not fit together."""
        try:
            encoder, decoder = build_pair(
                int(config["latent_dim"]),
                tuple(int(width) for width in config["hidden"]),
                waves=int(config["waves"]),
                bandwidth=1.0,
                seed=0,
            )
            encoder.load_state_dict({n[8:]: v for n, v in tensors.items() if n.startswith("encoder.")})
            decoder.load_state_dict({n[8:]: v for n, v in tensors.items() if n.startswith("decoder.")})
            settings = {name: value for name, value in config.items() if name not in {"latent_dim", "scale", "trust"}}
            centre, metric, landmarks, reach = (tensors[n].numpy() for n in ("centre", "metric", "landmarks", "reach"))
            scale, trust, _ = float(config["scale"]), dict(config["trust"]), float(config["unit"])
        except (KeyError, TypeError, ValueError, RuntimeError) as error:
            raise SpaceError(
                f"cannot rebuild the map: its weights and configuration do not fit together ({_first_line(error)}), "
                "so the space was changed after it was saved; fit it again"
            ) from error
        return cls(
            encoder, decoder, centre=centre, scale=scale, metric=metric, landmarks=landmarks, reach=reach,
            positions=positions, latents=latents_mean, trust=trust, settings=settings,
        )  # fmt: skip

    def __repr__(self) -> str:
        kept = [f"{name} {self.trust[name]:.3f}" for name in ("trustworthiness", "continuity") if name in self.trust]
        return f"FittedMap({len(self.positions)} rows, {', '.join([f'{self.latent_dim} -> 2', *kept])})"

    def _scaled(self, rows: NDArray[np.float32]) -> NDArray[np.float32]:
        return (rows - self._centre) / np.float32(self._scale)

    def _measured(self, rows: NDArray[np.float32]) -> NDArray[np.float32]:
        measured: NDArray[np.float32] = rows @ self._metric if len(self._metric) else rows
        return measured

    def _places(self) -> Placing:
        with self._lock:
            if self._placing is None:
                rows = self._scaled(np.asarray(self._latents[self._landmarks], dtype=np.float32))
                at = np.asarray(self.positions[self._landmarks], dtype=np.float32)
                self._placing = Placing(self._measured(rows), at, self._reach, float(self._settings["unit"]))
            return self._placing

    def _remainder(self) -> Residual:
        with self._lock:
            if self._residual is None:
                self._residual = Residual(self.positions, self._latents, self._expected)
            return self._residual

    def _where(self) -> Presence:
        with self._lock:
            if self._presence is None:
                self._presence = Presence(self.positions)
            return self._presence

    def _expected(self, places: NDArray[np.float32]) -> NDArray[np.float32]:
        return self._run(self._decoder, places) * np.float32(self._scale) + self._centre

    @staticmethod
    def _run(network: Perceptron, rows: NDArray[np.float32]) -> NDArray[np.float32]:
        blocks = range(0, max(len(rows), 1), _BLOCK)
        with torch.inference_mode():
            parts = [network(torch.from_numpy(np.ascontiguousarray(rows[i : i + _BLOCK]))).numpy() for i in blocks]
        return parts[0] if len(parts) == 1 else np.concatenate(parts)


@contextmanager
def use_threads(threads: int | None) -> Iterator[int]:
    """torch and faiss on this many threads inside the block (None: as they are). Yields the number."""
    import faiss

    before, before_faiss = torch.get_num_threads(), faiss.omp_get_max_threads()
    count = threads or before
    torch.set_num_threads(count)
    faiss.omp_set_num_threads(count)
    try:
        yield count
    finally:
        torch.set_num_threads(before)
        faiss.omp_set_num_threads(before_faiss)


def _rows(values: ArrayLike | Tensor, width: int, task: str, what: str, *, finite: bool = True) -> NDArray[np.float32]:
    raw = values.detach().cpu().numpy() if isinstance(values, Tensor) else values
    rows = np.atleast_2d(np.asarray(raw, dtype=np.float32))
    if rows.ndim != 2 or rows.shape[1] != width:
        raise SpaceError(f"cannot {task}: got shape {np.shape(raw)}, this map has {width} {what}; pass (n, {width})")
    if finite and not np.isfinite(rows).all():
        row = int(np.flatnonzero(~np.isfinite(rows).all(1))[0])
        raise SpaceError(f"cannot {task}: row {row} holds NaN or infinity; pass finite numbers")
    return rows


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
