"""Drift: how often it is seen where there is none, and how often what was moved on purpose is the one that is named.

No drift: rows that the space never saw, cut at random into reference and current. Injected: the same, then in the
current rows one of
  number     a column of numbers raised by SIZE deviations
  category   rows drawn so that one category's share is .4 SIZE higher (any column with a category between .1 and .7)
  missing    .4 SIZE of the cells emptied of a column that has most of them
  factor     rows drawn by exp(SIZE z_d / sd) of one active latent dimension: its mean moves by about SIZE deviations
  class      (pictures) rows drawn so that one class has .4 SIZE more, the labels not shown
  brightness (pictures) all grey levels times 1 + .4 SIZE
"Named": the first of the columns (factors) and significant after correction.

    python benchmarks/decisions/drift.py [name ...] [--repeats N] [--rows N] [--size SIZE]
"""

from __future__ import annotations

import argparse
import gzip
from collections import defaultdict
from typing import Any

import numpy as np
import pandas as pd
from _tables import SPACES, TABLES, space_of
from familiarity import SHARED
from numpy.typing import NDArray

import deepspace as ds
from deepspace.decisions.drift import Drift, drift
from deepspace.results import wilson
from deepspace.space.moments import latent_moments

LEVEL, PERMUTATIONS = 0.05, 199
NAMES = ("adult", "credit", "heart", "diabetic", "fashion-mnist")
Rng = np.random.Generator


def share(count: int, n: int) -> str:
    low, high = wilson(count, n)
    return f"{count / n:.3f} [{low:.3f}, {high:.3f}] (n = {n})"


def lifted(member: NDArray[np.bool_], size: int, rng: Rng, by: float) -> NDArray[np.int64]:
    """Rows drawn, without one twice where there are enough, so that ``member`` has ``by`` more of them."""
    wanted = round(size * (member.mean() + by))
    inside, outside = np.flatnonzero(member), np.flatnonzero(~member)
    return np.concatenate([
        rng.choice(inside, wanted, replace=wanted > len(inside)),
        rng.choice(outside, size - wanted, replace=size - wanted > len(outside)),
    ])  # fmt: skip


class Tables:
    """A table's rows for testing, and the shifts of it."""

    kinds = ("number", "category", "missing", "factor")

    def __init__(self, name: str, size: float) -> None:
        self.size = size
        table = TABLES[name]()
        self.space = space_of(table)
        learned = [c.name for c in self.space.schema.features]
        self.pool = table.frame.iloc[table.split(0)[1]][learned].reset_index(drop=True)
        self.z = self.space.encode(self.pool)
        kinds = {c.name: c.kind for c in self.space.schema.features}
        self.numbers = [c for c in learned if kinds[c] in ("numeric", "integer") and self.pool[c].std() > 0]
        self.names = [c for c in learned if kinds[c] in ("categorical", "boolean", "ordinal")]

    def __len__(self) -> int:
        return len(self.pool)

    def take(self, rows: NDArray[np.int64]) -> pd.DataFrame:
        return self.pool.iloc[rows].reset_index(drop=True)

    def shifted(self, kind: str, rows: NDArray[np.int64], size: int, rng: Rng) -> tuple[Any, str]:
        """Current items made of ``rows``, and what has to be named."""
        if kind == "factor":
            return self.tilted(rows, size, rng)
        if kind == "category":
            shares = {c: self.pool[c].iloc[rows].value_counts(normalize=True) for c in self.names}
            fit = [(c, v) for c, s in shares.items() for v, p in s.items() if 0.1 <= p <= 0.7]
            column = str(rng.choice(sorted({c for c, _ in fit})))
            value = rng.choice(np.array([v for c, v in fit if c == column], dtype=object))
            member = (self.pool[column].iloc[rows] == value).to_numpy(bool)
            return self.take(rows[lifted(member, size, rng, 0.4 * self.size)]), column
        frame = self.take(rows[:size])
        if kind == "number":
            column = str(rng.choice(self.numbers))
            step = self.size * float(self.pool[column].std())
            whole = pd.api.types.is_integer_dtype(self.pool[column])
            frame[column] = frame[column] + (max(1, round(step)) if whole else step)
            return frame, column
        there = [c for c in [*self.numbers, *self.names] if self.pool[c].notna().mean() > 0.5]
        column = str(rng.choice(there))
        gone = rng.random(len(frame)) < 0.4 * self.size
        frame[column] = (
            frame[column].astype(object).where(~gone, None)
            if column in self.names
            else frame[column].astype(float).where(~gone)
        )
        return frame, column

    def tilted(self, rows: NDArray[np.int64], size: int, rng: Rng) -> tuple[Any, str]:
        moments = latent_moments(self.space.latents.mean, self.space.latents.scale)
        d = int(rng.choice(np.flatnonzero(moments.active)))
        z = self.z[rows, d].astype(float)
        weight = np.exp(self.size * np.clip((z - z.mean()) / z.std(), -3, 3))
        return self.take(rows[rng.choice(len(rows), size, p=weight / weight.sum(), replace=True)]), f"dimension {d}"


