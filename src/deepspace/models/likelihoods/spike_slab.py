"""Spike and slab: numbers that pile up on some values (zeros, caps, round sums) and spread between them."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from deepspace.models.layout import Layout
from deepspace.models.likelihoods.base import Likelihood, uniform

__all__ = ["SpikeSlab"]

# Outputs of the decoder grow with what each column may have, so a table of very many numbers gets less for each.
_FEW_COLUMNS = 48
_ROOM, _ROOM_MANY = (24, 4), (8, 2)  # (spikes, normals) a column
_SPIKE_SHARE, _SPIKE_ROWS = 0.003, 6  # a spike holds at least this share of the rows, and so many
_SPIKE_OVER = 4.0  # and as many times more rows than its neighbours among the values do at the median
_NEVER = -1e9
_ABSENT = 1e30  # the place of a spike that is not there: no row lies on it
_HAIR = 1e-5  # relative; an encoded value is the same float32 each time, up to the rounding of another machine
_CEILING = 3.0  # of a log scale; rows are standardised
_FLOOR = math.log(1e-3)


class SpikeSlab(Likelihood):
    """p(x|z) of a column = sum_a w_a [x = s_a] + sum_k w_k N(x; m_k, e^(2 t_k)): spikes at values s, K normals between.

    The weights (softmax), m and t come from the decoder, the spikes from the rows of ``prepare``. As the zero-inflated
    and hurdle models of counts, with several spikes and a free slab (Mitchell & Beauchamp 1988; Ma 2020,
    arXiv:2006.11941 for mixed tables). A spike is a point mass: log p there is of a probability, elsewhere of a
    density, so that sums of both compare only with a model of the same spikes, never with a Gaussian's density.
    x: (B, F), NaN where not observed. All columns are evaluated together.
    """

    name = "spike_slab"
    modalities = ("table",)

    def __init__(self, layout: Layout) -> None:
        super().__init__(layout)
        n = layout.size
        self.spikes, self.normals = _ROOM if n <= _FEW_COLUMNS else _ROOM_MANY
        self.width = self.spikes + 3 * self.normals
        self.outputs = (n * self.width,)
        self.register_buffer("places", torch.full((n, self.spikes), _ABSENT))
        self.register_buffer("floor", torch.full((n, 1), _FLOOR))
        self.places: Tensor
        self.floor: Tensor

    def _parts(self, params: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Log weights (B, F, A + K), means and log scales (B, F, K)."""
        cells = params.reshape(len(params), -1, self.width)
        logits, mean, scale = torch.split(cells, [self.spikes + self.normals, self.normals, self.normals], 2)
        barred = F.pad((self.places >= _ABSENT) * _NEVER, (0, self.normals))
        # A soft floor: a hard one would leave a scale that starts below it without a gradient.
        return (logits + barred).log_softmax(2), mean, self.floor + F.softplus(scale.clamp(max=_CEILING) - self.floor)

    def log_prob(self, params: Tensor, x: Tensor) -> Tensor:
        weight, mean, scale = self._parts(params)
        seen = ~x.isnan()
        value = torch.where(seen, x, 0)[:, :, None]
        on = (value - self.places).abs() <= _HAIR * (1 + self.places.abs())
        normal = -0.5 * ((value - mean) * torch.exp(-scale)).square() - scale - 0.5 * math.log(2 * math.pi)
        slab = torch.logsumexp(weight[:, :, self.spikes :] + normal, 2)
        spike = (weight[:, :, : self.spikes] * on).sum(2)
        return (torch.where(on.any(2), spike, slab) * seen).sum(1)

    def _points(self) -> Tensor:
        return torch.where(self.places < _ABSENT, self.places, 0)

    def mean(self, params: Tensor) -> Tensor:
        """The spike that holds more than half of the probability, else the mean: a typical value either way."""
        weight, mean, _ = self._parts(params)
        share, which = weight[:, :, : self.spikes].exp().max(2)
        spike = self._points().expand(len(params), -1, -1).gather(2, which[:, :, None])[:, :, 0]
        return torch.where(share > 0.5, spike, self._mixture_mean(weight, mean))

    def _mixture_mean(self, weight: Tensor, mean: Tensor) -> Tensor:
        at = torch.cat([self._points().expand(len(mean), -1, -1), mean], 2)
        return (weight.exp() * at).sum(2)

    def expected(self, params: Tensor) -> Tensor:
        """(B, F): the mean over spikes and normals."""
        weight, mean, _ = self._parts(params)
        return self._mixture_mean(weight, mean)

    def draw(self, params: Tensor, generator: torch.Generator | None = None) -> Tensor:
        weight, mean, scale = self._parts(params)
        which = (weight - torch.log(-torch.log(uniform(weight, generator)))).argmax(2, keepdim=True)
        noise = torch.randn(mean.shape[:2], generator=generator, device=mean.device)[:, :, None]
        at = torch.cat([self._points().expand(len(mean), -1, -1), mean + noise * scale.exp()], 2)
        return at.gather(2, which)[:, :, 0]

    @torch.no_grad()
    def prepare(self, x: Tensor) -> Tensor:
        starts = [self._prepare_column(j, x[~x[:, j].isnan(), j]) for j in range(x.shape[1])]
        return torch.cat(starts)

    def _prepare_column(self, j: int, x: Tensor) -> Tensor:
        """Sets the spikes and the floor of column j from its observed values; returns its share of the outputs."""
        values, counts = torch.unique(x, return_counts=True)
        chosen = _spikes(counts, len(x), self.spikes)
        self.places[j] = _ABSENT
        self.places[j, : len(chosen)] = values[chosen]
        logits = torch.full((self.spikes + self.normals,), 0.0, device=x.device)
        logits[: len(chosen)] = counts[chosen].to(logits.dtype)
        rest = torch.ones(len(values), dtype=torch.bool, device=x.device)
        rest[chosen] = False
        slab = values[rest].repeat_interleave(counts[rest])
        gaps = values[rest].diff()
        # Between whole numbers a normal need not be narrower than their step: it would learn the grid, not the shape.
        self.floor[j] = max(_FLOOR, math.log(0.4 * float(gaps.median()))) if len(gaps) > 2 else _FLOOR
        logits[self.spikes :] = max(len(slab), 0.5) / self.normals
        log_weights = (logits + 0.1).log()
        if len(slab) < 2:
            centre, width = (x.mean(), x.std().clamp_min(0.1)) if len(x) > 1 else (x.new_zeros(()), x.new_ones(()))
            mean, scale = centre.expand(self.normals), width.log().expand(self.normals)
        else:
            parts = [part if len(part) else slab for part in slab.tensor_split(self.normals)]  # in order: equal shares
            mean = torch.stack([part.mean() for part in parts])
            scale = torch.stack([part.std(correction=0) for part in parts]).clamp_min(0.05).log()
        return torch.cat([log_weights, mean, scale])


def _spikes(counts: Tensor, n: int, most: int) -> Tensor:
    """Places of the values that are spikes, given how many rows hold each value, in order: all values if there are few,
    else those that stand out of their neighbours; the commonest ``most`` of them."""
    if len(counts) <= most:
        return torch.arange(len(counts), device=counts.device)
    padded = F.pad(counts.to(torch.float32)[None, None], (8, 8), mode="reflect")[0, 0]
    beside = padded.unfold(0, 17, 1).median(1).values
    out = (counts >= max(_SPIKE_ROWS, _SPIKE_SHARE * n)) & (counts >= _SPIKE_OVER * beside)
    found = torch.nonzero(out).flatten()
    return found[counts[found].argsort(descending=True)[:most]]
