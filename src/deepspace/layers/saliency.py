"""Which inputs a conclusion rests on, and whether that answer hangs on what the network has learned.

Integrated gradients (Sundararajan 2017, arXiv:1703.01365), plain gradients, occlusion for tables, or a method of the
user's; beside each the randomisation of weights (Adebayo 2018, arXiv:1810.03292). All of it runs on a copy of the
module: nobody ever sees the user's own in another state, whatever interrupts.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass, fields
from functools import partial
from itertools import count
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

from deepspace.errors import SpaceError
from deepspace.layers.layers import Layers
from deepspace.layers.network import Network, SpaceNetwork
from deepspace.layers.recording import pick_rows
from deepspace.results import Tabular, figure, mean_interval, text_table

if TYPE_CHECKING:
    import pyarrow as pa
    import torch
    from torch import Tensor

__all__ = ["Method", "RandomisationCheck", "Redrawn", "Saliency", "saliency"]

Floats = npt.NDArray[np.float32]
Rows = npt.NDArray[np.int64]
Method = Callable[["Callable[[Tensor], Tensor]", "Tensor", "Tensor"], Any]
"""(f, x, baseline) -> attributions like x (M, *shape): f maps (M, *shape) to the conclusion of each row, (M,), also the
rows several times over, as captum asks: ``lambda f, x, b: captum.attr.IntegratedGradients(f).attribute(x, b)``."""

LIMIT, SAME = 0.5, 0.97
"""Rank correlations: how much of the map's own pattern, and of the whole map, may outlive all weights."""
BASELINE_ROWS, DRAWS = 256, 16  # the latter stand in for an occluded column
_METHODS = ("integrated_gradients", "gradient", "occlusion")
_DEPTHS, _CHECK_ROWS, _FEWEST_ROWS, _CHECK_STEPS = 10, 32, 16, 16
_MEMORY = 256 << 20
_NOTHING = 0.05  # of a unit vector: what is left of a map's ranks when the input's are taken out, if it is the input


@dataclass(frozen=True)
class Redrawn:
    """The network with its last ``layers`` layers redrawn, down to ``name``. similarity: mean over rows of the rank
    correlation of |attribution| with the original; beyond: without what both owe to the input's own pattern; low and
    high: the 95 % interval over rows."""

    layers: int
    name: str
    similarity: float
    low: float
    high: float
    beyond: float
    beyond_low: float
    beyond_high: float


@dataclass(frozen=True)
class RandomisationCheck(Tabular):
    """Does the map change when the weights do? Adebayo 2018, arXiv:1810.03292.

    Weights are redrawn by permuting the entries of each tensor, layer after layer from the conclusion back to the
    input; the last of ``depths`` has them all redrawn, several times over.

    The rule. Integrated gradients are a product with x - baseline, so maps of networks that share nothing rank alike:
    ``floor``, the correlation of the map with |x - baseline| itself, says how much of it is that. Judged is the partial
    rank correlation with the original, |x - baseline| and |x| taken out of both: 1 before a weight is redrawn, near 0
    for a map that rests on weights, 1 for one that ignores them (an edge filter) or that the network's build decides
    (the last steps of a recurrent one). A map that is the input's pattern alone has nothing left to change, and counts
    as 1. ``passed``: with all weights redrawn, the upper 95 % limit of its mean is below ``LIMIT``, a quarter of the
    variance, and that of the whole similarity below ``SAME``. None where nothing could be tested; ``verdict`` says why.
    """

    depths: tuple[Redrawn, ...]
    floor: float
    rows: int
    passed: bool | None
    verdict: str

    def to_arrow(self) -> pa.Table:
        import pyarrow as pa

        return pa.table({f.name: [getattr(d, f.name) for d in self.depths] for f in fields(Redrawn)})

    def __str__(self) -> str:
        header = ("redrawn down to", "layers", "similarity", "95 %", "beyond input", "95 %")
        rows = [
            (d.name, str(d.layers), f"{d.similarity:.2f}", f"{d.low:.2f} to {d.high:.2f}",
             f"{d.beyond:.2f}", f"{d.beyond_low:.2f} to {d.beyond_high:.2f}")
            for d in self.depths
        ]  # fmt: skip
        return f"{text_table(header, rows)}\n{self.verdict}" if rows else self.verdict


