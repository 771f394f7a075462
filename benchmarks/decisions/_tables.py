"""The tables, predictors and spaces that all benchmarks of decisions share.

Each table is cut into rows for learning and rows for testing by the seed; space and predictors see the first alone. The
spaces take minutes to learn, so that they are kept in ``benchmarks/decisions/spaces/`` (not in git).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

import deepspace as ds

DATA = Path(__file__).resolve().parents[3] / "shared" / "data" / "tables"
SPACES = Path(__file__).resolve().parent / "spaces"
HELD = 0.2
"""Share of rows that neither space nor predictor sees."""

ADULT = [
    *("age", "workclass", "fnlwgt", "education", "education-num", "marital-status", "occupation", "relationship"),
    *("race", "sex", "capital-gain", "capital-loss", "hours-per-week", "native-country", "income"),
]
GERMAN = [
    *("status", "duration", "history", "purpose", "amount", "savings", "employment", "rate", "personal", "debtors"),
    *("residence", "property", "age", "plans", "housing", "credits", "job", "liable", "telephone", "foreign", "class"),
]
COMPAS = [
    *("sex", "age", "race", "juv_fel_count", "juv_misd_count", "juv_other_count", "priors_count", "c_charge_degree"),
    "two_year_recid",
]


@dataclass(frozen=True)
class Table:
    """Rows, the column that is decided on, the value of it that people want, and groups to look at."""

    name: str
    frame: pd.DataFrame
    target: str
    favourable: Any
    groups: tuple[str, ...]
    immutable: tuple[str, ...]

    @cached_property
    def features(self) -> list[str]:
        return [c for c in self.frame.columns if c != self.target]

    def split(self, seed: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Rows to learn from and rows to test on, each ascending."""
        order = np.random.default_rng(seed).permutation(len(self.frame))
        held = round(HELD * len(order))
        return np.sort(order[held:]), np.sort(order[:held])


def adult() -> Table:
    frame = pd.read_csv(DATA / "adult.data.gz", names=ADULT, skipinitialspace=True, na_values="?")
    frame = frame.drop(columns=["fnlwgt", "education"])  # a survey weight; education-num says the same
    return Table("adult", frame, "income", ">50K", ("sex", "race"), ("age", "sex", "race", "native-country"))


def compas() -> Table:
    frame = pd.read_csv(DATA / "compas_two_years_deidentified.csv.gz")[COMPAS]
    return Table("compas", frame, "two_year_recid", 0, ("race", "sex"), ("age", "sex", "race"))


def credit() -> Table:
    frame = pd.read_csv(DATA / "credit_card_default.csv.gz").drop(columns="ID")
    return Table("credit", frame, "default_payment_next_month", 0, ("SEX", "EDUCATION"), ("SEX", "AGE", "MARRIAGE"))


def german() -> Table:
    frame = pd.read_csv(DATA / "german.data.gz", sep=" ", names=GERMAN)
    return Table("german", frame, "class", 1, ("personal", "foreign"), ("age", "personal", "foreign"))


def heart() -> Table:
    frame = pd.read_csv(DATA / "heart_disease_uci.csv.gz")
    frame["disease"] = np.where(frame.pop("num") > 0, "yes", "no")
    return Table("heart", frame, "disease", "no", ("sex", "site"), ("age", "sex", "site"))


def diabetic(rows: int = 20_000) -> Table:
    """An even spread of the patients' first stays, so that no patient is on both sides of a cut."""
    frame = pd.read_csv(DATA / "diabetic_data.csv.gz", na_values="?", low_memory=False)
    frame = frame.sort_values("encounter_id").drop_duplicates("patient_nbr")
    frame = frame.iloc[np.linspace(0, len(frame) - 1, rows).astype(int)].reset_index(drop=True)
    frame = frame.drop(columns=["encounter_id", "patient_nbr"])
    frame["readmitted"] = np.where(frame["readmitted"] == "NO", "no", "yes")
    return Table("diabetic", frame, "readmitted", "no", ("gender", "race"), ("race", "gender", "age"))


TABLES: dict[str, Callable[[], Table]] = {
    "adult": adult, "compas": compas, "credit": credit, "german": german, "heart": heart, "diabetic": diabetic,
}  # fmt: skip


def space_of(table: Table, seed: int = 0) -> ds.Space:
    """The space of the rows to learn from, made once; its rows are those of ``split(seed)[0]``, in that order."""
    path = SPACES / f"{table.name}-{seed}.space"
    if not (path / "manifest.json").exists():
        learn, _ = table.split(seed)
        frame = table.frame.iloc[learn].reset_index(drop=True)
        ds.fit(frame, path=path, target=table.target, seed=seed, training=ds.TrainConfig(threads=1))
    return ds.open(path)


def predictor_of(kind: str, table: Table, seed: int = 0, rows: NDArray[np.int64] | None = None) -> Any:
    """A pipeline that takes a frame: "boosting", "neural" or "linear", fitted on the rows to learn from, or some."""
    from sklearn.compose import make_column_transformer
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression
    from sklearn.neural_network import MLPClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    learn = table.split(seed)[0] if rows is None else rows
    x, y = table.frame.iloc[learn][table.features], table.frame.iloc[learn][table.target]
    words = [c for c in table.features if not pd.api.types.is_numeric_dtype(x[c])]
    numbers = [c for c in table.features if c not in words]
    onehot = OneHotEncoder(handle_unknown="ignore", sparse_output=False, min_frequency=5)
    if kind == "boosting":
        columns = make_column_transformer((onehot, words), remainder="passthrough")
        return make_pipeline(columns, HistGradientBoostingClassifier(random_state=seed)).fit(x, y)
    filled = make_pipeline(SimpleImputer(strategy="median"), StandardScaler())
    columns = make_column_transformer((onehot, words), (filled, numbers))
    if kind == "neural":
        net = MLPClassifier((64, 32), early_stopping=True, random_state=seed, max_iter=60)
        return make_pipeline(columns, net).fit(x, y)
    return make_pipeline(columns, LogisticRegression(max_iter=2000)).fit(x, y)
