"""Prototypes and criticisms: the few real rows that stand for each outcome, and those that they do not stand for.

MMD-critic (Kim, Khanna, Koyejo 2016), on the latents of each outcome's rows: prototypes S are picked greedily so that
the squared maximum mean discrepancy between S and all those rows falls most; criticisms greedily where the witness
function, mean k(x, rows) - mean k(x, S), is largest in size, with a log-determinant that keeps them apart. The kernel
is Gaussian. Its squared width is a quantile of the squared distances between rows: of ``WIDTHS`` the one whose
prototypes tell the outcomes of the rows chosen from apart best, as the paper chooses it. A wide one finds what is
typical of all rows, a narrow one the middles of groups.

How far prototypes stand for what the predictor does is measured on rows that had no part in choosing them: how often
the decision of the nearest prototype is the predictor's own, beside as many rows drawn at random from each outcome.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

from deepspace.errors import SpaceError
from deepspace.metrics.heldout import spread
from deepspace.results import Tabular, text_table, wilson

if TYPE_CHECKING:
    import pyarrow as pa

    from deepspace.decisions.audit import Audit

__all__ = ["By", "Exemplars", "Fidelity", "Prototypes", "critic", "prototypes"]

By = Literal["decision", "truth"]
WIDTHS = (0.02, 0.1, 0.5)
MOST = 1000
"""Rows of an outcome that are looked at, evenly spread: the kernel is that number squared."""
TESTED = 5000
DRAWS = 200

Index = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Exemplars:
    """Of one outcome. prototypes, criticisms: row numbers, the first picked first; stands_for: the share of the
    outcome's rows whose nearest prototype (of this outcome) each is. n: rows of the outcome that were looked at."""

    outcome: str
    prototypes: Index
    criticisms: Index
    stands_for: Floats
    n: int


@dataclass(frozen=True)
class Fidelity:
    """How often the nearest prototype's outcome is that of the row, on ``n`` rows that had no part in choosing:
    ``share`` with its 95 % interval. ``drawn``: the mean over ``draws`` of as many rows drawn at random, and the range
    of the middle 95 % of them; ``better_than``: the share of draws that do worse."""

    share: float
    interval: tuple[float, float]
    n: int
    drawn: float
    drawn_range: tuple[float, float]
    better_than: float
    draws: int

    def __str__(self) -> str:
        low, high = self.interval
        least, most = self.drawn_range
        return (
            f"the nearest prototype has the right outcome for {100 * self.share:.1f} % of {self.n:,} other rows "
            f"[{100 * low:.1f} %, {100 * high:.1f} %]; as many rows at random: {100 * self.drawn:.1f} % "
            f"({100 * least:.1f} % to {100 * most:.1f} %, better than {100 * self.better_than:.0f} % of {self.draws})"
        )


@dataclass(frozen=True, eq=False)
class Prototypes(Tabular):
    """by: whether outcomes are the predictor's decisions or what really happened. fidelity: None where no row was left
    to measure it. notes: sentences, what is wrong first."""

    by: str
    exemplars: tuple[Exemplars, ...]
    fidelity: Fidelity | None
    notes: tuple[str, ...]

    def to_arrow(self) -> pa.Table:
        import pyarrow as pa

        rows: dict[str, list[Any]] = {"outcome": [], "role": [], "row": [], "stands_for": []}
        for own in self.exemplars:
            for role, index in (("prototype", own.prototypes), ("criticism", own.criticisms)):
                rows["outcome"] += [own.outcome] * len(index)
                rows["role"] += [role] * len(index)
                rows["row"] += index.tolist()
                rows["stands_for"] += own.stands_for.tolist() if role == "prototype" else [None] * len(index)
        kinds = (pa.string(), pa.string(), pa.int64(), pa.float64())
        return pa.table({name: pa.array(rows[name], kind) for name, kind in zip(rows, kinds, strict=True)})

    def __str__(self) -> str:
        rows = [
            (
                own.outcome,
                f"{own.n:,}",
                ", ".join(f"{i} ({100 * s:.0f} %)" for i, s in zip(own.prototypes, own.stands_for, strict=True)),
                ", ".join(map(str, own.criticisms)) or "-",
            )
            for own in self.exemplars
        ]
        table = text_table((self.by, "rows", "prototypes (stand for)", "criticisms"), rows)
        said = [] if self.fidelity is None else [str(self.fidelity)]
        return "\n".join([*self.notes, table, *said])


