"""Counterfactuals of tables beside DiCE, in RecourseBench's units and on the same factuals.

    python benchmarks/decisions/counterfactuals.py [--quick] [--seeds 0 1 2 3 4]

50 factuals of the test rows that the predictor decides adversely, drawn by the seed, which also makes the predictor;
the space is learned once, on the rows that all predictors are fitted on. Every mean is over the factuals that have a
counterfactual, whose number stands before it; L0, L1 and kNN-5 are those of ``_recourse``. "density" is the percentile
of a counterfactual's kernel density (Gaussian, .1 wide, over one half of the test rows) among the other half's: 50 is
as a real row. "odd" is the share that a local outlier factor over the first half calls outliers (the other half's own
share stands beside it). Neither has a part in the search. CPU seconds are of the call, after the first one for the
predictor, which asks it about all training rows ("fitting"). DiCE's genetic search takes seconds a factual, so that
it has the first few of each seed; "first 5" is deepspace on those. "adult, hard" also tries out, for some refused
factuals, every permitted row (hours in nine steps).
"""

from __future__ import annotations

import argparse
import contextlib
import io
import itertools
import time
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import _recourse
import numpy as np
import pandas as pd
from _tables import Table, predictor_of, space_of
from sklearn.neighbors import KernelDensity, LocalOutlierFactor, NearestNeighbors

from deepspace.decisions import Audit
from deepspace.decisions.counterfactuals import counterfactuals

FACTUALS = 50
PLANS = [("adult", "neural"), ("adult", "boosting"), ("compas", "linear"), ("compas", "boosting")]
HARD = [("adult, hard", "neural"), ("adult, hard", "boosting")]
GOALS = {
    ("adult", "neural"): "goals: validity .99, L0 4.0, kNN-5 .47, distinct .90, CPU .05",
    ("compas", "linear"): "goals: validity .99, L0 1.5, kNN-5 .16, distinct .90, CPU .05",
}
MEASURES = (
    "valid",
    "L0",
    "L1",
    "kNN-5",
    "type",
    "mutab.",
    "action.",
    "distinct",
    "density",
    "odd",
    "columns",
    "apart",
    "CPU s",
)


@dataclass
class Yard:
    """What one data set is measured with."""

    table: Table
    units: _recourse.Units
    rules: dict[str, Any]
    near: NearestNeighbors
    kernel: KernelDensity
    kernel_real: np.ndarray
    outlier: LocalOutlierFactor
    odd_real: float

    @classmethod
    def of(cls, table: Table, rules: dict[str, Any]) -> Yard:
        units = _recourse.Units.of(table)
        learn, test = table.split(0)
        fit, rest = (units.encode(table.frame.iloc[part]) for part in (test[::2], test[1::2]))
        kernel = KernelDensity(bandwidth=0.1).fit(fit[:3000])
        outlier = LocalOutlierFactor(20, novelty=True).fit(np.unique(fit, axis=0))
        return cls(
            table, units, rules, NearestNeighbors(n_neighbors=5).fit(units.encode(table.frame.iloc[learn])), kernel,
            np.sort(kernel.score_samples(rest[:1000])), outlier, float((outlier.predict(rest[:1000]) < 0).mean()),
        )  # fmt: skip

    def percentile(self, rows: pd.DataFrame) -> float:
        """The mean percentile of their kernel density among real test rows."""
        kernel = self.kernel.score_samples(self.units.encode(rows))
        return float((100 * np.searchsorted(self.kernel_real, kernel) / len(self.kernel_real)).mean())

    def measured(
        self, before: pd.DataFrame, found: list[list[pd.DataFrame]], predictor: Any, seconds: float
    ) -> dict[str, float]:
        """found: for each factual its counterfactuals, one row each, best first; those that there are."""
        some = [i for i, each in enumerate(found) if each]
        if not some:
            return {"n": 0, "of": len(before), "CPU s": seconds / len(before)}
        first = pd.concat([found[i][0] for i in some], ignore_index=True)[self.table.features]
        old = before.iloc[some].reset_index(drop=True)
        a, b = self.units.encode(old), self.units.encode(first)
        gap = np.abs(a - b)
        fixed, acted = _recourse.broken(old, first, self.rules)
        changed = [[(c[self.table.features].to_numpy(object) != old.iloc[[j]].to_numpy(object))[0] for c in found[i]]
                   for j, i in enumerate(some)]  # fmt: skip
        apart = [
            1 - (x & y).sum() / max((x | y).sum(), 1) for sets in changed for m, x in enumerate(sets) for y in sets[:m]
        ]
        return {
            "n": len(some), "of": len(before), "all": float(np.mean([len(each) for each in found])),
            "valid": float((predictor.predict(first) == self.table.favourable).mean()),
            "L0": float((gap > 1e-8).sum(1).mean()), "L1": float(gap.sum(1).mean()),
            "kNN-5": float(self.near.kneighbors(b)[0].mean()), "type": float(self.units.wrong_type(first).mean()),
            "mutab.": float(fixed.mean()), "action.": float(acted.mean()),
            "distinct": len(np.unique(b, axis=0)) / len(b),
            "density": self.percentile(first),
            "odd": float((self.outlier.predict(b) < 0).mean()),
            "columns": float(np.mean([sets[0].sum() for sets in changed])),
            "apart": float(np.mean(apart)) if apart else np.nan, "CPU s": seconds / len(before),
        }  # fmt: skip


