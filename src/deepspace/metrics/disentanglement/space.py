"""How well the latent dimensions of a space match columns that it was not trained on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from deepspace.errors import SpaceError
from deepspace.metrics.disentanglement.dci import dci
from deepspace.metrics.disentanglement.factorvae import factor_vae_score
from deepspace.metrics.disentanglement.infomec import explicitness, infomec_of
from deepspace.metrics.disentanglement.information import information
from deepspace.metrics.disentanglement.mig import mig_of
from deepspace.metrics.disentanglement.sap import sap
from deepspace.metrics.heldout import HeldOut, held_out
from deepspace.metrics.measure import Measure, Measures
from deepspace.results import Tabular, figure, text_table
from deepspace.space.moments import ACTIVE_VARIANCE

if TYPE_CHECKING:
    import pyarrow as pa

    from deepspace.data.schema import Column
    from deepspace.space import BaseSpace

__all__ = ["Disentanglement", "active", "disentangled", "disentanglement"]

MOST_VALUES = 50
_DISCRETE = ("boolean", "categorical", "ordinal", "integer", "numeric")
_ORDERED = ("ordinal", "integer", "numeric")
_UNTRAINED = ("target", "metadata")


@dataclass(frozen=True)
class Disentanglement(Tabular):
    """MIG, DCI, SAP, FactorVAE score and InfoMEC of a space, and what they rest on.

    factors: the columns; nmi: (D, F), how much of each column's entropy each latent dimension tells, 0..1, less chance;
    measures: the scores, each with its rows, interval and baseline.
    """

    factors: tuple[str, ...]
    nmi: npt.NDArray[np.float64]
    measures: Measures

    def to_arrow(self) -> pa.Table:
        """``nmi``, one row a latent dimension."""
        import pyarrow as pa

        columns = {name: pa.array(self.nmi[:, k]) for k, name in enumerate(self.factors)}
        return pa.table({"dimension": pa.array(range(len(self.nmi))), **columns})

    def __str__(self) -> str:
        rows = [(f"dimension {d}", *(figure(value, 2) for value in line)) for d, line in enumerate(self.nmi)]
        return f"{text_table(('share of entropy told', *self.factors), rows)}\n\n{self.measures}"


def disentanglement(space: BaseSpace, columns: Sequence[str] | None = None, *, seed: int = 0) -> Disentanglement:
    """Measure how well single latent dimensions match known factors of variation, on rows held out of training.

    Dimensions that are not active count as constant.

    columns: two or more discrete columns (2 to 50 values) that the model was not trained on: target or metadata; None:
    all such. Rows where one is missing are left out. Raises SpaceError where there are not two, or one cannot serve.
    """
    return _measured(space, held_out(space), columns, seed)


def disentangled(space: BaseSpace, held: HeldOut) -> tuple[Measure, ...]:
    """The scores of ``disentanglement`` for all columns that can serve."""
    return _measured(space, held, None, 0).measures.items


def _measured(space: BaseSpace, held: HeldOut, columns: Sequence[str] | None, seed: int) -> Disentanglement:
    chosen = _usable(space) if columns is None else [_named(space, name) for name in dict.fromkeys(columns)]
    read = {c.name: _codes(space, c, held.rows) for c in chosen}
    if columns is None:
        read = {name: codes for name, codes in read.items() if 2 <= len(np.unique(codes[codes >= 0])) <= MOST_VALUES}
    if len(read) < 2:
        raise SpaceError(
            "disentanglement needs two or more discrete columns that the model was not trained on, "
            f"such as metadata of the rows; this space has {len(read) or 'none'}"
        )
    factors = np.stack(list(read.values()), 1)
    known = (factors >= 0).all(1)
    factors, names = factors[known], tuple(read)
    for k, name in enumerate(names):
        count = len(np.unique(factors[:, k]))
        if not 2 <= count <= MOST_VALUES:
            raise SpaceError(
                f"column '{name}' cannot be a factor: it has {count} different values in "
                f"{len(factors):,} held-out rows, and a factor has 2 to {MOST_VALUES}; bin it first."
            )
    kinds = {c.name: c.kind for c in chosen}
    z = active(np.asarray(space.latents.mean[held.rows[known]], np.float64))
    found = information(z, factors, seed=seed)
    infom, infoc = infomec_of(found)
    measures = (
        mig_of(found),
        *dci(z, factors, seed=seed),
        sap(z, factors, [kinds[name] in _ORDERED for name in names], seed=seed),
        factor_vae_score(z, factors, seed=seed),
        infom,
        explicitness(z, factors, seed=seed),
        infoc,
    )
    return Disentanglement(names, found.nmi, Measures(measures))


def active(latents: npt.NDArray[np.floating]) -> npt.NDArray[np.float64]:
    """(n, D) -> the same with 0 for dimensions whose posterior mean varies by no more than 0.01 (Burda 2016).

    What such a dimension says drowns in its posterior's noise, but its mean may still follow a factor in the fifth
    decimal, and bins of equally many rows would take it at its word: beside a true latent it would close every gap.
    """
    z = np.asarray(latents, np.float64)
    return np.where(z.var(0) > ACTIVE_VARIANCE, z, 0.0)


def _usable(space: BaseSpace) -> list[Column]:
    known = (c for c in space.schema.columns if c.name != space.cluster_column)  # that one comes from the latents
    return [c for c in known if c.role in _UNTRAINED and c.kind in _DISCRETE]


def _named(space: BaseSpace, name: str) -> Column:
    column = next((c for c in space.schema.columns if c.name == name), None)
    if column is None:
        names = ", ".join(f"'{c.name}'" for c in _usable(space)) or "none"
        raise SpaceError(f"there is no column '{name}'; those that can be a factor are: {names}.")
    if column.name == space.cluster_column:
        raise SpaceError(f"column '{name}' cannot be a factor: it was made from the latents, so it proves nothing.")
    if column.role not in _UNTRAINED:
        raise SpaceError(f"column '{name}' cannot be a factor: the model was trained on it, so it proves nothing.")
    if column.kind not in _DISCRETE:
        raise SpaceError(f"column '{name}' cannot be a factor: it is {column.kind}, and a factor has 2 to 50 values.")
    return column


def _codes(space: BaseSpace, column: Column, rows: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """(n,): the place of each row's value among the column's, in their order; -1 where missing."""
    values = space.rows.column(column.name).take(rows).to_pylist()
    there = [value for value in values if not _missing(value)]
    order: list[Any] = list(column.categories or ()) if column.kind == "ordinal" else []
    order = order if order and set(there) <= set(order) else sorted(set(there))
    place = {value: i for i, value in enumerate(order)}
    return np.array([place.get(value, -1) if not _missing(value) else -1 for value in values], np.int64)


def _missing(value: Any) -> bool:
    return value is None or value == "" or (isinstance(value, float) and not np.isfinite(value))
