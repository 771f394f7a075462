"""The tables and units of RecourseBench (github.com/charmlab/recourse_bench), as nearly as public data gives them.

Adult: its twelve columns, both of UCI's files, rows with missing cells dropped, NativeCountry cut to two, education
levels grouped. COMPAS: the seven columns and the label of CARLA's version, derived from ProPublica's file, desired is
"not high". Numbers are scaled to 0..1 over all rows, categories of more than two values one-hot (so that one changed
category counts 2 in L0 and in L1), two-valued columns of Adult 0/1. kNN-5 is the mean L2 to the five nearest training
rows. What differs: the split and the sample of factuals (theirs come from torch's and numpy's global state), and the
predictors, which are scikit-learn's.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from _tables import ADULT, DATA, Table
from numpy.typing import NDArray

SCHOOL = {
    **dict.fromkeys(["Preschool", "1st-4th", "5th-6th", "7th-8th"], "prim-middle-school"),
    **dict.fromkeys(["9th", "10th", "11th", "12th"], "high-school"),
    **dict.fromkeys(["Assoc-voc", "Assoc-acdm"], "assoc"),
}


def adult() -> Table:
    files = [
        pd.read_csv(DATA / "adult.data.gz", names=ADULT, skipinitialspace=True, na_values="?"),
        pd.read_csv(DATA / "adult.test.gz", names=ADULT, skipinitialspace=True, na_values="?", comment="|"),
    ]
    raw = pd.concat(files).dropna().reset_index(drop=True)
    frame = pd.DataFrame({
        "Sex": raw["sex"],
        "Age": raw["age"].astype(int),
        "NativeCountry": np.where(raw["native-country"] == "United-States", "United-States", "Non-United-States"),
        "WorkClass": raw["workclass"],
        "EducationNumber": raw["education-num"].astype(int),
        "EducationLevel": raw["education"].replace(SCHOOL),
        "MaritalStatus": raw["marital-status"],
        "Occupation": raw["occupation"],
        "Relationship": raw["relationship"],
        "CapitalGain": raw["capital-gain"].astype(int),
        "CapitalLoss": raw["capital-loss"].astype(int),
        "HoursPerWeek": raw["hours-per-week"].astype(int),
        "income": raw["income"].str.strip(". "),
    })  # fmt: skip
    return Table("recourse-adult", frame, "income", ">50K", ("Sex",), ("Sex", "Age"))


def compas() -> Table:
    raw = pd.read_csv(DATA / "compas_two_years_deidentified.csv.gz", parse_dates=["c_jail_in", "c_jail_out"])
    kept = raw[
        raw["days_b_screening_arrest"].between(-30, 30) & (raw["is_recid"] != -1) & (raw["c_charge_degree"] != "O")
    ].dropna(subset=["c_jail_in", "c_jail_out", "score_text"])
    frame = pd.DataFrame({
        "age": kept["age"],
        "two_year_recid": kept["two_year_recid"],
        "priors_count": kept["priors_count"],
        "length_of_stay": (kept["c_jail_out"] - kept["c_jail_in"]).dt.days,
        "c_charge_degree": kept["c_charge_degree"],
        "race": np.where(kept["race"] == "African-American", "African-American", "Other"),
        "sex": kept["sex"],
        "score": np.where(kept["score_text"] == "High", "high", "not high"),
    }).reset_index(drop=True)  # fmt: skip
    return Table("recourse-compas", frame, "score", "not high", ("race", "sex"), ())


CONSTRAINTS: dict[str, dict[str, Any]] = {
    "adult": {"immutable": ["Sex", "Age"]},
    "adult, hard": {
        "immutable": [
            *("Sex", "Age", "NativeCountry", "CapitalGain", "CapitalLoss", "MaritalStatus", "Relationship"),
        ],
        "increase": ["EducationNumber"],
    },
    # Theirs lets race and sex change; we do not, which is the harder task and keeps their rule as well.
    "compas": {
        "immutable": ["race", "sex"],
        "increase": ["age", "two_year_recid", "priors_count", "length_of_stay"],
    },
}
"""Theirs, but for COMPAS's race and sex. "adult, hard" is none of theirs: no capital gains, no wedding."""


@dataclass(frozen=True)
class Units:
    """Rows in RecourseBench's units. ``frame``: all rows, which give the ranges; ``binary``: 0/1 and not one-hot."""

    frame: pd.DataFrame
    words: tuple[str, ...]
    binary: tuple[str, ...]
    whole: tuple[str, ...]

    @classmethod
    def of(cls, table: Table) -> Units:
        frame = table.frame[table.features]
        words = tuple(c for c in frame if not pd.api.types.is_numeric_dtype(frame[c]))
        binary = ("Sex", "NativeCountry") if table.name == "recourse-adult" else ()
        return cls(frame, words, binary, tuple(c for c in frame if c not in words))

    def encode(self, rows: pd.DataFrame) -> NDArray[np.float32]:
        parts = []
        for name in self.frame.columns:
            values, own = rows[name], self.frame[name]
            if name in self.words:
                levels = sorted(own.unique())
                hot = (values.to_numpy(object)[:, None] == np.array(levels, object)[None]).astype(np.float32)
                parts.append(hot[:, 1:] if name in self.binary else hot)
            else:
                low, high = float(own.min()), float(own.max())
                parts.append(((values.to_numpy(np.float64) - low) / (high - low)).astype(np.float32)[:, None])
        return np.concatenate(parts, 1)

    def wrong_type(self, rows: pd.DataFrame) -> NDArray[np.bool_]:
        """(n,): a category that is none, a number that is not whole or outside what was seen (theirs asks less)."""
        wrong = np.zeros(len(rows), bool)
        for name in self.frame.columns:
            values, own = rows[name], self.frame[name]
            if name in self.words:
                wrong |= ~values.isin(own.unique()).to_numpy()
            else:
                numbers = pd.to_numeric(values, errors="coerce").to_numpy(np.float64)
                wrong |= ~(np.isfinite(numbers) & (numbers == np.rint(numbers)))
                wrong |= ~((numbers >= own.min()) & (numbers <= own.max()))
        return wrong


def broken(before: pd.DataFrame, after: pd.DataFrame, rules: dict[str, Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """(n,), (n,): whether an immutable column changed; whether that or a change in the wrong direction."""
    fixed = np.zeros(len(before), bool)
    for name in rules.get("immutable", []):
        fixed |= before[name].to_numpy(object) != after[name].to_numpy(object)
    acted = fixed.copy()
    for name in rules.get("increase", []):
        acted |= after[name].to_numpy(np.float64) < before[name].to_numpy(np.float64) - 1e-6
    return fixed, acted
