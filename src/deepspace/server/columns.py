"""Columns as the page wants them: described once, then shipped as raw little-endian bytes, one array a column."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from deepspace.data.schema import Column
from deepspace.server.wire import ColumnInfo

if TYPE_CHECKING:
    from deepspace.space import BaseSpace

__all__ = ["DISTORTION", "Columns", "coded", "figures_of"]

_NAMED = {"categorical", "boolean", "ordinal", "text", "mixed"}
_MOST_CATEGORIES = 65_535
_MOST_NAMES = 1_000
"""Free text with more distinct values than this names rows; it does not colour them."""

_TITLES = {
    "elbo": "ELBO",
    "log_density": "log density",
    "reconstruction_error": "reconstruction error",
    "posterior_scale": "posterior scale",
}

DISTORTION = "map distortion"
"""0: a row's neighbours are the same on the map as in latent space; 1: as if it had been put there at random."""

_BLOCK = 65_536

Range = tuple[float | None, float | None, int]
Codes = npt.NDArray[np.uint8] | npt.NDArray[np.uint16] | npt.NDArray[np.float32]


@dataclass(frozen=True)
class _Entry:
    info: ColumnInfo
    read: Callable[[], Codes]


def figures_of(space: BaseSpace) -> dict[str, npt.NDArray[np.float32]]:
    """The per-row figures, whichever container the space keeps them in."""
    figures: Any = space.figures
    if isinstance(figures, pa.Table):
        return {name: figures[name].to_numpy() for name in figures.column_names}
    return {str(name): figures[name] for name in figures} if isinstance(figures, Mapping) else {}


def _chunked(values: Any) -> pa.ChunkedArray:
    if isinstance(values, pa.ChunkedArray):
        return values
    return pa.chunked_array([values if isinstance(values, pa.Array) else pa.array(values)])


def _strings(values: pa.ChunkedArray) -> pa.ChunkedArray:
    if pa.types.is_dictionary(values.type):
        values = values.cast(values.type.value_type)
    return values.cast(pa.string()) if not pa.types.is_string(values.type) else values


def coded(values: pa.ChunkedArray, categories: list[str]) -> npt.NDArray[np.int64]:
    """Positions in ``categories``, -1 where missing or unknown. Values of every type are matched by their text."""
    if pa.types.is_boolean(values.type) and len(categories) == 2:
        return np.asarray(values.cast(pa.int64()).fill_null(-1).to_numpy())
    codes = pc.index_in(_strings(values), value_set=pa.array(categories, pa.string()))
    return np.asarray(codes.cast(pa.int64()).fill_null(-1).to_numpy())


def _own_categories(values: pa.ChunkedArray) -> list[str]:
    """The distinct values as text: in order when they are numbers, else by how often they occur."""
    text = _strings(values)
    counted = pc.value_counts(text.combine_chunks())
    names = counted.field("values").to_pylist()
    sizes = counted.field("counts").to_pylist()
    pairs = sorted(((-s, n) for n, s in zip(names, sizes, strict=True) if n is not None))
    ordered = [name for _, name in pairs]
    if pa.types.is_integer(values.type) or pa.types.is_floating(values.type):
        ordered.sort(key=float)
    return ordered


def _with_other(codes: npt.NDArray[np.int64], values: pa.ChunkedArray, count: int) -> npt.NDArray[np.int64]:
    """With as many categories as codes can hold, the last one stands for every value that is not listed."""
    if count < _MOST_CATEGORIES:
        return codes
    present = np.asarray(values.is_valid().to_numpy(), dtype=bool)
    return np.where((codes < 0) & present, count - 1, codes)


def _small(codes: npt.NDArray[np.int64], count: int) -> tuple[Literal["u8", "u16"], Codes]:
    if count <= 255:
        return "u8", np.where(codes < 0, 255, codes).astype(np.uint8)
    return "u16", np.where(codes < 0, 65_535, codes).astype("<u2")


