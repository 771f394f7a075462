"""What one unit of a layer looks for: a picture, a signal or a decoded row that drives it as far as it goes.

"pixels" climbs from noise (Olah 2017, Feature visualization, distill.00007): the picture is a sum of waves, slow ones
first, its colours are mixed as the data mix them, and at each step it is seen a little shifted, turned and sized, so
that no trick of single pixels answers. "decoder" climbs in a space's latents from the rows that drive the unit most
(after Nguyen 2016, arXiv:1605.09304), and stays where the density of latents is that of real rows.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

from deepspace.errors import SpaceError
from deepspace.layers.layers import Layer, Layers
from deepspace.layers.network import Part, SpaceNetwork, watch
from deepspace.layers.recording import pick_rows
from deepspace.results import Tabular, figure

if TYPE_CHECKING:
    import pyarrow as pa
    import torch
    from torch import Tensor

__all__ = ["Dream", "dream"]

Floats = npt.NDArray[np.float32]

STEPS = {"pixels": 256, "decoder": 128}
REFERENCE = 1000
"""Real rows whose answers, colours and latents a dream is measured by."""
LOWEST = 5.0
"""Percentile of the log density of real rows below which the decoder's dream does not go."""
_STARTS, _SEEDS = 4, 8
_PACE = {"pixels": 0.05, "decoder": 0.05}
_QUIET = 0.05
_NUMBERS, _FEWEST = 4_000_000, 20


@dataclass(frozen=True)
class Dream(Tabular):
    """What drives a unit. As a table: its climb, one row a step.

    picture: (*shape) float32 as the network takes it; item: the same as the user's own: decoded by the space's schema,
    or uint8 (H, W) or (H, W, 3) for pictures of a plain network. activation: the unit's answer to it, over all
    positions; start: to what the climb began with. reference: (R,) answers to real rows, ascending; percentile: the
    share of them below ``activation``; ratio: to the strongest of them, NaN where that is not above 0. climb: (steps,)
    of the best start. z: (D,) where the dream is decoded; log_density, of the latents there, and lowest, what was
    allowed, in nats up to a constant, and density_percentile among the real rows' own.
    """

    layer: str
    unit: int
    through: str
    objective: str
    steps: int
    seed: int
    picture: Floats
    item: Any
    activation: float
    start: float
    reference: Floats
    climb: Floats
    z: Floats | None = None
    log_density: float | None = None
    lowest: float | None = None
    density_percentile: float | None = None

    @property
    def percentile(self) -> float:
        return 100.0 * float((self.reference < self.activation).mean())

    @property
    def ratio(self) -> float:
        strongest = float(self.reference[-1])
        return self.activation / strongest if strongest > 0 else math.nan

    def to_arrow(self) -> pa.Table:
        import pyarrow as pa

        return pa.table({"step": np.arange(len(self.climb)), "activation": self.climb})

    def __str__(self) -> str:
        lines = [
            f"unit {self.unit} of {self.layer}, dreamt through {self.through} in {self.steps:,} steps",
            f"{self.objective} answer {figure(self.activation)}, from {figure(self.start)} at the start",
            f"{len(self.reference):,} real rows: {figure(self.reference[0])} to {figure(self.reference[-1])}, "
            f"{self.percentile:.0f} % of them below the dream",
        ]
        if self.density_percentile is not None:
            lines.append(f"{self.density_percentile:.0f} % of real rows lie in less crowded places")
        return "\n".join(lines)


