"""The question as it is asked: which factuals, which outcome they should have, under which constraints."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from deepspace.decisions.counterfactuals.constraints import Constraints
from deepspace.decisions.counterfactuals.results import CaseCounterfactuals, Counterfactuals
from deepspace.decisions.predictors import Answers, outcome_name
from deepspace.errors import DataError, ModelError, SpaceError
from deepspace.results import figure

if TYPE_CHECKING:
    from deepspace.decisions.audit import Audit

__all__ = ["check", "counterfactuals"]

Index = npt.NDArray[np.int64]

SIDES = {"below": 0, "low": 0, "above": 1, "at least": 1, "high": 1}
BATCH = 100
"""Factuals that are searched for together."""


def counterfactuals(
    audit: Audit,
    *,
    rows: Sequence[int] | npt.NDArray[Any] | int | None = None,
    x: Any = None,
    desired: Any = None,
    constraints: Constraints | Mapping[str, Any] | str | os.PathLike[str] | None = None,
    k: int = 3,
    margin: float = 0.0,
    seed: int = 0,
    tell: Callable[[int, int], None] | None = None,
) -> Counterfactuals:
    """What would have to be different for the predictor to decide otherwise, at most k ways for each factual.

    rows: numbers of rows of the space, or x: items in the user's units. desired: the outcome wanted; by default the
    other one of two, else the favourable one, else each item's second likeliest. constraints: see ``constraints``
    (the module); tables only. margin: how far beyond what decides the score must be, in its own units: the smallest
    change ends at the very threshold, where a predictor fitted anew may decide otherwise. seed: of the precedents that
    a picture or signal walks towards. tell: called with (factuals done, all).

    Tables: typed by construction, since every proposed cell is a value that the column can have; every candidate is
    scored by the predictor itself as the very record that is shown; and no single change of a counterfactual can be
    taken back without losing the decision. Candidates are single changes, pairs and triples, and the nearest real rows
    of the desired decision reduced to what is needed (native counterfactuals, NICE, Brughmans 2023, arXiv:2104.07411).
    Other modalities walk in latent space towards real rows of the desired decision, as far as the decode needs to be
    decided so (REVISE, Joshi 2019, arXiv:1907.09615; LAPACE, arXiv:2510.04855); what is shown is generated.

    A counterfactual says what the predictor would answer, not what a change in the world would bring about.

    Raises ModelError, SpaceError or DataError for a question that makes no sense.
    """
    if k < 1:
        raise SpaceError(f"k is the number of counterfactuals an item, 1 or more, got {k}.")
    if (rows is None) == (x is None):
        raise SpaceError(f"counterfactuals in '{audit.space.name}' need either rows, by number, or x, items.")
    where = None if rows is None else _rows(audit, rows)
    limits = Constraints.of(constraints)
    check(audit, limits, margin)
    table = audit.space.schema.form == "table"
    cases = (
        _of_tables(audit, where, x, desired, limits, k, margin, tell)
        if table
        else _of_latents(audit, where, x, desired, k, seed, margin, tell)
    )
    notes = tuple(note for note in audit.notes if "not deterministic" in note)
    return Counterfactuals(tuple(cases), audit.predictor.name, limits, k, seed, (*notes, *_unheld(audit, limits)))


def check(audit: Audit, limits: Constraints | None, margin: float) -> None:
    """Whether counterfactuals can be had so at all. Raises SpaceError and DataError."""
    space = audit.space
    most = 1.0 if audit.threshold is None else max(audit.threshold, 1 - audit.threshold)
    most = np.inf if audit.predictor.kind == "values" else most
    if not 0 <= margin < most:
        upper = f" and less than {figure(most)}" if np.isfinite(most) else ""
        raise SpaceError(f"margin is how far beyond the threshold scores must be, 0 or more{upper}, got {margin}.")
    if limits is None:
        return
    if space.schema.form == "table":
        limits.check([column.name for column in space.schema.features])
    elif limits.names:
        raise DataError(
            f"constraints are on the columns of a table, but '{space.name}' holds {space.schema.modality} rows."
        )


def _unheld(audit: Audit, limits: Constraints) -> list[str]:
    """Of each relation that real rows break, how many: it may not be meant so."""
    if not limits.relations:
        return []
    from deepspace.decisions.counterfactuals.ground import Ground
    from deepspace.decisions.counterfactuals.legal import Legal

    ground = Ground.of(audit, audit.space.rows.table([c.name for c in audit.space.schema.features], np.arange(0)))
    counts = Legal.of(ground.vocabulary, limits).related.unheld(ground.codes)
    every = len(ground.codes)
    return [
        f"'{relation}' does not hold in {count:,} of {every:,} training rows, which are not proposed as they are."
        for relation, count in zip(limits.relations, counts, strict=True)
        if count
    ]


def _of_tables(
    audit: Audit,
    rows: Index | None,
    x: Any,
    desired: Any,
    limits: Constraints,
    k: int,
    margin: float,
    tell: Any,
) -> list[CaseCounterfactuals]:
    from dataclasses import replace

    from deepspace.decisions.counterfactuals.ground import Items
    from deepspace.decisions.counterfactuals.tables import items_of, of_tables

    items = items_of(audit, rows, x)
    answers = audit.ask_rows(rows) if rows is not None else audit.ask(items.table)
    wanted = _desired(audit, answers, desired)
    cases: list[CaseCounterfactuals] = []
    for start in range(0, len(answers), BATCH):
        part = slice(start, min(start + BATCH, len(answers)))
        own = Items(None if rows is None else rows[part], items.table.slice(start, part.stop - start))
        found = of_tables(audit, own, answers[part], wanted[part], limits, k, margin)
        cases += [replace(case, item=case.item + start) for case in found]
        if tell is not None:
            tell(part.stop, len(answers))
    return cases


def _of_latents(
    audit: Audit, rows: Index | None, x: Any, desired: Any, k: int, seed: int, margin: float, tell: Any
) -> list[CaseCounterfactuals]:
    from deepspace.decisions.counterfactuals.generated import of_latents

    encoded = audit.space.samples[rows] if rows is not None else audit.space.schema.encode(x)
    answers = audit.ask_rows(rows) if rows is not None else audit.ask(x)
    wanted = _desired(audit, answers, desired)
    return of_latents(audit, rows, np.asarray(encoded), x, answers, wanted, k=k, seed=seed, margin=margin, tell=tell)


def _rows(audit: Audit, rows: Any) -> Index:
    where = np.atleast_1d(np.asarray(rows))
    if where.ndim != 1 or not len(where) or where.dtype.kind not in "iu":
        raise SpaceError(f"rows are numbers of rows of '{audit.space.name}', one or more, got {rows!r}.")
    bad = where[(where < 0) | (where >= len(audit.space))]
    if len(bad):
        raise SpaceError(f"'{audit.space.name}' has no row {int(bad[0])}: it has rows 0 to {len(audit.space) - 1}.")
    return where.astype(np.int64)


def _desired(audit: Audit, answers: Answers, desired: Any) -> Index:
    """(n,): the outcome wanted for each, by its place."""
    if desired is not None:
        name = outcome_name(desired)
        if audit.threshold is not None and name in SIDES and audit.predictor.kind == "values":
            name = audit.outcomes[SIDES[name]]
        if name not in audit.outcomes:
            known = ", ".join(map(repr, audit.outcomes))
            raise ModelError(f"there is no outcome {name!r} to be desired; there are {known}.")
        return np.full(len(answers), audit.outcomes.index(name), np.int64)
    if len(audit.outcomes) == 2:
        return 1 - answers.outcome
    second = np.argsort(-answers.scores, 1, kind="stable")[:, :2]
    other = np.where(second[:, 0] == answers.outcome, second[:, 1], second[:, 0])
    if audit.favourable is None:
        return np.asarray(other, np.int64)
    # Who has the favourable outcome already is asked about the likeliest other one.
    return np.where(answers.outcome == audit.favourable, other, audit.favourable).astype(np.int64)
