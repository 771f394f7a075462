"""Measures two spaces of the same rows on the rows that neither was trained on."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from deepspace.errors import SpaceError
from deepspace.metrics.comparing.neighbours import kept
from deepspace.metrics.comparing.rebuilt import by_class, by_part, curve, gap, rows_for_curves
from deepspace.metrics.comparing.result import Comparison, Gap
from deepspace.metrics.heldout import MOST_HELD_OUT, held_out, spread
from deepspace.space.figures import describe, own_condition

if TYPE_CHECKING:
    from deepspace.space import BaseSpace

__all__ = ["check_same_rows", "compare"]

_ROWS = 5000  # rows whose neighbours are compared
_CLASSES = ("categorical", "boolean", "ordinal")


def compare(
    a: BaseSpace, b: BaseSpace, *, k: int = 10, rows: int = _ROWS, on_progress: Callable[[float], None] | None = None
) -> Comparison:
    """Two spaces of the same rows: errors, errors by number of dimensions, neighbours kept and lost, maps.

    Errors are of rows that both held out, at most 10,000; k neighbours are compared of ``rows`` rows, evenly spread
    (of all, where there are no more). ``on_progress`` hears the fraction done. Raises SpaceError unless both spaces are
    of the same encoded rows.
    """
    check_same_rows(a, b)
    if k < 1 or rows < 1:
        raise SpaceError(
            f"cannot compare '{a.name}' with '{b.name}': k and rows must be 1 or more, got {k} and {rows}."
        )
    tell = on_progress or (lambda fraction: None)
    judged, training, seen = _rows(a, b)
    errors = _errors(a, b, judged)
    tell(0.1)
    few = rows_for_curves(a, judged)
    curves = (
        curve(a, few, training, lambda f: tell(0.1 + 0.4 * f)),
        curve(b, few, training, lambda f: tell(0.5 + 0.2 * f)),
    )
    asked = spread(np.arange(len(a), dtype=np.int64), rows)
    shared, in_a, in_b = kept(a, b, asked, k)
    tell(0.95)
    return Comparison(
        names=(a.name, b.name),
        labels=_labels(a, b),
        dims=(a.latent_dim, b.latent_dim),
        unit=describe(a.schema)["reconstruction_error"],
        n=len(judged),
        seen=seen,
        errors=errors,
        curves=curves,
        kept=shared,
        agreement=_agreement(a, asked, in_a, in_b),
        trust=(dict(a.map.trust), dict(b.map.trust)),
    )


def check_same_rows(a: BaseSpace, b: BaseSpace) -> None:
    """Raises SpaceError unless both were made from the same rows, encoded alike."""
    if len(a) != len(b):
        raise SpaceError(
            f"cannot compare '{a.name}' with '{b.name}': they have {len(a):,} and {len(b):,} rows; "
            "fit both on the same data."
        )
    added = {a.cluster_column, b.cluster_column}  # a twin keeps the clusters of the space that it is made of
    if _read_as(a, added) != _read_as(b, added) or not _same_file(a, b):
        raise SpaceError(
            f"cannot compare '{a.name}' with '{b.name}': their rows are not the same, or were read differently; "
            "fit both on the same data with the same schema."
        )


def _read_as(space: BaseSpace, added: set[str | None]) -> dict[str, Any]:
    """How the rows were read: the schema, without the columns that models added to it."""
    schema = space.schema.to_json()
    return {**schema, "columns": [c for c in schema.get("columns", ()) if c["name"] not in added]}


def _same_file(a: BaseSpace, b: BaseSpace) -> bool:
    """Whether the encoded rows are the same, by their digests: nothing is read."""
    first, second = (s.manifest["files"]["samples.npy"] for s in (a, b))
    return bool(first == second)


def _rows(a: BaseSpace, b: BaseSpace) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], bool]:
    """Rows that both held out, rows that both were trained on, and whether there are none of the former."""
    known = np.intersect1d(a.validation_index, b.validation_index)
    if not len(known):
        held = held_out(a)
        return spread(np.arange(len(a), dtype=np.int64), MOST_HELD_OUT), held.training, True
    held = held_out(a)
    training = np.setdiff1d(held.training, b.validation_index)
    return spread(known, MOST_HELD_OUT), training if len(training) else held.training, False


def _errors(a: BaseSpace, b: BaseSpace, rows: npt.NDArray[np.int64]) -> tuple[Gap, ...]:
    x = np.asarray(a.samples[rows])
    in_a, in_b = (
        by_part(s, x, np.asarray(s.decode_encoded(s.latents.mean[rows], **own_condition(s, rows)), np.float32))
        for s in (a, b)
    )
    gaps = [gap(part, about, in_a[part, about], in_b[part, about]) for part, about in in_a]
    classes = by_class(_labels_of(a, rows), in_a["all", ""], in_b["all", ""])
    return (*(g for g in gaps if g is not None), *classes)


def _labels_of(space: BaseSpace, rows: npt.NDArray[np.int64]) -> npt.NDArray[Any] | None:
    """The class of each row as text, "" where missing; None where the target is not of classes."""
    target = space.schema.target
    if target is None or target.kind not in _CLASSES:
        return None
    values = space.rows.table([target.name], rows).column(0).to_pylist()
    return np.array(["" if v is None or v != v else str(v) for v in values])


def _agreement(
    space: BaseSpace, rows: npt.NDArray[np.int64], in_a: npt.NDArray[np.int64], in_b: npt.NDArray[np.int64]
) -> Gap | None:
    """How many of a row's neighbours are of its class, in each space; rows and neighbours without one are left out."""
    target = space.schema.target
    asked = np.unique(np.concatenate([rows, in_a.ravel(), in_b.ravel()]))
    labels = _labels_of(space, asked)
    if target is None or labels is None:
        return None
    own = labels[np.searchsorted(asked, rows)]
    shares = []
    for index in (in_a, in_b):
        theirs = labels[np.searchsorted(asked, index)]
        known = (theirs != "") & (own != "")[:, None]
        count = known.sum(1)
        same = ((theirs == own[:, None]) & known).sum(1)
        shares.append(np.where(count > 0, same / np.maximum(count, 1), np.nan))
    return gap("neighbours", target.name, *shares, higher=True)


def _labels(a: BaseSpace, b: BaseSpace) -> tuple[str, str]:
    """What sentences call the two: "the model" and "PCA" where that tells them apart, else their names."""
    linear = tuple(s.manifest["model"].get("family") == "pca" for s in (a, b))
    if linear == (False, True):
        return "the model", "PCA"
    if linear == (True, False):
        return "PCA", "the model"
    return (f"'{a.name}'", f"'{b.name}'") if a.name != b.name else ("the first", "the second")