def dream(
    listed: Layers,
    layer: str,
    unit: int,
    *,
    through: Literal["pixels", "decoder"] = "pixels",
    objective: Literal["mean", "peak"] = "mean",
    steps: int | None = None,
    seed: int = 0,
    size: int | tuple[int, int] | None = None,
    tell: Callable[[str], None] | None = None,
) -> Dream:
    """The input that drives unit ``unit`` of ``layer`` most, by gradient ascent.

    objective: "mean" of the unit's answer over its positions, or its "peak". through: "pixels", for pictures (C, H, W)
    with C 1 or 3 and for signals (C, L); "decoder", for any space whose decoder gradients pass. steps: 256 through
    pixels, 128 through the decoder. size: another height and width, or length, than the rows have, for a network that
    takes it. The same seed gives the same dream. Raises SpaceError for what does not fit, and for a unit that no
    gradient moves.
    """
    import torch

    found, count = listed[layer], STEPS.get(through, 0) if steps is None else steps
    if not isinstance(unit, (int, np.integer)) or not 0 <= unit < found.units:
        raise SpaceError(f"layer {layer!r} of '{listed.network.name}' has units 0 to {found.units - 1}, got {unit!r}.")
    if through not in STEPS or objective not in ("mean", "peak") or count < 1:
        raise SpaceError(
            "a dream goes through 'pixels' or 'decoder', for the 'mean' or the 'peak', with at least 1 step; got "
            f"{through!r}, {objective!r}, {count}."
        )
    with torch.inference_mode(False), torch.enable_grad(), listed.network.evaluating():
        ask = _Unit(listed, found, int(unit), objective)
        rows = pick_rows(listed.network.held_out, listed.network.rows, REFERENCE)
        if through == "decoder":
            if size is not None:
                raise SpaceError("size is for a dream through pixels: the decoder makes rows of one shape.")
            result = _through_decoder(ask, rows, count, seed, tell)
        else:
            result = _through_pixels(ask, rows, count, seed, size, tell)
    return result


class _Found(Exception):
    """Carries a layer's answer out of the network, so that nothing behind it has to run, or to fit."""

    def __init__(self, output: Tensor) -> None:
        self.output = output


