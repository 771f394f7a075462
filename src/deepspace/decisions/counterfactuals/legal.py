"""What may be proposed for a row: constraints on the places of a vocabulary, and how a row is made to keep them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from deepspace.decisions.counterfactuals.constraints import Constraints, Link
from deepspace.decisions.counterfactuals.related import Related
from deepspace.decisions.counterfactuals.vocabulary import Codes, Values, Vocabulary
from deepspace.errors import DataError, DeepspaceError

__all__ = ["Legal"]


@dataclass(frozen=True, eq=False)
class Legal:
    """Constraints bound to a vocabulary. ``proposable``: for each column (V,), what a changed cell may be;
    ``direction``: (F,) 1 only up, -1 only down, 0 either; ``fixed``, ``empties``: (F,); ``links``: columns by place;
    ``related``: the relations between columns.
    """

    vocabulary: Vocabulary
    constraints: Constraints
    fixed: npt.NDArray[np.bool_]
    direction: npt.NDArray[np.int8]
    empties: npt.NDArray[np.bool_]
    proposable: tuple[npt.NDArray[np.bool_], ...]
    links: tuple[tuple[tuple[int, ...], str], ...]
    related: Related

    @classmethod
    def of(cls, vocabulary: Vocabulary, constraints: Constraints) -> Legal:
        """Raises DataError where a rule does not fit its column's type."""
        columns = vocabulary.columns
        names = [values.name for values in columns]
        constraints.check(names)
        direction = np.zeros(len(columns), np.int8)
        for way, listed in ((1, constraints.increase), (-1, constraints.decrease)):
            for name in listed:
                _ordered(columns[names.index(name)], "increase" if way > 0 else "decrease", constraints)
                direction[names.index(name)] = way
        links = tuple((_linked(link, columns, names, constraints), link.rule) for link in constraints.linked)
        fixed = np.isin(names, constraints.immutable)
        stuck = fixed.copy()
        stuck[[j for group, _ in links for j in group]] = True
        return cls(
            vocabulary, constraints, fixed, direction, np.isin(names, constraints.missing),
            tuple(_proposable(v, constraints) for v in columns), links, Related.of(vocabulary, constraints, stuck),
        )  # fmt: skip

    @property
    def units(self) -> tuple[tuple[int, ...], ...]:
        """What can change at all: columns that are free, those that are linked together as one."""
        together = {j: group for group, _ in self.links for j in group}
        out: list[tuple[int, ...]] = []
        for j in range(len(self.fixed)):
            group = together.get(j, (j,))
            if group not in out and not self.fixed[list(group)].any():
                out.append(group)
        return tuple(out)

    @property
    def revertible(self) -> tuple[tuple[int, ...], ...]:
        """What is taken back at once: units, and columns of a relation, which may not hold when one of them goes."""
        free = [tuple(j for j in group if not self.fixed[j]) for group in self._bound]
        return tuple(dict.fromkeys([*self.units, *(group for group in free if len(group) > 1)]))

    @property
    def turns(self) -> int:
        """In how many ways a broken relation may be mended; see ``project``."""
        return max((len(found) for found in self.related.followers), default=1) or 1

    @property
    def _bound(self) -> list[tuple[int, ...]]:
        """Columns that hang together by relations, with those that these are linked to."""
        out = []
        for group in self.related.groups:
            linked = [j for link, _ in self.links if set(link) & set(group) for j in link]
            out.append(tuple(sorted({*group, *linked})))
        return out

    def keeps(self, codes: Codes, own: Codes) -> npt.NDArray[np.bool_]:
        """(M,): whether rows keep all relations, of which nothing but ``project`` takes care."""
        if not len(self.related):
            return np.ones(len(codes), bool)
        return np.asarray(~self.related.broken(codes, own).any(1))

    def project(self, codes: Codes, own: Codes, lead: int = -1, turn: int = 0) -> Codes:
        """(M, F) rows made to keep the constraints of their factuals ``own`` (M, F): a cell that may not be what it is
        goes to the nearest value that it may be, or back to the factual's own. Where a relation is broken, another of
        its columns than ``lead`` follows, which one ``turn`` says; where none can, all of them go back."""
        out = np.where(self.fixed[None], own, codes).astype(np.int32)
        for j, values in enumerate(self.vocabulary.columns):
            changed = np.flatnonzero(out[:, j] != own[:, j])
            if len(changed):
                out[changed, j] = self._cell(j, values, out[changed, j], own[changed, j])
        for group, rule in self.links:
            self._link(out, own, list(group), rule)
        if len(self.related):
            self._relate(out, own, lead, turn)
        return out

    def _relate(self, out: Codes, own: Codes, lead: int, turn: int) -> None:
        rows = np.flatnonzero(~self.keeps(out, own))
        if not len(rows):
            return
        mended, old = out[rows], own[rows]
        self.related.mend(mended, old, self.proposable, self._may, lead, turn)
        for group in self._bound:
            columns = np.array(group)
            inside = [r for r, found in enumerate(self.related.columns) if set(found) & set(group)]
            lost = np.flatnonzero(self.related.broken(mended, old)[:, inside].any(1))
            mended[np.ix_(lost, columns)] = old[np.ix_(lost, columns)]
        out[rows] = mended

    def _may(self, j: int, new: Codes, old: Codes) -> npt.NDArray[np.bool_]:
        good = self.proposable[j][np.maximum(new, 0)] & (new >= 0)
        return np.asarray(good & self._directed(j, self.vocabulary.columns[j], new, old))

    def _cell(self, j: int, values: Values, wanted: Codes, own: Codes) -> Codes:
        if self.empties[j]:
            may_empty = wanted < 0
        else:
            may_empty = np.zeros(len(wanted), bool)
        good = self.proposable[j]
        if not good.any():
            return np.where(may_empty, wanted, own).astype(np.int32)
        new = wanted
        if values.continuous:
            legal = np.flatnonzero(good)
            right = np.searchsorted(legal, wanted).clip(0, len(legal) - 1)
            left = np.maximum(right - 1, 0)
            new = np.where(wanted - legal[left] < legal[right] - wanted, legal[left], legal[right])
        kept = (wanted >= 0) & good[np.maximum(new, 0)] & self._directed(j, values, new, own)
        return np.where(may_empty, wanted, np.where(kept, new, own)).astype(np.int32)

    def _directed(self, j: int, values: Values, new: Codes, own: Codes) -> npt.NDArray[np.bool_]:
        way = int(self.direction[j])
        if not way:
            return np.ones(len(new), bool)
        step = values.numbers[np.maximum(new, 0)] - values.numbers[np.maximum(own, 0)]
        # From a missing cell there is no up or down.
        return np.asarray((own >= 0) & (new >= 0) & (way * step >= 0))

    def _link(self, out: Codes, own: Codes, group: list[int], rule: str) -> None:
        """The first column that changed leads, the others follow; where one cannot, none changes. In place."""
        moved = np.flatnonzero((out[:, group] != own[:, group]).any(1))
        if not len(moved):
            return
        cells = np.ix_(moved, np.array(group))
        new, old = out[cells], own[cells]
        lead = (new != old).argmax(1)
        numbers = [self.vocabulary.columns[j].numbers for j in group]
        step = np.zeros(len(moved))
        for place in range(len(group)):
            mine = lead == place
            step[mine] = numbers[place][new[mine, place]] - numbers[place][old[mine, place]]
        good = ~np.isnan(step) & (step != 0) & (old >= 0).all(1) & (new >= 0).all(1)
        for place, j in enumerate(group):
            others = good & (lead != place)
            if rule == "same_step":
                self._stepped(new, old, others, place, j, step)
            else:
                self._followed(new, old, others, place, j, step)
            change = numbers[place][np.maximum(new[:, place], 0)] - numbers[place][np.maximum(old[:, place], 0)]
            same = np.isclose(change, step) if rule == "same_step" else np.sign(change) == np.sign(step)
            legal = self.proposable[j][np.maximum(new[:, place], 0)]
            good &= same & legal & self._directed(j, self.vocabulary.columns[j], new[:, place], old[:, place])
        out[cells] = np.where(good[:, None], new, old)

    def _stepped(self, new: Codes, old: Codes, where: Any, place: int, j: int, step: npt.NDArray[np.float64]) -> None:
        values = self.vocabulary.columns[j]
        wanted = values.numbers[np.maximum(old[:, place], 0)] + step
        new[where, place] = _nearest(values, wanted)[where]

    def _followed(self, new: Codes, old: Codes, where: Any, place: int, j: int, step: npt.NDArray[np.float64]) -> None:
        """What does not go the same way yet goes to the next value that does."""
        values = self.vocabulary.columns[j]
        change = values.numbers[np.maximum(new[:, place], 0)] - values.numbers[np.maximum(old[:, place], 0)]
        lazy = where & (np.sign(change) != np.sign(step))
        if not lazy.any():
            return
        order = np.argsort(values.numbers[: values.known], kind="stable")
        now = values.numbers[np.maximum(old[lazy, place], 0)]
        above = np.searchsorted(values.numbers[order], now, "right")
        below = np.searchsorted(values.numbers[order], now, "left") - 1
        following = np.where(step[lazy] > 0, above, below)
        inside = (following >= 0) & (following < len(order))
        new[lazy, place] = np.where(inside, order[following.clip(0, len(order) - 1)], old[lazy, place])

    def broken(self, codes: Codes, own: Codes) -> npt.NDArray[np.bool_]:
        """(M, F): the cells that may not be what they are, each looked at by itself; see ``project``."""
        out: npt.NDArray[np.bool_] = (codes != own) & self.fixed[None]
        for j in range(codes.shape[1]):
            changed = (codes[:, j] != own[:, j]) & ~out[:, j]
            new, old = codes[changed, j], own[changed, j]
            out[changed, j] = ~self._may(j, new, old) & ~((new < 0) & self.empties[j])
        return out


