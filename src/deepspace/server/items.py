"""Single items in the user's own units: real rows, reconstructions, and what a place on the map decodes to."""

from __future__ import annotations

import base64
import math
from collections.abc import Mapping, Sequence
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from deepspace.data.counts import CountsSchema
from deepspace.server.columns import figures_of
from deepspace.server.formatting import as_number, cell
from deepspace.server.genes import Genes
from deepspace.server.sprites import shrink
from deepspace.server.sureness import Sureness
from deepspace.server.wire import (
    CellText,
    Content,
    Difference,
    FieldShape,
    ImageContent,
    ImageShape,
    Item,
    ItemShape,
    NamedValue,
    NeighbourInfo,
    SignalContent,
    SignalShape,
    TableContent,
    TableShape,
    VectorContent,
    VectorShape,
)
from deepspace.space.figures import own_condition

if TYPE_CHECKING:
    from deepspace.space import BaseSpace

__all__ = ["NEIGHBOURS", "Items", "Rendered", "records"]

NEIGHBOURS = 8
"""Nearest real items shown beside a place or an item."""

TOLERANCE = 0.1
"""Numbers differ when they are further apart than this share of their column's spread."""

_REAL_DIGITS, _GENERATED_DIGITS = 6, 3
_SPREAD_ROWS = 20_000
_SMALL = 40
_VECTOR_NOTE = "A generated vector has no reading of its own; the nearest real items stand for it."


class Rendered(NamedTuple):
    """Content without its data; the data as bytes (empty where the content says everything); a table's raw cells."""

    content: Content
    payload: bytes = b""
    record: Mapping[str, Any] | None = None


def records(table: Any) -> list[dict[str, Any]]:
    """Rows of an Arrow table or of a pandas or polars frame, as dictionaries."""
    if isinstance(table, pa.Table):
        return list(table.to_pylist())
    if hasattr(table, "to_arrow"):
        return list(table.to_arrow().to_pylist())
    return list(pa.Table.from_pandas(table, preserve_index=False).to_pylist())


