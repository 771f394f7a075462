"""Concepts given by examples: at which layers they can be read off linearly, and what follows from them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from deepspace.errors import SpaceError
from deepspace.explore.discovery import adjusted
from deepspace.layers.layers import BATCH, Layer, Layers
from deepspace.layers.network import Network, Part, SpaceNetwork, watch
from deepspace.layers.recording import Recording, _batch, summary
from deepspace.results import Tabular, figure, text_table, wilson

if TYPE_CHECKING:
    import pyarrow as pa
    import torch

__all__ = ["LATENT", "Concept", "LayerConcept", "Method", "concept"]

LATENT = "latent"
"""What the posterior means of a space are called among its layers."""
Method = Literal["normal", "pattern"]
Names = str | Sequence[str] | Callable[[str], bool] | None

LEAST, MOST = 10, 100
"""Rows on each side of a classifier."""
WIDTH = 4096
"""Numbers of a layer up to which a classifier sees all of it."""
_POOL, _ASKED = 500, 200
_PAIRS, _NULL, _TESTED = 100, 499, 5
_FOLDS, _RIDGE = 5, 0.1
_PASS_BYTES, _BLOCK = 512 << 20, 64
_LEVEL = 0.05

Rows = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Singles = npt.NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class LayerConcept:
    """A concept at one layer.

    ``accuracy``: share of held-out rows told right, concept or random, mean over the runs (chance: a half), with the
    Wilson ``interval`` of one run's rows, since all runs share the concept's. ``chance``: the mean of the same for
    random rows against random rows, ``chance_range``: where 95 % of those lie. ``score``: the share of rows for which
    the target grows along the concept's vector, mean over runs. ``sensitivity``: how much it grows, in its own units
    and to first order, on the way from random rows to the concept's along the vector, mean over rows and runs (of a
    pooled layer up to a factor). ``random_score``, ``random_sensitivity``: where 95 % of random concepts lie; ``p``:
    how often one of those is as sensitive, ``q`` over all layers asked. ``reason``: why there is no score. ``vector``:
    (w,) of length 1, mean over runs, in the numbers that the classifier saw; ``pooled``: those are averages over
    positions, or projections, since the layer has too many.
    """

    layer: str
    part: Part
    width: int
    pooled: bool
    accuracy: float
    interval: tuple[float, float]
    chance: float
    chance_range: tuple[float, float]
    vector: Singles = field(repr=False)
    score: float | None = None
    random_score: tuple[float, float] | None = None
    sensitivity: float | None = None
    random_sensitivity: tuple[float, float] | None = None
    p: float | None = None
    q: float | None = None
    reason: str = ""

    @property
    def readable(self) -> bool:
        """Whether the concept is told better than 97.5 % of random sets are."""
        return self.accuracy > self.chance_range[1]

    @property
    def significant(self) -> bool:
        """Whether the target follows the concept here, at a false discovery rate of 5 % over the layers."""
        return self.q is not None and self.q <= _LEVEL


@dataclass(frozen=True, eq=False)
class Concept(Tabular):
    """A concept at every layer asked, in the order they run.

    ``rows``: the concept's that were used; ``size``: how many stand on each side of a classifier; ``pool``: how many
    rows the random sets are drawn from; ``asked``: rows at which the target's derivative was taken. ``direction``:
    (D,) of a space, in latent units: from random rows to the concept's along the vector among posterior means, mean
    over runs. ``left_out``: layers without an answer, each with the reason.
    """

    name: str
    items: tuple[LayerConcept, ...]
    rows: Rows = field(repr=False)
    size: int
    pool: int
    runs: int
    method: Method
    target: int | None = None
    asked: int = 0
    direction: Floats | None = field(default=None, repr=False)
    left_out: dict[str, str] = field(default_factory=dict)

    def __iter__(self) -> Iterator[LayerConcept]:
        return iter(self.items)

    def __getitem__(self, layer: str) -> LayerConcept:
        """By the layer's name. Raises SpaceError for one that is not there."""
        found = {item.layer: item for item in self.items}
        if layer not in found:
            raise SpaceError(f"'{self.name}' was not looked for at {layer!r}: it was at {', '.join(found)}.")
        return found[layer]

    def to_arrow(self) -> pa.Table:
        import pyarrow as pa

        names = ["layer", "part", "width", "pooled", "accuracy", "interval", "chance", "chance_range", "readable"]
        if self.target is not None:
            names += ["score", "random_score", "sensitivity", "random_sensitivity", "p", "q", "significant", "reason"]
        return pa.table({name: [getattr(item, name) for item in self.items] for name in names})

    def __str__(self) -> str:
        header = ["layer", "part", "accuracy", "95 %", "random rows"]
        if self.target is not None:
            header += ["score", "random concepts", "sensitivity", "random concepts", "q"]
        lines = [
            f"{self.name}: {self.size} rows against {self.runs} sets of {self.size} of {self.pool:,} others",
            text_table(header, [_line(item)[: len(header)] for item in self.items]),
        ]
        if self.target is not None:
            lines.append(f"score: the share of {self.asked} rows whose target {self.target} grows towards the concept")
            for reason in dict.fromkeys(item.reason for item in self.items if item.reason):
                at = ", ".join(item.layer for item in self.items if item.reason == reason)
                lines.append(f"no score at {at}: {reason}")
        pooled = ", ".join(item.layer for item in self.items if item.pooled)
        lines += [f"averaged over positions, or projected: {pooled}"] if pooled else []
        return "\n".join([*lines, *(f"left out: {name}, {why}" for name, why in self.left_out.items())])


