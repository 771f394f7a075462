"""A table whose decision is known: two columns decide, the others only look as if they might."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import deepspace as ds

__all__ = ["CEILING", "DECISIVE", "FLOOR", "LEARNED", "frame", "predictor", "random_predictor", "rule", "space"]

DECISIVE = ("income", "debt")
FLOOR, CEILING = 40.0, 20.0
LEARNED = ("income", "debt", "age", "years", "region", "job", "owner")


def frame(n: int = 900, seed: int = 0) -> pd.DataFrame:
    """Income and debt hang together a little with age, job and ownership, so that a guess by correlation goes wrong."""
    rng = np.random.default_rng(seed)
    age = rng.integers(20, 70, n)
    job = rng.choice(["clerk", "driver", "nurse", "engineer"], n, p=[0.3, 0.3, 0.2, 0.2])
    income = np.round(25 + 0.2 * age + 15 * (job == "engineer") + rng.gamma(3, 4, n), 1)
    debt = np.round(rng.gamma(2, 7, n) + 0.05 * income, 1)
    years = np.maximum(0, age - 20 - rng.integers(0, 15, n))
    owner = rng.random(n) < 1 / (1 + np.exp(-(income - 50) / 10))
    data = pd.DataFrame({
        "income": income, "debt": debt, "age": age, "years": years,
        "region": rng.choice(["north", "south", "east"], n), "job": job, "owner": owner,
    })  # fmt: skip
    data["approved"] = np.where(rule(data), "yes", "no")
    return data


def rule(rows: Any) -> np.ndarray:
    """Who is approved."""
    return np.asarray((rows["income"] >= FLOOR) & (rows["debt"] <= CEILING))


def predictor(rows: Any) -> np.ndarray:
    """The probability of "yes": steep around the rule's two edges, so that it agrees with ``rule`` at .5."""
    margin = np.minimum((rows["income"] - FLOOR) / 10, (CEILING - rows["debt"]) / 10)
    return np.asarray(1 / (1 + np.exp(-20 * margin)), float)


def random_predictor(rows: Any) -> np.ndarray:
    """A probability that has nothing to do with the row, yet is always the same for it: a hash of its cells."""
    hashed = pd.util.hash_pandas_object(pd.DataFrame(rows).astype(str), index=False)
    return np.asarray((hashed % 10_000) / 10_000.0, float)


def space(folder: Path, n: int = 900) -> ds.Space:
    """Its space, in ``folder``: seconds."""
    training = ds.TrainConfig(epochs=30, threads=1, validation_fraction=0.25)
    return ds.fit(frame(n), path=folder / "planted.space", target="approved", seed=0, training=training)
