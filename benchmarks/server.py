"""What the live page costs over the bare decoder, and what the command line costs to start. Paired in one run.

    python benchmarks/server.py [--space NAME.space] [--requests 2000] [--seconds 5]

Without --space, a space of 28 x 28 pictures is fitted first (MNIST where the shared data sets are, else scikit-learn's
digits, enlarged). The server is the real command in a process of its own on loopback. Each request goes to another
place; before each one the bare decoder is timed on the same place, in this process.

round trip      a decode over the WebSocket: place -> latents -> picture, nearest row, density, "has data"
bare decoder    model.decode of one latent vector, eager, no gradient
added           round trip minus bare decoder, pair by pair
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import argparse
import asyncio
import gzip
import json
import resource
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from websockets.asyncio.client import connect as connect_async
from websockets.sync.client import ClientConnection, connect

import deepspace as ds

torch.set_num_threads(1)

ROOT = Path(__file__).resolve().parents[1]
CLIENTS = 8


def pictures(rows: int) -> tuple[np.ndarray, np.ndarray]:
    """(N, 28, 28) uint8 and labels."""
    folder = Path(os.environ.get("DEEPSPACE_SHARED", ROOT.parent / "shared")) / "data" / "mnist"
    if folder.is_dir():
        with gzip.open(folder / "train-images-idx3-ubyte.gz") as file:
            images = np.frombuffer(file.read(), np.uint8, offset=16).reshape(-1, 28, 28)
        with gzip.open(folder / "train-labels-idx1-ubyte.gz") as file:
            labels = np.frombuffer(file.read(), np.uint8, offset=8)
        return images[:rows], labels[:rows]
    from sklearn.datasets import load_digits

    digits = load_digits()
    large = digits.images.repeat(3, 1).repeat(3, 2) * 15.9
    return np.pad(large, ((0, 0), (2, 2), (2, 2))).astype(np.uint8)[:rows], digits.target[:rows]


@contextmanager
def served(space: Path) -> Iterator[str]:
    """The address of a server of this space, in another process."""
    command = [sys.executable, "-m", "deepspace.cli", "explore", str(space), "--no-browser", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            yield server.stdout.readline().strip()
        finally:
            server.terminate()


def request(number: int, place: np.ndarray, *, detail: bool = False) -> str:
    x, y = map(float, place)
    return json.dumps({"type": "decode", "id": number, "x": x, "y": y, "detail": detail})


def answer(live: ClientConnection) -> tuple[dict[str, Any], bytes]:
    while isinstance(message := live.recv(), str):
        assert '"error"' not in message[:20], message
    (length,) = struct.unpack_from("<I", message)
    return json.loads(message[4 : 4 + length]), message[4 + length :]


def round_trips(space: ds.Space, address: str, places: np.ndarray, *, detail: bool) -> np.ndarray:
    """(N, 3) seconds: round trip, bare decoder, and an empty round trip (a WebSocket ping)."""
    model, latents = space.model, torch.from_numpy(space.map.inverse_transform(places))
    times = np.empty((len(places), 3))
    with connect(address.replace("http", "ws") + "api/live", compression=None) as live, torch.inference_mode():
        for n, place in enumerate(places):
            begin = time.perf_counter()
            model.decode(latents[n : n + 1])
            bare = time.perf_counter()
            live.send(request(n, place, detail=detail))
            header, payload = answer(live)
            over = time.perf_counter()
            live.ping().wait()
            times[n] = over - bare, bare - begin, time.perf_counter() - over
            assert header["id"] == n, header
            assert len(payload) == int(np.prod(space.schema.shape))
    return times[len(times) // 10 :]


async def throughput(address: str, places: np.ndarray, clients: int, seconds: float) -> float:
    """Answers a second of clients that each wait for an answer before they ask again."""
    url = address.replace("http", "ws") + "api/live"
    until = time.perf_counter() + seconds

    async def one(client: int) -> int:
        answers = 0
        async with connect_async(url, compression=None) as live:
            await live.recv()
            while time.perf_counter() < until:
                await live.send(request(answers, places[(client * 997 + answers) % len(places)]))
                while isinstance(await live.recv(), str):
                    pass
                answers += 1
        return answers

    return sum(await asyncio.gather(*(one(c) for c in range(clients)))) / seconds


def cpu_seconds(*arguments: str, repeats: int = 7) -> float:
    """Least CPU seconds of a command, user and system together."""
    least = float("inf")
    for _ in range(repeats):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([sys.executable, *arguments], stdout=subprocess.DEVNULL, check=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        least = min(least, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return least


def report_live(space: ds.Space, address: str, requests: int, seconds: float) -> None:
    rng = np.random.default_rng(0)
    x0, y0, x1, y1 = space.map.bounds
    places = rng.uniform((x0, y0), (x1, y1), (requests, 2)).astype(np.float32)
    shape = "x".join(map(str, space.schema.shape))
    weights = sum(p.numel() for p in space.model.parameters())
    print(f"{len(space):,} rows of {shape}, {space.latent_dim} latents, {weights:,} weights")
    for detail in (False, True):
        trip, bare, ping = round_trips(space, address, places, detail=detail).T * 1e3
        added = np.quantile(trip - bare, [0.5, 0.25, 0.75])
        print("with 8 neighbours" if detail else "plain")
        for name, times in (("round trip", trip), ("bare decoder", bare), ("empty trip", ping)):
            print(f"  {name:13s} median {np.median(times):6.2f} ms   p95 {np.quantile(times, 0.95):6.2f} ms")
        print(f"  {'added':13s} median {added[0]:6.2f} ms   [{added[1]:.2f}, {added[2]:.2f}]")
        print(f"  {'ratio':13s} median {np.median(trip / bare):6.2f} x the bare decoder")
    print("goals: added median under 1.5 ms, round trip p95 under 16 ms, for one client")
    single = asyncio.run(throughput(address, places, 1, seconds))
    several = asyncio.run(throughput(address, places, CLIENTS, seconds))
    print(f"answers a second: 1 client {single:,.0f}, {CLIENTS} clients {several:,.0f}, ratio {several / single:.2f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--space", type=Path)
    parser.add_argument("--rows", type=int, default=5_000)
    parser.add_argument("--requests", type=int, default=2_000)
    parser.add_argument("--seconds", type=float, default=5.0)
    options = parser.parse_args()
    empty = cpu_seconds("-c", "pass")
    helping = cpu_seconds("-m", "deepspace.cli", "--help")
    print(f"deepspace --help: {helping:.3f} CPU s (goal 0.3), python -c pass: {empty:.3f}, ratio {helping / empty:.1f}")
    with tempfile.TemporaryDirectory() as folder:
        path = options.space or Path(folder) / "pictures.space"
        if options.space is None:
            ds.fit(pictures(options.rows), path=path, training=ds.TrainConfig(epochs=3, threads=1))
        space = ds.open(path)
        with served(path) as address:
            report_live(space, address, options.requests, options.seconds)


if __name__ == "__main__":
    main()
