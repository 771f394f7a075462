"""Any row as a point among others, (W,): what a linear model works on, and the way back to an encoded row."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from deepspace.models.base import Blocks
from deepspace.models.layout import Layout

__all__ = ["MOST_CATEGORIES", "Coordinates"]

MOST_CATEGORIES = 64
"""A column with more is told by its commonest ones: each further one costs a coordinate and says next to nothing."""

_LOG_COUNT = 16.0  # of a decoded count, at most: far from all rows a straight line in logarithms knows no bound


class Coordinates(nn.Module):
    """x (B, *shape) -> u (B, W) with mean 0 over the rows of ``prepare``, and back. A missing cell lies at the mean.

    Images: intensities in [0, 1]; signals and vectors: encoded as they are; only the mean is taken off. Counts:
    log(1 + count) once every row is brought to the median total. Tables: factor analysis of mixed data (Pages
    2004): numbers as encoded; ordered categories by their code over its deviation; any other category k,
    of frequency p_k, by its indicator over sqrt(p_k), so that each column weighs alike.
    """

    def __init__(self, layout: Layout) -> None:
        super().__init__()
        self.layout = layout
        self.unit = 255.0 if layout.modality == "image" else 1.0
        # One entry a coordinate: the table column that it comes from; the category it stands for, -1 for a value.
        columns, codes = _places(layout)
        self.width = len(columns) if layout.modality == "table" else layout.size
        self.register_buffer("columns", torch.tensor(columns, dtype=torch.long), persistent=False)
        self.register_buffer("codes", torch.tensor(codes, dtype=torch.float32))
        if layout.modality == "counts":
            self.register_buffer("total", torch.ones(()))
            self.total: Tensor
        self.register_buffer("shift", torch.zeros(self.width))
        self.register_buffer("factor", torch.ones(self.width))
        self.columns: Tensor
        self.codes: Tensor
        self.shift: Tensor
        self.factor: Tensor

    def forward(self, x: Tensor) -> Tensor:
        u = (self._raw(x) - self.shift) * self.factor
        return torch.where(u.isnan(), 0.0, u) if self.layout.modality == "table" else u

    def back(self, u: Tensor) -> Tensor:
        """(B, W) -> encoded rows (B, *shape): pictures within 0..255, whole codes for categories."""
        if self.layout.modality != "table":
            x = (u + self.shift).reshape(-1, *self.layout.shape)
            if self.layout.modality == "counts":
                return torch.expm1(x.clamp(0, _LOG_COUNT))
            return (x * self.unit).clamp(0, 255) if self.layout.modality == "image" else x
        raw = self._unweighed(u)
        x = raw.new_zeros(len(u), self.layout.size)
        for column, size in enumerate(self.layout.cardinalities):
            own = torch.nonzero(self.columns == column).flatten()
            codes = self.codes[own]
            if len(own) == 1 and codes[0] < 0:
                value = raw[:, own[0]]
                x[:, column] = value.round().clamp(0, size - 1) if size else value
            else:
                x[:, column] = codes[raw[:, own].argmax(1)]
        return x

    def smooth(self, u: Tensor) -> Tensor:
        """(B, W) -> (B, W): as ``back``, in numbers that never jump: ordered codes from 0 to 1, and the share of each
        category, scaled so that from surely one to surely another is 1 away."""
        if self.layout.modality != "table":
            return (u + self.shift) * self.unit
        sizes = u.new_tensor(self.layout.cardinalities).index_select(0, self.columns)
        last = torch.where((self.codes < 0) & (sizes > 1), sizes - 1, 1.0)
        return self._unweighed(u) * torch.where(self.codes < 0, 1 / last, 0.5**0.5)

    def _unweighed(self, u: Tensor) -> Tensor:
        return torch.where(self.factor > 0, u / self.factor, 0.0) + self.shift

    def _raw(self, x: Tensor) -> Tensor:
        """Before the mean is taken off; NaN where not observed."""
        if self.layout.modality != "table":
            x = x.flatten(1).to(torch.float32)
            if self.layout.modality == "counts":
                return torch.log1p(x * (self.total / x.sum(1, keepdim=True).clamp_min(1)))
            return x * (1 / self.unit)
        values = x.to(torch.float32).index_select(1, self.columns)
        indicator = torch.where(values.isnan(), values, (values == self.codes).to(values.dtype))
        return torch.where(self.codes < 0, values, indicator)

    @torch.no_grad()
    def prepare(self, blocks: Blocks) -> int:
        """Measure means and weights, in one pass (two where a column has many categories). Returns the rows seen."""
        if max(self.layout.cardinalities, default=0) > MOST_CATEGORIES:
            self._choose_categories(blocks)
        if self.layout.modality == "counts":
            self.total.copy_(torch.cat([x.sum(1) for x in blocks()]).median())
        self.shift.zero_()
        self.factor.fill_(1)
        total, squares, seen = (torch.zeros(self.width, dtype=torch.float64) for _ in range(3))
        rows = 0
        for x in blocks():
            raw = self._raw(x).double()
            known = ~raw.isnan()
            raw = torch.where(known, raw, 0.0)
            total += raw.sum(0)
            squares += raw.square().sum(0)
            seen += known.sum(0)
            rows += len(x)
        mean = total / seen.clamp_min(1)
        self.shift.copy_(mean)
        if self.layout.modality == "table":
            deviation = (squares / seen.clamp_min(1) - mean.square()).clamp_min(0).sqrt()
            ordered = torch.tensor([self.layout.cardinalities[int(c)] > 0 for c in self.columns]) & (self.codes < 0)
            weight = torch.where(ordered, deviation, torch.where(self.codes < 0, 1.0, mean.clamp_min(0).sqrt()))
            self.factor.copy_(torch.where(weight > 0, 1 / weight.clamp_min(1e-12), 0.0))
        return rows

    def _choose_categories(self, blocks: Blocks) -> None:
        """The commonest categories of each column that has too many."""
        sizes = self.layout.cardinalities
        wide = [i for i, size in enumerate(sizes) if size > MOST_CATEGORIES and int((self.columns == i).sum()) > 1]
        counts = {i: torch.zeros(sizes[i], dtype=torch.long) for i in wide}
        for x in blocks():
            for i in wide:
                codes = x[:, i]
                counts[i] += torch.bincount(codes[~codes.isnan()].long(), minlength=sizes[i])
        for i in wide:
            commonest = counts[i].sort(descending=True, stable=True).indices[:MOST_CATEGORIES]
            self.codes[self.columns == i] = commonest.sort().values.to(self.codes.dtype)


def _places(layout: Layout) -> tuple[list[int], list[float]]:
    """The column and the category of each coordinate of a table; empty for other modalities."""
    columns: list[int] = []
    codes: list[float] = []
    for i, (kind, size) in enumerate(zip(layout.kinds, layout.cardinalities, strict=True)):
        own = [-1.0] if not size or kind == "ordinal" else [float(k) for k in range(min(size, MOST_CATEGORIES))]
        columns += [i] * len(own)
        codes += own
    return columns, codes