class Pictures(Tables):
    """Fashion-MNIST: learnt from 10,000 pictures with their labels, tested on the official test split."""

    kinds = ("class", "brightness", "factor")

    def __init__(self, name: str, size: float) -> None:
        self.size = size
        path = SPACES / f"{name}-labelled-0.space"
        if not (path / "manifest.json").exists():
            x, y = (part[:10_000] for part in read(name, "train"))
            ds.fit((x, y), path=path, seed=0, training=ds.TrainConfig(threads=1))
        self.space = ds.open(path)
        self.pictures, self.labels = read(name, "t10k")
        self.z = self.space.encode(self.pictures)

    def __len__(self) -> int:
        return len(self.pictures)

    def take(self, rows: NDArray[np.int64]) -> Any:
        return self.pictures[rows]

    def shifted(self, kind: str, rows: NDArray[np.int64], size: int, rng: Rng) -> tuple[Any, str]:
        if kind == "factor":
            return self.tilted(rows, size, rng)
        if kind == "brightness":
            brighter = np.clip(self.pictures[rows[:size]].astype(float) * (1 + 0.4 * self.size), 0, 255)
            return brighter.astype(np.uint8), "brightness"
        label = int(rng.integers(10))
        some = rows[lifted(self.labels[rows] == label, size, rng, 0.4 * self.size)]
        return self.pictures[some], f", as its neighbours have it|{label}:"


def read(name: str, part: str) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    images, labels = (SHARED / name / f"{part}-{what}.gz" for what in ("images-idx3-ubyte", "labels-idx1-ubyte"))
    x = np.frombuffer(gzip.decompress(images.read_bytes()), np.uint8, offset=16).reshape(-1, 28, 28)
    return x, np.frombuffer(gzip.decompress(labels.read_bytes()), np.uint8, offset=8)


def named(found: Drift, kind: str, truth: str) -> bool:
    first = (found.factors if kind == "factor" else found.columns)[0]
    if "|" in truth:
        column, value = truth.split("|")
        return first.moved and first.name.endswith(column) and first.words.startswith(value)
    return first.moved and first.name == truth


def run(name: str, repeats: int, injected: int, rows: int, shift: float, seed: int, kinds: list[str]) -> None:
    data = Pictures(name, shift) if "mnist" in name else Tables(name, shift)
    size = min(rows, len(data) // 2)
    rng = np.random.default_rng(seed)
    counts: dict[str, int] = defaultdict(int)
    for repeat in range(repeats):
        order = rng.permutation(len(data))
        found = drift(
            data.space, data.take(order[size : 2 * size]), reference=data.take(order[:size]),
            seed=seed * 100_000 + repeat, permutations=PERMUTATIONS,
        )  # fmt: skip
        counts["all together"] += found.p <= LEVEL
        counts["any column"] += any(column.moved for column in found.columns)
        counts["any factor"] += any(factor.moved for factor in found.factors)
        for test in found.tests:
            counts[f"{test.name} on {test.on}"] += test.p <= LEVEL
    if repeats:
        print(f"{name}: no drift, {size} against {size} rows, called drift at {LEVEL}:")
        print("".join(f"  {what:24} {share(count, repeats)}\n" for what, count in counts.items()), end="", flush=True)
    for kind in [k for k in data.kinds if injected and k in (kinds or data.kinds)]:
        seen, right, missed = 0, 0, defaultdict(int)
        for repeat in range(injected):
            order = rng.permutation(len(data))
            items, truth = data.shifted(kind, order[size:], size, rng)
            found = drift(data.space, items, reference=data.take(order[:size]), seed=repeat, permutations=PERMUTATIONS)
            seen += found.drifted
            good = named(found, kind, truth)
            right += good
            if not good:
                first = (found.factors if kind == "factor" else found.columns)[0]
                missed[f"{truth} -> {first.name if first.moved else 'none'}"] += 1
        print(
            f"  {kind:10} seen {share(seen, injected)}, named {share(right, injected)}; missed: {dict(missed)}",
            flush=True,
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", default=NAMES)
    parser.add_argument("--repeats", type=int, default=400, help="cuts without drift")
    parser.add_argument("--injected", type=int, default=40, help="shifts of each kind")
    parser.add_argument("--rows", type=int, default=500, help="on a side, at most")
    parser.add_argument("--size", type=float, default=0.5, help="of the shifts")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--kinds", nargs="*", default=[], help="of shifts; by default all")
    chosen = parser.parse_args()
    for name in chosen.names:
        run(name, chosen.repeats, chosen.injected, chosen.rows, chosen.size, chosen.seed, chosen.kinds)


if __name__ == "__main__":
    main()
