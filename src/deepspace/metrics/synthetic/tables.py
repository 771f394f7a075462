"""What the figures of synthetic tables have in common: rows as plain numbers in the user's units."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from deepspace.errors import SpaceError

if TYPE_CHECKING:
    from deepspace.data.schema import Schema
    from deepspace.metrics.heldout import HeldOut
    from deepspace.space import BaseSpace

__all__ = ["Floats", "categorical", "drawn", "need_table", "plain"]

Floats = npt.NDArray[np.float64]


def need_table(space: BaseSpace, held: HeldOut) -> None:
    """Raise SpaceError unless the space is of a table with held-out rows."""
    if space.schema.form != "table" or not hasattr(space.schema, "codecs"):
        raise SpaceError("the space is not of a table")
    if held.seen:
        raise SpaceError("the space has no record of held-out rows")


def categorical(schema: Schema) -> npt.NDArray[np.bool_]:
    """(F,): which features are categories (ordinal and boolean ones too)."""
    return np.array([codec.cardinality > 0 for codec in schema.codecs])  # type: ignore[attr-defined]


def plain(schema: Schema, encoded: npt.NDArray[Any]) -> Floats:
    """Encoded rows (N, F) -> numbers in the user's units as they would be written (whole ones whole, dates as days or
    ticks), categories as codes, NaN where missing."""
    import pyarrow as pa

    out = np.array(encoded, np.float64)
    for place, codec in enumerate(schema.codecs):  # type: ignore[attr-defined]
        if codec.cardinality:
            continue
        column = codec.decode(out[:, place])
        if pa.types.is_temporal(column.type):
            column = column.cast(pa.int32() if pa.types.is_date32(column.type) else pa.int64())
        out[:, place] = column.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False)
    return out


def drawn(space: BaseSpace, n: int, seed: int = 0) -> npt.NDArray[np.float32]:
    """n synthetic rows as encoded rows, rounded and clipped as they are when they are written."""
    from deepspace.space.sampling import draw_encoded

    made = draw_encoded(space, n, seed).encoded
    out = made.copy()
    for place, codec in enumerate(space.schema.codecs):  # type: ignore[attr-defined]
        if not codec.cardinality:
            import pyarrow as pa

            out[:, place] = codec.encode(pa.chunked_array([codec.decode(made[:, place])]), str(place))
    return out