def ours(audit: Audit, yard: Yard, before: pd.DataFrame, k: int) -> tuple[list[list[pd.DataFrame]], float]:
    began = time.process_time()
    found = counterfactuals(audit, x=before, desired=yard.table.favourable, constraints=yard.rules, k=k)
    seconds = time.process_time() - began
    return [[pd.DataFrame([one.record]) for one in case.found] for case in found], seconds


def dice(kind: str, predictor: Any, yard: Yard, before: pd.DataFrame, k: int) -> tuple[list[list[pd.DataFrame]], float]:
    """DiCE 0.12 under the same limits: columns that may vary, and the ranges that a factual's directions leave."""
    import dice_ml

    table = yard.table
    learn = table.frame.iloc[table.split(0)[0]].copy()
    learn[table.target] = (learn[table.target] == table.favourable).astype(int)
    numbers = [c for c in yard.units.whole if c != "two_year_recid"]
    learn[[c for c in table.features if c not in numbers]] = learn[
        [c for c in table.features if c not in numbers]
    ].astype(str)
    data = dice_ml.Data(dataframe=learn, continuous_features=numbers, outcome_name=table.target)
    model = dice_ml.Model(model=_Binary(predictor, table), backend="sklearn")
    explainer = dice_ml.Dice(data, model, method=kind)
    free = [c for c in table.features if c not in yard.rules["immutable"]]
    rising = yard.rules.get("increase", [])
    up = [c for c in rising if c in numbers]
    out: list[list[pd.DataFrame]] = []
    began = time.process_time()
    for i in range(len(before)):
        row = before.iloc[[i]].copy()
        allowed = {c: [int(row[c].iloc[0]), int(learn[c].max())] for c in up if row[c].iloc[0] < learn[c].max()}
        # What may only increase and is a category to DiCE: at its top it may not vary, below it all is increase.
        top = [c for c in rising if c not in numbers and row[c].iloc[0] == table.frame[c].max()]
        vary = [c for c in free if c not in top and (c not in up or c in allowed)]
        row[[c for c in table.features if c not in numbers]] = row[
            [c for c in table.features if c not in numbers]
        ].astype(str)
        options = {"random_seed": 0} if kind == "random" else {}
        try:
            with _quiet():
                made = (
                    explainer.generate_counterfactuals(
                        row,
                        total_CFs=k,
                        desired_class=1,
                        features_to_vary=vary,
                        permitted_range=allowed or None,
                        **options,
                    )
                    .cf_examples_list[0]
                    .final_cfs_df
                )
        except Exception:  # it raises where it finds none
            made = None
        rows = [] if made is None else [made.iloc[[j]][table.features] for j in range(len(made))]
        out.append([_typed(r, table, numbers) for r in rows])
    return out, time.process_time() - began


def _typed(row: pd.DataFrame, table: Table, numbers: list[str]) -> pd.DataFrame:
    row = row.copy()
    for name in table.features:
        if pd.api.types.is_numeric_dtype(table.frame[name]):
            row[name] = pd.to_numeric(row[name])
    return row


class _Binary:
    """The predictor as DiCE wants it: classes 0 and 1, two_year_recid as a number again."""

    def __init__(self, predictor: Any, table: Table) -> None:
        self.predictor, self.table = predictor, table
        self.place = list(predictor.classes_).index(table.favourable)

    def predict_proba(self, rows: pd.DataFrame) -> np.ndarray:
        rows = rows[self.table.features].copy()
        for name in self.table.features:
            if pd.api.types.is_numeric_dtype(self.table.frame[name]):
                rows[name] = pd.to_numeric(rows[name])
        yes = self.predictor.predict_proba(rows)[:, self.place]
        return np.stack([1 - yes, yes], 1)

    def predict(self, rows: pd.DataFrame) -> np.ndarray:
        return (self.predict_proba(rows)[:, 1] >= 0.5).astype(int)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    with (
        warnings.catch_warnings(),
        contextlib.redirect_stdout(io.StringIO()),
        contextlib.redirect_stderr(io.StringIO()),
    ):
        warnings.simplefilter("ignore")
        yield