def _float32(values: pa.ChunkedArray) -> npt.NDArray[np.float32]:
    """Numbers as float32, dates as days since 1970-01-01, NaN where missing."""
    kind = values.type
    if pa.types.is_date(kind) or pa.types.is_timestamp(kind):
        stamps = values.cast(pa.timestamp("ms")) if not pa.types.is_date(kind) else values.cast(pa.date32())
        per_day = 1 if pa.types.is_date(kind) else 86_400_000
        whole = stamps.cast(pa.int32() if per_day == 1 else pa.int64()).cast(pa.float64())
        return np.asarray(whole.to_numpy() / per_day, dtype="<f4")
    if pa.types.is_decimal(kind) or pa.types.is_boolean(kind):
        values = values.cast(pa.float64())
    return np.asarray(values.cast(pa.float64(), safe=False).to_numpy(), dtype="<f4")


def _range(values: npt.NDArray[Any]) -> Range:
    """Minimum and maximum of the finite values, and how many are missing."""
    missing = int(np.isnan(values).sum())
    finite = values[np.isfinite(values)] if not np.isfinite(values).all() else values
    return (_shortest(finite.min()), _shortest(finite.max()), missing) if finite.size else (None, None, missing)


def _ranges(values: npt.NDArray[np.float32]) -> list[Range]:
    """``_range`` of each of D columns (N, D), all of them in one pass over the rows."""
    low, high = np.full(values.shape[1], np.inf, np.float32), np.full(values.shape[1], -np.inf, np.float32)
    for start in range(0, len(values), _BLOCK):
        block = np.asarray(values[start : start + _BLOCK])
        low, high = np.minimum(low, block.min(0)), np.maximum(high, block.max(0))
    if not (np.isfinite(low) & np.isfinite(high)).all():
        return [_range(np.asarray(values[:, d])) for d in range(values.shape[1])]
    return [(_shortest(a), _shortest(b), 0) for a, b in zip(low, high, strict=True)]


def _shortest(value: np.floating[Any]) -> float:
    """The shortest decimal that is this float32: 4.3, not 4.300000190734863."""
    return float(str(np.float32(value)))


