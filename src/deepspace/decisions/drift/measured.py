"""Whether current data is like the reference, and where it is not."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from deepspace.decisions.drift.columns import Column, Items, columns_of, given, own, told
from deepspace.decisions.drift.deciding import decision_shift
from deepspace.decisions.drift.results import Drift, Moved, TwoSampleTest
from deepspace.decisions.drift.testing import (
    Labels,
    classifier,
    combined,
    discrepancy,
    p_of,
    permuted_labels,
    stepped,
    tail_of_category,
    tail_of_number,
)
from deepspace.errors import SpaceError
from deepspace.metrics.heldout import held_out
from deepspace.results import figure

if TYPE_CHECKING:
    from deepspace.decisions.audit import Audit
    from deepspace.explore.paths import Traversal
    from deepspace.space import BaseSpace

__all__ = ["drift"]

Floats = npt.NDArray[np.float64]

LEAST = 20
STEPS = 7


def drift(
    space: BaseSpace,
    current: Any,
    *,
    audit: Audit | None = None,
    reference: Any = None,
    truth: Any = None,
    most: int = 1000,
    permutations: int = 499,
    seed: int = 0,
) -> Drift:
    """Compare current items with reference rows: tests of the whole, of every column and of every latent dimension, and
    what the difference does to decisions.

    current: whatever ``space.encode`` takes. reference: row numbers of the space, or other items; by default the rows
    that it held out, since training rows are encoded and rebuilt better than new ones and would let anything new look
    moved. truth: (M,) what happened to the current items, for ``audit``, where they bring no target column. most: rows
    drawn of each set. Rows must be independent: of windows of one recording, or visits of one patient, the p are too
    small.

    Tests: maximum mean discrepancy (Gretton 2012) and a cross-fitted classifier (Lopez-Paz 2017, arXiv:1610.06545), of
    latents and of items; per column Kolmogorov and Smirnov's or the chi-squared statistic, a missing cell being a
    value; per dimension the former. All p are by the same ``permutations`` orders of which row is current, so that
    each is exact, and so is ``p``, the smallest of all against the smallest in each order (Westfall and Young 1993).
    Pictures are described by brightness (mean grey level) and contrast (deviation over mean), and by what the target of
    their neighbours is; signals by level and spread; vectors and counts by their elements.
    Raises SpaceError for fewer than 20 rows on a side, and for items that do not fit the space.
    """
    if permutations < 99:
        raise SpaceError(f"{permutations} permutations are too few to call anything moved at .05; use 99 or more.")
    rng, notes = np.random.default_rng(seed), list[str]()
    before = _reference(space, reference, audit, notes)
    after = given(space, current, "current")
    for items, what in ((before, "reference"), (after, "current")):
        if len(items) < LEAST:
            raise SpaceError(f"the {what} data has {len(items)} rows; drift needs at least {LEAST} to say anything.")
    if truth is not None and len(truth) != len(after):
        raise SpaceError(f"truth has {len(truth)} values for {len(after)} current items; give one an item.")
    before, kept = before.drawn(most, rng), after
    after, truth = _drawn(kept, truth, most, rng)
    labels = permuted_labels(len(before), len(after), permutations, rng)
    z = _latents(space, before, after, notes)
    tests, statistics = _whole(space, before, after, z, labels, rng)
    # The four look for the same, so that they count as one question beside the column, the factor and the decision.
    questions = [combined(statistics)]
    columns, tails = _moved(columns_of(space, before, after, z), len(before), labels)
    questions += tails
    dimensions = [Column(f"dimension {d}", "numeric", z[:, d].astype(np.float64)) for d in range(z.shape[1])]
    factors, tails = _moved(dimensions, len(before), labels)
    questions += tails
    decision = None
    if audit is not None:
        decision, largest = decision_shift(audit, before, after, labels, truth)
        questions.append(largest)
    p = p_of(combined(questions))
    columns, factors = (tuple(replace(one, adjusted=max(one.adjusted, p)) for one in c) for c in (columns, factors))
    traversal, along = _traversal(space, factors, z, len(before), notes)
    return Drift(
        n=len(before),
        m=len(after),
        p=p,
        tests=tests,
        columns=columns,
        factors=factors,
        traversal=traversal,
        along=along,
        decision=None if decision is None else decision.given(p),
        permutations=permutations,
        notes=tuple(notes),
    )


def _reference(space: BaseSpace, reference: Any, audit: Audit | None, notes: list[str]) -> Items:
    if reference is None:
        held = held_out(space, most=len(space))
        rows = held.rows
        if held.seen:
            notes.append(
                "the space has no record of held-out rows: the reference are rows that the model may have seen, which "
                "can make what is new look moved."
            )
        elif audit is not None and len(np.intersect1d(rows, audit.tested)) >= LEAST:
            rows = np.intersect1d(rows, audit.tested)
        return own(space, rows)
    array = np.asarray(reference) if isinstance(reference, (np.ndarray, list, tuple, range)) else np.empty((0, 0))
    if array.ndim != 1 or array.dtype.kind not in "iub":
        return given(space, reference, "reference")
    rows = np.flatnonzero(array) if array.dtype == bool else np.unique(array.astype(np.int64))
    if not len(rows) or rows[0] < 0 or rows[-1] >= len(space) or (array.dtype == bool and len(array) != len(space)):
        raise SpaceError(f"reference names rows of '{space.name}', which has rows 0 to {len(space) - 1}.")
    seen = len(space.validation_index) and not np.isin(rows, space.validation_index).all()
    if seen:
        notes.append("the reference holds rows that the model was trained on, which can make what is new look moved.")
    return own(space, rows)


def _drawn(items: Items, truth: Any, most: int, rng: np.random.Generator) -> tuple[Items, Any]:
    if len(items) <= most:
        return items, truth
    numbered = replace(items, rows=np.arange(len(items))).drawn(most, rng)
    assert numbered.rows is not None
    chosen = None if truth is None else [list(truth)[i] for i in numbered.rows]
    return replace(numbered, rows=None), chosen


def _latents(space: BaseSpace, before: Items, after: Items, notes: list[str]) -> npt.NDArray[np.float32]:
    """(N, D) posterior means; without an encoder (N, 0)."""
    if "encoder" in space.lacks:
        notes.append("the model has no encoder: items are compared as they are, and no factor can be named.")
        return np.empty((len(before) + len(after), 0), np.float32)
    parts = []
    for items in (before, after):
        known = items.rows is not None
        parts.append(space.latents.mean[items.rows] if known else space._encode_block(items.encoded)[0])
    return np.concatenate(parts).astype(np.float32)


def _whole(
    space: BaseSpace, before: Items, after: Items, z: npt.NDArray[np.float32], labels: Labels, rng: np.random.Generator
) -> tuple[tuple[TwoSampleTest, ...], list[Floats]]:
    from deepspace.metrics import auroc
    from deepspace.metrics.ood_scores import Scored

    points = {"latents": z} if z.shape[1] else {}
    points["items"] = Scored(space, np.concatenate([before.encoded, after.encoded])).flat
    tests, statistics = [], []
    for on, x in points.items():
        found, value = discrepancy(x, labels)
        tests.append(TwoSampleTest("discrepancy", on, value, None, None, p_of(found)))
        areas, scores = classifier(x, labels, rng)
        current = labels[:, 0] == 1
        area, (low, high) = auroc(scores[~current], scores[current])
        tests.append(TwoSampleTest("classifier", on, area, low, high, p_of(areas)))
        statistics += [found, areas]
    return tuple(tests), statistics


def _moved(columns: list[Column], reference: int, labels: Labels) -> tuple[tuple[Moved, ...], list[Floats]]:
    """Every column, the surest first; and the largest of their statistics (B,), as one test."""
    if not columns:
        return (), []
    tails = np.stack([
        tail_of_category(c.values.astype(np.int64), labels) if c.names else tail_of_number(c.values, labels)
        for c in columns
    ])  # fmt: skip
    p, raised = stepped(tails)
    found = []
    for i, column in enumerate(columns):
        shift, words = told(column, reference)
        found.append(Moved(column.name, column.kind, float(tails[i, 0]), shift, words, float(p[i]), float(raised[i])))
    found.sort(key=lambda item: (item.adjusted, -item.strength, item.name))
    return tuple(found), [tails.max(0)]


def _traversal(
    space: BaseSpace, factors: tuple[Moved, ...], z: npt.NDArray[np.float32], reference: int, notes: list[str]
) -> tuple[Traversal | None, tuple[str, ...]]:
    if not factors or not factors[0].moved:
        return None, ()
    if "decoder" in space.lacks:
        notes.append("the model has no decoder: the most moved factor cannot be shown.")
        return None, ()
    from deepspace.explore.paths import Traversal

    dimension = int(factors[0].name.removeprefix("dimension "))
    start, end = z[:reference].mean(0, dtype=np.float64), z[reference:].mean(0, dtype=np.float64)
    way = np.repeat(start[None], STEPS, 0)
    way[:, dimension] = np.linspace(start[dimension], end[dimension], STEPS)
    places = way.astype(np.float32)
    density = np.asarray(space.density(places), np.float64)
    shown = Traversal(dimension, way[:, dimension], places, space.decode(places), density)
    return shown, _along(space, places)


def _along(space: BaseSpace, z: npt.NDArray[np.float32]) -> tuple[str, ...]:
    """What a table's columns do from the first to the last place, those that change most first."""
    if space.schema.form != "table":
        return ()
    from deepspace.data.frames import as_table
    from deepspace.space.change import changed

    ends = space.decode_encoded(z[[0, -1]])
    amount = changed(space, ends[:1], ends[1:])[0]
    table = as_table(space.schema.decode(ends))
    assert table is not None
    sentences = []
    for i in np.argsort(-amount, kind="stable")[:5]:
        name = space.schema.features[i].name
        first, last = table.column(name).to_pylist()
        if first != last:
            sentences.append(f"{name} {_cell(first)} -> {_cell(last)}")
    return tuple(sentences)


def _cell(value: Any) -> str:
    return figure(value) if isinstance(value, float) else str(value)
