"""Precedents beside nearest neighbours in input space: of the 10 real rows that are shown for a case, the share that
had the same decision and the same true outcome as the case.

    python benchmarks/decisions/precedents.py [name ...] [--seeds 5] [--fresh german,heart] [--choose | --unseen]

Cases are rows of the test split, at most 1,000 a seed; precedents are rows to learn from, whose outcomes are known. A
seed makes another cut, space and predictor for the tables named by ``--fresh``; else the space and the cut are those of
seed 0, and the seed makes the predictor (from nine tenths of the rows, drawn) and draws the cases. The peer:
standardised numbers (missing ones at the median) and one-hot categories, Euclidean; pictures by their pixels.

``--choose`` compares notions of "near" on rows to learn from alone: the predictor is fitted on one half, cases are of
the other half, precedents of the first. That is how the default was chosen; the test split had no part in it.
``--unseen``: cases of the test split, but the predictor is fitted on one half of the rows and precedents are of the
other. What a predictor says of rows that it was fitted on knows how they ended, the more so the closer it fits them.
"""

from __future__ import annotations

import argparse
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
from _tables import TABLES, Table, predictor_of, space_of
from familiarity import IMAGES, SHARED, idx, learnt
from numpy.typing import NDArray

from deepspace.decisions import Audit
from deepspace.decisions.nearness import STEP, WEIGHT, Nearness, coordinates_of
from deepspace.space.neighbours import Index

K, CASES = 10, 1000
WEIGHTS, STEPS = (0.5, 1.0, 2.0), (0.0, 0.25, 0.5, 1.0)
KINDS = ("boosting", "neural")
Points = NDArray[np.float32]


@dataclass(frozen=True)
class Task:
    """Rows of a space with their truth, and cases that neither space nor predictor saw. fit: (kind, seed, rows of the
    space) -> predictor; plain: cases, None for the rows -> points of the peer."""

    name: str
    space: Any
    truth: NDArray[Any]
    cases: Any
    cases_truth: NDArray[Any]
    fit: Callable[[str, int, NDArray[np.int64]], Any]
    plain: Callable[[Any], Points]
    options: dict[str, Any]


def table_task(name: str, seed: int, fresh: bool) -> Task:
    table = _read(name)
    cut = seed if fresh else 0
    space = space_of(table, cut)
    learn, test = table.split(cut)
    rows = table.frame.iloc[learn].reset_index(drop=True)
    cases = table.frame.iloc[np.random.default_rng(seed).permutation(test)[:CASES]].reset_index(drop=True)
    plain = _plain(table, rows)
    return Task(
        f"{name}, cut {cut}", space, rows[table.target].astype(str).to_numpy(), cases,
        cases[table.target].astype(str).to_numpy(),
        lambda kind, s, own: predictor_of(kind, table, s, learn[own]),
        lambda x: plain(rows if x is None else x), {"target": table.target},
    )  # fmt: skip


def _plain(table: Table, rows: pd.DataFrame) -> Callable[[pd.DataFrame], Points]:
    from sklearn.compose import make_column_transformer
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    words = [c for c in table.features if not pd.api.types.is_numeric_dtype(rows[c])]
    numbers = [c for c in table.features if c not in words]
    filled = make_pipeline(SimpleImputer(strategy="median"), StandardScaler())
    onehot = OneHotEncoder(handle_unknown="ignore", sparse_output=False, min_frequency=5)
    columns = make_column_transformer((onehot, words), (filled, numbers)).fit(rows[table.features])
    return lambda x: np.asarray(columns.transform(x[table.features]), np.float32)