def _nearest(values: Values, wanted: npt.NDArray[np.float64]) -> Codes:
    order = np.argsort(values.numbers[: values.known], kind="stable")
    sorted_numbers = values.numbers[order]
    right = np.searchsorted(sorted_numbers, wanted).clip(0, len(order) - 1)
    left = np.maximum(right - 1, 0)
    nearer = np.abs(sorted_numbers[left] - wanted) < np.abs(sorted_numbers[right] - wanted)
    return np.asarray(order[np.where(nearer, left, right)], np.int32)


def _ordered(values: Values, key: str, constraints: Constraints) -> None:
    if not values.ordered:
        raise DataError(
            f"{constraints.source} list '{values.name}' under {key}, but its categories have no order; "
            "list those that it may become under allowed."
        )


def _linked(link: Link, columns: tuple[Values, ...], names: list[str], constraints: Constraints) -> tuple[int, ...]:
    places = tuple(names.index(name) for name in link.columns)
    for j in places:
        _ordered(columns[j], "linked", constraints)
        if link.rule == "same_step" and columns[j].kind == "ordinal":
            raise DataError(
                f"{constraints.source} link '{columns[j].name}' by same_step, but it holds no numbers; "
                "use same_direction."
            )
    return places


def _proposable(values: Values, constraints: Constraints) -> npt.NDArray[np.bool_]:
    good = np.arange(len(values)) < values.known
    if values.name in constraints.ranges:
        low, high = constraints.ranges[values.name]
        good &= _within(values, low, high, constraints)
    if values.name in constraints.allowed:
        wanted = [_one(values, value, constraints) for value in constraints.allowed[values.name]]
        good &= np.isin(np.arange(len(values)), wanted)
    return good


