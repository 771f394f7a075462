"""The two ways that have to be searched for: the shortest to the eye, and the one that keeps to where data is."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING, Final
from weakref import WeakKeyDictionary

import numpy as np
import numpy.typing as npt

from deepspace.explore.decoded import expected, expected_tensor, travelled
from deepspace.explore.graphs import NEIGHBOURS, Graph, sample_rows, shortest
from deepspace.space.density import Density

if TYPE_CHECKING:
    from torch import Tensor

    from deepspace.space import BaseSpace

__all__ = ["FINE", "Routes", "lengths", "resampled", "routes_of"]

FINE: Final = 65
"""Places on a way between two anchors at which its lengths are measured."""

_CROWD_ROWS: Final = 8_000
_DECODED_ROWS, _LEAST_DECODED, _DECODED_NUMBERS = 2_000, 256, 1 << 21
_EPSILON: Final = 0.01
_WAVES, _COARSE, _ITERATIONS = 10, 33, 24
_LOOKS: Final = 4
_TIDY: Final = 1e-3
_LEVELS: Final = 33

Floats = npt.NDArray[np.float64]


class Routes:
    """The graphs of one space, made when first asked for and then kept. Safe to call from several threads."""

    def __init__(self, space: BaseSpace) -> None:
        # Not the space itself: kept by a weak key, these must not keep it alive.
        self._mean, self._scale = space.latents.mean, space.latents.scale
        self.n = len(self._mean)
        elements = int(np.prod(space.schema.shape))
        decoded = min(_DECODED_ROWS, max(_LEAST_DECODED, _DECODED_NUMBERS // elements))
        self._decoded_rows = sample_rows(self.n, decoded)
        self._crowd_rows = sample_rows(self.n, _CROWD_ROWS)
        self._bounds: Floats | None = None
        self._lock = threading.RLock()

    # The shortest to the eye

    def geodesic(self, space: BaseSpace, a: Floats, b: Floats) -> Floats:
        """(D,), (D,) -> (FINE, D), steps that each move the decode alike: never longer to the eye than the line.

        The shortest way on a graph of near rows, an edge as long as the decode moves along it (Chen 2019,
        arXiv:1812.08284), then relaxed: the energy of the decoded curve is minimised over the waves
        sum_k c_k sin(k pi t) / k about the line (Arvanitidis 2018, arXiv:1710.11379). Of all that came up,
        the shortest.
        """
        line = _line(a, b, FINE)
        graph, bounds = self._decoded_graph(space)
        points, edges, _ = graph.with_ends(a, b)
        own = expected(space, points[-2:])
        near = edges[len(bounds) : -1]
        joined = np.linalg.norm(own[near[:, 1] - len(graph.points)] - expected(space, points[near[:, 0]]), axis=1)
        way = shortest(
            points, edges, np.concatenate([bounds, joined, [0.0]]), lambda p, q: travelled(space, _line(p, q, 5))[:, -1]
        )
        found = [line, *_smoothed(way, (_WAVES,)), resampled(way, None, FINE)]
        best = min(found, key=lambda z: float(travelled(space, z)[-1]))
        seen = float(travelled(space, line)[-1]) ** 2 or 1.0
        even = resampled(best, travelled(space, best), FINE)
        relaxed = _relaxed(even, lambda z: expected_tensor(space, z.float()).diff(dim=0).square().sum() / seen)
        best = min((best, relaxed), key=lambda z: float(travelled(space, z)[-1]))
        even = resampled(best, travelled(space, best), FINE)
        # Between its places a way is taken straight, which can add a little to one that bends.
        return min((even, best, line), key=lambda z: float(travelled(space, z)[-1]))

    def _decoded_graph(self, space: BaseSpace) -> tuple[Graph, Floats]:
        """The graph, and how far apart the decodes of an edge's ends are: no way along it can be shorter."""
        with self._lock:
            graph = self._near
            if self._bounds is None:
                own = expected(space, graph.points)
                i, j = graph.edges.T
                self._bounds = np.linalg.norm((own[i] - own[j]).astype(np.float64), axis=1)
            return graph, self._bounds

    @cached_property
    def _near(self) -> Graph:
        return Graph.of(np.ascontiguousarray(self._mean[self._decoded_rows], np.float32))

    # Where data is

    def dense(self, a: Floats, b: Floats) -> Floats:
        """(D,), (D,) -> (FINE, D), steps of equal latent length: the cheapest way by 1 / (p + 0.01) that is nowhere
        emptier than the emptiest place of the line; on a graph of near rows, and then relaxed.

        p is the share of rows that lie in less crowded places, 0 to 1. (The density itself spans sixteen orders of
        magnitude over the rows of MNIST at 32 latents: its inverse would send every way through the mode.)
        """
        line = _line(a, b, FINE)
        with self._lock:
            graph, crowd, own = self._crowd
        least = float(crowd(line).min())
        points, edges, sizes = graph.with_ends(a, b)
        shares = np.concatenate([own, crowd(points[-2:])])
        i, j = edges.T
        # What lies between two rows is seldom denser than the denser of them.
        bounds = sizes / (np.maximum(shares[i], shares[j]) + _EPSILON)

        def cost(p: Floats, q: Floats) -> Floats:
            way = _line(p, q, 5)
            share = crowd(way.reshape(-1, way.shape[-1])).reshape(way.shape[:-1])
            weight = _cost(np.linalg.norm(p - q, axis=1), share)
            return np.where(share.min(1) < least, np.inf, weight)

        way = shortest(points, edges, bounds, cost)

        def total(z: Floats) -> float:
            share = crowd(z)
            return float(_cost(lengths(z)[-1], share)) if share.min() >= least else np.inf

        found = [line, resampled(way, None, FINE), *_smoothed(way, (2, 4, _WAVES, 2 * _WAVES))]
        best = min(found, key=total)
        for _ in range(_LOOKS):
            relaxed = resampled(_relaxed(best, crowd.energy(best), _ITERATIONS // _LOOKS), None, FINE)
            if total(relaxed) >= total(best):
                break
            best = relaxed
        return best

    @cached_property
    def _crowd(self) -> tuple[Graph, _Crowd, Floats]:
        crowd = _Crowd(self._mean[self._crowd_rows], self._scale[self._crowd_rows])
        graph = Graph.of(crowd.points)
        return graph, crowd, crowd.shares

    def how(self, kind: str) -> str:
        """What a way was searched on, in a sentence."""
        rows = self._decoded_rows if kind == "geodesic" else self._crowd_rows
        what = "decoded change" if kind == "geodesic" else "length / (share of rows in emptier places + 0.01)"
        of = f"all {self.n:,} rows" if len(rows) == self.n else f"{len(rows):,} of {self.n:,} rows"
        return f"shortest way by {what}, on a graph of {of} with {NEIGHBOURS} neighbours each, then relaxed"


class _Crowd:
    """How crowded places are, as the share of rows in less crowded ones, by the rows given alone."""

    def __init__(self, mean: npt.NDArray[np.float32], scale: npt.NDArray[np.float32]) -> None:
        self.points = np.ascontiguousarray(mean, np.float32)
        unit = np.sqrt(np.square(scale, dtype=np.float64).mean(0)).astype(np.float32)
        self._density = Density(self.points, unit)
        own = self._density.of_rows()
        self._sorted = np.sort(own)
        self.shares = self._share(own)

    def __call__(self, z: Floats) -> Floats:
        return self._share(self._density.at(np.ascontiguousarray(z, np.float32)))

    def energy(self, way: Floats) -> Callable[[Tensor], Tensor]:
        """The energy sum |dz|^2 / (p + eps)^2 of curves near ``way``, differentiable: the rows nearest to it stay its
        nearest. The minimum has constant speed where 1 / (p + eps) is the measure of length."""
        import torch

        density = self._density
        even = resampled(way, None, _COARSE)
        near = density.index.search(even.astype(np.float32), density.order).index[:, density.order // 2 :]
        unit = torch.from_numpy(density.unit.astype(np.float64))
        rows = torch.from_numpy(self.points[near].astype(np.float64)) / unit  # (P, j, D)
        at = density.at(even.astype(np.float32)).astype(np.float64)

        def log_radius(z: Tensor) -> Tensor:
            return (z[:, None] / unit - rows).square().sum(2).clamp_min(1e-4).log().mean(1) / 2

        origin = log_radius(torch.from_numpy(even))
        levels = np.quantile(self._sorted.astype(np.float64), np.linspace(0, 1, _LEVELS))
        knots = torch.from_numpy(levels)
        slope = torch.from_numpy(1 / (_LEVELS - 1) / np.maximum(np.diff(levels), 1e-6))

        def found(z: Tensor) -> Tensor:
            log_density = torch.from_numpy(at) - z.shape[1] * (log_radius(z) - origin)
            cell = torch.searchsorted(knots, log_density.detach()).sub(1).clamp(0, _LEVELS - 2)
            share = (cell / (_LEVELS - 1) + (log_density - knots[cell]) * slope[cell]).clamp(0, 1)
            weight = 1 / (share + _EPSILON)
            return (z.diff(dim=0).square().sum(1) * ((weight[1:] + weight[:-1]) / 2).square()).sum()

        scale = float(found(torch.from_numpy(even)))
        return lambda z: found(z) / scale

    def _share(self, log_density: npt.NDArray[np.float32]) -> Floats:
        return np.asarray(np.searchsorted(self._sorted, log_density) / len(self._sorted), np.float64)


_kept: WeakKeyDictionary[BaseSpace, Routes] = WeakKeyDictionary()
_keeping = threading.Lock()


def routes_of(space: BaseSpace) -> Routes:
    """The routes of a space, the same ones at every call."""
    with _keeping:
        if space not in _kept:
            _kept[space] = Routes(space)
        return _kept[space]


def _line(p: Floats, q: Floats, steps: int) -> Floats:
    """(..., D), (..., D) -> (..., steps, D), the ends exactly p and q."""
    t = np.linspace(0, 1, steps)[:, None]
    return (1 - t) * p[..., None, :] + t * q[..., None, :]


def lengths(z: Floats) -> Floats:
    """(P, D) -> (P,) latent length since the first place."""
    return np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(z, axis=0), axis=1))])


