"""Predictors by name: a skops or ONNX file, a function in a package, an address."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deepspace.errors import ModelError

if TYPE_CHECKING:
    from deepspace.decisions.predictors.predictor import Predictor
    from deepspace.space import BaseSpace

__all__ = ["from_file"]


def from_file(name: str, space: BaseSpace, *, trust: tuple[str, ...] = ()) -> Predictor:
    """See ``recognise``."""
    raise ModelError(f"'{name}' is no predictor.")