def _within(values: Values, low: Any, high: Any, constraints: Constraints) -> npt.NDArray[np.bool_]:
    if not values.ordered or values.kind == "ordinal":
        raise DataError(
            f"{constraints.source} give a range for '{values.name}', which holds no numbers or dates; "
            "list what it may be under allowed."
        )
    edges = [_edge(values, edge, constraints) for edge in (low, high)]
    bottom = -np.inf if edges[0] is None else edges[0]
    top = np.inf if edges[1] is None else edges[1]
    told = f"{constraints.source} give '{values.name}' the range {low} to {high}"
    if bottom > top:
        raise DataError(f"{told}, which is empty; write [lowest, highest].")
    inside = (values.numbers >= bottom) & (values.numbers <= top)
    if not inside[: values.known].any():
        first, last = (
            values.values[int(k)].as_py() for k in (np.nanargmin(values.numbers), np.nanargmax(values.numbers))
        )
        raise DataError(f"{told}, in which no value lies; the space knows {first} to {last}.")
    return np.asarray(inside)


def _edge(values: Values, edge: Any, constraints: Constraints) -> float | None:
    if edge is None:
        return None
    import pyarrow as pa

    from deepspace.decisions.counterfactuals.vocabulary import numbers_of

    kind = values.values.type
    try:
        if pa.types.is_temporal(kind):
            cell = pa.array([str(edge)]).cast(kind) if isinstance(edge, str) else pa.array([edge]).cast(kind)
            return float(numbers_of(cell)[0])
        return float(edge)
    except (pa.ArrowException, TypeError, ValueError, DeepspaceError):
        raise DataError(
            f"{constraints.source} give '{values.name}' a range with the edge {edge!r}, "
            f"which is no {values.kind} value."
        ) from None


def _one(values: Values, wanted: Any, constraints: Constraints) -> int:
    shown = [str(v) for v in values.values[: values.known].to_pylist()]
    if values.continuous:
        number = _edge(values, wanted, constraints)
        found = np.flatnonzero(values.numbers == number)
        if len(found):
            return int(found[0])
        raise DataError(f"{constraints.source} allow '{values.name}' to be {wanted!r}, which no row has; give a range.")
    if str(wanted) not in shown:
        some = ", ".join(map(repr, shown[:8]))
        raise DataError(f"{constraints.source} allow '{values.name}' to be {wanted!r}; its categories are {some}.")
    return shown.index(str(wanted))
