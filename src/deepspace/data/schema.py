"""What a row is: its modality, its columns, and the way from the user's units to numbers and back."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any, ClassVar, Literal

import numpy as np
import numpy.typing as npt

__all__ = ["Column", "Kind", "Role", "Schema", "column_from_json", "column_to_json"]

Kind = Literal["numeric", "integer", "ordinal", "boolean", "categorical", "date", "text", "mixed"]
Role = Literal["feature", "target", "metadata", "identifier", "constant", "excluded"]


@dataclass(frozen=True)
class Column:
    """One column of the user's table, or one piece of metadata that came beside images, signals or vectors.

    Only columns with role ``feature`` are trained on; ``target`` and ``metadata`` are kept for colouring, naming and
    testing; the others are left out, and ``reason`` says why in a few words. ``minimum`` and ``maximum`` of a date are
    in seconds since 1970-01-01 UTC. ``distinct`` is exact up to 10,000 values, then an estimate.
    """

    name: str
    kind: Kind
    role: Role
    reason: str = ""
    categories: tuple[str, ...] = ()
    missing: int = 0
    distinct: int = 0
    minimum: float | None = None
    maximum: float | None = None


class Schema(ABC):
    """Base of the four modalities. Immutable; equal schemas encode equally.

    An *encoded* row is what a model sees: one fixed-shape array. Images are uint8 (C, H, W); signals float32 (C, L),
    standardised per channel; vectors float32 (D,), standardised; tables float32 (F,), one value a feature column
    in the order of ``features``: standardised numbers, category codes as whole numbers, NaN where missing.
    """

    modality: ClassVar[str]
    shape: tuple[int, ...]
    columns: tuple[Column, ...]

    @property
    def form(self) -> str:
        """What encoded rows look like to a network: image, signal, vector or table. The four modalities are their own
        form; a new one takes the form of one of them."""
        return self.modality

    @property
    @abstractmethod
    def dtype(self) -> np.dtype[Any]:
        """The type of encoded rows: uint8 for images, float32 otherwise."""

    @property
    def features(self) -> tuple[Column, ...]:
        """The columns that are trained on, in encoded order (tables; empty for the other modalities)."""
        return tuple(c for c in self.columns if c.role == "feature")

    @property
    def target(self) -> Column | None:
        """The target or label column, if there is one."""
        return next((c for c in self.columns if c.role == "target"), None)

    @abstractmethod
    def encode(self, raw: Any) -> npt.NDArray[Any]:
        """User's units -> encoded rows (N, *shape). Raises DataError naming the row or column that does not fit."""

    @abstractmethod
    def decode(self, encoded: npt.NDArray[Any]) -> Any:
        """Encoded rows (N, *shape), float or integer -> the user's own units and types."""

    @abstractmethod
    def to_json(self) -> dict[str, Any]:
        """A JSON object that ``deepspace.data.schema_from_json`` turns back into an equal schema."""

    def describe(self) -> list[dict[str, Any]]:
        """The columns as plain rows, ready to be printed as a table: name, kind, role, values, missing, why."""
        return [_describe(column) for column in self.columns]


def _describe(column: Column) -> dict[str, Any]:
    if column.categories:
        shown = ", ".join(column.categories[:4]) + (", …" if len(column.categories) > 4 else "")
        values = f"{len(column.categories)}: {shown}" if column.role != "constant" else shown
    elif column.minimum is not None and column.maximum is not None:
        if column.kind == "date":
            values = f"{_moment(column.minimum)} to {_moment(column.maximum)}"
        else:
            values = f"{column.minimum:g} to {column.maximum:g}"
    else:
        values = f"{column.distinct:,} different" if column.distinct else ""
    return {
        "name": column.name,
        "kind": column.kind,
        "role": column.role,
        "values": values,
        "missing": column.missing,
        "reason": column.reason,
    }


def _moment(seconds: float) -> str:
    moment = datetime.fromtimestamp(seconds, tz=UTC)
    return moment.strftime("%Y-%m-%d" if seconds % 86400 == 0 else "%Y-%m-%d %H:%M")


def column_to_json(column: Column) -> dict[str, Any]:
    """A JSON object for one column; ``column_from_json`` reads it."""
    return {**asdict(column), "categories": list(column.categories)}


def column_from_json(obj: dict[str, Any]) -> Column:
    return Column(**{**obj, "categories": tuple(obj["categories"])})
