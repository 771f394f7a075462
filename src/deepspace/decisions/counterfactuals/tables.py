"""Counterfactuals of a table's rows, from the search to what is shown."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from deepspace.decisions.counterfactuals.choosing import Chosen, chosen, measured
from deepspace.decisions.counterfactuals.constraints import Constraints
from deepspace.decisions.counterfactuals.ground import Ground, Items, reach
from deepspace.decisions.counterfactuals.legal import Legal
from deepspace.decisions.counterfactuals.results import CaseCounterfactuals, Change, Counterfactual, Support
from deepspace.decisions.counterfactuals.search import Pool, Search
from deepspace.decisions.counterfactuals.vocabulary import Codes
from deepspace.decisions.predictors import Answers
from deepspace.errors import DataError
from deepspace.results import wilson

if TYPE_CHECKING:
    import pyarrow as pa

    from deepspace.decisions.audit import Audit

__all__ = ["items_of", "of_tables"]

Index = npt.NDArray[np.int64]

NOTHING = 1e-6
"""A smaller step towards the desired decision, in log odds or values, counts as none."""
STEPS = 9
"""Places on the way from a factual to a counterfactual."""


def items_of(audit: Audit, rows: Index | None, x: Any) -> Items:
    """The factuals with every column that the space learned or the predictor wants. Raises DataError."""
    from deepspace.data.frames import normalise
    from deepspace.decisions.predictors.handing import table_of

    schema = audit.space.schema
    learned = [column.name for column in schema.features]
    wanted = [*learned, *(name for name in audit.predictor.columns or () if name not in learned)]
    if rows is not None:
        return Items(rows, audit.space.rows.table(wanted, rows))
    table = normalise(table_of(schema, x))
    roles = {column.name: column.role for column in schema.columns}
    for name in wanted:
        if name in table.column_names:
            continue
        if roles.get(name) != "constant":
            raise DataError(f"these items lack the column '{name}', which the space or the predictor needs.")
        first = audit.space.rows.table([name], np.zeros(table.num_rows, np.int64))
        table = table.append_column(name, first.column(0))
    return Items(None, table.select(wanted))


def of_tables(
    audit: Audit, items: Items, answers: Answers, desired: Index, constraints: Constraints, k: int, margin: float = 0.0
) -> list[CaseCounterfactuals]:
    """One batch. desired: (n,), outcomes by place."""
    ground = Ground.of(audit, items.table)
    legal = Legal.of(ground.vocabulary, constraints)
    own = ground.vocabulary.codes(items.table)
    turning = np.flatnonzero(answers.outcome != desired)
    search = _search(ground, legal, items, own, desired, answers, turning, margin)
    found = chosen(search, search.run(), k)
    found, unsure = _asked_again(search, found)
    missed = np.setdiff1d(np.arange(len(turning)), found.pool.which)
    near = _closest(search, missed)
    why = _reasons(search, missed, constraints)
    shown = _Shown(search, answers[turning], audit)
    good, close = shown.all(found), shown.all(near)
    cases = []
    for i in range(len(own)):
        where = int(np.searchsorted(turning, i))
        turned = where < len(turning) and turning[where] == i
        name, wanted = answers.outcomes[answers.outcome[i]], answers.outcomes[desired[i]]
        refused = None if turned else f"it is decided '{wanted}' already."
        picked: tuple[Counterfactual, ...] = ()
        closest = None
        if turned:
            picked = tuple(good[place] for place in found.of(where))
            refused = why.get(where)
            if refused is not None and not near.of(where):
                refused += " No permitted change that was tried brings it any nearer."
            closest = next((close[place] for place in near.of(where)), None)
        cases.append(CaseCounterfactuals(
            i, None if items.rows is None else int(items.rows[i]), ground.vocabulary.encoded(own[i : i + 1])[0],
            _record(items.table, i), name, wanted, _score(answers, i, int(desired[i])), picked, refused, closest,
            unsure if turned else (),
        ))  # fmt: skip
    return cases


def _search(
    ground: Ground, legal: Legal, items: Items, own: Codes, desired: Index, answers: Answers, mine: Index,
    margin: float,
) -> Search:  # fmt: skip
    base = reach(answers[mine], desired[mine], margin) if len(mine) else np.empty(0)
    rows = None if items.rows is None else items.rows[mine]
    return Search(ground, legal, Items(rows, items.table.take(mine)), own[mine], desired[mine], base, margin)


def _asked_again(search: Search, found: Chosen) -> tuple[Chosen, tuple[str, ...]]:
    """What the predictor says of the very records, once more: a predictor that changes its mind loses them."""
    if not len(found.pool):
        return found, ()
    answers = search.ground.ask(found.pool.codes, found.pool.which, search.items)
    again = reach(answers, search.desired[found.pool.which], search.margin)
    if (again > 0).all():
        return found, ()
    kept = np.flatnonzero(again > 0)
    fewer = Chosen(
        found.pool[kept], found.sparsity[kept], found.proximity[kept], found.distance[kept], found.percentile[kept],
        found.alike[kept], found.asked,
    )  # fmt: skip
    return fewer, ("the predictor decided otherwise when it was asked a second time about some counterfactuals.",)


def _closest(search: Search, missed: Index) -> Chosen:
    """Of factuals without a counterfactual, the permitted row that reached furthest."""
    there = missed[search.best[missed] > search.base[missed] + NOTHING]
    pool = Pool(search.closest[there], there, search.best[there])
    if len(pool):
        # Changes that brought nothing nearer are no part of a closest miss.
        pool = _needed(search, pool)
    return measured(search.ground, search.own, pool, search.desired)


def _needed(search: Search, pool: Pool) -> Pool:
    codes, gain = pool.codes.copy(), pool.reach.copy()
    for group in map(list, search.legal.units):
        back = codes.copy()
        back[:, group] = search.own[pool.which][:, group]
        changed = (back != codes).any(1) & (back != search.own[pool.which]).any(1)
        rows = np.flatnonzero(changed)
        found = search.ask(back[rows], pool.which[rows])
        same = found >= gain[rows] - NOTHING
        codes[rows[same]], gain[rows[same]] = back[rows[same]], found[same]
    return Pool(codes, pool.which, gain)


def _reasons(search: Search, missed: Index, constraints: Constraints) -> dict[int, str]:
    """Why each has none: what the constraints forbid of what would do without them, or that nothing would."""
    if not len(missed):
        return {}
    ground = search.ground
    out: dict[int, str] = {}
    free = Search(
        ground, Legal.of(ground.vocabulary, Constraints()),
        Items(None, search.items.table.take(missed)), search.own[missed], search.desired[missed], search.base[missed],
    )  # fmt: skip
    nothing = "no permitted item, all having been tried," if search.exhausted else "nothing permitted that was tried"
    without = chosen(free, free.run(), 1) if constraints.names else None
    for place, i in enumerate(missed.tolist()):
        if not search.legal.units:
            out[i] = "every column is immutable."
            continue
        outcome = ground.answers.outcomes[search.desired[i]]
        own = without.of(place) if without is not None else []
        if own:
            row, old = without.pool.codes[own[0]][None], search.own[i][None]  # type: ignore[union-attr]
            change = " and ".join(map(str, _changes(ground, old[0], row[0], (row != old)[0])))
            out[i] = f"{nothing} gives '{outcome}'; it would take {change}, but {_forbidding(search.legal, row, old)}."
        elif not (ground.answers.outcome == search.desired[i]).any():
            out[i] = (
                f"the predictor gives '{outcome}' to none of the {len(ground.rows):,} training rows, "
                "nor to any changed item that was tried."
            )
        else:
            out[i] = f"{nothing} gives '{outcome}'."
    return out


def _forbidding(legal: Legal, row: Codes, old: Codes) -> str:
    """The rules that a row (1, F) breaks."""
    broken = legal.broken(row, old)[0]
    related = [legal.constraints.relations[r] for r in np.flatnonzero(legal.related.broken(row, old)[0])]
    if not broken.any() and not related:  # each cell may be so, but not without those that it is linked to
        broken = (row != old)[0]
    said = [_rules(legal, np.flatnonzero(broken))] if broken.any() else []
    return ", ".join([*said, *(relation.forbids() for relation in related)])


def _rules(legal: Legal, columns: Index) -> str:
    fixed = [f"'{legal.vocabulary.columns[j].name}'" for j in columns if legal.fixed[j]]
    said = [f"{' and '.join(fixed)} {'is' if len(fixed) == 1 else 'are'} immutable"] if fixed else []
    said += [f"'{legal.vocabulary.columns[j].name}' {_rule(legal, j)}" for j in columns if not legal.fixed[j]]
    return ", ".join(said)


def _rule(legal: Legal, j: int) -> str:
    name = legal.vocabulary.columns[j].name
    limits = legal.constraints
    said = []
    if legal.direction[j]:
        said.append("may only " + ("increase" if legal.direction[j] > 0 else "decrease"))
    if name in limits.ranges:
        low, high = limits.ranges[name]
        said.append(f"must lie in {'any' if low is None else low} to {'any' if high is None else high}")
    if name in limits.allowed:
        said.append(f"may only become {', '.join(map(str, limits.allowed[name]))}")
    linked = [link for link in limits.linked if name in link.columns]
    said += [f"is linked to {', '.join(repr(c) for c in link.columns if c != name)}" for link in linked]
    return " and ".join(said) or "may not be emptied"


def _record(table: pa.Table, i: int) -> dict[str, Any]:
    return {name: values[0] for name, values in table.slice(i, 1).to_pydict().items()}


def _score(answers: Answers, i: int, outcome: int) -> float:
    return float(answers.scores[i, outcome] if answers.scores.shape[1] > 1 else answers.scores[i, 0])


def _changes(ground: Ground, old: Codes, new: Codes, where: npt.NDArray[np.bool_]) -> tuple[Change, ...]:
    out = []
    for j in np.flatnonzero(where):
        values = ground.vocabulary.columns[j]
        before, after = (None if c < 0 else values.values[int(c)].as_py() for c in (old[j], new[j]))
        out.append(Change(values.name, before, after))
    return tuple(out)


class _Shown:
    """Candidates -> results, all encoded and placed on the map at once."""

    def __init__(self, search: Search, answers: Answers, audit: Audit) -> None:
        self.search, self.answers, self.audit = search, answers, audit
        self.noun = "value" if answers.scores.shape[1] == 1 else "probability"

    def all(self, found: Chosen) -> list[Counterfactual]:
        if not len(found.pool):
            return []
        search, pool = self.search, found.pool
        now = search.ground.ask(pool.codes, pool.which, search.items)
        encoded = search.ground.vocabulary.encoded(pool.codes)
        way = self._way(pool)
        latents, path = self._placed(way)
        out = []
        for m in range(len(pool)):
            i = int(pool.which[m])
            changes = _changes(search.ground, search.own[i], pool.codes[m], pool.codes[m] != search.own[i])
            record = _record(search.items.table, i) | {change.column: change.after for change in changes}
            wanted = int(search.desired[i])
            low, high = wilson(int(found.alike[m]), found.asked)
            out.append(Counterfactual(
                encoded[m], record, None, changes, _score(self.answers, i, wanted), _score(now, m, wanted),
                now.outcomes[now.outcome[m]], int(found.sparsity[m]), float(found.proximity[m]),
                float(found.distance[m]), float(found.percentile[m]),
                Support(float(found.alike[m] / found.asked), low, high, found.asked),
                None if latents is None else latents[m], None if path is None else path[m], way[m], False, self.noun,
            ))  # fmt: skip
        return out

    def _way(self, pool: Pool) -> npt.NDArray[np.float32]:
        """(M, STEPS, F) encoded: ordered columns pass the values between, others turn half way."""
        columns = self.search.ground.vocabulary.columns
        old, new = self.search.own[pool.which], pool.codes
        share = np.linspace(0, 1, STEPS)
        way = np.repeat(old[:, None], STEPS, 1)
        for j, values in enumerate(columns):
            if values.continuous:
                between = np.rint(old[:, None, j] + share * (new[:, None, j].astype(np.float64) - old[:, None, j]))
                blank = ((old[:, j] < 0) | (new[:, j] < 0))[:, None]
                jump = np.where(share[None] < 0.5, old[:, None, j], new[:, None, j])
                way[:, :, j] = np.where(blank, jump, between)
            else:
                way[:, :, j] = np.where(share[None] < 0.5, old[:, None, j], new[:, None, j])
        flat = self.search.ground.vocabulary.encoded(way.reshape(-1, way.shape[2]))
        return flat.reshape(way.shape)

    def _placed(self, way: npt.NDArray[np.float32]) -> tuple[Any, Any]:
        """(M, D) latents of the ends and (M, STEPS, 2) places on the map; None without an encoder."""
        space = self.audit.space
        if "encoder" in space.lacks:
            return None, None
        z = space.encode(space.schema.decode(way.reshape(-1, way.shape[2])))
        places = np.asarray(space.map.transform(z), np.float32).reshape(len(way), STEPS, 2)
        return z.reshape(len(way), STEPS, -1)[:, -1], places