def _line(item: LayerConcept) -> list[str]:
    def span(pair: tuple[float, float] | None) -> str:
        return "-" if pair is None else f"{figure(pair[0], 2)} to {figure(pair[1], 2)}"

    cells = [
        item.layer,
        item.part,
        f"{item.accuracy:.2f}" + "*" * item.readable,
        span(item.interval),
        span(item.chance_range),
        figure(item.score, 2),
    ]
    sensitivity = figure(item.sensitivity) + "*" * item.significant
    return [*cells, span(item.random_score), sensitivity, span(item.random_sensitivity), figure(item.q, 2)]


def concept(
    listed: Layers,
    rows: npt.ArrayLike,
    *,
    name: str = "concept",
    against: npt.ArrayLike | None = None,
    layers: Names = None,
    target: int | None = None,
    sensitive_rows: npt.ArrayLike | None = None,
    method: Method = "pattern",
    runs: int = 20,
    seed: int = 0,
    recording: Recording | None = None,
    tell: Callable[[str], None] | None = None,
) -> Concept:
    """Concept activation vectors at every layer, and whether a conclusion follows from them. Kim 2018,
    arXiv:1711.11279.

    rows: numbers of at least 10 rows that show the concept; at most 100 are used. against: rows that random sets are
    drawn from; without, all others; at most 500 are used. For each of ``runs`` random sets as large as the concept, a
    linear classifier (least squares with a ridge) tells both apart on all numbers of a layer, or of its summary where
    it has more than 4,096, scored by five-fold cross-validation.

    target: a column of what ``network.run`` concludes, a logit or a latent mean. With one, the TCAV score over
    ``sensitive_rows``: without, rows that do not show the concept; at most 200. The paper's t-test takes runs for
    independent though all share the concept's rows; here the concept's mean sensitivity over five runs stands against
    those of 499 random concepts of its size over five random sets each.

    method: the vector. "pattern", from the mean of random rows to the mean of the concept's, so that a target which
    does not depend on the concept is not moved along it, but what goes along with the concept in the data counts with
    it. "normal", the classifier's, as in the paper: it also avoids what else the layer holds, so that a target can seem
    to follow from a concept that it does not depend on (Haufe 2014, Neuroimage 87:96; Pahde 2022, arXiv:2202.03482).

    recording: summaries to use instead of running the network; the rows are then among its own. Of a space, posterior
    means are a layer too, "latent". Raises SpaceError for rows that are too few, outside, or on both sides.
    """
    network, rng = listed.network, np.random.default_rng(seed)
    if runs < 2 or method not in ("normal", "pattern"):
        raise SpaceError(f"A concept takes 2 runs or more, 'normal' or 'pattern', got {runs} and {method!r}.")
    shown = _rows(rows, network, name)
    mine, pool = _sides(shown, against, network, name, recording, rng)
    draws = _draw(len(mine), len(pool), runs, target is not None, rng)
    asked = _asked(sensitive_rows, shown, network, rng) if target is not None else np.empty(0, np.int64)
    found: list[LayerConcept] = []
    left_out: dict[str, str] = {}
    every, width = np.concatenate([mine, pool]), WIDTH if recording is None else recording.width
    for group in _groups(listed.chosen(layers), len(every) + len(asked), width):
        features = _features(listed, group, every, width, recording)
        gradients = {} if target is None else _gradients(listed, group, asked, target, width)
        for layer in group:
            x = features.pop(layer.name)
            if why := _unusable(x):
                left_out[layer.name] = why
                continue
            found.append(_at(layer, x, gradients.get(layer.name, ""), draws, method, width)[0])
            if tell is not None:
                tell(f"'{name}' at layer {layer.name} of '{network.name}'")
    direction = None
    if isinstance(network, SpaceNetwork):
        means = np.asarray(network.space.latents.mean[every], np.float32)
        if why := _unusable(means):
            left_out[LATENT] = why
        else:
            latent = Layer(LATENT, "encoder", "posterior mean", (means.shape[1],), 0)
            why = "" if target is None else "the target is one of the posterior means themselves"
            item, direction = _at(latent, means, why, draws, method, means.shape[1])
            found.insert(sum(each.part == "encoder" for each in found), item)
    q = adjusted([np.nan if item.p is None else item.p for item in found])
    items = tuple(item if item.p is None else replace(item, q=float(q[i])) for i, item in enumerate(found))
    return Concept(name, items, mine, len(mine), len(pool), runs, method, target, len(asked), direction, left_out)