class Columns:
    """All columns that a space's map can be coloured by: the user's, then figures, then latent dimensions.

    ``infos`` describes them; ``read(index)`` gives the bytes. Reading again reads the file again: nothing of a
    million rows stays in memory but what the web layer chooses to cache.
    """

    def __init__(self, space: BaseSpace) -> None:
        self._space = space
        self._entries: list[_Entry] = []
        for column in space.schema.columns:
            self._add_column(column)
        for name, values in figures_of(space).items():
            self._add_numbers(_TITLES.get(name, name.replace("_", " ")), "figure", values)
        self._add_distortion()
        for d, known in enumerate(_ranges(space.latents.mean)):
            self._add_numbers(f"dimension {d}", "latent", space.latents.mean[:, d], known=known)
        self.infos = [entry.info for entry in self._entries]

    def __len__(self) -> int:
        return len(self._entries)

    def read(self, index: int) -> Codes:
        """The column as the little-endian array that its encoding names."""
        return self._entries[index].read()

    @property
    def default(self) -> int | None:
        """The column to colour by at first: the target, else the first named column, else the first figure."""
        ranked = [i.index for i in self.infos if i.role == "target"]
        ranked += [i.index for i in self.infos if i.group == "column" and i.categories and len(i.categories) <= 50]
        ranked += [i.index for i in self.infos if i.group == "figure"]
        return ranked[0] if ranked else None

    def _values(self, name: str) -> pa.ChunkedArray:
        return _chunked(self._space.rows.column(name))

    def _add_column(self, column: Column) -> None:
        if column.role == "constant" or (column.kind in {"text", "mixed"} and column.distinct > _MOST_NAMES):
            return
        if column.name not in self._space.rows.names:
            return
        values = self._values(column.name)
        if column.kind in _NAMED:
            self._add_names(column, values)
        else:
            self._add_numbers(column.name, "column", _float32(values), column)

    def _add_names(self, column: Column, values: pa.ChunkedArray) -> None:
        categories = list(column.categories) or _own_categories(values)
        codes = coded(values, categories)
        if int((codes < 0).sum()) > values.null_count:
            categories = _own_categories(values)
            codes = coded(values, categories)
        if len(categories) > _MOST_CATEGORIES:
            categories = [*_own_categories(values)[: _MOST_CATEGORIES - 1], "other"]
            codes = coded(values, categories)
            codes = _with_other(codes, values, len(categories))
        encoding, _ = _small(codes[:0], len(categories))
        info = ColumnInfo(
            index=len(self._entries),
            name=column.name,
            kind=column.kind,
            role=column.role,
            group="column",
            encoding=encoding,
            categories=categories,
            counts=np.bincount(codes[codes >= 0], minlength=len(categories)).tolist(),
            missing=int((codes < 0).sum()),
        )
        name = column.name

        def read() -> Codes:
            again = self._values(name)
            return _small(_with_other(coded(again, categories), again, len(categories)), len(categories))[1]

        self._entries.append(_Entry(info, read))

    def _add_numbers(
        self,
        name: str,
        group: Literal["column", "figure", "latent"],
        values: npt.NDArray[Any],
        column: Column | None = None,
        known: Range | None = None,
    ) -> None:
        low, high, missing = known or _range(np.asarray(values))
        info = ColumnInfo(
            index=len(self._entries),
            name=name,
            kind=column.kind if column else "numeric",
            role=column.role if column else "figure",
            group=group,
            encoding="f32",
            minimum=low,
            maximum=high,
            missing=missing,
        )

        def read() -> Codes:
            if column is not None:
                return _float32(self._values(column.name))
            return np.ascontiguousarray(values, dtype="<f4")

        self._entries.append(_Entry(info, read))

    def add_named(self, name: str, categories: list[str], codes: Callable[[], npt.NDArray[np.int64]]) -> int:
        """A column of categories that somebody else knows: places among them, -1 for none, worked out when it is first
        read. Its number."""
        encoding, _ = _small(np.empty(0, np.int64), len(categories))
        info = ColumnInfo(
            index=len(self._entries), name=name, kind="categorical", role="figure", group="figure", encoding=encoding,
            categories=categories,
        )  # fmt: skip
        self._entries.append(_Entry(info, lambda: _small(codes(), len(categories))[1]))
        self.infos = [entry.info for entry in self._entries]
        return info.index

    def add_figure(
        self, name: str, bounds: tuple[float | None, float | None], values: Callable[[], npt.NDArray[np.float64]]
    ) -> int:
        """As ``add_named``, of numbers: NaN for none."""
        info = ColumnInfo(
            index=len(self._entries), name=name, kind="numeric", role="figure", group="figure", encoding="f32",
            minimum=bounds[0], maximum=bounds[1],
        )  # fmt: skip
        self._entries.append(_Entry(info, lambda: np.ascontiguousarray(values(), "<f4")))
        self.infos = [entry.info for entry in self._entries]
        return info.index

    def _add_distortion(self) -> None:
        """What the map did to each row: known to lie in 0..1, and measured only when somebody wants to see it."""
        info = ColumnInfo(
            index=len(self._entries),
            name=DISTORTION,
            kind="numeric",
            role="figure",
            group="figure",
            encoding="f32",
            minimum=0.0,
            maximum=1.0,
            missing=0,
        )
        kept: list[Codes] = []
        lock = threading.Lock()

        def read() -> Codes:
            with lock:
                if not kept:
                    found = self._space.distortion().spread(self._space.map.positions)
                    kept.append(np.ascontiguousarray(found, dtype="<f4"))
                return kept[0]

        self._entries.append(_Entry(info, read))