def _cost(length: Floats | float, share: Floats) -> Floats:
    """Length times the mean of 1 / (p + eps) over equally spaced places, the last axis; the ends count half."""
    inverse = 1 / (share + _EPSILON)
    middle = (inverse[..., 1:] + inverse[..., :-1]) / 2
    return np.asarray(length * middle.mean(-1))


def resampled(z: Floats, clock: Floats | None, steps: int) -> Floats:
    """The polyline at equal steps of a clock (P,) that runs with it; of latent length without one, or where it stands
    still."""
    if clock is None or clock[-1] <= 0:
        clock = lengths(z)
    if clock[-1] <= 0:
        return _line(z[0], z[-1], steps)
    # Where the clock stands for a while, the way is passed in one step: keep the first of places told apart by nothing.
    keep = np.concatenate([[True], np.diff(clock) > 0])
    keep[-1] = True
    at = np.linspace(0, clock[-1], steps)
    even = np.stack([np.interp(at, clock[keep], column[keep]) for column in z.T], 1)
    even[0], even[-1] = z[0], z[-1]
    return even


def _waves(steps: int, count: int) -> tuple[Floats, Floats]:
    """sin(k pi t), (steps, count), at equal t, and k."""
    k = np.arange(1.0, count + 1)
    return np.sin(np.pi * np.linspace(0, 1, steps)[:, None] * k), k


