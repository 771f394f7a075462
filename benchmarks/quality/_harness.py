"""What every quality benchmark shares: the data, the seeds, what a run cost, and how a figure stands beside others.

A script measures one table of the field, on held-out rows only, for each seed, and prints mean and spread beside the
published figure and the goal. Each run is also kept as one line of JSON in ``benchmarks/quality/results/`` (not in
git), so that a run of hours that is cut short goes on with the seeds that are left.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

import numpy as np
from numpy.typing import NDArray

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
RESULTS = Path(__file__).resolve().parent / "results"


def arguments(doc: str) -> argparse.Namespace:
    """--data, --seeds, --quick (little data and few epochs, to try a script out), --fresh (forget earlier runs)."""
    parser = argparse.ArgumentParser(description=doc.splitlines()[0])
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--fresh", action="store_true")
    parser.add_argument("--device", default="cpu")
    return parser.parse_args()


def read_idx(path: Path) -> NDArray[np.uint8]:
    """An idx.gz file, as MNIST's."""
    raw = gzip.decompress(path.read_bytes())
    shape = [int.from_bytes(raw[4 + 4 * i : 8 + 4 * i], "big") for i in range(raw[3])]
    return np.frombuffer(raw, np.uint8, offset=4 + 4 * len(shape)).reshape(shape)


def digits(data: Path, name: str) -> tuple[NDArray[np.uint8], ...]:
    """Training images, training labels, test images, test labels of "mnist" or "fashion-mnist"."""
    parts = ("train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1")
    return tuple(read_idx(data / name / f"{part}-ubyte.gz") for part in parts)


@dataclass
class Cost:
    """CPU and wall seconds of a run."""

    cpu: float = 0.0
    wall: float = 0.0


@contextmanager
def clock() -> Iterator[Cost]:
    """Measures the process's CPU seconds (all threads) and wall seconds."""
    cost, cpu, wall = Cost(), time.process_time(), time.monotonic()
    yield cost
    cost.cpu, cost.wall = time.process_time() - cpu, time.monotonic() - wall


@dataclass
class Table:
    """One table: rows by name, each run once a seed. ``run`` must give {figure: value}; CPU minutes are added, where it
    does not give its own. Under
    "curves" it may give {figure: [[CPU minutes, value], ...]}, which ``_plot.py`` draws."""

    name: str
    seeds: list[int]
    quick: bool = False
    fresh: bool = False
    rows: dict[str, list[dict[str, float]]] = field(default_factory=dict)

    @property
    def _file(self) -> Path:
        return RESULTS / f"{self.name}{'.quick' if self.quick else ''}.jsonl"

    def measure(
        self, row: str, run: Callable[[int], dict[str, Any]], *, settings: Any = None, seeds: list[int] | None = None
    ) -> None:
        """Run ``run(seed)`` for every seed that has not been run with the same settings, and print the row. ``seeds``
        is for a peer whose one run takes longer than all of ours."""
        kept = [] if self.fresh else self._kept(row, settings)
        done = {entry["seed"]: entry["figures"] for entry in kept}
        seeds = self.seeds if seeds is None else seeds
        for seed in seeds:
            if seed in done:
                continue
            with clock() as cost:
                figures = dict(run(seed))
            curves = figures.pop("curves", {})
            done[seed] = {"CPU min": cost.cpu / 60, **figures}
            entry = {
                "row": row,
                "seed": seed,
                "settings": settings,
                "figures": done[seed],
                "curves": curves,
                "wall": cost.wall,
            }
            RESULTS.mkdir(exist_ok=True)
            with self._file.open("a") as file:
                file.write(json.dumps(entry, default=str) + "\n")
        self.rows[row] = [done[seed] for seed in seeds]
        print(f"{row}: " + ", ".join(f"{k} {text(v)}" for k, v in self.summary(row).items()), flush=True)

    def _kept(self, row: str, settings: Any) -> list[dict[str, Any]]:
        if not self._file.exists():
            return []
        entries = [json.loads(line) for line in self._file.read_text().splitlines()]
        same = json.loads(json.dumps(settings, default=str))
        return [e for e in entries if e["row"] == row and e["settings"] == same]

    def summary(self, row: str) -> dict[str, tuple[float, float]]:
        """{figure: (mean, standard deviation over seeds)}; the deviation is NaN for one seed."""
        runs = self.rows[row]
        columns = {name: [run[name] for run in runs] for name in runs[0]}
        return {k: (fmean(v), stdev(v) if len(v) > 1 else float("nan")) for k, v in columns.items()}

    def show(self, published: dict[str, dict[str, float]] | None = None, goals: dict[str, str] | None = None) -> None:
        """The table as Markdown: our rows, the published ones, the goals."""
        names = list(dict.fromkeys(name for runs in self.rows.values() for name in runs[0]))
        print(f"\n| {self.name} | " + " | ".join(names) + " |\n|---|" + "---|" * len(names))
        for row in self.rows:
            found = self.summary(row)
            few = "" if len(self.rows[row]) == len(self.seeds) else f", {len(self.rows[row])} seed(s)"
            print(f"| {row}{few} | " + " | ".join(text(found[n]) if n in found else "-" for n in names) + " |")
        for row, figures in (published or {}).items():
            print(
                f"| {row} (published) | "
                + " | ".join(f"{figures[n]:.4g}" if n in figures else "-" for n in names)
                + " |"
            )
        if goals:
            print("| goal | " + " | ".join(goals.get(n, "-") for n in names) + " |")
        print(f"\n{len(self.seeds)} seeds; {os.cpu_count()} cores", flush=True)


def text(figure: tuple[float, float]) -> str:
    """Mean and spread: .9785 ± .0004."""
    mean, spread = figure
    return f"{mean:.4g}" if np.isnan(spread) else f"{mean:.4g} ± {spread:.2g}"
