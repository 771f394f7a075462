"""What a row is: its modality, its columns, and the way from the user's units to numbers and back."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
import numpy.typing as npt

__all__ = ["Column", "Kind", "Role", "Schema"]

Kind = Literal["numeric", "integer", "ordinal", "boolean", "categorical", "date", "text", "mixed"]
Role = Literal["feature", "target", "metadata", "identifier", "constant", "excluded"]


@dataclass(frozen=True)
class Column:
    """One column of the user's table, or one piece of metadata that came beside images, signals or vectors.

    Only columns with role ``feature`` are trained on; ``target`` and ``metadata`` are kept for colouring, naming and
    testing; the others are left out, and ``reason`` says why in a few words.
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
