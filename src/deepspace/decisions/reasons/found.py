"""Principal reasons for adverse decisions: which cases, asked together, and told in the user's words."""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from itertools import combinations
from typing import TYPE_CHECKING, Any, Literal, cast

import numpy as np
import numpy.typing as npt

from deepspace.decisions.predictors.handing import table_of
from deepspace.decisions.reasons.case import Found, Settings, investigate
from deepspace.decisions.reasons.principal import CANDIDATES
from deepspace.decisions.reasons.reference import Accepted
from deepspace.decisions.reasons.results import CaseReasons, Reasons
from deepspace.decisions.reasons.telling import Case, Teller
from deepspace.decisions.reasons.wording import Wording
from deepspace.errors import DataError, ModelError, SpaceError
from deepspace.metrics.heldout import spread

if TYPE_CHECKING:
    from deepspace.data.tables import TableSchema
    from deepspace.decisions.audit import Audit
    from deepspace.decisions.predictors.predictor import Answers

__all__ = ["STABLE", "Scale", "reasons"]

Scale = Literal["score", "logit"]
Together = Sequence[Sequence[str]] | float | None

STABLE = 0.8
_BLOCK, _CELLS = 16, 1_000
"""Cases that ask together, and the most columns that they have together where there are many."""


def reasons(
    audit: Audit,
    *,
    rows: npt.ArrayLike | None = None,
    x: Any = None,
    most: int = 4,
    seed: int = 0,
    bootstraps: int = 200,
    wording: Wording | Mapping[str, Any] | str | os.PathLike[str] | None = None,
    tell: Callable[[int, int], None] | None = None,
    scale: Scale = "score",
    together: Together = None,
    stable: float = STABLE,
    cases: int = 200,
) -> Reasons:
    """The principal reasons for adverse decisions, relative to accepted cases (12 CFR 1002.9, Regulation B).

    rows: numbers of rows of the space, or x: items in the user's units; without either, an even spread of at most
    ``cases`` adverse ones among the audit's tested rows. most: reasons a case, 1 to 8; more than four are not likely
    to help (official interpretation of 1002.9(b)(2)). bootstraps: resamples of the accepted cases; a column is stated
    if it is among the principal reasons in a share ``stable`` of them, or these are as good there as the best but for
    5 % of the gap, and its contribution's interval lies above 0.
    scale: contributions in units of the score, or of its log odds. together: lists of columns that count as one
    reason, beside those that have one text in the wording, or a rank correlation (0 to 1) from which numbers hang
    together. wording: or a file of it, or a mapping. tell: (cases done, cases).

    A case is compared with the 128 accepted rows nearest to it in the space, or with more until what is typical of them
    is itself accepted. Contributions are interventional Shapley values against those rows; the principal reasons are
    the set of columns that, set to the accepted values together, brings the decision nearest.

    Raises ModelError where no outcome is favourable, SpaceError where the space is no table or too few rows are
    accepted, DataError where the wording or ``together`` names what there is not.
    """
    schema = _table_of(audit)
    _check(audit, most, bootstraps, stable, scale)
    words = Wording.of(wording)
    if rows is not None and x is not None:
        raise SpaceError("reasons are of rows or of items x, not of both at once.")
    notes: list[str] = []
    asked = _items(audit, x) if x is not None else _rows(audit, rows, cases, notes)
    accepted = Accepted(audit)
    players = _players(schema, together, words.joining([c.name for c in schema.features]), accepted.encoded)
    joined = [[schema.features[j].name for j in player] for player in players if len(player) > 1]
    words.fits({c.name: c for c in schema.features}, joined)
    player = np.empty(len(schema.features), np.int64)
    for j, columns in enumerate(players):
        player[list(columns)] = j
    settings = Settings(player, schema.cardinalities, most, bootstraps, stable, seed)
    favourable = audit.outcomes[cast(int, audit.favourable)]
    teller = Teller(schema, words, players, favourable, stable)
    told: list[CaseReasons] = []
    size = int(np.clip(_CELLS // len(schema.features), 1, _BLOCK))
    for start in range(0, len(asked), size):
        block = asked[start : start + size]
        told += _block(audit, block, accepted, settings, teller, scale)
        if tell is not None:
            tell(start + len(block), len(asked))
    return Reasons(tuple(told), favourable, most, scale, bootstraps, stable, seed, tuple(notes))


def _block(
    audit: Audit, block: Sequence[Case], accepted: Accepted, settings: Settings, teller: Teller, scale: Scale
) -> Iterator[CaseReasons]:
    """The questions of all cases of a block are asked together, as long as any of them has one."""
    running: dict[int, Generator[npt.NDArray[np.float32], npt.NDArray[np.float64], Found]] = {}
    asking: dict[int, npt.NDArray[np.float32]] = {}
    found: dict[int, Found] = {}
    for i, case in enumerate(block):
        if case.adverse:
            # Each case has its own draws, whatever cases are asked about beside it.
            rng = np.random.default_rng([settings.seed, case.item if case.row is None else case.row])
            running[i] = investigate(case.encoded, case.z, accepted, settings, rng)
            asking[i] = next(running[i])
    while asking:
        order = list(asking)
        like = [np.full(len(asking[i]), block[i].row) for i in order] if block[0].row is not None else None
        answers = audit.ask_encoded(
            np.concatenate([asking[i] for i in order]), like=None if like is None else np.concatenate(like)
        )
        scores = np.split(
            _scaled(answers, cast(int, audit.favourable), scale), np.cumsum([len(asking[i]) for i in order])
        )
        asking = {}
        for i, own in zip(order, scores, strict=False):
            try:
                asking[i] = running[i].send(own)
            except StopIteration as end:
                found[i] = end.value
    return (teller.told(case, found[i]) if i in found else teller.not_adverse(case) for i, case in enumerate(block))


def _scaled(answers: Answers, favourable: int, scale: Scale) -> npt.NDArray[np.float64]:
    """(M,): how far each is toward the favourable outcome; not negative exactly where that is the decision."""
    toward = answers.toward(favourable)
    if scale == "score":
        return toward
    tiny = np.finfo(np.float64).tiny
    logs = np.log(np.clip(answers.scores, 1e-9, 1.0))
    lead = logs[:, favourable] - np.delete(logs, favourable, 1).max(1)
    if answers.threshold is not None:
        level = answers.threshold if favourable == 1 else 1 - answers.threshold
        lead = lead - np.log(level / (1 - level))
    return np.asarray(np.where(toward >= 0, np.maximum(lead, 0), np.minimum(lead, -tiny)), np.float64)


def _table_of(audit: Audit) -> TableSchema:
    schema = audit.space.schema
    if schema.form != "table":
        raise SpaceError(
            f"reasons are about columns, and '{audit.space.name}' holds {schema.modality}s, which have none; ask for "
            "counterfactuals, which show what would have to be different."
        )
    return cast("TableSchema", schema)


def _check(audit: Audit, most: int, bootstraps: int, stable: float, scale: str) -> None:
    if audit.favourable is None:
        raise ModelError(
            "reasons need to know which decision people want: say favourable= to the audit, one of "
            f"{', '.join(map(repr, audit.outcomes))}."
        )
    if not 1 <= most <= CANDIDATES:
        raise SpaceError(f"most is 1 to {CANDIDATES} reasons a case, got {most}.")
    if bootstraps < 20:
        raise SpaceError(f"bootstraps must be at least 20 to tell what is stable, got {bootstraps}.")
    if not 0.5 <= stable <= 1:
        raise SpaceError(f"stable is a share of resamples, .5 to 1, got {stable:g}.")
    if scale not in ("score", "logit"):
        raise SpaceError(f"scale is 'score' or 'logit', got {scale!r}.")
    if scale == "logit" and audit.answers.scores.shape[1] == 1:
        raise ModelError(f"the predictor {audit.predictor.name} answers values, which have no log odds; scale='score'.")


def _rows(audit: Audit, rows: npt.ArrayLike | None, most: int, notes: list[str]) -> list[Case]:
    space = audit.space
    if rows is None:
        answers = audit.ask_rows(audit.tested)
        adverse = audit.tested[answers.outcome != audit.favourable]
        index = spread(adverse, most)
        if len(index) < len(adverse):
            notes.append(f"Of {len(adverse):,} adverse decisions an even spread of {len(index):,} was looked at.")
    else:
        index = np.atleast_1d(np.asarray(rows))
        if index.dtype == bool and len(index) == len(space):
            index = np.flatnonzero(index)
        bad = index[(index < 0) | (index >= len(space))] if index.dtype.kind in "iu" else index[:1]
        if len(bad):
            raise SpaceError(f"'{space.name}' has no row {bad[0]}: it has rows 0 to {len(space) - 1}.")
    index = index.astype(np.int64)
    answers = audit.ask_rows(index)
    table = space.rows.table([c.name for c in space.schema.features], index)
    encoded, z = np.asarray(space.samples[index], np.float32), np.asarray(space.latents.mean[index], np.float32)
    return _cases(audit, [int(i) for i in index], answers, table, encoded, z)


def _items(audit: Audit, x: Any) -> list[Case]:
    schema = cast("TableSchema", audit.space.schema)
    encoded = np.asarray(schema.encode(x), np.float32)
    z = np.asarray(audit.space.encode(x))
    return _cases(audit, [None] * len(encoded), audit.ask(x), table_of(schema, x), encoded, z)


def _cases(audit: Audit, rows: Sequence[int | None], answers: Answers, table: Any, encoded: Any, z: Any) -> list[Case]:
    names = [c.name for c in audit.space.schema.features]
    cells = table.select(names).to_pylist() if len(rows) else []
    return [
        Case(i, row, cells[i], encoded[i], z[i], audit.outcomes[answers.outcome[i]], float(answers.score[i]),
             bool(answers.outcome[i] != audit.favourable))
        for i, row in enumerate(rows)
    ]  # fmt: skip


def _players(
    schema: TableSchema, together: Together, worded: Sequence[Sequence[str]], rows: npt.NDArray[np.float32]
) -> tuple[tuple[int, ...], ...]:
    """The columns of each player: one each, but for those that are taken together or worded as one."""
    names = [c.name for c in schema.features]
    parent = list(range(len(names)))
    groups: list[Sequence[int]] = []
    if isinstance(together, (int, float)):
        if not 0 < together <= 1:
            raise DataError(f"together is a rank correlation, above 0 to 1, or lists of columns, got {together:g}.")
        groups = _correlated(schema, rows, float(together))
    groups += [[names.index(name) for name in listed] for listed in worded]
    for listed in [] if together is None or isinstance(together, (int, float)) else together:
        unknown = next((name for name in listed if name not in names), None)
        if isinstance(listed, str) or unknown is not None:
            what = listed if isinstance(listed, str) else unknown
            raise DataError(f"together is lists of columns, and {what!r} is none; there are {', '.join(names[:10])}.")
        groups.append([names.index(name) for name in listed])
    for group in groups:
        for j in group[1:]:
            old, new = sorted((parent[group[0]], parent[j]), reverse=True)
            parent = [new if p == old else p for p in parent]
    return tuple(tuple(j for j, p in enumerate(parent) if p == root) for root in sorted(set(parent)))


def _correlated(schema: TableSchema, rows: npt.NDArray[np.float32], least: float) -> list[Sequence[int]]:
    """Pairs of columns with an order whose Spearman correlation over the accepted rows is at least ``least``."""
    from scipy.stats import rankdata

    ordered = [j for j, c in enumerate(schema.features) if c.kind != "categorical"]
    out: list[Sequence[int]] = []
    for i, j in combinations(ordered, 2):
        known = ~np.isnan(rows[:, i]) & ~np.isnan(rows[:, j])
        if known.sum() < 10:
            continue
        one, other = rankdata(rows[known, i]), rankdata(rows[known, j])
        if one.std() > 0 and other.std() > 0 and abs(np.corrcoef(one, other)[0, 1]) >= least:
            out.append((i, j))
    return out