def fashion_task(seed: int) -> Task:
    import gzip

    cut = 0
    space = learnt("fashion-mnist", cut, lambda: (idx("fashion-mnist", "train", IMAGES, cut), {}))

    def labels(part: str, count: int, draw: int) -> NDArray[Any]:
        raw = gzip.decompress((SHARED / "fashion-mnist" / f"{part}-labels-idx1-ubyte.gz").read_bytes())
        y = np.frombuffer(raw, np.uint8, offset=8)
        return y[np.random.default_rng(draw).permutation(len(y))[:count]].astype(str)

    def fit(kind: str, s: int, own: NDArray[np.int64]) -> Any:
        from sklearn.linear_model import LogisticRegression
        from sklearn.neural_network import MLPClassifier
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import MinMaxScaler

        x = np.asarray(space.samples[own]).reshape(len(own), -1)
        net = MLPClassifier((128,), early_stopping=True, random_state=s, max_iter=30)
        return make_pipeline(MinMaxScaler(), net if kind == "neural" else LogisticRegression(max_iter=60)).fit(
            x, labels("train", IMAGES, cut)[own]
        )

    def plain(x: Any) -> Points:
        values = np.asarray(space.samples[:]) if x is None else x
        return values.reshape(len(values), -1).astype(np.float32) / 255

    return Task(
        f"fashion-mnist, cut {cut}", space, labels("train", IMAGES, cut), idx("fashion-mnist", "t10k", CASES, seed),
        labels("t10k", CASES, seed), fit, plain, {"target": "none"},
    )  # fmt: skip


@cache
def _read(name: str) -> Table:
    return TABLES[name]()


def task_of(name: str, seed: int, fresh: bool) -> Task:
    return fashion_task(seed) if name == "fashion-mnist" else table_task(name, seed, fresh)


class Setting:
    """One predictor; rows that may be precedents; cases with their decision and truth."""

    def __init__(self, task: Task, kind: str, seed: int, *, unseen: bool = False) -> None:
        rows = np.random.default_rng(seed).permutation(len(task.space))
        own = np.sort(rows[: round((0.5 if unseen else 0.9) * len(rows))])
        audit = Audit(task.space, task.fit(kind, seed, own), **task.options)
        answers = audit.ask(task.cases)
        encoded = np.asarray(task.space.schema.encode(task.cases))
        self.audit, self.answers, self.peer = audit, answers, (task.plain(None), task.plain(task.cases))
        self.rows = np.setdiff1d(np.arange(len(task.space)), own) if unseen else np.arange(len(task.space))
        self.encoded, self.z = encoded, task.space.encode(task.cases)
        self.decided = np.array(audit.outcomes)[answers.outcome]
        self.truth, self.theirs = task.cases_truth, task.truth

    def chosen(self, points: Points, cases: Points) -> NDArray[np.int64]:
        return self.rows[np.asarray(Index(np.ascontiguousarray(points[self.rows])).search(cases, K, exact=True).index)]

    def alike(self, points: Points, cases: Points) -> NDArray[np.int64]:
        """As ``chosen``, among the rows of the case's own decision: what ``case_precedents`` shows as decided alike."""
        decided = np.array(self.audit.outcomes)[self.audit.answers.outcome][self.rows]
        near = np.empty((len(cases), K), np.int64)
        for outcome in np.unique(self.decided):
            own, asked = self.rows[decided == outcome], self.decided == outcome
            found = Index(np.ascontiguousarray(points[own])).search(cases[asked], K, exact=True).index
            near[asked] = own[np.asarray(found)[:, np.arange(K) % found.shape[1]]]
        return near

    def points(self, nearness: Nearness) -> tuple[Points, Points]:
        return nearness.points, nearness.placed(self.encoded, self.z, self.answers)

    def precision(self, near: NDArray[np.int64]) -> NDArray[np.float64]:
        """(3, cases): same decision and outcome, same decision, same outcome."""
        decided = np.array(self.audit.outcomes)[self.audit.answers.outcome][near]
        same, alike = decided == self.decided[:, None], self.theirs[near] == self.truth[:, None]
        return np.stack([(same & alike).mean(1), same.mean(1), alike.mean(1)])

    def away(self, near: NDArray[np.int64]) -> float:
        """How far the chosen rows are, by the peer's own distance."""
        rows, cases = self.peer
        return float(np.mean([np.linalg.norm(rows[i] - x, axis=1).mean() for i, x in zip(near, cases, strict=True)]))


