"""How far the picture of a decision can be trusted, on rows that were held out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from deepspace.decisions.boundary.proxy import Proxy, decoded_without, parts_of, proxy
from deepspace.metrics import auroc
from deepspace.metrics.heldout import spread
from deepspace.results import Tabular, figure, text_table, wilson

if TYPE_CHECKING:
    import pyarrow as pa

    from deepspace.decisions.audit import Audit

__all__ = ["MapTrust", "Share", "auc_of", "map_trust"]

Ints = npt.NDArray[np.int64]

ROUNDS = 10
_MOST = 1000


@dataclass(frozen=True)
class Share:
    """``count`` of ``n`` rows, which is ``value``; ``interval``: its 95 % interval (Wilson)."""

    count: int
    n: int

    @property
    def value(self) -> float:
        return self.count / self.n if self.n else float("nan")

    @property
    def interval(self) -> tuple[float, float]:
        return wilson(self.count, self.n)

    @classmethod
    def of(cls, held: npt.NDArray[np.bool_]) -> Share:
        return cls(int(held.sum()), len(held))

    def __str__(self) -> str:
        low, high = self.interval
        return f"{figure(self.value)} ({figure(low)} to {figure(high)}, n = {self.n:,})"


@dataclass(frozen=True, eq=False)
class MapTrust(Tabular):
    """How far what the map shows of a decision is the decision, on held-out rows x.

    ``accuracy``: predictor(x) is what happened; ``shown_accuracy``: predictor(decode(map(x))) is what happened; None
    without a target. ``auc``: of the score for two outcomes, with ``auc_interval`` (DeLong 1988).
    ``agreement`` (Cons_d): predictor(decode(map(x))) = predictor(x), the row itself left out of the map; ``rebuilt``:
    the same of decode(encode(x)), so that what is lost between the two is lost by two dimensions; ``chance``: the
    agreement that the shares of the decisions alone would give. ``consistency`` (Cons_p): the decision on
    decode(map(x)) stays the same over ``rounds`` round trips map, decode, encode, map. ``by_outcome``: agreement
    among rows so decided. Names after the literature on decision maps (Espadoto et al. 2021; Wang et al. 2023).
    """

    outcomes: tuple[str, ...]
    accuracy: Share | None
    shown_accuracy: Share | None
    auc: float | None
    auc_interval: tuple[float, float] | None
    agreement: Share
    rebuilt: Share
    chance: float
    consistency: Share
    rounds: int
    by_outcome: tuple[Share, ...]
    tested_known: bool

    @property
    def better_than_chance(self) -> bool:
        """Is the whole interval of ``agreement`` above ``chance``?"""
        return self.agreement.interval[0] > self.chance

    @property
    def overlooked(self) -> tuple[str, ...]:
        """Outcomes that the picture shows wrongly more often than not: the whole interval lies below a half. A rare one
        may be while ``agreement`` is high."""
        pairs = zip(self.outcomes, self.by_outcome, strict=True)
        return tuple(name for name, share in pairs if share.n and share.interval[1] < 0.5)

    @property
    def sound(self) -> bool:
        """Better than chance, and no outcome overlooked."""
        return self.better_than_chance and not self.overlooked

    @property
    def sentence(self) -> str:
        """What a reader must know before looking at the picture."""
        low, high = self.agreement.interval
        said = (
            f"as the predictor does (n = {self.agreement.n:,}, chance {figure(100 * self.chance)} %)"
        )  # fmt: skip
        said = f"{figure(100 * low)} to {figure(100 * high)} % of new cases {said}"
        if not self.better_than_chance:
            return f"The picture cannot be told from chance: it decides {said}."
        worst = min((s for s in self.by_outcome if s.n), key=lambda s: (s.interval[1] >= 0.5, s.value))
        name = self.outcomes[self.by_outcome.index(worst)]
        much = f"{figure(100 * worst.value)} % (n = {worst.n:,})"
        if worst.interval[1] < 0.5:
            return f"The picture is of no use for '{name}': of those so decided it shows {much}; it decides {said}."
        return f"The picture decides {said}; of those decided '{name}' {much}."

    def _shares(self) -> list[tuple[str, Share, float | None]]:
        rows: list[tuple[str, Share | None, float | None]] = [
            ("accuracy of the predictor", self.accuracy, None),
            ("accuracy on decode(map(x))", self.shown_accuracy, None),
            ("decode(map(x)) decided as x (Cons_d)", self.agreement, self.chance),
            ("decode(encode(x)) decided as x", self.rebuilt, self.chance),
            (f"unchanged over {self.rounds} round trips (Cons_p)", self.consistency, None),
            *((f"Cons_d of '{name}'", s, None) for name, s in zip(self.outcomes, self.by_outcome, strict=True)),
        ]
        return [(name, share, chance) for name, share, chance in rows if share is not None]

    def to_arrow(self) -> pa.Table:
        import pyarrow as pa

        shares = self._shares()
        return pa.table({
            "measure": [name for name, _, _ in shares], "value": [s.value for _, s, _ in shares],
            "low": [s.interval[0] for _, s, _ in shares], "high": [s.interval[1] for _, s, _ in shares],
            "n": [s.n for _, s, _ in shares], "chance": [chance for _, _, chance in shares],
        })  # fmt: skip

    def __str__(self) -> str:
        rows = [
            (name, figure(s.value), f"{figure(s.interval[0])} to {figure(s.interval[1])}", f"{s.n:,}", figure(chance))
            for name, s, chance in self._shares()
        ]
        lines = [text_table(("on held-out rows", "share", "95 %", "n", "chance"), rows), self.sentence]
        if not self.tested_known:
            lines.append("It is not known which rows the predictor was fitted on: its accuracy may be flattered.")
        return "\n".join(lines)


def map_trust(audit: Audit, *, proxy: Proxy | None = None, rounds: int = ROUNDS, seed: int = 0) -> MapTrust:
    """On the audit's tested rows. proxy: what ``proxy`` gave, if it is known. Raises SpaceError without a decoder."""
    seen = _proxy(audit, seed) if proxy is None else proxy
    held = np.flatnonzero(seen.tested)
    own, shown = seen.own[held], seen.shown[held]
    truth = None if audit.target is None else audit.truth_of(seen.rows[held])
    told = None if truth is None else truth >= 0
    kinds = len(audit.outcomes)
    first, second = (np.bincount(a.outcome, minlength=kinds) / max(len(held), 1) for a in (own, shown))
    same = own.outcome == shown.outcome
    area = None if truth is None or told is None or kinds != 2 else auc_of(own.score[told], truth[told])
    return MapTrust(
        outcomes=audit.outcomes,
        accuracy=None if truth is None or told is None else Share.of((own.outcome == truth)[told]),
        shown_accuracy=None if truth is None or told is None else Share.of((shown.outcome == truth)[told]),
        auc=None if area is None else area[0],
        auc_interval=None if area is None else area[1],
        agreement=Share.of(same),
        rebuilt=Share.of(own.outcome == seen.rebuilt.outcome[held]),
        chance=float(first @ second),
        consistency=_kept(audit, spread(seen.rows[held], _MOST), rounds, seed),
        rounds=rounds,
        by_outcome=tuple(Share.of(same[own.outcome == k]) for k in range(kinds)),
        tested_known=audit.tested_known,
    )