def _smoothed(way: Floats, counts: tuple[int, ...]) -> list[Floats]:
    """The way without the corners that come from the rows it leads over: its first waves about the line."""
    even = resampled(way, None, FINE)
    line = _line(way[0], way[-1], FINE)
    smooth = []
    for count in counts:
        basis, _ = _waves(FINE, count)
        smooth.append(line + basis @ (basis.T @ (even - line)) * (2 / (FINE - 1)))
        smooth[-1][[0, -1]] = way[[0, -1]]
    return [resampled(z, None, FINE) for z in smooth]


def _relaxed(way: Floats, energy: Callable[[Tensor], Tensor], iterations: int = _ITERATIONS) -> Floats:
    """The way drawn tight: steps of L-BFGS on ``energy`` of (_COARSE, D) places on it, (FINE, D).

    It is written as waves about the line: scaled by 1/k they have one curvature under a constant metric. A thousandth
    of the latent energy is added, so that directions that the energy does not feel are left straight.
    """
    import torch
    from scipy.optimize import minimize  # torch's own L-BFGS takes seconds to import

    line, base = _line(way[0], way[-1], FINE), torch.from_numpy(_line(way[0], way[-1], _COARSE))
    span = float(np.square(way[-1] - way[0]).sum()) or 1.0
    basis, k = _waves(FINE, _WAVES)
    shape = torch.from_numpy(_waves(_COARSE, _WAVES)[0] / k)
    first = (basis.T @ (way - line)) * (2 / (FINE - 1)) * k[:, None]

    def with_gradient(flat: Floats) -> tuple[float, Floats]:
        waves = torch.from_numpy(flat.reshape(first.shape)).requires_grad_()
        with torch.enable_grad():
            z = base + shape @ waves
            loss = (_COARSE - 1) * (energy(z) + _TIDY * z.diff(dim=0).square().sum() / span)
            (gradient,) = torch.autograd.grad(loss, waves)
        return float(loss.detach()), gradient.numpy().ravel()

    found = minimize(with_gradient, first.ravel(), jac=True, method="L-BFGS-B", options={"maxiter": iterations})
    fine = line + (basis / k) @ found.x.reshape(first.shape)
    fine[[0, -1]] = way[[0, -1]]
    return fine if np.isfinite(fine).all() else way