@dataclass(frozen=True)
class Saliency(Tabular):
    """Attributions of a conclusion to the input. As a table, it is its ``check``: one row a randomised depth.

    values: (M, *shape) float32, in units of the conclusion (a gradient: that per unit of input). columns: (M,) which
    column of the conclusion each row was asked about. outputs, baseline_outputs: (M,) the conclusion at the row and at
    its baseline; of occlusion, the mean over the rows that stand in. completeness: (M,) of integrated gradients, how
    far their sum is from f(x) - f(baseline), relative to it (to 1 % of the mean over rows, where it is smaller than
    that). names: of a table's columns.
    """

    rows: Rows
    values: Floats
    target: int | str
    target_name: str
    columns: Rows
    method: str
    outputs: Floats
    baseline_outputs: Floats
    completeness: Floats | None
    check: RandomisationCheck
    names: tuple[str, ...] = ()

    def to_arrow(self) -> pa.Table:
        return self.check.to_arrow()

    def __str__(self) -> str:
        lines = [f"{self.method.replace('_', ' ')} of {self.target_name}, {len(self.rows):,} rows"]
        if self.completeness is not None:
            middle, worst = np.median(self.completeness), self.completeness.max()
            lines.append(f"completeness: off by {middle:.1%} (median), {worst:.1%} at most; more steps bring it down")
        if self.names:
            mean = np.abs(self.values).mean(0)
            best = [(self.names[i], figure(mean[i])) for i in np.argsort(-mean, kind="stable")[:10]]
            lines.append(text_table(("column", "mean |effect|"), best))
        return "\n".join([*lines, str(self.check)])


def saliency(
    listed: Layers,
    rows: npt.ArrayLike,
    target: int | Literal["prediction"] = "prediction",
    *,
    method: Literal["integrated_gradients", "gradient", "occlusion"] | Method | None = None,
    baseline: Literal["mean", "blur"] | npt.ArrayLike | None = None,
    steps: int = 32,
    seed: int = 0,
    tell: Callable[[str], None] | None = None,
) -> Saliency:
    """What the conclusion at ``rows`` owes to each number of the input, (M, *shape), with its randomisation check.

    target: the column of the conclusion, a latent of a space or an answer of the user's network; "prediction": each
    row's largest, for networks that classify. method: integrated gradients by Gauss-Legendre quadrature of ``steps``
    points (the default); "gradient"; "occlusion", the default for tables, whose categories no gradient reaches: a
    column is replaced by that of other rows, and the mean change is told; or a ``Method``. baseline: where the path of
    integrated gradients starts: the mean of rows that training saw (default), "blur" (each picture or signal, smoothed
    over an eighth of its side), or one encoded row (*shape); for occlusion, rows (K, *shape) that stand in. steps: the
    check makes do with 16. It looks at no more than 32 of the rows, at others where fewer than 16 are asked about, and
    costs some 10 times the answer itself. Raises SpaceError for what does not fit.
    """
    import torch

    network, chosen = listed.network, np.asarray(rows, np.int64).reshape(-1)
    if not len(chosen) or not (chosen.min() >= 0 and chosen.max() < network.rows) or steps < 1:
        got = f"rows {chosen.min():,} to {chosen.max():,}" if len(chosen) else "no row"
        raise SpaceError(f"saliency has rows 0 to {network.rows - 1:,} and takes a step or more; got {got}, {steps}.")
    with torch.inference_mode(False), torch.enable_grad():
        ask = _Question(listed, _method(network, method), target, baseline, steps, seed)
        x, base = ask.inputs(chosen)
        answers = ask.answers(x)
        columns = answers.argmax(1) if target == "prediction" else np.full(len(x), int(target))
        values = ask.attribute(x, base, columns, steps)
        out, at_base = np.take_along_axis(answers, columns[:, None], 1)[:, 0], ask.answers(base)
        # Of occlusion, the rows that stand in are the same for all.
        at_base = at_base.mean(0)[columns] if ask.method == "occlusion" else at_base[np.arange(len(x)), columns]
        size, sums = np.abs(out - at_base), values.reshape(len(x), -1).sum(1, dtype=np.float64)
        complete = np.abs(sums - (out - at_base)) / np.maximum(size, max(0.01 * size.mean(), 1e-12))
        check = _check(ask, chosen, seed, tell)
    return Saliency(
        chosen, values, target, ask.target_name, columns, ask.label, out, at_base,
        complete.astype(np.float32) if ask.method == "integrated_gradients" else None, check, ask.names,
    )  # fmt: skip