def _proxy(audit: Audit, seed: int) -> Proxy:
    return proxy(audit, seed=seed)


def _kept(audit: Audit, rows: Ints, rounds: int, seed: int) -> Share:
    """How many of the rows' decisions stay as they are over the round trips."""
    space, part = audit.space, parts_of(len(rows), seed)
    made = decoded_without(audit, rows, part, space.map.positions[rows])
    first = audit.ask_encoded(made, like=rows).outcome
    same = np.ones(len(rows), bool)
    for _ in range(rounds):
        places = space.map.transform(space._encode_block(_as_rows(audit, made))[0])
        made = decoded_without(audit, rows, part, places)
        same &= audit.ask_encoded(made, like=rows).outcome == first
    return Share.of(same)


def _as_rows(audit: Audit, made: npt.NDArray[np.float32]) -> npt.NDArray[Any]:
    """Decoded rows as the encoder takes them: whole grey levels for pictures."""
    kind = np.dtype(audit.space.schema.dtype)
    if kind.kind in "iu":
        bounds = np.iinfo(kind)
        return np.clip(np.rint(made), bounds.min, bounds.max).astype(kind)
    return made.astype(kind)


def auc_of(score: npt.NDArray[np.float64], truth: Ints) -> tuple[float, tuple[float, float]] | None:
    """The area under the ROC curve of a score for truth 1 against 0 with its 95 % interval, as ``performance`` has it;
    None where one of the two is absent.

    >>> auc_of(np.array([0.1, 0.4, 0.35, 0.8]), np.array([0, 0, 1, 1]))[0]
    0.75
    """
    if not (truth == 1).any() or not (truth == 0).any():
        return None
    return auroc(score[truth == 0], score[truth == 1])
