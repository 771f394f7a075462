"""Items of a space as a predictor wants to have them: real rows as they were, made-up ones decoded."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from deepspace.data.frames import as_table
from deepspace.errors import ModelError

if TYPE_CHECKING:
    import pyarrow as pa

    from deepspace.decisions.predictors.predictor import Predictor
    from deepspace.space import BaseSpace

__all__ = ["Handing", "pandas_frame", "table_of"]

Index = npt.NDArray[np.int64]


class Handing:
    """Encoded rows, rows of the space or items of the user's -> what one predictor is called with."""

    def __init__(self, space: BaseSpace, predictor: Predictor) -> None:
        self.space, self.predictor, self.schema = space, predictor, space.schema
        self.table = space.schema.form == "table" and predictor.inputs != "encoded"
        learned = [c.name for c in space.schema.features]
        self.columns = list(predictor.columns or learned)
        self.beside = [name for name in self.columns if name not in learned] if self.table else []
        """Columns that the predictor wants and the space did not learn."""
        have = set(space.rows.names)
        absent = [name for name in self.beside if name not in have]
        if absent:
            raise ModelError(
                f"The predictor {predictor.name} wants the column '{absent[0]}', which '{space.name}' does not have; "
                f"it has {', '.join(map(repr, list(space.rows.names)[:12]))}."
            )

    def rows(self, index: Index) -> Any:
        """Rows of the space, as they came."""
        if self.table:
            return self._frame(self.space.rows.table(self.columns, index))
        return self._array(np.asarray(self.space.samples[index]))

    def items(self, x: Any) -> Any:
        """Items in the user's units."""
        if self.table:
            table = table_of(self.schema, x)
            absent = [name for name in self.columns if name not in table.column_names]
            if absent:
                raise ModelError(
                    f"The predictor {self.predictor.name} wants the column '{absent[0]}', which these items lack."
                )
            return self._frame(table.select(self.columns))
        return self._array(self.schema.encode(x))

    def encoded(self, encoded: npt.NDArray[Any], like: Index | None = None) -> Any:
        """Encoded rows (M, *shape), real or made up. like: (M,), the rows of the space whose values stand in
        the columns that the space did not learn.

        Raises ModelError where the predictor wants such a column, it is not constant, and ``like`` is not given.
        """
        if not self.table:
            return self._array(encoded)
        table = as_table(self.schema.decode(encoded))
        assert table is not None
        if self.beside:
            table = self._completed(table, like)
        return self._frame(table.select(self.columns))

    def _completed(self, table: pa.Table, like: Index | None) -> pa.Table:
        roles = {c.name: c.role for c in self.schema.columns}
        if like is None:
            free = [name for name in self.beside if roles.get(name) != "constant"]
            if free:
                raise ModelError(
                    f"The predictor {self.predictor.name} wants the column '{free[0]}', which '{self.space.name}' did "
                    f"not learn ({roles.get(free[0], 'beside')}), so that made-up items have none; fit with this "
                    "column as a feature, or audit a predictor without it."
                )
            like = np.zeros(table.num_rows, np.int64)
        kept = self.space.rows.table(self.beside, like)
        for name in self.beside:
            table = table.append_column(name, kept.column(name))
        return table

    def _frame(self, table: pa.Table) -> Any:
        if not self.predictor.frames:
            return self._numbers(table)
        return pandas_frame(table)

    def _numbers(self, table: pa.Table) -> npt.NDArray[np.float64]:
        import pyarrow as pa

        columns = []
        for name in table.column_names:
            column = table.column(name)
            try:
                columns.append(column.cast(pa.float64()).to_numpy())
            except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
                raise ModelError(
                    f"The predictor {self.predictor.name} wants an array of numbers, but column '{name}' holds "
                    f"{column.type}; give one that takes a frame, such as a pipeline fitted on a DataFrame."
                ) from None
        return np.stack(columns, 1)

    def _array(self, encoded: npt.NDArray[Any]) -> Any:
        values = self._scaled(encoded)
        if self.predictor.flat:
            values = values.reshape(len(values), -1)
        if not self.predictor.tensors:
            return values
        import torch

        return torch.from_numpy(np.ascontiguousarray(values, np.float32))

    def _scaled(self, encoded: npt.NDArray[Any]) -> npt.NDArray[Any]:
        schema: Any = self.schema
        if self.predictor.inputs == "encoded":
            return np.asarray(encoded, np.float32)
        if schema.form == "image" and (self.predictor.inputs != "raw" or self.predictor.tensors):
            low, high = {"unit": (0.0, 1.0), "signed": (-1.0, 1.0)}.get(
                self.predictor.inputs, (schema.low, schema.high)
            )
            values = np.asarray(encoded, np.float32) * np.float32((high - low) / 255.0) + np.float32(low)
            flat_colour = self.predictor.flat and schema.layout == "hwc" and not self.predictor.tensors
            return values.transpose(0, 2, 3, 1) if flat_colour else values
        return np.asarray(schema.decode(encoded))


def pandas_frame(table: pa.Table) -> Any:
    """As ``pandas.read_csv`` would have read it: missing text is NaN and not None. An Arrow table without pandas."""
    try:
        import pandas  # noqa: F401
    except ImportError:
        return table
    frame = table.to_pandas()
    for name in frame.columns:
        if frame[name].dtype == object:
            frame[name] = frame[name].where(frame[name].notna(), np.nan)
    return frame


def table_of(schema: Any, x: Any) -> pa.Table:
    """Items in the user's units (a frame, records, one record, a path) as a table."""
    import pyarrow as pa

    if isinstance(x, Sequence) and not isinstance(x, str) and x and isinstance(x[0], dict):
        return pa.Table.from_pylist([dict(record) for record in x])
    if isinstance(x, dict) and x and not any(hasattr(v, "__len__") and not isinstance(v, str) for v in x.values()):
        return pa.Table.from_pylist([{str(k): v for k, v in x.items()}])  # one record
    table = as_table(x)
    return schema._table(x) if table is None else table
