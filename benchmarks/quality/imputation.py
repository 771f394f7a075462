"""Masked cells of heart disease and hospital stays, filled by the space and by scikit-learn's imputers.

15 % of the observed cells of held-out rows are hidden at random, the same for all. Numbers: root mean squared error in
standard deviations; categories: share wrong. IterativeImputer and KNNImputer see numbers standardised and categories as
codes, as users mostly give them, or as
indicators of a column's 20 commonest values (the largest one wins; the hospital's diagnoses have 700, and with all of
them IterativeImputer did not end within an hour), and learn from the same training rows; on the hospital stays from
5,000 of them.

    python benchmarks/quality/imputation.py       # three seeds: about 30 CPU minutes, most of it the peers
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import _harness as harness
import numpy as np
import pandas as pd
from numpy.typing import NDArray

import deepspace as ds
from deepspace.metrics.synthetic.imputation import hidden_cells
from deepspace.metrics.synthetic.tables import plain
from deepspace.space import BaseSpace
from deepspace.space.imputing import impute_encoded

Floats = NDArray[np.float64]
MOST_TEST, MOST_PEERS, MOST_LEVELS = 2000, 5000, 20
TABLES = {
    "heart disease": ("heart_disease_uci.csv.gz", "num"),
    "hospital stays": ("diabetic_data.csv.gz", "readmitted"),
}


class Cells:
    """One table's split, masked, as the user's numbers and category codes."""

    def __init__(self, space: BaseSpace, training: pd.DataFrame, test: pd.DataFrame, seed: int) -> None:
        self.space, schema = space, space.schema
        self.sizes = [codec.cardinality for codec in schema.codecs]  # type: ignore[attr-defined]
        self.test = schema.encode(test)
        self.hidden = hidden_cells(self.test, seed)
        self.masked = np.where(self.hidden, np.nan, self.test).astype(np.float32)
        self.truth, self.known = plain(schema, self.test), plain(schema, schema.encode(training))
        self.asked = np.where(self.hidden, np.nan, self.truth)
        deviation = np.nanstd(self.known, 0)
        self.mean, self.deviation = np.nanmean(self.known, 0), np.where(deviation > 0, deviation, 1.0)

    def errors(self, made: Floats) -> dict[str, float]:
        squares, wrong = [], []
        for j, size in enumerate(self.sizes):
            rows = np.flatnonzero(self.hidden[:, j])
            guess, truth = made[rows, j], self.truth[rows, j]
            if size:
                wrong.append(np.rint(guess) != truth)
            else:
                squares.append(((guess - truth) / self.deviation[j]) ** 2)
        return {"RMSE": float(np.sqrt(np.concatenate(squares).mean())), "wrong": float(np.concatenate(wrong).mean())}

    def simple(self) -> Floats:
        """The mean, or the commonest category."""
        made = self.asked.copy()
        for j, size in enumerate(self.sizes):
            seen = self.known[~np.isnan(self.known[:, j]), j]
            fill = np.bincount(seen.astype(int)).argmax() if size else seen.mean()
            made[np.isnan(made[:, j]), j] = fill
        return made

    def ours(self) -> Floats:
        return plain(self.space.schema, impute_encoded(self.space, self.masked))

    def coded(self, imputer: Any) -> Floats:
        """A peer that takes categories for numbers."""
        known, asked = ((rows - self.mean) / self.deviation for rows in (self.known[:MOST_PEERS], self.asked))
        made = imputer.fit(known).transform(asked) * self.deviation + self.mean
        for j, size in enumerate(self.sizes):
            if size:
                made[:, j] = made[:, j].clip(0, size - 1)
        return np.asarray(made)

    def indicated(self, imputer: Any) -> Floats:
        wide = imputer.fit(self._indicators(self.known[:MOST_PEERS])).transform(self._indicators(self.asked))
        made, at = np.empty_like(self.asked), 0
        for j, size in enumerate(self.sizes):
            levels = self._levels(j)
            part = wide[:, at : at + max(len(levels), 1)]
            made[:, j] = levels[part.argmax(1)] if size else part[:, 0] * self.deviation[j] + self.mean[j]
            at += max(len(levels), 1)
        return made

    def _levels(self, j: int) -> NDArray[np.int64]:
        """The codes of a category that the peers are shown, the commonest in training."""
        if not self.sizes[j]:
            return np.empty(0, np.int64)
        seen = self.known[~np.isnan(self.known[:, j]), j].astype(int)
        return np.argsort(-np.bincount(seen, minlength=self.sizes[j]), kind="stable")[: min(self.sizes[j], MOST_LEVELS)]

    def _indicators(self, rows: Floats) -> Floats:
        parts = []
        for j, size in enumerate(self.sizes):
            column = rows[:, j : j + 1]
            part = (column == self._levels(j)).astype(float) if size else (column - self.mean[j]) / self.deviation[j]
            parts.append(np.where(np.isnan(column), np.nan, part))
        return np.concatenate(parts, 1)


def peers() -> dict[str, Callable[[Cells], Floats]]:
    from sklearn.experimental import enable_iterative_imputer  # noqa: F401
    from sklearn.impute import IterativeImputer, KNNImputer

    bounds = {
        "min_value": -20,
        "max_value": 20,
    }  # in deviations: without, its rounds run away on the hospital's columns
    iterative = lambda: IterativeImputer(random_state=0, max_iter=10, keep_empty_features=True, **bounds)  # noqa: E731
    neighbours = lambda: KNNImputer(n_neighbors=5, keep_empty_features=True)  # noqa: E731
    return {
        "IterativeImputer, codes": lambda part: part.coded(iterative()),
        "IterativeImputer, indicators": lambda part: part.indicated(iterative()),
        "KNNImputer, codes": lambda part: part.coded(neighbours()),
        "KNNImputer, indicators": lambda part: part.indicated(neighbours()),
    }


def read(data: Path, name: str, quick: bool) -> tuple[pd.DataFrame, str]:
    file, target = TABLES[name]
    frame = pd.read_csv(data / "tables" / file, na_values="?", low_memory=False)
    return frame.sample(min(len(frame), 3000 if quick else 20_000), random_state=0).reset_index(drop=True), target


def cells(data: Path, name: str, seed: int, quick: bool, *, learn: bool = True) -> Cells:
    """Four fifths to learn from, at most 2,000 of the others to fill in."""
    frame, target = read(data, name, quick)
    order = np.random.default_rng(seed).permutation(len(frame))
    few = len(frame) // 5
    test, training = (frame.iloc[part].reset_index(drop=True) for part in (order[:few][:MOST_TEST], order[few:]))
    epochs = (3 if quick else None) if learn else 1
    space = ds.fit(training, target=target, seed=seed, training=ds.TrainConfig(epochs=epochs, threads=1))
    return Cells(space, training, test, seed)


def main() -> None:
    asked = harness.arguments(__doc__ or "")
    for name in TABLES:
        table = harness.Table(f"imputation of {name}", asked.seeds, asked.quick, asked.fresh)

        def with_model(seed: int, name: str = name) -> dict[str, float]:
            part = cells(asked.data, name, seed, asked.quick)
            return part.errors(part.ours())

        def simple(seed: int, name: str = name) -> dict[str, float]:
            part = cells(asked.data, name, seed, asked.quick, learn=False)
            return part.errors(part.simple())

        table.measure("the space", with_model)
        table.measure("mean or commonest", simple)
        for peer, make in peers().items():
            if (name, peer) == ("hospital stays", "IterativeImputer, indicators"):
                continue  # it does not end within half an hour, or ends in a matrix without an SVD

            def rival(seed: int, name: str = name, make: Callable[[Cells], Floats] = make) -> dict[str, float]:
                part = cells(asked.data, name, seed, asked.quick, learn=False)
                return part.errors(make(part))

            table.measure(peer, rival)
        table.show(goals={"RMSE": "below both imputers", "wrong": "below both imputers"})


if __name__ == "__main__":
    main()
