"""The search for counterfactuals of a table's rows: single changes, pairs and triples of them, and real rows of the
desired decision whose differences are taken back while the decision holds. A batch of factuals shares each question
to the predictor."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import combinations

import numpy as np
import numpy.typing as npt

from deepspace.decisions.counterfactuals.ground import Ground, Items, reach
from deepspace.decisions.counterfactuals.legal import Legal
from deepspace.decisions.counterfactuals.moves import donors_of, every_of, moves_of
from deepspace.decisions.counterfactuals.vocabulary import Codes

__all__ = ["Pool", "Search"]

Floats = npt.NDArray[np.float64]
Index = npt.NDArray[np.int64]

KEPT = 24
"""Single changes of a factual that are combined, and candidates of it that are refined."""
TRIPLES = 160
SEEDS = 10
"""Nearest real rows of the desired decision whose differences are taken back."""
CLIMBED = 24
"""Single changes whose pairs are tried where no single one helps any more."""
ROUNDS = 15
"""Halvings of a change of a number."""


@dataclass(frozen=True, eq=False)
class Pool:
    """Candidates (M, F) that are decided as desired, the factuals ``which`` (M,) that they are for, and how far they
    reach (M,)."""

    codes: Codes
    which: Index
    reach: Floats

    @classmethod
    def joined(cls, pools: list[Pool]) -> Pool:
        codes, which = np.concatenate([p.codes for p in pools]), np.concatenate([p.which for p in pools])
        gain = np.concatenate([p.reach for p in pools])
        both = np.concatenate([which[:, None].astype(np.int32), codes], 1)
        first = np.sort(np.unique(both, axis=0, return_index=True)[1])
        return cls(codes[first], which[first], gain[first])

    def __getitem__(self, index: npt.NDArray[np.bool_] | Index) -> Pool:
        return Pool(self.codes[index], self.which[index], self.reach[index])

    def __len__(self) -> int:
        return len(self.codes)


@dataclass(eq=False)
class Search:
    """One batch. own: (n, F) the factuals; desired: (n,) outcomes wanted. ``best``, ``closest``: how far the best row
    that was asked about reaches, (n,), and that row, (n, F); ``exhausted``: whether all permitted rows were."""

    ground: Ground
    legal: Legal
    items: Items
    own: Codes
    desired: Index
    base: Floats
    margin: float = 0.0
    best: Floats = field(init=False)
    closest: Codes = field(init=False)
    exhausted: bool = False

    def __post_init__(self) -> None:
        self.best = np.full(len(self.own), -np.inf)
        self.closest = self.own.copy()

    def run(self) -> Pool:
        """Candidates, refined: none of their changes can be taken back, or halved, without losing the decision."""
        every = every_of(self.legal, self.own)
        if every is not None:
            self.exhausted = True
            tried = Pool(*every, self.ask(*every))
            pool = self._shortened(self.reverted(tried[tried.reach > 0]))
        else:
            pool = self._shortened(self._searched())
        pool = self._tightened(pool)
        return Pool.joined([self.reverted(pool)])

    def _searched(self) -> Pool:
        donors = donors_of(self.ground, self.own, self.desired)
        singles, unit = self._singles(donors)
        pools = [singles[singles.reach > 0], *self._combined(singles, unit), self._taken_back(donors)]
        nothing = np.setdiff1d(np.arange(len(self.own)), np.concatenate([pool.which for pool in pools]))
        return Pool.joined([*pools, self._climbed(singles, nothing)])

    def ask(self, codes: Codes, which: Index) -> Floats:
        """(M,): how far rows reach, each asked about once; the best of each factual is remembered. Nothing that breaks
        a relation gets past here: it reaches -inf."""
        if not len(codes):
            return np.empty(0)
        if len(self.legal.related) and not (kept := self.legal.keeps(codes, self.own[which])).all():
            out = np.full(len(codes), -np.inf)
            out[kept] = self.ask(codes[kept], which[kept])
            return out
        answers = self.ground.ask(codes, which, self.items)
        found = reach(answers, self.desired[which], self.margin)
        order = np.lexsort((found, which))
        last = np.append(which[order][1:] != which[order][:-1], True)
        top = order[last]
        better = (found[top] > self.best[which[top]]) & (codes[top] != self.own[which[top]]).any(1)
        self.best[which[top[better]]] = found[top[better]]
        self.closest[which[top[better]]] = codes[top[better]]
        return found

    def cost(self, codes: Codes, which: Index) -> Floats:
        """(M,): columns changed and how far, as ``choosing`` weighs them."""
        own = self.own[which]
        return np.asarray((codes != own).sum(1) + self.ground.metric.moved(codes, own).sum(1))

    def _singles(self, donors: Index) -> tuple[Pool, npt.NDArray[np.int64]]:
        codes, which, unit = moves_of(self.ground, self.legal, self.own, self.desired, donors)
        return Pool(codes, which, self.ask(codes, which)), unit

    def _combined(self, singles: Pool, unit: Index) -> Iterator[Pool]:
        """Pairs and triples of the changes that help most, of different units."""
        gain = singles.reach - self.base[singles.which]
        kept = self._helpful(singles, unit, gain)
        pairs = [p for where in kept for p in combinations(where, 2) if unit[p[0]] != unit[p[1]]]
        if not pairs:
            return
        two = np.array(pairs, np.int64)
        pool = self._merged(singles, two)
        yield pool[pool.reach > 0]
        triples = self._triples(kept, unit, gain, pool)
        if len(triples):
            pool = self._merged(singles, triples)
            yield pool[pool.reach > 0]

    def _helpful(self, singles: Pool, unit: Index, gain: Floats) -> list[Index]:
        """Of each factual the changes to be combined: the furthest and the most economical of each unit, those that
        are not yet enough."""
        cost = self.cost(singles.codes, singles.which)
        out = []
        for i in range(len(self.own)):
            mine = np.flatnonzero((singles.which == i) & (gain > 0) & (singles.reach <= 0))
            chosen: list[int] = []
            for u in np.unique(unit[mine]):
                own = mine[unit[mine] == u]
                order = own[np.argsort(-gain[own], kind="stable")]
                thrifty = own[np.argsort(-gain[own] / cost[own], kind="stable")]
                chosen += list(dict.fromkeys([*order[:2].tolist(), *thrifty[:2].tolist(), int(order[len(order) // 2])]))
            ranked = sorted(chosen, key=lambda m: (-gain[m], m))[:KEPT]
            out.append(np.array(ranked, np.int64))
        return out

    def _triples(self, kept: list[Index], unit: Index, gain: Floats, pairs: Pool) -> Index:
        """For factuals of which few pairs are enough: triples that should just be, and those that should most be."""
        enough = np.bincount(pairs.which[pairs.reach > 0], minlength=len(self.own))
        out: list[tuple[int, ...]] = []
        for i, where in enumerate(kept):
            if enough[i] >= KEPT or len(where) < 3:
                continue
            some = np.array(
                [t for t in combinations(where.tolist(), 3) if len({int(unit[m]) for m in t}) == 3], np.int64
            )
            if not len(some):
                continue
            total = gain[some].sum(1) + self.base[i]
            order = np.lexsort((np.abs(total), total < 0))
            out += [tuple(t) for t in some[order[: TRIPLES // 2]]]
            out += [tuple(t) for t in some[np.argsort(-total, kind="stable")[: TRIPLES // 2]]]
        return np.array(list(dict.fromkeys(out)), np.int64).reshape(-1, 3)

    def _merged(self, singles: Pool, groups: Index) -> Pool:
        """(M, m) places of single changes of the same factual, made all at once."""
        which = singles.which[groups[:, 0]]
        own = self.own[which]
        codes = own.copy()
        for member in groups.T:
            changed = singles.codes[member] != own
            codes[changed] = singles.codes[member][changed]
        if len(self.legal.related):
            codes = self.legal.project(codes, own)
        return Pool(codes, which, self.ask(codes, which))

    def _taken_back(self, donors: Index) -> Pool:
        """The nearest real rows of the desired decision, made permitted, without what is not needed."""
        near = donors[:, :SEEDS]
        which = np.repeat(np.arange(len(self.own)), near.shape[1])
        codes = self.legal.project(self.ground.codes[near.ravel()], self.own[which])
        pool = Pool(codes, which, self.ask(codes, which))
        return self.reverted(pool[pool.reach > 0])

    def _climbed(self, singles: Pool, missing: Index) -> Pool:
        """For factuals that have nothing yet: from the row that reached furthest, whatever single change helps most is
        made on top, as long as one helps, and then whatever pair does. What was not needed is taken back."""
        done = [Pool(self.own[:0], np.empty(0, np.int64), np.empty(0))]
        while len(missing):
            before = self.best[missing].copy()
            mine = np.flatnonzero(np.isin(singles.which, missing))
            gain = self._on_top(singles, mine[:, None], done)
            stuck = missing[self.best[missing] <= before]
            pairs: list[tuple[int, int]] = []
            for i in stuck.tolist():
                own = np.flatnonzero(singles.which[mine] == i)
                top = mine[own[np.argsort(-gain[own], kind="stable")[:CLIMBED]]]
                pairs += combinations(top.tolist(), 2)
            if pairs:
                self._on_top(singles, np.array(pairs, np.int64), done)
            missing = missing[(self.best[missing] > before) & (self.best[missing] <= 0)]
        return self.reverted(Pool.joined(done))

    def _on_top(self, singles: Pool, groups: Index, done: list[Pool]) -> Floats:
        """(M,): how far rows reach that have single changes (M, m) made on the furthest row of their factual."""
        which = singles.which[groups[:, 0]]
        codes = self.closest[which].copy()
        for member in groups.T:
            changed = singles.codes[member] != self.own[which]
            codes[changed] = singles.codes[member][changed]
        out = np.full(len(codes), -np.inf)
        # Two changes of linked columns need not go together.
        good = (self.legal.project(codes, self.own[which]) == codes).all(1)
        out[good] = self.ask(codes[good], which[good])
        done.append(Pool(codes[out > 0], which[out > 0], out[out > 0]))
        return out

    def reverted(self, pool: Pool) -> Pool:
        """Changes taken back one after another, the costliest first, while the decision holds."""
        codes, gain, which = pool.codes.copy(), pool.reach.copy(), pool.which
        active = np.arange(len(codes))
        units = self.legal.revertible
        while len(active):
            apart = codes[active] != self.own[which[active]]
            within = np.stack([apart[:, u].sum(1) for u in map(list, units)], 1)
            row, u = np.nonzero((within > 0) & (within < apart.sum(1, keepdims=True)))
            if not len(row):
                break
            back = codes[active[row]]
            for k, group in enumerate(units):
                mine = u == k
                back[np.ix_(mine, group)] = self.own[which[active[row[mine]]]][:, group]
            found = self.ask(back, which[active[row]])
            good = np.flatnonzero(found > 0)
            if not len(good):
                break
            saved = self.cost(codes[active[row[good]]], which[active[row[good]]])
            saved = saved - self.cost(back[good], which[active[row[good]]])
            order = good[np.lexsort((-saved, row[good]))]
            first = order[np.append(True, row[order][1:] != row[order][:-1])]
            target = active[row[first]]
            codes[target], gain[target] = back[first], found[first]
            active = target
        return Pool.joined([Pool(codes, which, gain)])

    def _shortened(self, pool: Pool) -> Pool:
        """The cheapest candidates of each factual, at most two of the same set of columns."""
        cost = self.cost(pool.codes, pool.which)
        sets = np.packbits(pool.codes != self.own[pool.which], axis=1)
        order = np.lexsort((cost, pool.which))
        taken: dict[tuple[int, bytes], int] = {}
        count = np.zeros(len(self.own), np.int64)
        kept = []
        for m in order.tolist():
            i, key = int(pool.which[m]), (int(pool.which[m]), sets[m].tobytes())
            if count[i] < KEPT and taken.get(key, 0) < 2:
                taken[key] = taken.get(key, 0) + 1
                count[i] += 1
                kept.append(m)
        return pool[np.array(kept, np.int64)]

    def _tightened(self, pool: Pool) -> Pool:
        """Changes of ordered columns drawn back towards the factual by halving, one column after another."""
        codes, gain, which = pool.codes.copy(), pool.reach.copy(), pool.which
        own = self.own[which]
        moved = self.ground.metric.moved(codes, own)
        alone = [u[0] for u in self.legal.units if len(u) == 1 and self.ground.vocabulary.columns[u[0]].continuous]
        order = np.argsort(-np.where(np.isin(np.arange(codes.shape[1]), alone), moved, 0), axis=1, kind="stable")
        for slot in range(min(len(alone), 4)):
            column = order[:, slot]
            rows = np.flatnonzero(np.isin(column, alone) & (moved[np.arange(len(codes)), column] > 0))
            rows = rows[own[rows, column[rows]] >= 0]
            if not len(rows):
                break
            self._halved(codes, gain, which, rows, column[rows])
        return Pool(codes, which, gain)

    def _halved(self, codes: Codes, gain: Floats, which: Index, rows: Index, column: Index) -> None:
        """In place: ``rows`` of the candidates, each in one column."""
        low, high = self.own[which[rows], column].astype(np.int64), codes[rows, column].astype(np.int64)
        for _ in range(ROUNDS):
            middle = (low + high) // 2
            open_ = np.flatnonzero((middle != low) & (middle != high))
            if not len(open_):
                return
            tried = codes[rows[open_]].copy()
            tried[np.arange(len(open_)), column[open_]] = middle[open_]
            legal = self._led(tried, self.own[which[rows[open_]]], column[open_])
            found = np.full(len(open_), -1.0)
            found[legal] = self.ask(tried[legal], which[rows[open_[legal]]])
            good = found > 0
            target = open_[good]
            high[target], low[open_[~good]] = middle[target], middle[open_[~good]]
            codes[rows[target]], gain[rows[target]] = tried[good], found[good]

    def _led(self, tried: Codes, own: Codes, column: Index) -> npt.NDArray[np.bool_]:
        """(M,): whether rows are permitted once those columns have followed, in place, that a relation ties to the
        ``column`` (M,)."""
        if not len(self.legal.related):
            return np.asarray((self.legal.project(tried, own) == tried).all(1))
        out = np.zeros(len(tried), bool)
        for j in np.unique(column).tolist():
            mine = np.flatnonzero(column == j)
            made = self.legal.project(tried[mine], own[mine], j)
            out[mine] = made[:, j] == tried[mine, j]
            tried[mine] = np.where(out[mine, None], made, tried[mine])
        return out