def _hwc(encoded: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
    """(M, C, H, W) 0..255 of any type -> (M, H, W, C) uint8."""
    if encoded.dtype != np.uint8:
        encoded = np.clip(np.rint(encoded), 0, 255).astype(np.uint8)
    return np.ascontiguousarray(np.moveaxis(encoded, 1, 3))


def _number_or_none(value: float) -> float | None:
    value = float(value)
    return value if math.isfinite(value) else None


class Items:
    """Everything the page shows of single items of one space. Safe to call from several threads."""

    def __init__(self, space: BaseSpace) -> None:
        self.space = space
        self.schema: Any = space.schema
        self.genes = Genes(space) if isinstance(self.schema, CountsSchema) else None
        # Counts are shown as records of their most telling genes.
        self.modality: str = "table" if self.genes else self.schema.modality
        target = self.schema.target
        self.target: str | None = target.name if target else None
        self.sureness = Sureness(space)
        self._spreads: dict[str, float] = {}
        self.record = lru_cache(maxsize=2048)(self._record)

    # What an item is

    @cached_property
    def features(self) -> list[str]:
        """The names of a record's fields."""
        return self.genes.names if self.genes else [c.name for c in self.schema.features]

    @cached_property
    def kinds(self) -> dict[str, str]:
        """What kind each column is, and each field."""
        columns = {c.name: c.kind for c in self.schema.columns}
        return columns | dict.fromkeys(self.features, "numeric") if self.genes else columns

    def shape(self) -> ItemShape:
        """What all items of this space have in common."""
        shape = self.schema.shape
        if self.modality == "image":
            return ImageShape(channels=shape[0], height=shape[1], width=shape[2])
        if self.modality == "signal":
            names = list(getattr(self.schema, "channel_names", ()) or ())
            names = names if len(names) == shape[0] else [f"channel {c + 1}" for c in range(shape[0])]
            return SignalShape(channels=shape[0], length=shape[1], channel_names=names)
        if self.modality == "table":
            return TableShape(fields=[FieldShape(name=n, kind=self.kinds[n]) for n in self.features])
        return VectorShape(dim=shape[0])

    def _record(self, index: int) -> Mapping[str, Any]:
        known = dict(self.space.rows.record(index))
        return known | self.genes.records(self.space.samples[index : index + 1])[0] if self.genes else known

    def records(self, encoded: npt.NDArray[Any]) -> list[dict[str, Any]]:
        """Encoded rows (M, *shape) -> the fields of each."""
        return self.genes.records(encoded) if self.genes else records(self.schema.decode(encoded))

    def _metadata(self, index: int) -> list[tuple[str, str, str]]:
        """(name, value, kind) of everything known about a row that is not one of its features."""
        record = self.record(index)
        names = [c.name for c in self.schema.columns if c.role not in {"feature", "constant"}]
        return [
            (name, cell(record[name], self.kinds[name], digits=_REAL_DIGITS), self.kinds[name])
            for name in names
            if name in record
        ]

    def label(self, index: int) -> str | None:
        return cell(self.record(index).get(self.target), self.kinds[self.target]) if self.target else None

    # Rendering

    def _fields(self, record: Mapping[str, Any], digits: int) -> list[CellText]:
        if self.genes:
            return self.genes.fields(record, digits)
        return [
            CellText(name=n, value=cell(record.get(n), self.kinds[n], digits=digits), kind=self.kinds[n])
            for n in self.features
        ]

    def _signal(self, encoded: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
        """Encoded (M, C, L) -> (M, C, L) float32 in the user's units."""
        raw = np.asarray(self.schema.decode(encoded), dtype="<f4")
        return np.ascontiguousarray(raw.reshape(raw.shape[0], *self.schema.shape))

    def _vector(self, nearest: int) -> VectorContent:
        fields = [CellText(name=n, value=v, kind=k) for n, v, k in self._metadata(nearest)]
        return VectorContent(note=_VECTOR_NOTE, fields=fields)

    def rendered(self, encoded: npt.NDArray[Any], nearest: Sequence[int]) -> list[Rendered]:
        """Encoded rows (M, *shape), each with its nearest real row -> content without data, and the data."""
        if self.modality == "image":
            pictures = _hwc(encoded)
            _, height, width, channels = pictures.shape
            image = ImageContent(width=width, height=height, channels=channels)
            return [Rendered(image, picture.tobytes()) for picture in pictures]
        if self.modality == "signal":
            lines = self._signal(encoded)
            signal = SignalContent(channels=lines.shape[1], length=lines.shape[2])
            return [Rendered(signal, line.tobytes()) for line in lines]
        if self.modality == "table":
            made = self.records(encoded)
            return [Rendered(TableContent(fields=self._fields(r, _GENERATED_DIGITS)), record=r) for r in made]
        return [Rendered(self._vector(i)) for i in nearest]

    def small(self, encoded: npt.NDArray[Any], nearest: Sequence[int]) -> list[Content]:
        """As ``inline``, with pictures of at most ``_SMALL`` pixels a side: many at once, each a thumbnail."""
        if self.modality == "image" and max(encoded.shape[2:]) > _SMALL:
            height, width = encoded.shape[2:]
            scale = _SMALL / max(height, width)
            shrunk = shrink(encoded, max(1, round(height * scale)), max(1, round(width * scale)))
            encoded = np.moveaxis(shrunk, 3, 1)
        return self.inline(encoded, nearest)

    def inline(self, encoded: npt.NDArray[Any], nearest: Sequence[int]) -> list[Content]:
        """Encoded rows (M, *shape) with their data inside, for JSON."""
        return [self._with_data(made) for made in self.rendered(encoded, nearest)]

    @staticmethod
    def _with_data(made: Rendered) -> Content:
        content, payload, _ = made
        if isinstance(content, ImageContent):
            return content.model_copy(update={"data": base64.b64encode(payload).decode()})
        if isinstance(content, SignalContent):
            values = np.frombuffer(payload, "<f4").reshape(content.channels, content.length)
            data = [[_number_or_none(v) for v in line] for line in values.tolist()]
            return content.model_copy(update={"data": data})
        return content

    def shown(self, z: npt.NDArray[np.float32], nearest: Sequence[int] | npt.NDArray[Any]) -> npt.NDArray[Any]:
        """What stands for places z (M, D), encoded: their decodes, or without a decoder the nearest real rows."""
        if "decoder" not in self.space.lacks:
            return np.asarray(self.space.decode_encoded(z))
        return np.asarray(self.space.samples[np.asarray(nearest, np.int64)])

    def real(self, index: int) -> Content:
        """A real row as it came."""
        if self.modality == "table":
            return TableContent(fields=self._fields(self.record(index), _REAL_DIGITS))
        if self.modality == "vector":
            return self._vector(index).model_copy(update={"note": ""})
        return self.inline(np.asarray(self.space.samples[index : index + 1]), [index])[0]

    def item(self, index: int) -> Item:
        """A real row with its reconstruction, neighbours, figures and metadata."""
        space = self.space
        z = np.asarray(space.latents.mean[index : index + 1])
        position = space.map.positions[index]
        found = space.neighbors(z=z, k=min(NEIGHBOURS + 1, len(space)))
        error = figures_of(space).get("reconstruction_error")
        return Item(
            index=index,
            real=self.real(index),
            reconstruction=self.inline(self._rebuilt(index), [index])[0] if "decoder" not in space.lacks else None,
            neighbours=self.neighbours(found.index[0], found.distance[0], without=index)[:NEIGHBOURS],
            density_percentile=_number_or_none(space.density_percentile(z)[0]),
            reconstruction_error=None if error is None else _number_or_none(error[index]),
            x=float(position[0]),
            y=float(position[1]),
            label=self.label(index),
            fields=[NamedValue(name=n, value=v) for n, v, _ in self._metadata(index)],
        )

    def _rebuilt(self, index: int) -> npt.NDArray[Any]:
        """(1, *shape): a row's reconstruction, under its own condition; counts at the row's own total."""
        row = slice(index, index + 1)
        made = np.asarray(self.space.decode_encoded(self.space.latents.mean[row], **own_condition(self.space, row)))
        if self.genes:
            made = made * (self.space.samples[index].sum() / max(float(made.sum()), 1e-6))
        return made

    @staticmethod
    def neighbours(index: Any, distance: Any, *, without: int | None = None) -> list[NeighbourInfo]:
        return [
            NeighbourInfo(index=int(i), distance=float(d))
            for i, d in zip(index, distance, strict=True)
            if int(i) != without and int(i) >= 0
        ]

    # How a generated record differs from a real one

    def spread(self, name: str) -> float:
        """Half the way from the 16th to the 84th percentile of a column: its standard deviation, were it normal."""
        if self.genes:
            return self.genes.spreads[name]
        if name not in self._spreads:
            values = self.space.rows.column(name)
            step = max(1, len(values) // _SPREAD_ROWS)
            listed = values.take(pa.array(range(0, len(values), step))).to_pylist()
            numbers = np.array([as_number(v) for v in listed], dtype=np.float64)
            numbers = numbers[np.isfinite(numbers)]
            low, high = np.percentile(numbers, [15.87, 84.13]) if numbers.size else (0.0, 0.0)
            self._spreads[name] = float((high - low) / 2 or (numbers.std() if numbers.size else 0.0) or 1.0)
        return self._spreads[name]

    def differs(self, generated: Mapping[str, Any], nearest: int) -> list[Difference]:
        """Fields in which a generated record is unlike a real one, the most different first."""
        real = self.record(nearest)
        found: list[tuple[float, Difference]] = []
        for name in self.features:
            kind = self.kinds[name]
            here, there = cell(generated.get(name), kind), cell(real.get(name), kind, digits=_REAL_DIGITS)
            gap = self._gap(name, kind, generated.get(name), real.get(name))
            if here != there and gap > TOLERANCE:
                found.append((gap, Difference(name=name, generated=here, real=there)))
        return [difference for _, difference in sorted(found, key=lambda f: -f[0])]

    def _gap(self, name: str, kind: str, here: Any, there: Any) -> float:
        """How far apart two cells are, in spreads of their column; one spread for unlike names or a missing cell."""
        if kind in {"numeric", "integer", "date"}:
            gap = abs(as_number(here) - as_number(there)) / self.spread(name)
            return gap if math.isfinite(gap) else 1.0
        return 1.0
