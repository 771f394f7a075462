"""Categorical: any number of columns of codes, of any cardinality, evaluated together."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from deepspace.errors import ModelError
from deepspace.models.layout import Layout
from deepspace.models.likelihoods.base import Likelihood, uniform

__all__ = ["Categorical", "buckets"]

# Up to this many categories a column gets its own logits from the decoder; beyond, the decoder gives a point of
# RANK dimensions and each category has a learned place in that space, so that thousands cost no more than a few.
_DIRECT = 64
RANK = 16
_NEVER = -1e9
_TEMPERATURE = 0.5  # of the softmax that a gradient passes through in place of a draw


def buckets(sizes: Sequence[int]) -> list[tuple[int, ...]]:
    """Places grouped so that within a group the largest size is at most twice the smallest, or at most 8.

    A group is padded to its largest and evaluated as one block; the number of groups grows with the
    logarithm of the largest size, not with the number of columns.
    """
    groups: list[list[int]] = []
    for i in sorted(range(len(sizes)), key=lambda i: sizes[i]):
        new = (
            not groups
            or (sizes[i] > 8 and sizes[i] > 2 * sizes[groups[-1][0]])
            or ((sizes[i] > _DIRECT) != (sizes[groups[-1][0]] > _DIRECT))
        )
        if new:
            groups.append([i])
        else:
            groups[-1].append(i)
    return [tuple(g) for g in groups]


class _Block(nn.Module):
    """Columns of like cardinality. ``forward`` turns the decoder's share (B, width) into logits (B, n, K)."""

    def __init__(self, places: tuple[int, ...], sizes: tuple[int, ...]) -> None:
        super().__init__()
        n, k = len(places), max(sizes)
        self.count, self.categories = n, k
        inside = torch.arange(k) < torch.tensor(sizes)[:, None]
        self.register_buffer("places", torch.tensor(places), persistent=False)
        self.register_buffer("barred", torch.where(inside, 0.0, _NEVER), persistent=False)
        self.places: Tensor
        self.barred: Tensor
        self.low_rank = k > _DIRECT
        self.width = n * RANK if self.low_rank else n * k
        if self.low_rank:
            self.codebook = nn.Parameter(torch.randn(n, RANK, k) * 0.3)
            self.bias = nn.Parameter(torch.zeros(n, k))

    def forward(self, share: Tensor) -> Tensor:
        if self.low_rank:
            points = share.reshape(-1, self.count, RANK).transpose(0, 1)
            logits = torch.bmm(points, self.codebook).transpose(0, 1) + self.bias
        else:
            logits = share.reshape(-1, self.count, self.categories)
        return logits + self.barred

    def start(self, frequency: Tensor) -> Tensor:
        """(n, K) frequencies -> the share of the decoder's output bias; sets an own bias instead if it has one."""
        level = frequency.clamp_min(1e-5).log()
        if self.low_rank:
            self.bias.copy_(level)
            return torch.zeros(self.width, device=level.device)
        return level.flatten()


class Categorical(Likelihood):
    """log p(x|z) = sum over observed columns of log softmax(logits)[x]. x: (B, F) codes, NaN where not observed."""

    name = "categorical"
    modalities = ("table",)

    def __init__(self, layout: Layout) -> None:
        super().__init__(layout)
        if 0 in layout.cardinalities:
            raise ModelError(
                "The categorical likelihood is for columns of categories only; use 'table' for mixed ones."
            )
        sizes = layout.cardinalities
        self.blocks = nn.ModuleList(_Block(g, tuple(sizes[i] for i in g)) for g in buckets(sizes))
        self.outputs = (sum(b.width for b in self._blocks()),)

    def _blocks(self) -> Iterator[_Block]:
        for block in self.blocks:
            assert isinstance(block, _Block)
            yield block

    def _logits(self, params: Tensor) -> Iterator[tuple[_Block, Tensor]]:
        shares = torch.split(params, [b.width for b in self._blocks()], 1)
        for block, share in zip(self._blocks(), shares, strict=True):
            yield block, block(share)

    def log_prob(self, params: Tensor, x: Tensor) -> Tensor:
        codes = torch.where(x.isnan(), -100, x).long()
        total = params.new_zeros(len(x))
        for block, logits in self._logits(params):
            target = codes.index_select(1, block.places).flatten()
            cost = F.cross_entropy(logits.reshape(-1, block.categories), target, ignore_index=-100, reduction="none")
            total = total - cost.reshape(len(x), block.count).sum(1)
        return total

    def _pick(self, params: Tensor, generator: torch.Generator | None, sample: bool) -> Tensor:
        out = params.new_empty(len(params), self.layout.size)
        for block, logits in self._logits(params):
            if sample:  # the largest of logits plus Gumbel noise is a draw from their softmax
                logits = logits - torch.log(-torch.log(uniform(logits, generator)))
            out[:, block.places] = logits.argmax(2).to(out.dtype)
        return out

    def mean(self, params: Tensor) -> Tensor:
        return self._pick(params, None, sample=False)

    def expected(self, params: Tensor) -> Tensor:
        likely = torch.cat([logits.softmax(2).flatten(1) for _, logits in self._logits(params)], 1)
        return likely.mul(0.5**0.5)

    def spread(self, x: Tensor) -> Tensor:
        parts = []
        for block in self._blocks():
            codes = x.index_select(1, block.places)
            missing = codes.isnan()
            one = F.one_hot(torch.where(missing, 0, codes).long(), block.categories).to(torch.float32)
            parts.append(torch.where(missing[:, :, None], torch.nan, one).flatten(1))
        return torch.cat(parts, 1).mul(0.5**0.5)

    def soften(self, params: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Straight-through Gumbel-softmax (Jang 2017, arXiv:1611.01144): a draw forwards, its softmax backwards."""
        parts = []
        for block, logits in self._logits(params):
            likely = ((logits - torch.log(-torch.log(uniform(logits, generator)))) / _TEMPERATURE).softmax(2)
            drawn = F.one_hot(likely.argmax(2), block.categories).to(likely.dtype)
            parts.append((drawn + likely - likely.detach()).flatten(1))
        return torch.cat(parts, 1).mul(0.5**0.5)

    def draw_modelled(self, params: Tensor, generator: torch.Generator | None = None) -> Tensor:
        return self.draw(params, generator)

    def draw(self, params: Tensor, generator: torch.Generator | None = None) -> Tensor:
        return self._pick(params, generator, sample=True)

    @torch.no_grad()
    def prepare(self, x: Tensor) -> Tensor:
        shares = []
        for block in self._blocks():
            codes = x.index_select(1, block.places)
            seen = ~codes.isnan()
            index = torch.where(seen, codes, 0).long()
            counts = torch.zeros(block.categories, block.count, device=x.device)
            counts.scatter_add_(0, index, seen.to(counts.dtype))
            counts = counts.T + 0.5 * (block.barred == 0)
            shares.append(block.start(counts / counts.sum(1, keepdim=True)))
        return torch.cat(shares)