def _method(network: Network, method: str | Method | None) -> str | Method:
    table = isinstance(network, SpaceNetwork) and network.space.schema.form == "table"
    if method is None:
        return "occlusion" if table else "integrated_gradients"
    if not callable(method) and method not in _METHODS:
        raise SpaceError(f"saliency has no method {method!r}: use one of {_METHODS}, or a function (f, x, baseline).")
    if table and method in ("integrated_gradients", "gradient"):
        raise SpaceError(
            f"'{network.name}' is a table, and no gradient reaches its categories and empty cells; use 'occlusion'."
        )
    return method


def _copied(network: Network) -> Network:
    """The network around a copy of its module, in evaluation."""
    import torch

    made, modules = copy.copy(network), network.module.modules()
    # What a module has computed for itself (the weight of an old weight_norm) refuses to be copied.
    own = [v for m in modules for v in vars(m).values() if isinstance(v, torch.Tensor) and not v.is_leaf]
    try:
        with torch.no_grad():  # a scripted module's weights would else be copied as something computed
            made.module = copy.deepcopy(network.module, {id(v): v.detach().clone() for v in own}).eval()
    except Exception as error:  # a lock, an open file, an extension's own object: each raises its own
        raise SpaceError(f"saliency copies the module of '{network.name}', which cannot be done: {error}.") from error
    made.module.requires_grad_(False)
    return made


