"""The little that a network must know of a schema: modality, shape, and the kind of each table column."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from deepspace.errors import ModelError

if TYPE_CHECKING:
    from deepspace.data.schema import Schema

__all__ = ["MODALITIES", "Layout"]

MODALITIES = ("image", "signal", "vector", "table", "counts")
_DIMENSIONS = {"image": 3, "signal": 2, "vector": 1, "table": 1, "counts": 1}
_CATEGORIES = frozenset({"boolean", "categorical", "ordinal"})


@dataclass(frozen=True)
class Layout:
    """Shape of one encoded row. ``kinds`` and ``cardinalities`` are empty but for tables: one entry a feature.

    A cardinality is 0 for a number and K for a column whose codes are 0..K-1. ``missing``: places of the columns that
    have missing cells.
    """

    modality: str
    shape: tuple[int, ...]
    kinds: tuple[str, ...] = ()
    cardinalities: tuple[int, ...] = ()
    missing: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        if self.modality not in MODALITIES:
            raise ModelError(f"No model is known for modality {self.modality!r}; it is one of {', '.join(MODALITIES)}.")
        if len(self.shape) != _DIMENSIONS[self.modality] or min(self.shape) < 1:
            raise ModelError(f"A {self.modality} row cannot have shape {self.shape}.")
        if self.modality == "table" and not len(self.kinds) == len(self.cardinalities) == self.shape[0]:
            raise ModelError(
                f"A table of {self.shape[0]} features needs as many kinds and cardinalities, "
                f"got {len(self.kinds)} and {len(self.cardinalities)}."
            )

    @classmethod
    def of(cls, schema: Schema) -> Layout:
        """The layout of a schema's encoded rows."""
        if schema.form != "table":
            return cls(schema.form, tuple(schema.shape))
        features = schema.features
        kinds = tuple(getattr(schema, "kinds", None) or (c.kind for c in features))
        sizes = getattr(schema, "cardinalities", None)
        if sizes is None:
            sizes = (len(c.categories) if c.kind in _CATEGORIES else 0 for c in features)
        missing = tuple(i for i, column in enumerate(features) if column.missing)
        return cls("table", tuple(schema.shape), kinds, tuple(int(k) for k in sizes), missing)

    @property
    def size(self) -> int:
        """Numbers in one row."""
        total = 1
        for n in self.shape:
            total *= n
        return total

    def columns(self, *kinds: str) -> tuple[int, ...]:
        """Places of the table columns of these kinds; "number" stands for every column without categories."""
        return tuple(
            i
            for i, (kind, k) in enumerate(zip(self.kinds, self.cardinalities, strict=True))
            if (kind if k else "number") in kinds
        )

    def take(self, places: Sequence[int]) -> Layout:
        """The table layout of some of the columns."""
        return Layout(
            "table",
            (len(places),),
            tuple(self.kinds[i] for i in places),
            tuple(self.cardinalities[i] for i in places),
            tuple(j for j, i in enumerate(places) if i in self.missing),
        )

    def to_json(self) -> dict[str, Any]:
        """Plain values, read back by ``Layout.from_json``."""
        return {
            "modality": self.modality,
            "shape": list(self.shape),
            "kinds": list(self.kinds),
            "cardinalities": list(self.cardinalities),
            "missing": list(self.missing),
        }

    @classmethod
    def from_json(cls, obj: dict[str, Any]) -> Layout:
        """The layout that ``to_json`` wrote."""
        kinds, sizes, missing = (tuple(obj.get(name, ())) for name in ("kinds", "cardinalities", "missing"))
        return cls(obj["modality"], tuple(obj["shape"]), kinds, sizes, missing)
