"""Map quality by ParametricUMAP's protocol: trustworthiness, 5-NN and reconstruction of a map that also decodes.

Trustworthiness (k = 5) between the pixels and the map positions of the first 10,000 training rows; 5-nearest-neighbour
accuracy of the test set's positions from the training set's; mean squared error of the test set through two
dimensions and back, pixels in [0, 1]. The test set is encoded, placed on the map and decoded from its place; nothing
is refitted. Rows of umap-learn and openTSNE stand beside where those are installed.
"""

from __future__ import annotations

import tempfile
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from _harness import Table, arguments, digits
from numpy.typing import NDArray

import deepspace as ds
from deepspace.space.map import trustworthiness
from deepspace.training import TrainConfig

PUBLISHED = {  # Sainburg, McInnes & Gentner 2021, notebooks of ParametricUMAP_paper
    "mnist": {
        "UMAP/AE": {"trustworthiness": 0.9675, "5-NN": 0.9537, "MSE": 0.0360},
        "P. UMAP": {"trustworthiness": 0.9573, "5-NN": 0.9614, "MSE": 0.0374},
        "AE": {"trustworthiness": 0.9663, "5-NN": 0.7926, "MSE": 0.0369},
        "t-SNE": {"trustworthiness": 0.9874, "5-NN": 0.9502},
    },
    "fashion-mnist": {
        "UMAP/AE": {"trustworthiness": 0.9842, "5-NN": 0.7561, "MSE": 0.0240},
        "P. UMAP": {"trustworthiness": 0.9733, "5-NN": 0.7407, "MSE": 0.0266},
        "AE": {"trustworthiness": 0.9803, "5-NN": 0.7339, "MSE": 0.0244},
        "t-SNE": {"trustworthiness": 0.9906, "5-NN": 0.8039},
    },
}
ROWS = 10_000


def near(positions: NDArray[np.float32], label: NDArray[np.uint8], places: NDArray[np.float32],
         held: NDArray[np.uint8]) -> float:  # fmt: skip
    """5-NN accuracy of places from positions."""
    from sklearn.neighbors import KNeighborsClassifier

    return float(KNeighborsClassifier(5).fit(positions, label).score(places, held))


def ours(data: tuple[NDArray[np.uint8], ...], *, seed: int, epochs: int | None) -> dict[str, float]:
    train, label, test, held = data
    with tempfile.TemporaryDirectory() as work:
        training = TrainConfig(epochs=epochs, seed=seed)
        space = ds.fit(train, modality="image", path=Path(work) / "map.space", seed=seed, training=training)
        positions = np.array(space.map.positions)
        places = space.map.transform(space.encode(test))
        blocks = np.array_split(space.map.inverse_transform(places), 20)
        rebuilt = np.concatenate([space.decode_encoded(block) for block in blocks]).reshape(len(test), -1)
        space.close()
    error = np.square((rebuilt - test.reshape(len(test), -1)) / 255.0).mean(dtype=np.float64)
    return {
        "trustworthiness": trustworthiness(train[:ROWS], positions[:ROWS], 5),
        "5-NN": near(positions, label, places, held),
        "MSE": float(error),
    }


def umap(data: tuple[NDArray[np.uint8], ...], *, seed: int) -> dict[str, float]:
    from umap import UMAP

    train, label, test, held = data
    fitted = UMAP(random_state=seed).fit(train.reshape(len(train), -1) / np.float32(255))
    places = fitted.transform(test.reshape(len(test), -1) / np.float32(255))
    trust = trustworthiness(train[:ROWS], fitted.embedding_[:ROWS], 5)
    return {"trustworthiness": trust, "5-NN": near(fitted.embedding_, label, places, held)}


def tsne(data: tuple[NDArray[np.uint8], ...], *, seed: int) -> dict[str, float]:
    from openTSNE import TSNE

    train, label, test, held = data
    fitted = TSNE(random_state=seed).fit(train.reshape(len(train), -1) / np.float32(255))
    places = fitted.transform(test.reshape(len(test), -1) / np.float32(255))
    trust = trustworthiness(train[:ROWS], np.asarray(fitted)[:ROWS], 5)
    return {"trustworthiness": trust, "5-NN": near(np.asarray(fitted), label, np.asarray(places), held)}


def main() -> None:
    given = arguments(__doc__)
    for name, published in PUBLISHED.items():
        data = digits(given.data, name)
        if given.quick:
            data = (data[0][:2000], data[1][:2000], data[2][:1000], data[3][:1000])
        table = Table(f"map {name}", given.seeds, given.quick, given.fresh)
        epochs = 3 if given.quick else None
        table.measure("deepspace", lambda seed, data=data, epochs=epochs: ours(data, seed=seed, epochs=epochs))
        for module, row, run in (("umap", "umap-learn", umap), ("openTSNE", "openTSNE", tsne)):
            if find_spec(module) is None:
                print(f"{row}: left out, since it is not installed")
                continue
            first = given.seeds[:1]  # minutes a seed, and they hardly move
            table.measure(row, lambda seed, data=data, run=run: run(data, seed=seed), seeds=first)
        goal = published["UMAP/AE"]
        goals = {
            "trustworthiness": f"> {goal['trustworthiness']}",
            "5-NN": f"> {goal['5-NN']}",
            "MSE": f"< {goal['MSE']}",
        }
        table.show(published, goals)


if __name__ == "__main__":
    main()
