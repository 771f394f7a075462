"""Is an item like anything seen? False alarms at .05 on rows that neither training nor calibration saw, data set by
data set, and how many planted strange rows are found.

Two calibrations are told apart. "held out": the rows that the space held out of training and stopped it by, over seeds
that each make their own cut, space and calibration; beside it what theory gives one calibration on so many rows, the
spread of Beta(k, n + 1 - k) and of the rows tested. "fresh": rows of the test part, drawn 20 times, while the rest of
that part is tested: it should be right whatever the space, and shows what early stopping does to the first.

Where rows come in clumps (windows of a person, stays of a patient) those tested are of clumps never learnt from; har
and stays held out rows one by one, har-groups and stays-groups whole persons and patients, by ``fit(groups=)``.

    python benchmarks/decisions/familiarity.py [name ...] [--seeds N] [--alone]
"""

from __future__ import annotations

import argparse
import gzip
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from _tables import SPACES, TABLES, space_of
from numpy.typing import NDArray

import deepspace as ds
from deepspace.metrics.ood import ALONE, combined_p, ood
from deepspace.metrics.ood_groups import Clumps

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data"
RATE, DRAWS, MOST = 0.05, 20, 4000
CLUMPED = ("har-same", "har", "har-groups", "stays", "stays-groups")
PATIENTS = 4000
IMAGES = 10_000
"""Pictures of the official training split that a space learns from."""


class Case(NamedTuple):
    """A space, items that it never saw, strange ones by name, and each item's clump (subject), where there is one."""

    space: Any
    test: Any
    strange: dict[str, Any]
    clumps: NDArray[np.int64] | None = None


def table_case(name: str, seed: int) -> Case:
    table = TABLES[name]()
    rng = np.random.default_rng(seed)
    test = table.split(seed)[1]
    frame = table.frame.iloc[test[rng.permutation(len(test))[:MOST]]].reset_index(drop=True)
    mixed = frame.apply(lambda column: column.to_numpy()[rng.permutation(len(column))])
    return Case(space_of(table, seed), frame, {"columns mixed": mixed.iloc[:1000]})


def idx(folder: str, part: str, count: int, seed: int) -> NDArray[np.uint8]:
    raw = gzip.decompress((SHARED / folder / f"{part}-images-idx3-ubyte.gz").read_bytes())
    x = np.frombuffer(raw, np.uint8, offset=16).reshape(-1, 28, 28)
    return x[np.random.default_rng(seed).permutation(len(x))[:count]]


def image_case(name: str, seed: int) -> Case:
    other = {"mnist": "fashion-mnist", "fashion-mnist": "mnist"}[name]
    space = learnt(name, seed, lambda: (idx(name, "train", IMAGES, seed), {}))
    strange = {
        other: idx(other, "t10k", 1000, seed),
        "turned a quarter": np.rot90(idx(name, "t10k", 1000, seed + 1), axes=(1, 2)).copy(),
    }
    return Case(space, idx(name, "t10k", MOST, seed), strange)