class _Question:
    """One conclusion, one method, and the baseline: asked again of the same network with other weights."""

    def __init__(
        self, listed: Layers, method: str | Method, target: int | str, baseline: Any, steps: int, seed: int
    ) -> None:
        import torch

        self.network, self.target, self.steps = _copied(listed.network), target, steps
        self.space = self.network.space if isinstance(self.network, SpaceNetwork) else None
        # A gradient keeps what every layer answers.
        kept = sum(layer.size for layer in listed if self.space is None or layer.part == "encoder")
        self.room = max(1, min(1024, _MEMORY // (8 * max(1, kept))))
        self.custom = method if callable(method) else None
        self.method = "custom" if callable(method) else method
        self.label = getattr(method, "__name__", type(method).__name__) if callable(method) else method
        self.name, sample = self.network.name, self.network.inputs([0])
        if not sample.is_floating_point() and self.method != "occlusion":
            kind = str(sample.dtype).removeprefix("torch.")
            raise SpaceError(f"'{self.name}' takes {kind}, which gradients do not reach; use method='occlusion'.")
        self.shape = tuple(sample.shape[1:])
        if self.method == "occlusion" and len(self.shape) != 1:
            raise SpaceError(f"occlusion is for rows of columns, and rows of '{self.name}' have shape {self.shape}.")
        with torch.no_grad():
            self.width = int(self.conclude(sample).shape[1])
        self.target_name = self._named()
        schema = self.space.schema if self.space is not None else None
        features = schema.features if schema is not None and schema.form == "table" else ()
        self.names = tuple(c.name for c in features)
        self.codes = np.array([bool(c.categories) or c.kind in ("boolean", "categorical") for c in features], bool)
        self.blurred = isinstance(baseline, str) and baseline == "blur"
        self.base = self._baseline(baseline, seed)

    def _named(self) -> str:
        if self.target == "prediction" and self.space is None:
            return "the largest answer"
        kind = "answer" if self.space is None else "latent"
        if not isinstance(self.target, (int, np.integer)) or not 0 <= self.target < self.width:
            raise SpaceError(f"the target in '{self.name}' is {kind} 0 to {self.width - 1}, got {self.target!r}.")
        return f"{kind} {self.target}"

    def conclude(self, x: Tensor) -> Tensor:
        """(B, *shape) -> (B, K). Of a space, the encoder alone."""
        if isinstance(self.network, SpaceNetwork):
            return self.network.module.encode(x).mean
        return self.network.run(x)

    def _baseline(self, baseline: Any, seed: int) -> Tensor:
        """(1, *shape); of occlusion (K, *shape); of a blur, which each row has its own of, nothing."""
        import torch

        network = self.network
        if self.blurred and len(self.shape) > 1:
            return torch.empty(0)
        if isinstance(baseline, str) and baseline != "mean":
            raise SpaceError(f"rows of shape {self.shape} have no baseline {baseline!r}; give 'mean' or an array.")
        if baseline is not None and not isinstance(baseline, str):
            given = np.asarray(baseline)
            given = given[None] if given.ndim == len(self.shape) else given
            if given.shape[1:] != self.shape or (len(given) != 1 and self.method != "occlusion"):
                raise SpaceError(f"the baseline has shape {given.shape}, and a row of '{self.name}' has {self.shape}.")
            return torch.from_numpy(given.copy()).to(network.inputs([0]))
        seen = np.arange(network.rows)
        if network.held_out is not None and len(network.held_out) < network.rows:
            seen = np.setdiff1d(seen, network.held_out)
        if self.method == "occlusion":
            return network.inputs(np.sort(np.random.default_rng(seed).permutation(seen)[:DRAWS]))
        return network.inputs(seen[pick_rows(None, len(seen), BASELINE_ROWS)]).nanmean(0, keepdim=True)

    def inputs(self, rows: Rows) -> tuple[Tensor, Tensor]:
        """(M, *shape), and the baseline of each; of occlusion, the rows that stand in."""
        x = self.network.inputs(rows)
        if self.method == "occlusion":
            return x, self.base
        return x, _blur(x) if self.blurred else self.base.expand_as(x)

    def answers(self, x: Tensor) -> Floats:
        """(M, K): whole conclusions, without gradients."""
        import torch

        with torch.no_grad():
            parts = [self.conclude(part) for part in torch.split(x, self.room)]
        return np.asarray(torch.cat(parts).float().cpu().numpy(), np.float32)

    def _pick(self, x: Tensor, columns: Tensor) -> Tensor:
        return self.conclude(x).gather(1, columns[:, None])[:, 0]

    def attribute(self, x: Tensor, base: Tensor, columns: Rows, steps: int) -> Floats:
        """(M, *shape) float32."""
        import torch

        at = torch.from_numpy(columns).to(x.device)
        if self.custom is not None:
            repeated = lambda v: self._pick(v, at.repeat(-(-len(v) // len(at)))[: len(v)])  # noqa: E731
            found = self.custom(repeated, x.clone(), base.clone())
            found = found.detach().cpu().numpy() if isinstance(found, torch.Tensor) else np.asarray(found)
            if found.shape != tuple(x.shape):
                raise SpaceError(f"{self.label} gave shape {found.shape} for inputs of shape {tuple(x.shape)}.")
            return np.asarray(found, np.float32)
        if self.method == "occlusion":
            return self._occluded(x, base, at)
        if self.method == "gradient":
            return np.asarray(self._slopes(x, x, at, np.ones(1), np.ones(1)).cpu().numpy(), np.float32)
        nodes, weights = np.polynomial.legendre.leggauss(steps)
        slopes = self._slopes(x, base, at, (nodes + 1) / 2, weights / 2)
        return np.asarray((slopes * (x - base)).cpu().numpy(), np.float32)

    def _slopes(self, x: Tensor, base: Tensor, at: Tensor, nodes: Any, weights: Any) -> Tensor:
        """(M, *shape): the weighted mean gradient over nodes along the straight path, all rows and nodes in batches."""
        import torch

        total = torch.zeros(x.shape, dtype=torch.float64, device=x.device)  # thousands of small terms
        where, share = (torch.from_numpy(v).to(x) for v in (nodes, weights))
        every = torch.arange(len(x) * len(nodes), device=x.device)
        axes = [1] * len(self.shape)
        for part in torch.split(every, self.room):
            row, node = part // len(nodes), part % len(nodes)
            point = (base[row] + where[node].reshape(-1, *axes) * (x[row] - base[row])).requires_grad_()
            # The network is given a copy: its first layer may work in place, which a leaf forbids.
            out = self._pick(point.clone(), at[row]).sum()
            slope = torch.autograd.grad(out, point, allow_unused=True)[0] if out.requires_grad else None
            if slope is None:
                raise SpaceError(f"no gradient of '{self.name}' reaches its input; give a method of your own.")
            total.index_add_(0, row, (slope * share[node].reshape(-1, *axes)).to(total.dtype))
        return total

    def _occluded(self, x: Tensor, base: Tensor, at: Tensor) -> Floats:
        """(M, F): by how much the conclusion falls, on average, when a column is that of another row."""
        import torch

        size, draws = self.shape[0], len(base)
        fallen = torch.zeros(len(x) * size, dtype=torch.float64, device=x.device)
        every = torch.arange(len(x) * size * draws, device=x.device)
        with torch.no_grad():
            for part in torch.split(every, max(self.room, 1024)):
                cell, draw = part // draws, part % draws
                row, column = cell // size, cell % size
                changed = x[row]
                changed[torch.arange(len(part), device=x.device), column] = base[draw, column]
                fallen.index_add_(0, cell, self._pick(changed, at[row]).double())
        own = np.take_along_axis(self.answers(x), at.cpu().numpy()[:, None], 1)
        return np.asarray(own - fallen.cpu().numpy().reshape(-1, size) / draws, np.float32)

    def patterns(self, x: Tensor, base: Tensor) -> tuple[Floats, Floats]:
        """|x - baseline| and |x|, (M, *shape) each. Of occlusion the first is its mean over the rows that stand in;
        another category or an empty cell is one deviation away."""
        plain = np.nan_to_num(x.abs().float().cpu().numpy())
        if self.method != "occlusion":
            return np.asarray((x - base).abs().float().cpu().numpy(), np.float32), plain
        own, others = x.cpu().numpy()[:, None], base.cpu().numpy()[None]
        far = np.abs(own - others).astype(np.float32)
        far[np.isnan(far)] = 1.0
        far[np.isnan(own) & np.isnan(others)] = 0.0
        if len(self.codes):
            far[:, :, self.codes] = far[:, :, self.codes] > 0
        return np.asarray(far.mean(1), np.float32), plain


def _blur(x: Tensor) -> Tensor:
    """Each row made an eighth as large, and large again."""
    from torch.nn import functional

    pool: Any = functional.adaptive_avg_pool1d if x.ndim == 3 else functional.adaptive_avg_pool2d
    small, shape = pool(x, [max(2, n // 8) for n in x.shape[2:]]), x.shape[2:]
    return functional.interpolate(small, shape, mode="linear" if x.ndim == 3 else "bilinear")


def _check(ask: _Question, rows: Rows, seed: int, tell: Callable[[str], None] | None) -> RandomisationCheck:
    """Destroys the weights of the copy that ``ask`` holds."""
    import torch

    untested = partial(RandomisationCheck, (), float("nan"), 0, None)
    if len(np.unique(rows)) < _FEWEST_ROWS:
        rows = pick_rows(ask.network.held_out, ask.network.rows, _CHECK_ROWS)
    x, base = ask.inputs(rows := rows[pick_rows(None, len(rows), _CHECK_ROWS)])
    columns = ask.answers(x).argmax(1) if ask.target == "prediction" else np.full(len(x), int(ask.target))
    groups = _cascade(ask, x[:2])
    if not groups:
        return untested("Not tested: no weight reaches the conclusion; call= has to use the network that it is given.")
    generator, steps = torch.Generator().manual_seed(seed), min(ask.steps, _CHECK_STEPS)
    original, known = ask.attribute(x, base, columns, steps), ask.patterns(x, base)
    floor = _mean(_alike(original, known[0], known)[0])[0]
    if np.isnan(floor):
        return untested("Not tested: the map is the same everywhere.")
    stops = np.unique(np.linspace(1, len(groups), min(_DEPTHS, len(groups))).round().astype(int)).tolist()
    depths: list[Redrawn] = []
    for start, stop in zip([0, *stops], stops, strict=False):
        _redraw(groups[start:stop], generator)
        found = [_alike(original, ask.attribute(x, base, columns, steps), known)]
        # One draw of few numbers may look alike by chance: the last depth, on which the verdict rests, has several.
        for _ in range((20 if x[0].numel() <= 64 else 5) - 1 if stop == len(groups) else 0):
            _redraw(groups, generator)
            found.append(_alike(original, ask.attribute(x, base, columns, steps), known))
        similar, beyond = np.mean(found, axis=0)
        depths.append(Redrawn(stop, groups[stop - 1][0], *_mean(similar), *_mean(beyond)))
        if tell is not None:
            tell(f"saliency of '{ask.name}': {stop} of {len(groups)} layers redrawn")
    last = depths[-1]
    passed = last.beyond_high < LIMIT and last.high < SAME
    end = "" if passed else ": it shows the input, or how the network is built, not what was learned"
    verdict = (
        f"{'Passed' if passed else 'FLAGGED'}: with all weights redrawn the map keeps {last.similarity:.2f} of its "
        f"ranks (limit {SAME}), {last.beyond:.2f} of those that are not the input's own (limit {LIMIT}){end}."
    )
    return RandomisationCheck(tuple(depths), floor, len(rows), passed, verdict)


def _cascade(ask: _Question, x: Tensor) -> list[tuple[str, list[Tensor]]]:
    """The layers whose weights reach the conclusion, from it back to the input, each with its weights.

    A weight belongs to the nearest module around it that runs (of attention, the attention). What runs as no module (a
    class token, a straight path) comes last. Buffers count where there are no weights: a model solved in closed form.
    """
    import torch

    module, begun, clock = ask.network.module, dict[str, int](), count()

    def begin(name: str) -> Callable[..., None]:
        return lambda *_: begun.update({name: next(clock)})

    watched = [(n, m) for n, m in module.named_modules() if not isinstance(m, torch.jit.ScriptModule)]  # takes no hook
    handles = [m.register_forward_pre_hook(begin(name)) for name, m in watched]
    try:
        for kind in (module.named_parameters, module.named_buffers):
            named = [(n, t) for n, t in kind() if t.is_floating_point()]
            begun.clear()
            for _, t in named:
                t.requires_grad_()
            out = ask.conclude(x).sum()
            tensors = [t for _, t in named]
            slopes = torch.autograd.grad(out, tensors, allow_unused=True) if named and out.requires_grad else ()
            for t in tensors:
                t.requires_grad_(False)
            if any(slope is not None for slope in slopes):
                break
    finally:
        for handle in handles:
            handle.remove()
    groups: dict[str, list[Tensor]] = {}
    for (name, tensor), slope in zip(named, slopes, strict=bool(slopes)):
        if slope is not None:
            own = owner = name.rpartition(".")[0]
            while owner and owner not in begun:
                owner = owner.rpartition(".")[0]
            groups.setdefault(owner if owner in begun else own, []).append(tensor)
    order = sorted(groups, key=lambda name: -begun.get(name, -1))
    return [(name or type(module).__name__, groups[name]) for name in order]


def _redraw(groups: list[tuple[str, list[Tensor]]], generator: torch.Generator) -> None:
    """Permute the entries of each tensor: the same mean and deviation, and nothing of what was learned."""
    import torch

    with torch.no_grad():
        for tensor in (t for _, tensors in groups for t in tensors):
            order = torch.randperm(tensor.numel(), generator=generator).to(tensor.device)
            tensor.copy_(tensor.flatten()[order].reshape(tensor.shape))


def _alike(original: Floats, again: Floats, patterns: tuple[Floats, Floats]) -> npt.NDArray[np.float64]:
    """(2, M): rank correlation of two maps row by row, and the partial one, two patterns of the input given. NaN
    where the original is constant; 1 for the partial where the original is nothing but these."""
    from scipy.stats import rankdata

    flat = (np.abs(v).reshape(len(v), -1) for v in (original, again, *patterns))
    # Centred ranks of length 1, so that products are correlations, and what is left is what the patterns leave.
    a, b, c, d = (_unit(rankdata(v, axis=1), 1e-6) for v in flat)
    d = _unit(d - (d * c).sum(1, keepdims=True) * c, _NOTHING)
    rest_a, rest_b = (_unit(v - sum((v * p).sum(1, keepdims=True) * p for p in (c, d)), _NOTHING) for v in (a, b))
    beyond = np.where(rest_a.any(1), (rest_a * rest_b).sum(1), 1.0)
    return np.where(a.any(1), np.stack([(a * b).sum(1), beyond]), np.nan)


def _unit(rows: npt.NDArray[np.float64], least: float) -> npt.NDArray[np.float64]:
    """Rows centred and of length 1; those shorter than ``least`` are nothing."""
    centred = rows - rows.mean(1, keepdims=True)
    length = np.linalg.norm(centred, axis=1, keepdims=True)
    return np.where(length > least, centred / np.maximum(length, 1e-300), 0.0)


def _mean(values: npt.NDArray[np.float64]) -> tuple[float, float, float]:
    """Mean with its 95 % interval; NaN without values, and of one value alone that value."""
    known = values[~np.isnan(values)]
    if len(known) < 2:
        return (float(known[0]),) * 3 if len(known) else (float("nan"),) * 3
    return float(known.mean()), *mean_interval(float(known.mean()), float(known.std(ddof=1)), len(known))