def everything(table: Table, row: pd.Series, rules: dict[str, Any]) -> pd.DataFrame:
    """All rows that "adult, hard" permits, hours in nine steps."""
    steps: dict[str, Any] = {
        **{name: sorted(table.frame[name].unique()) for name in ("WorkClass", "EducationLevel", "Occupation")},
        "EducationNumber": range(row["EducationNumber"], 17),
        "HoursPerWeek": sorted({1, 10, 20, 30, 40, 50, 60, 80, 99, row["HoursPerWeek"]}),
    }
    grid = pd.DataFrame(itertools.product(*steps.values()), columns=list(steps))
    return grid.assign(**{name: row[name] for name in rules["immutable"]})[table.features]


def run(name: str, kind: str, seeds: list[int], k: int, *, random: bool, genetic: int, checked: int) -> None:
    table = getattr(_recourse, name.split(",")[0])()
    rules = _recourse.CONSTRAINTS[name]
    yard, space = Yard.of(table, rules), space_of(table)
    learn, test = table.split(0)
    results: dict[str, list[dict[str, float]]] = {}
    own, wrong, looked = [], 0, 0
    for seed in seeds:
        predictor = predictor_of(kind, table, seed, rows=learn)
        audit = Audit(space, predictor, favourable=table.favourable)
        adverse = test[predictor.predict(table.frame.iloc[test][table.features]) != table.favourable]
        picked = np.random.default_rng(seed).choice(adverse, min(FACTUALS, len(adverse)), replace=False)
        before = table.frame.iloc[picked][table.features].reset_index(drop=True)
        own.append(yard.percentile(before))
        ours(audit, yard, before.iloc[:1], k)  # fitting
        found, seconds = ours(audit, yard, before, k)
        results.setdefault("deepspace", []).append(yard.measured(before, found, predictor, seconds))
        if name == "adult, hard":
            for i in [i for i, each in enumerate(found) if not each][:checked]:
                every = everything(table, before.iloc[i], rules)
                wrong += bool((predictor.predict(every) == table.favourable).any())
                looked += 1
        if random:
            found, seconds = dice("random", predictor, yard, before, k)
            results.setdefault("DiCE random", []).append(yard.measured(before, found, predictor, seconds))
        if genetic:
            few = before.iloc[:genetic]
            for label, (found, seconds) in {
                f"first {genetic}": ours(audit, yard, few, k), "DiCE genetic": dice("genetic", predictor, yard, few, k)
            }.items():  # fmt: skip
                results.setdefault(label, []).append(yard.measured(few, found, predictor, seconds))
    goals = GOALS.get((name, kind), "no published goal")
    print(f"\n{name} / {kind}, {len(seeds)} seeds, {FACTUALS} factuals each, k = {k}; {goals}")
    print(f"  outliers among real test rows {yard.odd_real:.3f}; density of the factuals themselves {np.mean(own):.1f}")
    if looked:
        print(f"  refused factuals tried out exhaustively: {looked}, refused wrongly: {wrong}")
    print("  " + "method".ljust(14) + "covered".rjust(9) + "found".rjust(6) + "".join(m.rjust(15) for m in MEASURES))
    for method, rows in results.items():
        covered = f"{sum(r['n'] for r in rows):.0f}/{sum(r['of'] for r in rows):.0f}"
        line = method.ljust(14) + covered.rjust(9) + f"{np.mean([r.get('all', 0) for r in rows]):.2f}".rjust(6)
        print("  " + line + "".join(_spread(rows, m).rjust(15) for m in MEASURES), flush=True)


def _spread(rows: list[dict[str, float]], measure: str) -> str:
    values = np.array([r[measure] for r in rows if measure in r])
    if not len(values) or np.isnan(values).all():
        return "-"
    return f"{np.nanmean(values):.3f} ± {np.nanstd(values):.3f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="one seed, DiCE random alone")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2, 3, 4])
    parser.add_argument("--alone", action="store_true", help="without DiCE")
    parser.add_argument("--genetic", type=int, default=5, help="factuals a seed for DiCE genetic, seconds each")
    parser.add_argument("-k", type=int, default=3)
    options = parser.parse_args()
    seeds = options.seeds[:1] if options.quick else options.seeds
    for name, kind in [*PLANS, *HARD]:
        with_goal = (name, kind) in GOALS and not (options.quick or options.alone)
        run(
            name, kind, seeds, options.k, random=not options.alone, genetic=options.genetic * with_goal,
            checked=5 if options.quick else 10,
        )  # fmt: skip


if __name__ == "__main__":
    main()