def har_case(name: str, seed: int) -> Case:
    """Windows of a subject overlap, so that subjects are cut and not windows: a third of them is never learnt from.
    "har-same" alone cuts windows, and asks about persons that it knows."""
    data = np.load(SHARED / "signals" / "uci_har_total_acc.npz")
    x, subject = (data["X"] * data["scale"]).astype(np.float32), data["subject"]
    people = np.random.default_rng(seed).permutation(np.unique(subject))
    unseen = np.isin(subject, people[: len(people) // 3])
    if name == "har-same":
        unseen = np.random.default_rng(seed).random(len(x)) < 0.2
    groups = {"groups": subject[~unseen]} if name == "har-groups" else {}
    space = learnt(name, seed, lambda: (x[~unseen], {"modality": "signal", **groups}))
    upside_down = x[unseen][:1000, ::-1].copy()  # the sensor mounted along another axis
    return Case(space, x[unseen], {"axes swapped": upside_down}, None if name == "har-same" else subject[unseen])


def stays_case(name: str, seed: int) -> Case:
    """Stays of patients with several: of 4,000 such patients to learn from, of others to test."""
    import pandas as pd

    frame = pd.read_csv(SHARED / "tables" / "diabetic_data.csv.gz", na_values="?", low_memory=False)
    frame["readmitted"] = np.where(frame["readmitted"] == "NO", "no", "yes")
    stays = frame.drop(columns="encounter_id").groupby("patient_nbr").filter(lambda one: len(one) > 1)
    rng = np.random.default_rng(seed)
    people = rng.permutation(stays["patient_nbr"].unique())
    learn = stays[stays["patient_nbr"].isin(people[:PATIENTS])].reset_index(drop=True)
    test = stays[stays["patient_nbr"].isin(people[PATIENTS : PATIENTS + 1500])].reset_index(drop=True)
    how = {"groups": "patient_nbr"} if name == "stays-groups" else {"schema": {"columns": {"patient_nbr": "excluded"}}}
    space = learnt(name, seed, lambda: (learn, {"target": "readmitted", **how}))
    mixed = test.apply(lambda column: column.to_numpy()[rng.permutation(len(column))])
    return Case(space, test, {"columns mixed": mixed.iloc[:1000]}, test["patient_nbr"].to_numpy())


def learnt(name: str, seed: int, data: Callable[[], tuple[Any, dict[str, Any]]]) -> Any:
    path = SPACES / f"{name}-{seed}.space"
    if not (path / "manifest.json").exists():
        x, reading = data()
        ds.fit(x, path=path, seed=seed, training=ds.TrainConfig(threads=1), **reading)
    return ds.open(path)


def stacked(scores: Any) -> NDArray[np.float64]:
    return np.stack([values for name, values in scores.items() if name not in ALONE])


def halves(case: Case, size: int, rng: np.random.Generator) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Items that calibrate, and items that are tested, never of one clump: a half of the items or of the clumps."""
    if case.clumps is None:
        order = rng.permutation(size)
        half = min(size // 2, 2000)
        return order[:half], order[half:]
    people = rng.permutation(np.unique(case.clumps))
    inside = np.isin(case.clumps, people[: len(people) // 2])
    return np.flatnonzero(inside), np.flatnonzero(~inside)


def case_of(name: str, seed: int) -> Case:
    kinds = {"har": har_case, "stays": stays_case, "mnist": image_case, "fashion": image_case}
    return kinds.get(name.split("-")[0], table_case)(name, seed)


def measure(name: str, seed: int) -> Iterator[dict[str, Any]]:
    case = case_of(name, seed)
    found = ood(case.space, case.test)
    values = stacked(found.scores)
    rng = np.random.default_rng(seed)
    rates, sizes = [], []
    for _ in range(DRAWS):
        own, rest = halves(case, len(found), rng)
        groups = None if case.clumps is None else Clumps(case.clumps[own])
        rates.append(float((combined_p(values[:, own], values[:, rest], groups) <= RATE).mean()))
        sizes.append(len(own))
    alarms = found.flagged(RATE)
    clumps = () if case.clumps is None else [alarms[case.clumps == one].mean() for one in np.unique(case.clumps)]
    alone = {score: float((p <= RATE).mean()) for score, p in found.p.items()}
    yield {
        "name": name, "seed": seed, "held": float(alarms.mean()), "n": found.n, "m": len(found), "clumps": clumps,
        "worth": found.worth, "range": found.false_alarms(RATE)[1:],
        "fresh": rates, "fresh_n": int(np.mean(sizes)), "alone": alone,
        "strange": {what: float(ood(case.space, items).flagged(RATE).mean()) for what, items in case.strange.items()},
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", default=[*TABLES, "mnist", "fashion-mnist", *CLUMPED])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--alone", action="store_true", help="the false alarms of every score by itself as well")
    chosen = parser.parse_args()
    for name in chosen.names:
        rows = [row for seed in range(chosen.seeds) for row in measure(name, seed)]
        held = np.array([row["held"] for row in rows])
        each, n = np.array([row["fresh"] for row in rows]), rows[0]["n"]
        theory = np.sqrt(RATE * (1 - RATE) * (1 / n + 1 / rows[0]["m"]))
        error = held.std(ddof=1) / np.sqrt(len(held)) if len(held) > 1 else theory
        print(
            f"{name:14} held out (n = {n:,}, {len(held)} seeds): {held.mean():.4f} +- {error:.4f}, each "
            f"{', '.join(f'{v:.3f}' for v in held)} (theory: sd {theory:.4f}); fresh (n = {rows[0]['fresh_n']:,}, "
            f"{DRAWS} draws a seed): {each.mean():.4f}, seeds {each.mean(1).min():.4f} to {each.mean(1).max():.4f}"
        )
        for row in rows if len(rows[0]["clumps"]) else ():
            each_clump = np.percentile(row["clumps"], [0, 50, 100]).round(3).tolist()
            low, high = row["range"]
            print(
                f"{'':14} seed {row['seed']}: n = {row['n']}, m = {row['m']} of {len(row['clumps'])} new groups, "
                f"stated {low:.3f} to {high:.3f}, {row['worth']}; least, median and most of one group: {each_clump}"
            )
        for what in rows[0]["strange"]:
            shares = [row["strange"][what] for row in rows]
            print(f"{'':14} strange, {what}: {np.mean(shares):.3f} found ({min(shares):.3f} to {max(shares):.3f})")
        if chosen.alone:
            print(f"{'':14} alone: {rows[0]['alone']}")
        print(end="", flush=True)


if __name__ == "__main__":
    main()
