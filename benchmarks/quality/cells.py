"""Counts of genes in cells: do latents know the cell types? VAE beside PCA, both on held-out cells.

    python benchmarks/quality/cells.py [--quick]      # about 7 CPU minutes

5-NN accuracy of the cell type (a neighbour votes only if training saw it), the error of log(1 + count) at the median
total, and, for the VAE, the held-out ELBO in nats. Beside them PCA and probabilistic PCA of log-normalised counts, as
scanpy would make them. Nothing is published for these two cuts of the data; the goal is to be no worse than PCA.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from _harness import Table, arguments
from sklearn.neighbors import KNeighborsClassifier

import deepspace as ds

FAMILIES = {"VAE": ds.VAE, "PCA": ds.PCA, "PPCA": ds.PPCA}


def run(path: Path, family: str, seed: int, epochs: int | None) -> dict[str, float]:
    space = ds.fit(path, model=FAMILIES[family](), seed=seed, training=ds.TrainConfig(epochs=epochs, threads=1))
    assert space.schema.target is not None
    kinds = np.array(space.rows.column(space.schema.target.name).to_pylist())
    held = space.validation_index
    training = np.setdiff1d(np.arange(len(space)), held)
    weights = space.model.distance_weights()
    z = np.asarray(space.latents.mean) * (1.0 if weights is None else np.sqrt(weights.numpy()))
    probe = KNeighborsClassifier(5).fit(z[training], kinds[training])
    measured = space.measure(["reconstruction", "elbo"])
    figures = {
        "n": float(len(held)),
        "5-NN": float((probe.predict(z[held]) == kinds[held]).mean()),
        "error": measured["reconstruction_error"].value,
        **({"ELBO": measured["elbo"].value} if family == "VAE" else {}),
    }
    space.close()
    return figures


def main() -> None:
    chosen = arguments(__doc__ or "")
    epochs = 3 if chosen.quick else None
    for name in ("pbmc68k_reduced", "osmfish"):
        table = Table(f"cells {name}", chosen.seeds, chosen.quick, chosen.fresh)
        path = chosen.data / "cells" / f"{name}_counts.npz"
        for family in FAMILIES:
            table.measure(family, lambda seed, f=family, p=path: run(p, f, seed, epochs), settings={"epochs": epochs})
        table.show(goals={"5-NN": "PCA's"})


if __name__ == "__main__":
    main()
