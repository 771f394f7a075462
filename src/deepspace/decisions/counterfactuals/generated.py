"""Counterfactuals of pictures, signals, vectors and counts: a walk in latent space towards real rows of the desired
decision, as far as the decode must go to be decided so. All that is shown is generated."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from deepspace.decisions.counterfactuals.ground import NEAR, reach, training_rows
from deepspace.decisions.counterfactuals.results import CaseCounterfactuals, Counterfactual, Support
from deepspace.decisions.counterfactuals.visible import Sight
from deepspace.decisions.predictors import Answers
from deepspace.errors import SpaceError
from deepspace.metrics.heldout import spread
from deepspace.results import wilson

if TYPE_CHECKING:
    from deepspace.decisions.audit import Audit

__all__ = ["of_latents"]

Floats = npt.NDArray[np.float64]
Index = npt.NDArray[np.int64]
Latents = npt.NDArray[np.float32]

NEAREST, OTHERS = 8, 4
"""Real rows walked towards: the nearest, and some drawn from the rest, so that not all lie on one side."""
STEPS = 9
HALVINGS = 7
ASKED = 10
NUMBERS = 30_000_000
"""Decoded numbers held at once."""


def of_latents(
    audit: Audit,
    rows: Index | None,
    encoded: npt.NDArray[Any],
    x: Any,
    answers: Answers,
    desired: Index,
    *,
    k: int,
    seed: int,
    margin: float = 0.0,
    tell: Callable[[int, int], None] | None,
) -> list[CaseCounterfactuals]:
    """Cases in the order of the factuals. Raises SpaceError without an encoder or a decoder."""
    space = audit.space
    for end, option in (("encoder", "encode"), ("decoder", "decode")):
        if end in space.lacks and not (end == "encoder" and rows is not None):
            raise SpaceError(
                f"counterfactuals of {space.schema.modality} rows need a{'n' * (end == 'encoder')} {end}, but "
                f"'{space.name}' has none; attach the model with {option}=."
            )
    z = np.asarray(space.latents.mean[rows] if rows is not None else space.encode(x), np.float32)
    walk = _Walk(audit, seed, margin)
    step = int(np.clip(NUMBERS // ((NEAREST + OTHERS) * STEPS * max(int(np.prod(encoded.shape[1:])), 1)), 1, 200))
    cases: list[CaseCounterfactuals] = []
    for start in range(0, len(z), step):
        part = slice(start, min(start + step, len(z)))
        numbers = None if rows is None else rows[part]
        cases += walk.cases(start, numbers, encoded[part], z[part], answers[part], desired[part], k)
        if tell is not None:
            tell(part.stop, len(z))
    return cases


@dataclass(eq=False)
class _Ways:
    """Ends of walks. which: (M,) factuals; z: (M, D); encoded: (M, *shape); reach, length: (M,)."""

    which: Index
    z: Latents
    encoded: npt.NDArray[np.float32]
    reach: Floats
    length: Floats


class _Walk:
    def __init__(self, audit: Audit, seed: int, margin: float = 0.0) -> None:
        self.audit, self.space, self.seed, self.margin = audit, audit.space, seed, margin
        self.rows = training_rows(audit)
        self.outcome = audit.answers.outcome[np.searchsorted(audit.rows, self.rows)]
        self.latents = np.ascontiguousarray(audit.space.latents.mean[self.rows], np.float32)

    @cached_property
    def _index(self) -> Any:
        import faiss

        index = faiss.IndexFlatL2(self.latents.shape[1])
        index.add(self.latents)
        return index

    @cached_property
    def _sight(self) -> Sight:
        return Sight(self.space, self.latents)

    @cached_property
    def _own(self) -> Floats:
        """Ascending: the mean latent distance of training rows (at most 1,000) to their nearest others."""
        some = spread(np.arange(len(self.rows), dtype=np.int64), 1000)
        squared = self._index.search(self.latents[some], min(NEAR + 1, len(self.rows)))[0]
        return np.sort(np.sqrt(np.maximum(squared[:, 1:], 0)).mean(1).astype(np.float64))

    def decoded(self, z: Latents) -> npt.NDArray[np.float32]:
        """What is shown: pictures in whole grey levels."""
        out = self.audit.decoded(z)
        return np.rint(out).clip(0, 255) if self.space.schema.form == "image" else out

    def cases(
        self,
        first: int,
        rows: Index | None,
        encoded: npt.NDArray[Any],
        z: Latents,
        answers: Answers,
        desired: Index,
        k: int,
    ) -> list[CaseCounterfactuals]:
        turning = np.flatnonzero(answers.outcome != desired)
        rebuilt = reach(self.audit.ask_encoded(self.decoded(z)), desired) > 0
        ends, towards = self._ends(first, z, desired, turning)
        out = []
        for i in range(len(z)):
            wanted = answers.outcomes[desired[i]]
            mine = np.flatnonzero(ends.which == i)
            good = mine[ends.reach[mine] > 0]
            picked = self._picked(ends, good, z[i], k)
            found = self._shown(ends, picked, z[i], encoded[i], answers, i, int(desired[i]))
            refused, closest = None, None
            if i not in turning:
                refused = f"it is decided '{wanted}' already."
            elif not len(mine):
                refused = f"the predictor gives '{wanted}' to none of the {len(self.rows):,} training rows."
            elif not found:
                refused = (
                    f"nothing that is decoded on the way to {towards[i]} real rows decided '{wanted}', nor the "
                    "decode of those rows, is decided so."
                )
                best = mine[[int(ends.reach[mine].argmax())]]
                closest = self._shown(ends, best, z[i], encoded[i], answers, i, int(desired[i]))[0]
            notes = (
                f"the predictor gives '{wanted}' to this item's reconstruction already: what decides is lost in it, so "
                "that the walk shows less than the predictor sees.",
            )
            out.append(CaseCounterfactuals(
                first + i, None if rows is None else int(rows[i]), encoded[i], {}, answers.outcomes[answers.outcome[i]],
                wanted, _score(answers, i, int(desired[i])), tuple(found), refused, closest,
                notes if rebuilt[i] and i in turning else (),
            ))  # fmt: skip
        return out

    def _ends(self, first: int, z: Latents, desired: Index, turning: Index) -> tuple[_Ways, dict[int, int]]:
        """Where the walks of each factual end, as soon as the decode is decided as desired, or where they come
        nearest to it; and how many each has."""
        pairs: list[tuple[int, int]] = []
        for i in turning.tolist():
            pairs += [(i, int(d)) for d in self._donors(first + i, z[i], int(desired[i]))]
        which = np.array([i for i, _ in pairs], np.int64)
        ends = self.latents[np.array([d for _, d in pairs], np.int64)] if pairs else z[:0]
        count = {i: int((which == i).sum()) for i in turning.tolist()}
        if not pairs:
            return _Ways(which, ends, self.decoded(z[:1])[:0], np.empty(0), np.empty(0)), count
        start = z[which]
        share = np.linspace(0, 1, STEPS)[1:]
        gain = np.stack([self._reach(start + np.float32(t) * (ends - start), which, desired) for t in share], 1)
        # The first step from which on all are decided so; without one, the best step.
        after = np.logical_and.accumulate(gain[:, ::-1] > 0, axis=1)[:, ::-1]
        hit = after.any(1)
        at = np.where(hit, after.argmax(1), gain.argmax(1))
        high = share[at]
        low = np.where(at > 0, share[np.maximum(at - 1, 0)], 0.0)
        for _ in range(HALVINGS):
            middle = (low + high) / 2
            fine = (
                self._reach(
                    start[hit] + middle[hit, None].astype(np.float32) * (ends - start)[hit], which[hit], desired
                )
                > 0
            )
            high[hit] = np.where(fine, middle[hit], high[hit])
            low[hit] = np.where(fine, low[hit], middle[hit])
        there = (start + high[:, None].astype(np.float32) * (ends - start)).astype(np.float32)
        shown = self.decoded(there)
        final = reach(self.audit.ask_encoded(shown), desired[which], self.margin)
        return _Ways(which, there, shown, final, np.linalg.norm(there - start, axis=1).astype(np.float64)), count

    def _donors(self, number: int, z: Latents, outcome: int) -> Index:
        rows = np.flatnonzero(self.outcome == outcome)
        apart = np.square(self.latents[rows] - z).sum(1)
        order = np.argsort(apart, kind="stable")
        rest = order[NEAREST:]
        rng = np.random.default_rng([self.seed, number])
        drawn = rng.choice(rest, min(OTHERS, len(rest)), replace=False) if len(rest) else rest
        chosen: Index = rows[np.concatenate([order[:NEAREST], np.sort(drawn)])]
        return chosen

    def _reach(self, z: Latents, which: Index, desired: Index) -> Floats:
        if not len(z):
            return np.empty(0)
        return reach(self.audit.ask_encoded(self.decoded(np.asarray(z, np.float32))), desired[which], self.margin)

    def _picked(self, ends: _Ways, mine: Index, z: Latents, k: int) -> Index:
        """Short walks, in different directions."""
        out: list[int] = []
        step = ends.z[mine] - z
        step /= np.maximum(np.linalg.norm(step, axis=1, keepdims=True), 1e-9)
        cost = ends.length[mine] / max(float(np.median(ends.length[mine])), 1e-9) if len(mine) else ends.length[mine]
        alike, left = np.zeros(len(mine)), np.ones(len(mine), bool)
        while left.any() and len(out) < k:
            best = int(np.argmin(np.where(left, cost + alike, np.inf)))
            out.append(int(mine[best]))
            alike = np.maximum(alike, step @ step[best])
            left &= (alike < 0.95) & (np.arange(len(mine)) != best)
        return np.array(out, np.int64)

    def _shown(
        self, ends: _Ways, picked: Index, z: Latents, encoded: npt.NDArray[Any], answers: Answers, i: int, desired: int
    ) -> list[Counterfactual]:
        if not len(picked):
            return []
        count, latents = len(picked), ends.z[picked]
        squared, near = self._index.search(latents, min(ASKED, len(self.rows)))
        distance = np.sqrt(np.maximum(squared[:, :NEAR], 0)).mean(1)
        alike = (self.outcome[near] == desired).sum(1)
        share = np.linspace(0, 1, STEPS, dtype=np.float32)[None, :, None]
        way = (z[None, None] * (1 - share) + latents[:, None] * share).astype(np.float32)
        flat = way.reshape(-1, way.shape[2])
        frames = self.decoded(flat).reshape(count, STEPS, *ends.encoded.shape[1:])
        places = np.asarray(self.space.map.transform(flat), np.float32).reshape(count, STEPS, 2)
        now = self.audit.ask_encoded(ends.encoded[picked])
        content = self.space.schema.decode(ends.encoded[picked])
        noun = "value" if answers.scores.shape[1] == 1 else "probability"
        out = []
        for m, place in enumerate(picked.tolist()):
            gap = ends.encoded[place].astype(np.float64) - np.asarray(encoded, np.float64)
            low, high = wilson(int(alike[m]), near.shape[1])
            out.append(Counterfactual(
                ends.encoded[place], {}, content[m], (), _score(answers, i, desired), _score(now, m, desired),
                now.outcomes[now.outcome[m]], int((gap != 0).sum()), float(np.sqrt(np.mean(gap**2))),
                float(distance[m]),
                float(100 * (1 - np.searchsorted(self._own, distance[m], "left") / len(self._own))),
                Support(float(alike[m] / near.shape[1]), low, high, near.shape[1]), latents[m], places[m], frames[m],
                True, noun, self._sight.of(encoded, frames[m][0], ends.encoded[place], float(ends.length[place])),
            ))  # fmt: skip
        return out


def _score(answers: Answers, i: int, outcome: int) -> float:
    return float(answers.scores[i, outcome] if answers.scores.shape[1] > 1 else answers.scores[i, 0])