def prototypes(audit: Audit, *, k: int = 3, criticisms: int | None = None, by: By = "decision") -> Prototypes:
    """k prototypes and as many criticisms (or ``criticisms`` of them) of each outcome that has rows.

    by: "decision", what the predictor says, or "truth", what happened. Chosen among rows that the space learned from,
    measured on those that it held out (a fifth of the rows, evenly spread, where it has no record of any). Raises
    SpaceError for a k below 1, and where no outcome has rows.
    """
    if k < 1 or (criticisms is not None and criticisms < 0):
        raise SpaceError(f"there is at least 1 prototype of each outcome, and no fewer than 0 criticisms, got {k}.")
    if by not in ("decision", "truth"):
        raise SpaceError(f"prototypes are by 'decision' or by 'truth', got {by!r}.")
    label = audit.answers.outcome if by == "decision" else audit.truth
    z = np.asarray(audit.space.latents.mean[audit.rows], np.float64)
    chosen, asked = _parts(audit, label)
    notes: list[str] = []
    kept = {}
    for outcome, name in enumerate(audit.outcomes):
        own = spread(chosen[label[chosen] == outcome], MOST)
        if not len(own):
            notes.append(f"no row that prototypes may be taken from has the outcome {name!r}.")
            continue
        if len(own) < k:
            notes.append(f"{name!r} has {len(own)} rows, and so no more prototypes.")
        kept[outcome] = own
    if not kept:
        raise SpaceError(f"no row of '{audit.space.name}' has an outcome that is known, so that there is no prototype.")
    picked = _picked(z, label, spread(chosen, TESTED), kept, k, k if criticisms is None else criticisms)
    fidelity = _fidelity(z, label, asked, [own[p] for own, (p, _) in zip(kept.values(), picked, strict=True)], kept)
    if fidelity is not None and fidelity.better_than < 0.95:
        notes.insert(
            0, "these prototypes tell outcomes apart not surely better than rows drawn at random (better than "
            f"{100 * fidelity.better_than:.0f} % of {fidelity.draws} draws)."
        )  # fmt: skip
    exemplars = []
    for (outcome, own), (picks, critics) in zip(kept.items(), picked, strict=True):
        nearest = _squares(z[own], z[own[picks]]).argmin(1)
        stands = np.bincount(nearest, minlength=len(picks)) / len(own)
        name = audit.outcomes[outcome]
        exemplars.append(Exemplars(name, audit.rows[own[picks]], audit.rows[own[critics]], stands, len(own)))
    return Prototypes(by, tuple(exemplars), fidelity, tuple(notes))


def _picked(
    z: Floats, label: Index, rows: Index, kept: Mapping[int, Index], k: int, criticisms: int
) -> list[tuple[Index, Index]]:
    """Prototypes and criticisms of each outcome, as places among its rows, by the width that tells outcomes apart."""
    best: list[tuple[Index, Index]] = []
    most = -1.0
    for width in WIDTHS:
        found = [critic(z[own], k, criticisms, width=width) for own in kept.values()]
        share = _right(z, label, rows, [own[p] for own, (p, _) in zip(kept.values(), found, strict=True)])
        if share > most:
            best, most = found, share
    return best