class Halves(Setting):
    """Rows to learn from alone: one half fits the predictor and gives precedents, cases are of the other."""

    def __init__(self, task: Task, kind: str, seed: int) -> None:
        order = np.random.default_rng(seed).permutation(len(task.space))
        self.rows, asked = np.sort(order[: len(order) // 2]), np.sort(order[len(order) // 2 :][:CASES])
        self.audit = Audit(task.space, task.fit(kind, seed, self.rows), **task.options)
        self.answers = self.audit.answers[asked]
        self.encoded = np.asarray(task.space.samples[asked])
        self.z = np.asarray(task.space.latents.mean[asked])
        plain = task.plain(None)
        self.peer = (plain, plain[asked])
        self.decided = np.array(self.audit.outcomes)[self.answers.outcome]
        self.truth, self.theirs = task.truth[asked], task.truth


def beside(setting: Setting, points: list[tuple[Points, Points]], weight: float, step: float) -> tuple[Points, Points]:
    """Any points of rows and cases, each kind scaled to one share of a total variance of 1, and beside them the score
    and the decision: what each adds to the others, or does not."""
    answers = setting.audit.answers, setting.answers
    scores = [coordinates_of(a) for a in answers]
    unit = np.sqrt(scores[0].var(0).sum()) or 1.0
    own = [[x / (np.sqrt(rows.var(0).sum()) * len(points) ** 0.5) for x in (rows, cases)] for rows, cases in points]
    places = np.arange(len(setting.audit.outcomes))
    said = [
        np.concatenate([weight * s / unit, step / 2**0.5 * (a.outcome[:, None] == places)], 1)
        for s, a in zip(scores, answers, strict=True)
    ]
    rows, cases = (np.concatenate([*(pair[i] for pair in own), said[i]], 1).astype(np.float32) for i in (0, 1))
    return rows, cases


def candidates(setting: Setting, choose: bool) -> Iterator[tuple[str, tuple[Points, Points]]]:
    latents, inputs = (setting.points(Nearness(setting.audit, metric)) for metric in ("latent", "input"))
    yield "peer: input space", setting.peer
    yield "latent", latents
    yield "input", inputs
    yield "decision", setting.points(Nearness(setting.audit))
    bases = {"latents": [latents], "latents, inputs": [latents, inputs], "inputs": [inputs], "peer": [setting.peer]}
    for name, base in bases.items():
        for weight in WEIGHTS if choose else (WEIGHT,):
            for step in STEPS if choose else (0.0, STEP):
                yield f"{name}, w = {weight:g}, h = {step:g}", beside(setting, base, weight, step)


def measured(task: Task, kind: str, seed: int, how: str) -> dict[str, tuple[NDArray[np.float64], float]]:
    choose = how == "choose"
    setting = Halves(task, kind, seed) if choose else Setting(task, kind, seed, unseen=how == "unseen")
    found = {}
    for name, (points, cases) in candidates(setting, choose):
        near = setting.chosen(points, cases)
        found[name] = (setting.precision(near).mean(1), setting.away(near))
        if not choose and name in ("peer: input space", "decision"):
            near = setting.alike(points, cases)
            found[f"{name}, decided alike"] = (setting.precision(near).mean(1), setting.away(near))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", default=[*TABLES, "fashion-mnist"])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--fresh", default="", help="tables whose space is learnt anew for every seed")
    parser.add_argument("--choose", dest="how", action="store_const", const="choose", default="test")
    parser.add_argument("--unseen", dest="how", action="store_const", const="unseen")
    chosen = parser.parse_args()
    warnings.filterwarnings("ignore")
    for name in chosen.names:
        for kind in KINDS:
            runs = []
            for seed in range(chosen.seeds):
                task = task_of(name, seed, name in chosen.fresh.split(","))
                runs.append(measured(task, kind, seed, chosen.how))
            said = {"boosting": "logistic regression"}.get(kind, kind) if name == "fashion-mnist" else kind
            print(f"\n{name}, {said}; {len(runs)} seeds, cases {len(task.cases):,}; last {task.name}")
            print(f"{'':38s} both   (gain over the peer)     decision  outcome  distance / peer's")
            peer = np.array([run["peer: input space"][0] for run in runs])
            far = np.array([run["peer: input space"][1] for run in runs])
            for how in runs[0]:
                each = np.array([run[how][0] for run in runs])
                gain = 100 * (each - peer)[:, 0]
                half = 2.776 * gain.std(ddof=1) / np.sqrt(len(gain)) if len(gain) == 5 else float("nan")
                away = np.mean(np.array([run[how][1] for run in runs]) / far)
                both, decision, outcome = each.mean(0)
                spread = f"{gain.mean():+6.2f} +- {half:.2f} [{gain.min():+.1f}, {gain.max():+.1f}]"
                print(f"{how:38s} {both:.4f} {spread}   {decision:.4f}   {outcome:.4f}   {away:.3f}", flush=True)


if __name__ == "__main__":
    main()
