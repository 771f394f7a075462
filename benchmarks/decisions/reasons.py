"""Principal reasons beside SHAP: how many denials turn when the stated columns are set to a reference, and how much the
reasons depend on the seed.

    python benchmarks/decisions/reasons.py [--quick] [--seeds 5] [--cases 200] [--tables german] [--predictors neural]

Denied rows of the test split, at most 200 a table; the space and the predictor have seen the rows to learn from alone.
Seeds change walks and resamples, not the predictor and not the accepted rows; how much hangs on those is measured
beside it, on two halves that share none. SHAP's permutation explainer is given the same encoded rows and asked for the
same number, its four columns that weigh most against the case: with the mean row as its reference (means of numbers,
commonest categories of all rows), and with 64 rows of all. Every set of columns is then set to

- accepted: what is typical of the accepted rows near the case, the reference that our reasons state;
- real: 64 real accepted rows near the case that the choice of our columns did not see, the mean over them;
- own: for SHAP the mean row; for ours the same as accepted.
"""

from __future__ import annotations

import argparse
import time
import warnings
from collections.abc import Iterator
from itertools import combinations
from typing import Any

import numpy as np
from _tables import TABLES, Table, predictor_of, space_of

from deepspace.decisions import Audit
from deepspace.decisions.reasons import Reasons, reasons
from deepspace.decisions.reasons.reference import NEAR, Accepted, typical
from deepspace.results import wilson

MOST, CASES, FRESH, SHAP_SEEDS = 4, 200, 64, 2
LABELS = {
    "ours": "stated reasons", "chosen": "with the unstable", "mean": "SHAP, mean row", "background": "SHAP, 64 rows",
}  # fmt: skip
Columns = list[list[int]]


class Bench:
    """The denied cases of one table under one predictor."""

    def __init__(self, table: Table, kind: str, cases: int) -> None:
        self.table, self.predictor, self.space = table, predictor_of(kind, table), space_of(table)
        self.audit = self._audit(slice(None))
        space, frame = self.space, table.frame.iloc[table.split(0)[1]][table.features]
        denied = np.flatnonzero(self.audit.ask(frame).outcome != self.audit.favourable)
        denied = denied[np.linspace(0, len(denied) - 1, min(cases, len(denied))).round().astype(int)]
        self.frame = frame.iloc[denied]
        self.encoded = np.asarray(space.schema.encode(self.frame), np.float32)
        self.names = [c.name for c in space.schema.features]
        self.sizes = space.schema.cardinalities
        everyone = np.asarray(space.samples[:], np.float32)
        self.everyone, self.mean = everyone, _mean_row(everyone, self.sizes)
        self.middle, self.real = self._references(space.encode(self.frame))

    def _audit(self, some: slice) -> Audit:
        held = self.space.validation_index
        audit = Audit(self.space, self.predictor, favourable=self.table.favourable, held_out=held)
        audit.rows = audit.rows[some]
        return audit

    def scores(self, encoded: np.ndarray) -> np.ndarray:
        return self.audit.ask_encoded(np.asarray(encoded, np.float32)).toward(self.audit.favourable)

    def _references(self, latents: np.ndarray) -> tuple[np.ndarray, list[np.ndarray]]:
        """What is typical of the accepted near each case, as ``reasons`` has it, and the next real ones."""
        accepted = Accepted(self.audit)
        middles, real = [], []
        for z in latents:
            order = accepted.nearest(z)
            rows = np.stack([typical(accepted.encoded[pool], self.sizes) for pool in accepted.pools(order)])
            good = np.flatnonzero(self.scores(rows) >= 0)
            middles.append(rows[good[0]] if len(good) else accepted.encoded[order[0]])
            real.append(accepted.encoded[order[NEAR : NEAR + FRESH]])
        return np.stack(middles), real

    def ours(self, seed: int, audit: Audit | None = None) -> tuple[Reasons, float]:
        began = time.process_time()
        found = reasons(audit or self.audit, x=self.frame, most=MOST, seed=seed)
        return found, (time.process_time() - began) / len(self.frame)

    def halves(self) -> tuple[Reasons, Reasons]:
        """The same cases against accepted rows of which none is the same."""
        return tuple(self.ours(0, self._audit(slice(i, None, 2)))[0] for i in (0, 1))  # type: ignore[return-value]

    def columns(self, found: Reasons, unstable: bool = False) -> Columns:
        return [
            [self.names.index(r.column) for r in (*case.reasons, *(case.unstable if unstable else ()))]
            for case in found
        ]

    def shap(self, background: np.ndarray, seed: int, permutations: int) -> tuple[Columns, float]:
        import shap

        np.random.seed(seed)
        explainer = shap.PermutationExplainer(
            self.scores, shap.maskers.Independent(background, max_samples=len(background)), seed=seed
        )
        began = time.process_time()
        evaluations = permutations * (2 * len(self.names) + 1)
        values = explainer(self.encoded, max_evals=evaluations, silent=True).values
        took = (time.process_time() - began) / len(self.frame)
        return [[int(j) for j in np.argsort(row)[:MOST] if row[j] < 0] for row in values], took

    def flipped(self, columns: Columns, references: np.ndarray) -> np.ndarray:
        """(n,): whether each case turns when its columns are set to those of its reference."""
        rows = self.encoded.copy()
        for i, own in enumerate(columns):
            rows[i, own] = references[i, own]
        return self.scores(rows) >= 0

    def shares(self, columns: Columns, own: np.ndarray) -> tuple[float, float, float]:
        rows = [np.repeat(self.encoded[i : i + 1], len(self.real[i]), 0) for i in range(len(columns))]
        for i, chosen in enumerate(columns):
            rows[i][:, chosen] = self.real[i][:, chosen]
        good = np.split(self.scores(np.concatenate(rows)) >= 0, np.cumsum([len(r) for r in rows])[:-1])
        real = float(np.mean([share.mean() for share in good]))
        return float(self.flipped(columns, self.middle).mean()), real, float(self.flipped(columns, own).mean())


