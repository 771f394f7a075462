"""The column that a model is told of instead of learning it: its values, its codes, and how much of it latents hold."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from deepspace.errors import ModelError
from deepspace.models.base import LatentModel

if TYPE_CHECKING:
    import pyarrow as pa

    from deepspace.data.schema import Schema

__all__ = ["MOST_VALUES", "codes_of", "dependence", "values_of"]

MOST_VALUES = 255


def values_of(schema: Schema, rows: pa.Table, name: str) -> tuple[str, ...]:
    """The values of a column, the commonest first. ModelError for one that cannot be a condition."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if name not in rows.column_names:
        known = ", ".join(column.name for column in schema.columns) or "none"
        raise ModelError(f"There is no column '{name}' to be the condition; there are {known}.")
    column = rows.column(name)
    if column.null_count or (pa.types.is_floating(column.type) and pc.any(pc.is_nan(column)).as_py()):
        row = pc.index(pc.is_null(column, nan_is_null=True), True).as_py()
        raise ModelError(f"The condition '{name}' is missing in row {row}; fill it in, or leave those rows out.")
    found = pc.value_counts(_text(column))
    if not 2 <= len(found) <= MOST_VALUES:
        raise ModelError(
            f"The condition '{name}' has {len(found):,} different values; it must have from 2 to {MOST_VALUES}, "
            "such as the names of sites or batches."
        )
    pairs = zip(found.field("counts").to_pylist(), found.field("values").to_pylist(), strict=True)
    return tuple(value for _, value in sorted(pairs, key=lambda pair: (-pair[0], pair[1])))


def codes_of(model: LatentModel, rows: pa.Table) -> npt.NDArray[np.int64] | None:
    """(N,): each row's place among ``model.conditions``; None for a model without a condition."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if model.condition is None:
        return None
    codes = pc.index_in(_text(rows.column(model.condition)), value_set=pa.array(model.conditions, pa.string()))
    if codes.null_count:
        row = pc.index(pc.is_null(codes), True).as_py()
        value = rows.column(model.condition)[row].as_py()
        raise ModelError(
            f"Row {row} has {value!r} for the condition '{model.condition}', which the model does not know; "
            f"it knows {', '.join(model.conditions)}."
        )
    return np.asarray(codes.to_numpy(), np.int64)


def _text(column: pa.ChunkedArray) -> pa.ChunkedArray:
    import pyarrow as pa

    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    return column.cast(pa.string())


def dependence(z: Tensor, codes: Tensor, scales: Sequence[float] = (0.25, 1.0, 4.0)) -> Tensor:
    """z: (B, D), codes: (B,) -> a scalar from 0 (independent) to 1: how much of the codes z holds.

    Hilbert-Schmidt independence (Gretton 2005) in units of that of the codes with themselves: <HKH, HLH> / (B |HLH|).
    K: Gaussian kernels, the mean of some widths about that of a standard normal, so that both far and near count; it is
    not normalised, since a small spread of z would then have an endless gradient. L: 1 / p_c for rows of the same code
    c, so that a rare one counts as much as a common one.
    """
    count, dim = z.shape
    square = torch.cdist(z, z).square() / (2 * dim)
    near = torch.stack([torch.exp(-square / scale) for scale in scales]).mean(0)
    same = (codes[:, None] == codes[None]).to(z.dtype)
    told = same * (count / same.sum(1, keepdim=True))
    near, told = (m - m.mean(0) - m.mean(1, keepdim=True) + m.mean() for m in (near, told))
    share: Tensor = (near * told).sum() / (count * told.norm()).clamp_min(1e-12)
    return share