def critic(z: Floats, k: int, criticisms: int, *, width: float = 0.5) -> tuple[Index, Index]:
    """Places of up to k prototypes and criticisms among points z (n, D), in the order in which they were picked. width:
    the quantile of squared distances that is the kernel's squared width."""
    kernel = _kernel(z, width)
    mean = kernel.mean(1)
    picks: list[int] = []
    inside, between = np.zeros(len(z)), 0.0  # the sums of k(x, s) and of k(s, t) over what was picked
    for _ in range(min(k, len(z))):
        m = len(picks) + 1
        # J(S) = 2/m sum_s mean k(s, .) - 1/m^2 sum_s,t k(s, t), for S with each candidate in turn.
        gain = 2 / m * (mean[picks].sum() + mean) - (between + 2 * inside + kernel.diagonal()) / m**2
        gain[picks] = -np.inf
        best = int(gain.argmax())
        between += 2 * inside[best] + kernel[best, best]
        inside += kernel[best]
        picks.append(best)
    witness = np.abs(mean - inside / max(len(picks), 1))
    return np.array(picks, np.int64), _criticisms(kernel, witness, picks, min(criticisms, len(z) - len(picks)))


def _criticisms(kernel: Floats, witness: Floats, picks: list[int], count: int) -> Index:
    """Greedy over |witness| plus the gain in log det of the kernel among criticisms, by its Schur complement."""
    rest = kernel.diagonal() + 1e-9
    rows: list[Floats] = []
    chosen: list[int] = []
    for _ in range(count):
        value = witness + np.log(np.maximum(rest, 1e-12))
        value[picks + chosen] = -np.inf
        best = int(value.argmax())
        row = kernel[best] - sum((r[best] * r for r in rows), np.zeros(len(kernel)))
        rows.append(row / np.sqrt(max(rest[best], 1e-12)))
        rest = rest - rows[-1] ** 2
        chosen.append(best)
    return np.array(chosen, np.int64)


def _kernel(z: Floats, width: float) -> Floats:
    squares = _squares(z, z)
    off = squares[np.triu_indices(len(z), 1)]
    unit = float(np.quantile(off, width)) if len(off) else 1.0
    return np.asarray(np.exp(-squares / (unit if unit > 0 else 1.0)))


def _squares(a: Floats, b: Floats) -> Floats:
    """(n, m): squared distances. Centred first: a difference of large numbers loses digits."""
    centre = b.mean(0)
    a, b = a - centre, b - centre
    return np.asarray(np.maximum((a**2).sum(1)[:, None] + (b**2).sum(1) - 2 * a @ b.T, 0), np.float64)


def _parts(audit: Audit, label: Index) -> tuple[Index, Index]:
    """Places in ``audit.rows`` of known outcome: to choose from, and to measure on."""
    known = label >= 0
    held = np.isin(audit.rows, audit.space.validation_index)
    if not held.any() or held.all():
        held = np.arange(len(audit.rows)) % 5 == 4
    return np.flatnonzero(known & ~held), spread(np.flatnonzero(known & held), TESTED)


def _right(z: Floats, label: Index, asked: Index, some: list[Index]) -> float:
    """The share of rows ``asked`` whose nearest of some others has the same label."""
    index = np.concatenate(some)
    return float((label[index][_squares(z[asked], z[index]).argmin(1)] == label[asked]).mean())


def _fidelity(z: Floats, label: Index, asked: Index, places: list[Index], kept: Mapping[int, Index]) -> Fidelity | None:
    if not len(asked):
        return None
    rng = np.random.default_rng(0)
    share = _right(z, label, asked, places)
    sizes = [len(place) for place in places]
    drawn = np.array([
        _right(z, label, asked, [rng.choice(o, n, replace=False) for o, n in zip(kept.values(), sizes, strict=True)])
        for _ in range(DRAWS)
    ])  # fmt: skip
    low, high = np.quantile(drawn, [0.025, 0.975])
    interval = wilson(round(share * len(asked)), len(asked))
    worse = float((drawn < share).mean())
    return Fidelity(share, interval, len(asked), float(drawn.mean()), (float(low), float(high)), worse, DRAWS)
