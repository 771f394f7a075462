"""One column of a table to float32 and back: numbers, dates and categories, whole columns at a time."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from deepspace.data.scaling import Scale, scale_from_json
from deepspace.errors import DataError

__all__ = ["CategoryCodec", "Codec", "NumberCodec", "codec_from_json", "type_from_name"]

Encoded = npt.NDArray[np.float32]


def type_from_name(name: str) -> pa.DataType:
    """The Arrow type whose ``str`` is ``name`` (the plain types that columns are normalised to)."""
    zoned = re.fullmatch(r"timestamp\[(\w+), tz=(.+)\]", name)
    if zoned:
        return pa.timestamp(zoned[1], zoned[2])
    moment = re.fullmatch(r"date(32|64)\[\w+\]", name)
    return pa.type_for_alias("date" + moment[1] if moment else name)


@dataclass(frozen=True)
class NumberCodec:
    """A number or a moment in time. Decoding clips to the range seen, rounds whole numbers, and returns ``type``."""

    type: str
    scale: Scale
    whole: bool
    low: float
    high: float
    cardinality = 0

    def encode(self, column: pa.ChunkedArray, name: str) -> Encoded:
        with np.errstate(invalid="ignore"):
            return self.scale.forward(_to_float(column, type_from_name(self.type), name)).astype(np.float32)

    def decode(self, codes: npt.NDArray[Any]) -> pa.Array:
        values = self.scale.inverse(np.asarray(codes, dtype=np.float64))
        missing = np.isnan(values)
        values = np.clip(values, self.low, self.high)
        kind = type_from_name(self.type)
        if self.whole or pa.types.is_integer(kind) or pa.types.is_temporal(kind):
            values = np.rint(values)
        if pa.types.is_floating(kind):
            return pa.array(values, kind, mask=missing)
        whole = np.where(missing, 0, values).astype(np.int64)
        storage = pa.int32() if pa.types.is_date32(kind) else pa.int64()
        if pa.types.is_temporal(kind):
            return pa.array(whole, storage, mask=missing).cast(kind)
        return pa.array(whole, pa.int64(), mask=missing).cast(kind)

    def to_json(self) -> dict[str, Any]:
        return {
            "codec": "number", "type": self.type, "scale": self.scale.to_json(),
            "whole": self.whole, "low": self.low, "high": self.high,
        }  # fmt: skip


@dataclass(frozen=True)
class CategoryCodec:
    """A fixed list of values, each a whole number from 0; anything else, seen later, encodes to NaN like a missing one.

    ``categories`` are the values as text; decoding returns them in their first type (``dictionary``: as an Arrow
    dictionary, which pandas and polars call a categorical)."""

    type: str
    categories: tuple[str, ...]
    dictionary: bool = False

    @property
    def cardinality(self) -> int:
        return len(self.categories)

    @cached_property
    def values(self) -> pa.Array:
        """The categories in their own type."""
        return pa.array(self.categories, pa.string()).cast(type_from_name(self.type))

    def encode(self, column: pa.ChunkedArray, name: str) -> Encoded:
        if pa.types.is_dictionary(column.type):
            return _join([self._encode_dictionary(chunk) for chunk in column.chunks])
        return _join([self._encode_plain(chunk) for chunk in column.chunks])

    def _encode_dictionary(self, chunk: pa.DictionaryArray) -> Encoded:
        """Looks up each distinct value once."""
        table = self._encode_plain(chunk.dictionary)
        if not len(table):
            return np.full(len(chunk), np.nan, np.float32)
        missing = chunk.indices.null_count > 0
        out: Encoded = table[(chunk.indices.fill_null(0) if missing else chunk.indices).to_numpy(zero_copy_only=False)]
        if missing:
            out[chunk.indices.is_null().to_numpy(zero_copy_only=False)] = np.nan
        return out

    @cached_property
    def _lookup(self) -> tuple[int, Encoded] | None:
        """(offset, codes) for whole-number categories close together: code of v at v - offset + 1, NaN at both ends."""
        kind = type_from_name(self.type)
        if not pa.types.is_integer(kind) or not self.categories:
            return None
        values = np.array([int(v) for v in self.categories], dtype=object)
        low, span = int(values.min()), int(values.max() - values.min())
        if span > 65_536 or abs(low) > 1 << 60:
            return None
        codes = np.full(span + 3, np.nan, np.float32)
        codes[(values - low + 1).astype(np.int64)] = np.arange(len(values), dtype=np.float32)
        return low, codes

    def _encode_plain(self, values: pa.Array) -> Encoded:
        known = self.values
        if pa.types.is_boolean(values.type) and values.type == known.type and len(known) == 2 and not known[0].as_py():
            out = values.cast(pa.uint8()).to_numpy(zero_copy_only=False)
            return np.asarray(out, np.float32)
        if self._lookup is not None and pa.types.is_integer(values.type) and not values.null_count:
            low, codes = self._lookup
            whole = values.to_numpy(zero_copy_only=False).astype(np.int64, copy=False)
            found: Encoded = codes[np.clip(whole, low - 1, low + len(codes) - 2) - (low - 1)]
            return found
        if values.type != known.type:
            if _numeric(values.type) and _numeric(known.type):
                values, known = values.cast(pa.float64()), known.cast(pa.float64())
            else:
                values, known = values.cast(pa.string()), pa.array(self.categories, pa.string())
        codes = pc.index_in(values, value_set=known)
        return np.asarray(codes.to_numpy(zero_copy_only=False), np.float32)

    def decode(self, codes: npt.NDArray[Any]) -> pa.Array:
        codes = np.asarray(codes, dtype=np.float64)
        missing = np.isnan(codes)
        index = np.rint(np.where(missing, 0, codes)).clip(0, len(self.categories) - 1).astype(np.int32)
        indices = pa.array(index, pa.int32(), mask=missing)
        if self.dictionary:
            return pa.DictionaryArray.from_arrays(indices, self.values)
        return self.values.take(indices)

    def to_json(self) -> dict[str, Any]:
        return {
            "codec": "category", "type": self.type, "categories": list(self.categories), "dictionary": self.dictionary
        }  # fmt: skip


Codec = NumberCodec | CategoryCodec


def codec_from_json(obj: dict[str, Any]) -> Codec:
    """The codec that ``to_json`` described."""
    if obj["codec"] == "category":
        return CategoryCodec(str(obj["type"]), tuple(map(str, obj["categories"])), bool(obj["dictionary"]))
    scale = scale_from_json(obj["scale"])
    return NumberCodec(str(obj["type"]), scale, bool(obj["whole"]), float(obj["low"]), float(obj["high"]))


def _numeric(kind: pa.DataType) -> bool:
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind))


def _join(parts: list[Encoded]) -> Encoded:
    if len(parts) == 1:
        return parts[0]
    return np.concatenate(parts) if parts else np.zeros(0, np.float32)


def _to_float(column: pa.ChunkedArray, kind: pa.DataType, name: str) -> npt.NDArray[np.float64]:
    """Missing cells and infinities as NaN; text that holds numbers is read, other text refused with its row."""
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    if pa.types.is_temporal(kind):
        column = _cast(column, kind, name).cast(pa.int32() if pa.types.is_date32(kind) else pa.int64())
    elif not _numeric(column.type) or pa.types.is_float16(column.type):
        column = _cast(column, pa.float64(), name)
    if column.null_count or column.type != pa.float64():
        column = column.cast(pa.float64(), safe=False)
    values: npt.NDArray[np.float64] = column.to_numpy()
    if pa.types.is_floating(kind) or column.null_count:
        infinite = np.isinf(values)
        if infinite.any():
            values = np.where(infinite, np.nan, values)
    return values


def _cast(column: pa.ChunkedArray, kind: pa.DataType, name: str) -> pa.ChunkedArray:
    if column.type == kind:
        return column
    try:
        return column.cast(kind)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        row, value = _culprit(column, kind)
        raise DataError(
            f"column '{name}' should hold {kind} values, but row {row} holds {value!r}; "
            "correct the cell or leave it empty."
        ) from None


def _culprit(column: pa.ChunkedArray, kind: pa.DataType) -> tuple[int, Any]:
    low, high = 0, len(column)
    while high - low > 1:  # halve until one cell is left that does not convert
        middle = (low + high) // 2
        try:
            column.slice(low, middle - low).cast(kind)
            low = middle
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
            high = middle
    return low, column[low].as_py()