class _Unit:
    """What one unit answers, as a function of the network's input."""

    def __init__(self, listed: Layers, layer: Layer, unit: int, objective: str) -> None:
        self.listed, self.layer, self.unit, self.objective = listed, layer, unit, objective
        self.network, self.kind = listed.network, listed.network.inputs([0]).dtype

    def __call__(self, x: Tensor) -> Tensor:
        """(B, *shape) -> (B,)."""

        def note(name: str, part: Part, module: torch.nn.Module, output: Tensor) -> None:
            if name == self.layer.name:
                raise _Found(output)

        try:
            with watch(self.network, note) as run:
                run(x.to(self.kind))
        except _Found as found:
            return self._of(found.output)
        raise SpaceError(f"layer {self.layer.name!r} of '{self.network.name}' did not run this time.")

    def _of(self, output: Tensor) -> Tensor:
        if output.ndim == 1:
            return output
        own = output.select(self.layer.axis + 1, self.unit).flatten(1) if output.ndim > 2 else output[:, [self.unit]]
        return own.mean(1) if self.objective == "mean" else own.amax(1)

    def of_rows(self, rows: npt.NDArray[np.int64]) -> Floats:
        """(R,)."""
        import torch

        with torch.no_grad():
            parts = [self(self.network.inputs(part)) for part in np.array_split(rows, -(-len(rows) // 64))]
        return np.asarray(torch.cat(parts).float().cpu().numpy(), np.float32)

    def unmoved(self, hint: str) -> SpaceError:
        return SpaceError(
            f"no gradient moves unit {self.unit} of {self.layer.name!r} in '{self.network.name}' from where the dream "
            f"begins: {hint}."
        )


# Through pixels


class _Waves:
    """Pictures (1, C, H, W) or signals (1, C, L) as sums of waves, whose mixture of colours and range are the data's.

    x = low + (high - low) sigmoid(logit(mean) + M irfft(spectrum / frequency)), M the root of the data's own covariance
    of channels, its longest column of length 1.
    """

    def __init__(self, data: Tensor, size: tuple[int, ...], generator: torch.Generator, spread: float) -> None:
        import torch

        self.size, self.axes = size, tuple(range(2, 2 + len(size)))
        flat = data.movedim(1, 0).flatten(1)
        flat = flat[:, :: -(-flat.numel() // _NUMBERS)].double()
        # The range of all but a few outliers.
        self.low, self.high = (float(torch.quantile(flat, q)) for q in (0.001, 0.999))
        self.high = self.high if self.high > self.low else self.low + 1.0
        unit = (flat - self.low) / (self.high - self.low)
        mean = unit.mean(1).clamp(0.02, 0.98)
        values, vectors = torch.linalg.eigh(torch.cov(unit).reshape(len(unit), len(unit)))
        root = vectors * (values.clamp_min(1e-4 * max(float(values.max()), 1e-12))).sqrt()
        shape = (1, len(unit), *[1] * len(size))
        self.mixture = (root / root.norm(dim=0).max()).float()
        self.middle = torch.logit(mean).float().reshape(shape)
        grid = [torch.fft.fftfreq(n) for n in size[:-1]] + [torch.fft.rfftfreq(size[-1])]
        frequency = torch.stack([f.square() for f in torch.meshgrid(*grid, indexing="ij")]).sum(0).sqrt()
        self.scale = (1 / frequency.clamp_min(1 / max(size))).to(data.device)
        start = spread * torch.randn((1, len(unit), *frequency.shape, 2), generator=generator)
        self.spectrum = start.to(data.device).requires_grad_()

    def __call__(self) -> Tensor:
        """Differentiable by ``spectrum``."""
        import torch

        waves = torch.fft.irfftn(torch.view_as_complex(self.spectrum) * self.scale, self.size, self.axes, norm="ortho")
        mixed = torch.einsum("cd,bd...->bc...", self.mixture, waves)
        return self.low + (self.high - self.low) * torch.sigmoid(self.middle + mixed)


def _through_pixels(
    ask: _Unit, rows: npt.NDArray[np.int64], steps: int, seed: int, size: Any, tell: Callable[[str], None] | None
) -> Dream:
    import torch

    network = ask.network
    data = network.inputs(rows[pick_rows(None, len(rows), 256)])
    plane = _plane(ask, data, size)
    generator = torch.Generator().manual_seed(seed)
    waves = _awake(ask, data, plane, generator)
    with torch.no_grad():
        begun = float(ask(waves()))
    # Adam takes a full step along every wave, however little it matters to the unit; what is small beside the largest
    # slope so far shall stay small.
    optimiser, climb, largest = torch.optim.Adam([waves.spectrum], _PACE["pixels"]), list[float](), 0.0
    for step in range(steps):
        answer = ask(_moved(waves(), generator))
        waves.spectrum.grad = slope = torch.autograd.grad(-answer.sum(), waves.spectrum)[0]
        largest = max(largest, float(slope.abs().max()))
        optimiser.param_groups[0]["eps"] = max(_QUIET * largest, 1e-12)  # no slope yet: stand still
        optimiser.step()
        climb.append(float(answer.detach()))
        if tell is not None and step % 32 == 31:
            tell(f"dream of unit {ask.unit} of {ask.layer.name}: {step + 1:,} of {steps:,} steps")
    with torch.no_grad():
        made = waves()
        reached = float(ask(made))
    picture = np.asarray(made[0].cpu().numpy(), np.float32)
    return Dream(
        ask.layer.name, ask.unit, "pixels", ask.objective, steps, seed, picture, _item(ask, picture, waves), reached,
        begun, np.sort(ask.of_rows(rows)), np.array(climb, np.float32),
    )  # fmt: skip


def _plane(ask: _Unit, data: Tensor, size: Any) -> tuple[int, ...]:
    """(H, W) or (L,) of the picture to make. Raises SpaceError for rows that have no pixels."""
    network, shape = ask.network, tuple(data.shape[1:])
    form = network.space.schema.form if isinstance(network, SpaceNetwork) else None
    picture, signal = len(shape) == 3 and shape[0] in (1, 3), len(shape) == 2
    if form not in (None, "image", "signal") or not (picture or signal) or not data.is_floating_point():
        what = form or f"{str(data.dtype).removeprefix('torch.')} of shape {shape}"
        raise SpaceError(
            f"rows of '{network.name}' are {what}: they have no pixels to dream in, which are floats (1 or 3, H, W) or "
            "(C, L); use through='decoder', of a space."
        )
    if size is None:
        return shape[1:]
    chosen = (int(size),) * len(shape[1:]) if isinstance(size, (int, np.integer)) else tuple(int(n) for n in size)
    if len(chosen) != len(shape) - 1 or min(chosen) < 4 or (form is not None and chosen != shape[1:]):
        fixed = f"'{network.name}' takes {shape[1:]} alone" if form is not None else f"rows have {shape[1:]}"
        raise SpaceError(f"a dream of size {size} cannot be had: {fixed}, and the least side is 4.")
    return chosen


def _awake(ask: _Unit, data: Tensor, plane: tuple[int, ...], generator: torch.Generator) -> _Waves:
    """Noise that the unit answers with a gradient: behind a ReLU, faint noise may leave it at rest."""
    import torch

    for attempt in range(_SEEDS):
        waves = _Waves(data, plane, generator, 0.01 * 2**attempt)
        try:
            answer = ask(waves())
        except SpaceError as error:
            if plane == tuple(data.shape[2:]):
                raise
            raise SpaceError(
                f"a dream of size {plane} cannot be had up to layer {ask.layer.name!r}: {error}"
            ) from error
        if not answer.requires_grad:
            break
        slope = torch.autograd.grad(answer.sum(), waves.spectrum, allow_unused=True)[0]
        if slope is not None and bool(slope.abs().max() > 0):
            return waves
    names = ask.listed.names
    before = names[max(0, names.index(ask.layer.name) - 1)]
    raise ask.unmoved(f"it is at rest or cut off; the layer before it, {before!r}, may have one")


def _moved(x: Tensor, generator: torch.Generator) -> Tensor:
    """A little shifted (a sixteenth of the side at most), sized (5 %) and, a picture, turned (5 degrees)."""
    import torch
    from torch.nn import functional

    signal = x.ndim == 3
    plane = x[:, :, None] if signal else x
    shift_x, shift_y, size, turn = (2 * torch.rand(4, generator=generator) - 1).tolist()
    zoom, angle = 1 + 0.05 * size, 0.0 if signal else math.radians(5) * turn
    height, width = plane.shape[2:]
    # In grid_sample the side is 2 long whatever its pixels; a turn must not stretch a picture that is not square.
    cos, sin = zoom * math.cos(angle), zoom * math.sin(angle)
    theta = torch.tensor(
        [[cos, -sin * height / width, shift_x / 8], [sin * width / height, cos, 0.0 if signal else shift_y / 8]]
    )
    grid = functional.affine_grid(theta[None].to(x), list(plane.shape), align_corners=False)
    seen = functional.grid_sample(plane, grid, padding_mode="reflection", align_corners=False)
    return seen[:, :, 0] if signal else seen


def _item(ask: _Unit, picture: Floats, waves: _Waves) -> Any:
    if isinstance(ask.network, SpaceNetwork):
        return _shown(ask.network, picture)
    if picture.ndim != 3:
        return picture
    levels = np.rint(255 * (picture - waves.low) / (waves.high - waves.low)).clip(0, 255).astype(np.uint8)
    return levels[0] if len(levels) == 1 else np.ascontiguousarray(levels.transpose(1, 2, 0))


def _shown(network: SpaceNetwork, encoded: Floats) -> Any:
    """One encoded row in the user's own units; a table of one row stays one."""
    decoded = network.space.schema.decode(encoded[None])
    return decoded[0] if isinstance(decoded, np.ndarray) else decoded


# Through the decoder


class _Crowd:
    """Log density of latents up to a constant, as ``deepspace.space.density`` estimates it from the distances to the
    9th to 16th neighbour, in units of the posterior's scale; here differentiable, and among some of the rows."""

    def __init__(self, z: Tensor, scale: Tensor) -> None:
        import torch

        self.middle, deviation = z.mean(0), z.std(0)
        self.step = deviation.clamp_min(1e-3 * float(deviation.max().clamp_min(1e-6)))
        self.scale, self.dim, self.order = scale.clamp_min(1e-6), z.shape[1], min(16, len(z) - 1)
        self.points = z / self.scale
        self.own = torch.cat([self._log(part, 1) for part in torch.split(self.points, 256)])
        """Each row's, without itself."""
        self.lowest = float(torch.quantile(self.own, LOWEST / 100))

    def _log(self, points: Tensor, skip: int) -> Tensor:
        import torch

        # Without the shortcut by products of matrices, whose error at near points is as large as their distance.
        far = torch.cdist(points, self.points, compute_mode="donot_use_mm_for_euclid_dist")
        near = far.topk(self.order + skip, largest=False).values[:, skip + self.order // 2 :]
        return -self.dim * near.clamp_min(1e-2).log().mean(1)

    def latents(self, u: Tensor) -> Tensor:
        """(B, D) in deviations of rows from their mean -> z."""
        return u * self.step + self.middle

    def __call__(self, u: Tensor) -> Tensor:
        """(B, D) -> (B,)."""
        return self._log(self.latents(u) / self.scale, 0)

    def percentile(self, value: float) -> float:
        return 100.0 * float((self.own < value).float().mean())


def _through_decoder(
    ask: _Unit, rows: npt.NDArray[np.int64], steps: int, seed: int, tell: Callable[[str], None] | None
) -> Dream:
    """Ascent from the real rows that drive the unit most. Only places at least as crowded as the rows' 5th percentile
    count, and the best of them that was met is the dream: it is never below its start."""
    import torch

    network = ask.network
    if not isinstance(network, SpaceNetwork):
        raise SpaceError(f"'{network.name}' is a network without a decoder; use through='pixels'.")
    if len(rows) < _FEWEST:
        raise SpaceError(f"'{network.name}' has {len(rows)} rows, too few to say where rows are: {_FEWEST} are needed.")
    model, latents, reference = network.space.model, network.space.latents, ask.of_rows(rows)
    z, widths = (torch.from_numpy(np.array(v[rows], np.float32)) for v in (latents.mean, latents.scale))
    crowd = _Crowd(z.to(network.device), widths.median(0).values.to(network.device))
    allowed = torch.nonzero(crowd.own >= crowd.lowest)[:, 0].cpu().numpy()
    strongest = allowed[np.argsort(-reference[allowed], kind="stable")[: 4 * _STARTS]]
    # The strongest, and by the seed three of those that follow: other starts find other hills.
    others = np.random.default_rng(seed).permutation(strongest[1:])[: _STARTS - 1]
    starts = z[np.concatenate([strongest[:1], others])].to(network.device)
    u = ((starts - crowd.middle) / crowd.step).requires_grad_()

    def answer(u: Tensor) -> Tensor:
        return ask(model.decode(crowd.latents(u)))

    scale = max(float(reference.std()), 1e-6)
    optimiser, climb = torch.optim.Adam([u], _PACE["decoder"]), []
    best, where = torch.full((len(u),), -math.inf, device=u.device), u.detach().clone()
    for step in range(steps + 1):
        value, density = answer(u), crowd(u)
        with torch.no_grad():
            better = (value > best) & (density >= crowd.lowest)
            best, where = torch.where(better, value, best), torch.where(better[:, None], u, where)
            climb.append(value.cpu().numpy().copy())
        # In deviations of the unit over real rows: a nat of density too little weighs ten of them.
        loss = -value / scale + 10 * (crowd.lowest - density).clamp_min(0)
        slope = torch.autograd.grad(loss.sum(), u, allow_unused=True)[0] if value.requires_grad else None
        if slope is None or (step == 0 and not bool(slope.abs().max() > 0)):
            raise ask.unmoved("the decoder's rows jump where latents move, or the unit is at rest there")
        if step < steps:
            u.grad = slope
            optimiser.step()
        if tell is not None and step % 32 == 31:
            tell(f"dream of unit {ask.unit} of {ask.layer.name}: {step + 1:,} of {steps:,} steps")
    return _decoded(ask, network, crowd, best, where, np.stack(climb), np.sort(reference), steps, seed)


def _decoded(
    ask: _Unit,
    network: SpaceNetwork,
    crowd: _Crowd,
    best: Tensor,
    where: Tensor,
    climb: Floats,
    reference: Floats,
    steps: int,
    seed: int,
) -> Dream:
    import torch

    winner = int(best.argmax())
    with torch.no_grad():
        place = where[winner : winner + 1]
        z = crowd.latents(place)
        picture = np.asarray(network.space.model.decode(z)[0].float().cpu().numpy(), np.float32)
        density = float(crowd(place))
    return Dream(
        ask.layer.name, ask.unit, "decoder", ask.objective, steps, seed, picture, _shown(network, picture),
        float(best[winner]), float(climb[0, winner]), reference, climb[:steps, winner], z[0].cpu().numpy(), density,
        crowd.lowest, crowd.percentile(density),
    )  # fmt: skip
