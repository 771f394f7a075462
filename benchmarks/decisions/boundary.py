"""A decision on the map: how soon there is a line, what it costs beside a whole grid, what it misses, and its trust.

make bench SCRIPTS=benchmarks/decisions/boundary.py [ARGS="--quick"]

Predictors are fitted on the rows that the space learned from; its held-out rows test them and the picture. Seconds are
of the processor on one thread. The whole grid is asked once more for each, so that what refining missed can be counted.
"""

from __future__ import annotations

import argparse
import gzip
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from _tables import SPACES, TABLES, predictor_of, space_of
from numpy.typing import NDArray

import deepspace as ds
from deepspace.decisions import Audit
from deepspace.decisions.boundary import Boundary, boundary, doubt, map_trust, proxy, static_boundary

FASHION = Path(__file__).resolve().parents[3] / "shared" / "data" / "fashion-mnist"
IMAGES = 12_000
RUNS = (("german", "boosting"), ("german", "linear"), ("adult", "boosting"), ("adult", "linear"), ("fashion", "linear"))


def idx(name: str) -> NDArray[np.uint8]:
    content = gzip.decompress(next(FASHION.rglob(name)).read_bytes())
    shape = [int.from_bytes(content[4 + 4 * i : 8 + 4 * i], "big") for i in range(content[3])]
    return np.frombuffer(content, np.uint8, offset=4 + 4 * len(shape)).reshape(shape)


def fashion() -> tuple[ds.Space, Any]:
    """The first images in a space, and a linear classifier of their pixels."""
    from sklearn.linear_model import LogisticRegression

    images, labels = idx("train-images*")[:IMAGES], idx("train-labels*")[:IMAGES]
    path = SPACES / "fashion-0.space"
    if not (path / "manifest.json").exists():
        ds.fit((images, labels), path=path, seed=0, training=ds.TrainConfig(epochs=12, threads=1))
    space = ds.open(path)
    learn = np.setdiff1d(np.arange(len(space)), space.validation_index)
    given = np.asarray(space.schema.decode(space.samples[:])).reshape(len(space), -1)
    return space, LogisticRegression(C=1e-6, max_iter=100).fit(given[learn], labels[learn])


def audit_of(name: str, kind: str) -> Audit:
    if name == "fashion":
        space, model = fashion()
        return Audit(space, model, held_out=space.validation_index)
    table = TABLES[name]()
    space = space_of(table)
    learn = np.setdiff1d(np.arange(len(space)), space.validation_index)
    model = predictor_of(kind, table, rows=table.split(0)[0][learn])
    return Audit(space, model, favourable=table.favourable, held_out=space.validation_index)


def torn(found: Boundary) -> NDArray[np.bool_]:
    """Cells of the grid, all four corners with data, whose corners disagree."""
    o = found.outcome
    corners = np.stack([o[:-1, :-1], o[:-1, 1:], o[1:, 1:], o[1:, :-1]])
    return np.asarray((corners >= 0).all(0) & (corners != corners[0]).any(0))


def measure(name: str, kind: str, whole: bool) -> None:
    audit = audit_of(name, kind)
    print(f"== {name}, {kind}: {audit.predictor.name}, {len(audit.space):,} rows")
    _ = audit.answers
    audit.space.map.prepare()
    start, marks = time.process_time(), []
    still = static_boundary(audit)
    static = time.process_time() - start
    start = time.process_time()
    bare = boundary(audit, tell=lambda b, last: marks.append((time.process_time() - start, b.calls)))
    print(
        f"static view {static:.2f} s; first line {marks[0][0]:.2f} s ({marks[0][1]:,} asked), "
        f"all {marks[-1][0]:.2f} s in {len(marks) - 1} batches"
    )
    print(f"asked {bare.calls:,} of {bare.full:,}: {bare.calls / bare.full:.3f}")
    seen = proxy(audit)
    found = boundary(audit, proxy=seen)
    print(f"with {len(seen):,} rows as witnesses: {found.calls:,} of {found.full:,}: {found.calls / found.full:.3f}")
    if whole:
        start = time.process_time()
        full = boundary(audit, resolution=32 * 16, depth=0)
        shift = round((full.origin[0] - found.origin[0]) / found.cell)
        rows, columns = (min(a, b - shift) for a, b in zip(full.outcome.shape, found.outcome.shape, strict=True))
        every = torn(full)[: rows - 1, : columns - 1]
        for label, one in (("refined", bare), ("with witnesses", found)):
            cells = torn(one)[shift : shift + rows - 1, shift : shift + columns - 1]
            inside = one.outcome[shift : shift + rows, shift : shift + columns], full.outcome[:rows, :columns]
            there = (inside[0] >= 0) & (inside[1] >= 0)
            same = (inside[0] == inside[1])[there].mean()
            print(
                f"{label}: {(every & cells).sum() / max(every.sum(), 1):.4f} of {every.sum():,} torn cells found, "
                f"{same:.5f} of places alike"
            )
        print(f"whole grid {time.process_time() - start:.1f} s")
    print(map_trust(audit, proxy=seen))
    print(doubt(audit, proxy=seen))
    print(still)
    print(flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="the first table alone, without the whole grid")
    parser.add_argument("names", nargs="*", help="some of german, adult, fashion")
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    for name, kind in RUNS[: 1 if chosen.quick else None]:
        if not chosen.names or name in chosen.names:
            measure(name, kind, not chosen.quick)


if __name__ == "__main__":
    main()
