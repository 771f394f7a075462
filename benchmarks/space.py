"""What a space costs: opening, one neighbour query, encoding a Parquet file. Ratios, paired in one run on one thread.

    python benchmarks/space.py [--rows 1000000] [--repeats 15]

Each pair is measured in alternation, and the median of the ratios is printed with its quartiles.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from unittest.mock import patch

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from _paired import paired

from deepspace import data, models
from deepspace.space import BaseSpace, build, open_space
from deepspace.space import map as maps
from deepspace.space.density import Density
from deepspace.space.figures import batch_rows

torch.set_num_threads(1)


def show(what: str, ours: float, theirs: float, ratio: np.ndarray, against: str) -> None:
    print(
        f"{what:44s} {1e3 * ours:10.2f} ms   {ratio[0]:6.2f} x [{ratio[1]:.2f}, {ratio[2]:.2f}]  "
        f"{against} ({1e3 * theirs:.2f} ms)"
    )


def wide_space(folder: Path, rows: int) -> BaseSpace:
    """A space of many rows; the map is fitted on few and densities are left out: what is measured needs neither."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 10, rows)
    vectors = (rng.normal(size=(10, 32))[labels] * 3 + rng.normal(size=(rows, 32))).astype(np.float32)
    dataset = data.load((vectors, labels), modality="vector")
    config = models.choose(dataset.schema, dataset.array, models.VAE(latent_dim=32, hidden=(64,)))
    model = models.build(config, dataset.schema, seed=0)
    fit = maps.fit_map

    def quick(latents: np.ndarray, **_: object) -> maps.FittedMap:
        small = fit(np.ascontiguousarray(latents[:2000]))
        return maps.FittedMap.load(small.tensors(), small.config_json(), small.transform(latents), latents)

    history = SimpleNamespace(to_json=dict, validation_index=np.arange(100))
    with (
        patch.object(maps, "fit_map", quick),
        patch.object(Density, "of_rows", lambda self: np.zeros(rows, np.float32)),
    ):
        return build(dataset, model, history, folder / "wide.space")  # type: ignore[arg-type]


def opening(space: BaseSpace, repeats: int) -> None:
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        open_space(space.folder)
        times.append(time.perf_counter() - start)
    print(f"{f'open a space of {len(space):,} rows':44s} {1e3 * np.median(times):10.2f} ms")
    code = (
        "import time; t = time.perf_counter(); import deepspace as ds; "
        f"s = ds.open({str(space.folder)!r}); n = len(s); print(time.perf_counter() - t)"
    )
    fresh = [
        float(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout)
        for _ in range(3)
    ]
    print(f"{'  the same from a fresh Python, imports and all':44s} {1e3 * np.median(fresh):10.2f} ms")
    start = time.perf_counter()
    open_space(space.folder, verify=True)
    size = sum(entry["bytes"] for entry in space.manifest["files"].values())
    print(f"{'  with every byte verified':44s} {1e3 * (time.perf_counter() - start):10.2f} ms   {size / 2**20:.0f} MB")


def neighbours(space: BaseSpace, repeats: int) -> None:
    latents = np.array(space.latents.mean)
    squares = np.square(latents).sum(1)
    queries = iter(np.random.default_rng(1).normal(size=(10 * repeats + 10, 1, 32)).astype(np.float32))

    def ours() -> object:
        return space.neighbors(z=next(queries), k=10)

    def differences() -> object:
        distance = np.square(latents - next(queries)).sum(1)
        nearest = np.argpartition(distance, 10)[:10]
        return nearest[np.argsort(distance[nearest])]

    def product() -> object:
        distance = squares - 2 * (latents @ next(queries)[0])
        nearest = np.argpartition(distance, 10)[:10]
        return nearest[np.argsort(distance[nearest])]

    def bare() -> object:
        return latents @ next(queries)[0]

    n = f"{len(space):,}"
    show(f"10 nearest of {n} x 32, one query", *paired(ours, differences, repeats), "numpy, differences")
    show("", *paired(ours, product, repeats), "numpy, one product and argpartition")
    show("", *paired(ours, bare, repeats), "the bare matrix product alone")
    density = iter(np.random.default_rng(2).normal(size=(2 * repeats + 10, 1, 32)).astype(np.float32))
    space.density(next(density))
    start = time.perf_counter()
    for _ in range(repeats):
        space.density(next(density))
    print(f"{'density at one place':44s} {1e3 * (time.perf_counter() - start) / repeats:10.2f} ms")


def rows(space: BaseSpace, repeats: int) -> None:
    asked: dict[str, Callable[[], object]] = {
        "count with a condition (DuckDB over Parquet)": lambda: space.rows.count("elbo < 0"),
        "one record": lambda: space.rows.record(int(np.random.default_rng().integers(len(space)))),
        "one column": lambda: space.rows.column(space.rows.names[0]),
    }
    for what, ask in asked.items():
        ask()
        times = []
        for _ in range(repeats):
            start = time.perf_counter()
            ask()
            times.append(time.perf_counter() - start)
        print(f"{what:44s} {1e3 * np.median(times):10.2f} ms")


def parquet(folder: Path, repeats: int) -> None:
    """Rows per second of encoding a file, as a share of the encoder's own over the same rows in memory."""
    rng = np.random.default_rng(0)
    n = 600_000
    numbers = {f"x{i}": rng.normal(i, 1 + i, n).round(3) for i in range(10)}
    words = {f"c{i}": rng.choice([f"word {j}" for j in range(3 + 4 * i)], n) for i in range(6)}
    vectors = rng.normal(size=(n // 2, 128)).astype(np.float32)
    flat = pa.FixedSizeListArray.from_arrays(pa.array(vectors.reshape(-1)), 128)
    tables = {"table, 16 columns": pa.table({**numbers, **words}), "vectors, 128 numbers": pa.table({"vector": flat})}
    for name, table in tables.items():
        file = folder / f"{name[:5]}.parquet"
        pq.write_table(table, file, compression="zstd", row_group_size=1 << 16)
        dataset = data.load(file)
        config = models.choose(dataset.schema, dataset.array)
        model = models.build(config, dataset.schema, seed=0).eval()
        space = object.__new__(BaseSpace)
        space.__dict__.update(
            schema=dataset.schema, model=model, name=name, latents=SimpleNamespace(mean=np.empty((0, model.latent_dim)))
        )
        array = np.asarray(dataset.array)
        step = batch_rows(dataset.schema.shape)

        def bare(array: np.ndarray = array, model: models.LatentModel = model, step: int = step) -> None:
            with torch.inference_mode():
                for start in range(0, len(array), step):
                    model.encode(torch.from_numpy(array[start : start + step]))

        def whole(space: BaseSpace = space, file: Path = file) -> None:
            space.encode(file)

        show(
            f"encode {table.num_rows:,} rows of Parquet: {name}",
            *paired(whole, bare, max(3, repeats // 3)),
            "bare encoder, in memory",
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--repeats", type=int, default=15)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        parquet(folder, options.repeats)
        space = wide_space(folder, options.rows)
        opening(space, options.repeats)
        neighbours(space, options.repeats)
        rows(space, options.repeats)


if __name__ == "__main__":
    main()
