"""Every row once an epoch, in an order that seed and epoch alone decide, from memory or from disk."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest
import torch

from deepspace.models import VAE, Layout, build
from deepspace.training import TrainConfig, feed, train
from deepspace.training.history import split
from deepspace.training.plan import make as plan

CPU = torch.device("cpu")


def numbered(path: Path, n: int, width: int = 3) -> np.ndarray:
    """Row i holds i, in a memory-mapped file."""
    np.save(path, np.repeat(np.arange(n, dtype=np.float32)[:, None], width, 1))
    return np.load(path, mmap_mode="r")


@pytest.mark.parametrize(("n", "batch"), [(100, 7), (101, 32), (64, 64), (5, 3)])
@pytest.mark.parametrize("kind", ["memory", "disk"])
def test_every_row_once_and_none_held_out(tmp_path: Path, n: int, batch: int, kind: str) -> None:
    array = numbered(tmp_path / "x.npy", n)
    held_out = split(n, n // 10, seed=1)
    source = feed.make(array, held_out, batch, 1, CPU, memory=10**9 if kind == "memory" else 10)
    assert isinstance(source, feed.TensorFeed if kind == "memory" else feed.BlockFeed)
    orders = []
    for epoch in (0, 1):
        batches = [x for x, _ in source.batches(epoch)]
        assert len(batches) == source.steps
        assert max(len(b) for b in batches) <= batch
        seen = torch.cat(batches)[:, 0].long().tolist()
        assert sorted(seen) == sorted(set(range(n)) - set(held_out.tolist()))
        orders.append(seen)
        for first in range(source.steps + 1):
            rest = [b[:, 0].long().tolist() for b, _ in source.batches(epoch, first)]
            assert rest == [b[:, 0].long().tolist() for b in batches[first:]]
    if n > 5:
        assert orders[0] != orders[1]


def test_steps_of_plan_and_feed_agree(tmp_path: Path) -> None:
    for n in (2, 21, 100, 333, 1000):
        array = numbered(tmp_path / "x.npy", n)
        for batch in (1, 32, 100):
            p = plan(TrainConfig(batch_size=batch), n)
            held_out = split(n, p.validation_rows, 0)
            for memory in (0, 10**9):
                assert feed.make(array, held_out, p.batch_size, 0, CPU, memory).steps == p.steps


def test_blocks_from_disk_are_well_mixed(tmp_path: Path) -> None:
    array = numbered(tmp_path / "x.npy", 4000, width=64)
    source = feed.make(array, split(4000, 0, 0), 100, 0, CPU, memory=4 * 64 * 4 * 1000)
    batches = [x for x, _ in source.batches(0)]
    # A batch in file order spans 100 rows; a well mixed one has the spread of the whole file.
    assert np.median([b[:, 0].max() - b[:, 0].min() for b in batches]) > 3000


def test_slices_and_other_orders_of_a_mapped_file_are_read_right(tmp_path: Path) -> None:
    array = numbered(tmp_path / "x.npy", 50)
    assert feed.read(array, slice(10, 13))[:, 0].tolist() == [10, 11, 12]
    assert feed.read(array, slice(48, 60))[:, 0].tolist() == [48, 49]
    assert feed.read(array[20:], slice(1, 3))[:, 0].tolist() == [21, 22]
    assert feed.read(array[::-1], slice(0, 2))[:, 0].tolist() == [49, 48]
    assert feed.read(array[5:][::2], slice(0, 2))[:, 0].tolist() == [5, 7]


def test_training_from_disk_ends_where_training_from_memory_does(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    rows = (np.tanh(rng.normal(size=(3000, 2)) @ rng.normal(size=(2, 10))) + 0.1 * rng.normal(size=(3000, 10))).astype(
        np.float32
    )
    np.save(tmp_path / "x.npy", rows)
    mapped = np.load(tmp_path / "x.npy", mmap_mode="r")
    elbos = []
    for array, memory in ((rows, None), (mapped, 30_000)):
        config = VAE(latent_dim=2, hidden=(32,), network="mlp", likelihood="gaussian")
        model = build(config, Layout("vector", (10,)), seed=0)
        history = train(model, array, TrainConfig(epochs=15, batch_size=100, threads=1, memory=memory))
        elbos.append(history.elbo)
    assert elbos[0] == pytest.approx(elbos[1], abs=0.4)


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc for the peak of memory")
def test_memory_stays_constant_however_many_rows(tmp_path: Path) -> None:
    """Two files, one ten times the other: the peak differs by far less than the rows do."""
    script = textwrap.dedent(
        """
        import sys
        import numpy as np, torch
        torch.set_num_threads(1)
        from deepspace.models import VAE, Layout, build
        from deepspace.training import TrainConfig, train
        array = np.load(sys.argv[1], mmap_mode="r")
        model = build(VAE(latent_dim=2, hidden=(8,), network="mlp", likelihood="gaussian"), Layout("vector", (256,)))
        train(model, array, TrainConfig(epochs=1, batch_size=512, threads=1, memory=2**24))
        peak = next(row for row in open("/proc/self/status") if row.startswith("VmHWM"))
        print(int(peak.split()[1]) // 1024)
        """
    )
    peaks = []
    for rows in (20_000, 200_000):
        file = np.lib.format.open_memmap(tmp_path / "x.npy", mode="w+", dtype=np.float32, shape=(rows, 256))
        for i in range(0, rows, 20_000):
            file[i : i + 20_000] = np.random.default_rng(i).normal(size=(20_000, 256))
        size = file.nbytes / 2**20
        del file
        done = subprocess.run([sys.executable, "-c", script, str(tmp_path / "x.npy")], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        peaks.append(int(done.stdout))
    assert size > 190
    assert peaks[1] - peaks[0] < 50