def _mean_row(rows: np.ndarray, sizes: tuple[int, ...]) -> np.ndarray:
    out = np.empty(rows.shape[1], np.float32)
    for j, size in enumerate(sizes):
        known = rows[~np.isnan(rows[:, j]), j]
        out[j] = np.bincount(known.astype(int)).argmax() if size else known.mean()
    return out


def jaccard(one: Columns, other: Columns) -> Iterator[float]:
    """Of the two sets of each case; cases in which both are empty say nothing."""
    for a, b in zip(map(set, one), map(set, other), strict=True):
        if a | b:
            yield len(a & b) / len(a | b)


def measure(table: Table, kind: str, seeds: int, cases: int) -> dict[str, Any]:
    bench = Bench(table, kind, cases)
    n = len(bench.frame)
    runs = [bench.ours(seed) for seed in range(seeds)]
    stated = [bench.columns(found) for found, _ in runs]
    ours = np.array([bench.shares(columns, bench.middle) for columns in stated])
    chosen = np.array([bench.shares(bench.columns(found, unstable=True), bench.middle) for found, _ in runs])
    pairs = [value for a, b in combinations(stated, 2) for value in jaccard(a, b)]
    halves = list(jaccard(*(bench.columns(found) for found in bench.halves())))
    alone, taken = [], []
    for seed in range(min(seeds, SHAP_SEEDS)):
        columns, took = bench.shap(bench.mean[None], seed, 4)
        alone.append(columns)
        taken.append(took)
    mean = np.array([bench.shares(columns, np.tile(bench.mean, (n, 1))) for columns in alone])
    rng = np.random.default_rng(0)
    many, _ = bench.shap(bench.everyone[rng.choice(len(bench.everyone), 64, replace=False)], 0, 2)
    background = bench.shares(many, np.tile(bench.mean, (n, 1)))
    none = [sum(not case.reasons for case in found) for found, _ in runs]
    out = {
        "n": n, "ours": ours.mean(0), "spread": np.ptp(ours, 0), "chosen": chosen.mean(0), "mean": mean.mean(0),
        "background": background, "jaccard": np.mean(pairs), "halves": np.mean(halves),
        "shap jaccard": np.mean([v for a, b in combinations(alone, 2) for v in jaccard(a, b)]),
        "stated": np.mean([len(own) for columns in stated for own in columns]),
        "none": np.mean(none) / n, "none interval": wilson(none[0], n),
        "cpu": np.mean([took for _, took in runs]), "shap cpu": np.mean(taken),
    }  # fmt: skip
    _print(f"{table.name}/{kind}", out)
    return out


def _print(name: str, out: dict[str, Any]) -> None:
    none, (low, high) = 100 * out["none"], (100 * edge for edge in out["none interval"])
    head = f"{name}: n = {out['n']} denied test rows, {out['stated']:.2f} reasons a case"
    print(f"{head}, no stable reason in {none:.1f} % [{low:.1f}, {high:.1f}]")
    for key, label in LABELS.items():
        accepted, real, own = out[key]
        print(f"  {label:18s} turned: accepted {accepted:.3f}  real {real:.3f}  own {own:.3f}")
    print(f"  Jaccard over seeds {out['jaccard']:.3f} (SHAP {out['shap jaccard']:.3f}), over disjoint accepted rows "
          f"{out['halves']:.3f}")  # fmt: skip
    print(f"  CPU s a case {out['cpu']:.3f} (SHAP, mean row: {out['shap cpu']:.3f})", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="two seeds, 20 cases, two tables")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--cases", type=int, default=CASES)
    parser.add_argument("--tables", default="german,credit,heart,compas")
    parser.add_argument("--predictors", default="boosting,neural")
    given = parser.parse_args()
    warnings.filterwarnings("ignore")
    tables = ["german", "heart"] if given.quick else given.tables.split(",")
    seeds, cases = (2, 20) if given.quick else (given.seeds, given.cases)
    found = [measure(TABLES[name](), kind, seeds, cases) for name in tables for kind in given.predictors.split(",")]
    print(f"\nmean of {len(found)} (n = {sum(out['n'] for out in found)} cases, {seeds} seeds), points of 100:")
    for i, label in enumerate(("accepted", "real", "own")):
        ours, mean, many = (100 * np.mean([out[key][i] for out in found]) for key in ("ours", "mean", "background"))
        print(f"  {label:9s} ours {ours:.1f}  SHAP, mean row {mean:.1f} (ahead {ours - mean:+.1f}), 64 rows {many:.1f}")
    print(f"  Jaccard over seeds {np.mean([out['jaccard'] for out in found]):.3f}, least "
          f"{min(out['jaccard'] for out in found):.3f}")  # fmt: skip


if __name__ == "__main__":
    main()