class _Draws(NamedTuple):
    """Sets of rows, the first half of each a concept: places among the concept's rows before the pool's.

    runs: (R, 2 m), the concept against random rows; pairs: (100, 2 m), random against random rows; null: (499, 5, 2 m),
    random concepts, each against several random sets; folds: (2 m,), which fold holds a place out.
    """

    runs: Rows
    pairs: Rows
    null: Rows
    folds: Rows


def _rows(given: npt.ArrayLike, network: Network, what: str) -> Rows:
    rows = np.asarray(given).reshape(-1)
    if len(rows) and rows.dtype.kind not in "iu":
        raise SpaceError(f"'{what}' needs row numbers, got values of type {rows.dtype}.")
    rows = np.unique(rows.astype(np.int64))
    if len(rows) and not (rows[0] >= 0 and rows[-1] < network.rows):
        wrong = rows[0] if rows[0] < 0 else rows[-1]
        raise SpaceError(f"'{what}' has row {wrong:,}, and '{network.name}' has {network.rows:,} rows.")
    return rows


def _sides(
    shown: Rows, against: npt.ArrayLike | None, network: Network, name: str, recording: Recording | None,
    rng: np.random.Generator,
) -> tuple[Rows, Rows]:  # fmt: skip
    """The rows of the concept, and those that random sets are drawn from: at least twice as many."""
    others = np.setdiff1d(np.arange(network.rows), shown) if against is None else _rows(against, network, "against")
    both = np.intersect1d(shown, others)
    if len(both):
        raise SpaceError(f"{len(both):,} rows are both in '{name}' and in against: leave row {both[0]:,} out of one.")
    where = ""
    if recording is not None:
        shown, others = np.intersect1d(shown, recording.rows), np.intersect1d(others, recording.rows)
        where = " among the recorded"
    if len(shown) < LEAST:
        raise SpaceError(f"'{name}' has {len(shown)} rows{where}, and a concept needs at least {LEAST} examples.")
    if len(others) < 2 * LEAST:
        raise SpaceError(f"'{name}' needs {2 * LEAST} other rows{where} to be told from, and there are {len(others)}.")
    pool = others if len(others) <= _POOL else np.sort(rng.choice(others, _POOL, replace=False))
    size = min(len(shown), MOST, len(pool) // 2)
    return (shown if size == len(shown) else np.sort(rng.choice(shown, size, replace=False))), pool


def _draw(size: int, pool: int, runs: int, tested: bool, rng: np.random.Generator) -> _Draws:
    places = np.arange(size, size + pool)
    concept_runs = [np.r_[np.arange(size), rng.permutation(places)[:size]] for _ in range(runs)]
    pairs = [rng.permutation(places)[: 2 * size] for _ in range(_PAIRS)]
    folds = np.concatenate([rng.permutation(size) % _FOLDS for _ in range(2)])
    null = []
    for _ in range(_NULL if tested else 0):
        mine, rest = np.split(rng.permutation(places), [size])
        null.append([np.r_[mine, rng.permutation(rest)[:size]] for _ in range(min(_TESTED, runs))])
    return _Draws(np.array(concept_runs), np.array(pairs), np.array(null, np.int64), folds)


def _asked(given: npt.ArrayLike | None, shown: Rows, network: Network, rng: np.random.Generator) -> Rows:
    """Rows at which the derivative is taken."""
    rows = np.setdiff1d(np.arange(network.rows), shown) if given is None else _rows(given, network, "sensitive_rows")
    if not len(rows):
        raise SpaceError("sensitive_rows is empty, and a score is a share of rows; leave it out for all other rows.")
    return rows if len(rows) <= _ASKED else np.sort(rng.choice(rows, _ASKED, replace=False))


def _groups(layers: tuple[Layer, ...], rows: int, width: int) -> Iterator[list[Layer]]:
    """Layers that go through the network together, by what their numbers take in memory."""
    group: list[Layer] = []
    for layer in layers:
        if group and 4 * rows * sum(min(each.size, width) for each in (*group, layer)) > _PASS_BYTES:
            yield group
            group = []
        group.append(layer)
    if group:
        yield group


def _features(
    listed: Layers, group: list[Layer], rows: Rows, width: int, recording: Recording | None
) -> dict[str, Singles]:
    """name -> (N, w): all numbers of a layer, or its summary where those are more than ``width``."""
    import torch

    if recording is not None:
        order = np.argsort(recording.rows, kind="stable")
        at = order[np.searchsorted(recording.rows, rows, sorter=order)]
        return {layer.name: recording.features(layer.name)[at] for layer in group}
    wanted = {layer.name: layer for layer in group}
    parts: dict[str, list[Singles]] = {layer.name: [] for layer in group}

    def note(name: str, part: Part, module: torch.nn.Module, output: torch.Tensor) -> None:
        if name in wanted:
            # A copy: what is small enough is no summary, and the next layer may work in place on it.
            parts[name].append(summary(output.detach(), wanted[name].axis, width)[0].cpu().numpy().copy())

    size = _batch(listed, BATCH)
    with watch(listed.network, note) as run, torch.inference_mode():
        for start in range(0, len(rows), size):
            run(listed.network.inputs(rows[start : start + size]))
    return {name: np.concatenate(part) for name, part in parts.items()}


def _gradients(listed: Layers, group: list[Layer], rows: Rows, target: int, width: int) -> dict[str, Singles | str]:
    """name -> (S, w), the target's derivative with respect to the numbers of ``_features``, each row's own; or why
    there is none. Of a summary P a it is P times that of a, which is a step along P^T v in the layer's own numbers."""
    import torch

    wanted = {layer.name: layer for layer in group}
    held: dict[str, tuple[torch.Tensor, int]] = {}
    parts: dict[str, list[Singles]] = {layer.name: [] for layer in group}
    why: dict[str, str] = {}

    def note(name: str, part: Part, module: torch.nn.Module, output: torch.Tensor) -> None:
        if name in wanted:
            held[name] = output, output._version

    # What the derivative needs of every layer lives at once, not of the largest alone.
    size = _batch(listed, max(1, BATCH // 8))
    # cuDNN refuses the derivative of a recurrent layer outside training.
    plain = torch.backends.cudnn.flags(enabled=False)
    with plain, _out_of_place(listed.network), watch(listed.network, note) as run, torch.enable_grad():
        for start in range(0, len(rows), size):
            held.clear()
            x = listed.network.inputs(rows[start : start + size])
            # No leaf: the network may work on its input in place.
            answer = run(x.detach().requires_grad_().clone() if x.is_floating_point() else x)
            if not 0 <= target < answer.shape[1]:
                raise SpaceError(
                    f"'{listed.network.name}' has targets 0 to {answer.shape[1] - 1}, and {target} was asked for."
                )
            for name, gradient in _derivatives(answer[:, target].sum(), held, why).items():
                parts[name].append(summary(gradient, wanted[name].axis, width)[0].cpu().numpy().copy())
    return {
        name: np.concatenate(part) if part and name not in why else why.get(name, "the target does not depend on it")
        for name, part in parts.items()
    }


def _derivatives(
    total: torch.Tensor, held: dict[str, tuple[torch.Tensor, int]], why: dict[str, str]
) -> dict[str, torch.Tensor]:
    """Of the target's sum with respect to each layer's answer, where it depends on that; else perhaps the reason."""
    import torch

    for name, (output, version) in held.items():
        if output._version != version:
            why[name] = "the network changes its answer in place"
        elif not output.requires_grad:
            why[name] = "no derivative reaches it"
    names = [name for name in held if name not in why]
    if not names or not total.requires_grad:
        return {}
    gradients = torch.autograd.grad(total, [held[name][0] for name in names], allow_unused=True)
    return {name: g.detach() for name, g in zip(names, gradients, strict=True) if g is not None}


@contextmanager
def _out_of_place(network: Network) -> Iterator[None]:
    """Modules that would overwrite the answer of the layer before them do not, for as long as the block lasts."""
    modules = [m for m in network.module.modules() if getattr(m, "inplace", None) is True]
    for module in modules:
        module.inplace = False  # type: ignore[assignment]
    try:
        yield
    finally:
        for module in modules:
            module.inplace = True  # type: ignore[assignment]


def _unusable(features: Singles) -> str:
    if not np.isfinite(features).all():
        return "it answers NaN or infinity to some rows"
    return "it answers the same to every row" if not np.ptp(features, axis=0).any() else ""


def _at(
    layer: Layer, features: Singles, gradients: Singles | str, draws: _Draws, method: Method, width: int
) -> tuple[LayerConcept, Floats]:
    """A concept at one layer, and its step (w,), the mean over runs."""
    x = features.astype(np.float64)
    x -= x.mean(0)  # Inner products of what is far from 0 would cancel.
    gram = x @ x.T
    right, chance = _accuracies(gram, draws.runs, draws.folds), _accuracies(gram, draws.pairs, draws.folds)
    weights = _steps(gram, draws.runs, method)
    step = weights.mean(0) @ x
    accuracy, n = float(right.mean()), draws.runs.shape[1]
    low, high = np.percentile(chance, [2.5, 97.5])
    item = LayerConcept(
        layer.name, layer.part, x.shape[1], layer.size > width,
        accuracy, wilson(round(accuracy * n), n), float(chance.mean()), (float(low), float(high)),
        (step / max(float(np.linalg.norm(step)), 1e-300)).astype(np.float32),
        reason=gradients if isinstance(gradients, str) else "",
    )  # fmt: skip
    if isinstance(gradients, str):
        return item, step
    return replace(item, **_tested(gradients.astype(np.float64) @ x.T, weights, gram, draws, method)), step


def _tested(towards: Floats, weights: Floats, gram: Floats, draws: _Draws, method: Method) -> dict[str, Any]:
    """Score, sensitivity and p. towards: (S, N), derivative towards each row's own place; weights: (R, N) of steps."""
    derivatives = towards @ weights.T  # (S, R)
    count, sets = draws.null.shape[:2]
    scores, means = np.empty(count), np.empty(count)
    for start in range(0, count, _BLOCK):
        block = draws.null[start : start + _BLOCK]
        found = towards @ _steps(gram, block.reshape(-1, block.shape[2]), method).T
        scores[start : start + _BLOCK] = (found > 0).mean(0).reshape(-1, sets).mean(1)
        means[start : start + _BLOCK] = found.mean(0).reshape(-1, sets).mean(1)
    # Of as many runs as each random concept has; rounding may not make a tie a hit.
    mine = abs(float(derivatives[:, :sets].mean()))
    hits = int((np.abs(means) >= mine * (1 - 1e-9)).sum())
    spans = (np.percentile(values, [2.5, 97.5]) for values in (scores, means))
    score, sensitivity = ((float(low), float(high)) for low, high in spans)
    return {
        "score": float((derivatives > 0).mean()),
        "random_score": score,
        "sensitivity": float(derivatives.mean()),
        "random_sensitivity": sensitivity,
        "p": (1 + hits) / (1 + count),
    }


def _systems(gram: Floats, sets: Rows) -> tuple[Floats, Floats, Floats]:
    """Of sets (B, n): inner products of their rows about their mean (B, n, n), the ridge (B, 1, 1), labels (n,)."""
    inner = gram[sets[:, :, None], sets[:, None, :]]
    inner -= inner.mean(1, keepdims=True)
    inner -= inner.mean(2, keepdims=True)
    n = sets.shape[1]
    ridge = np.maximum(_RIDGE * np.trace(inner, axis1=1, axis2=2) / n, 1e-12 * np.abs(gram).max())[:, None, None]
    return inner, ridge, np.repeat([1.0, -1.0], n // 2)


def _steps(gram: Floats, sets: Rows, method: Method) -> Floats:
    """Of sets (B, n) of N rows: the step from the mean of the second half to that of the first as weights of rows,
    (B, N); of that its part along the normal of ridge regression."""
    weights = np.zeros((len(sets), len(gram)))
    n = sets.shape[1]
    np.put_along_axis(weights, sets, np.repeat([2 / n, -2 / n], n // 2)[None], 1)
    if method == "pattern":
        return weights
    for start in range(0, len(sets), _BLOCK):
        some = sets[start : start + _BLOCK]
        inner, ridge, y = _systems(gram, some)
        found = np.linalg.solve(inner + ridge * np.eye(n), np.broadcast_to(y[:, None], (*some.shape, 1)))
        felt = inner @ found
        length = (felt[..., 0] @ y) * (2 / n) / np.maximum((felt * found).sum((1, 2)), 1e-300)
        np.put_along_axis(weights[start : start + _BLOCK], some, found[..., 0] * length[:, None], 1)
    return weights


def _accuracies(gram: Floats, sets: Rows, folds: Rows) -> Floats:
    """(B,): the share told right by ridge regression on the other folds, in closed form: what is left out of a linear
    smoother H errs by (I - H_FF)^-1 times what it erred by (Cook & Weisberg 1982)."""
    right = np.zeros(len(sets))
    for start in range(0, len(sets), _BLOCK):
        inner, ridge, y = _systems(gram, sets[start : start + _BLOCK])
        n = len(y)
        left = ridge * np.linalg.inv(inner + ridge * np.eye(n)) - 1 / n
        errors = left @ y
        for fold in range(_FOLDS):
            at = np.flatnonzero(folds == fold)
            out = np.linalg.solve(left[:, at[:, None], at], errors[:, at, None])[..., 0]
            right[start : start + _BLOCK] += ((y[at] - out) * y[at] > 0).sum(1)
    return np.asarray(right / sets.shape[1], np.float64)
