"""A scikit-learn estimator from a skops file: only types that are known to be safe, or that the user trusts."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from deepspace.errors import ModelError

if TYPE_CHECKING:
    from deepspace.decisions.predictors.predictor import Predictor
    from deepspace.space import BaseSpace

__all__ = ["from_skops"]

HARMLESS = ("numpy.dtype",)
"""Types that skops does not know to be safe and that are: a dtype says how numbers lie, and imputers hold one."""


def from_skops(path: Path, space: BaseSpace, *, trust: tuple[str, ...] = ()) -> Predictor:
    """The estimator that a skops file holds. trust: types that it may hold beyond those that skops knows to be safe.

    Raises ModelError for other types, which could run code, and for files that cannot be read.
    """
    from deepspace.decisions.predictors.recognise import of_estimator

    try:
        import skops.io
    except ImportError:
        raise ModelError(f"'{path}' needs skops to be read: pip install 'deepspace[skops]'.") from None
    try:
        unknown = list(skops.io.get_untrusted_types(file=path))
    except Exception as error:  # a damaged file fails in many ways
        raise ModelError(f"'{path}' cannot be read as a skops file: {_first(error)}.") from error
    refused = [name for name in unknown if name not in (*trust, *HARMLESS)]
    if refused:
        listed = ", ".join(refused)
        raise ModelError(
            f"'{path}' holds types that are not known to be safe: {listed}; if you know where the file comes from, "
            f"say trust={refused!r}, on the command line {' '.join(f'--trust {name}' for name in refused)}."
        )
    try:
        model = skops.io.load(path, trusted=unknown)
    except Exception as error:  # a library that is missing, another version's class
        raise ModelError(f"'{path}' cannot be opened: {type(error).__name__}: {_first(error)}.") from error
    if not callable(getattr(model, "predict", None)):
        raise ModelError(f"'{path}' holds a {type(model).__name__}, which has no predict; save the whole pipeline.")
    return replace(of_estimator(model, space), source=f"skops file {path.name}")


def _first(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")
