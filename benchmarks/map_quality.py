"""Map quality by ParametricUMAP's protocol, beside its published rows; --data DIR holds mnist and fashion-mnist.

Trustworthiness (k = 5) between the pixels and the map positions of the first 10,000 training rows; 5-nearest-neighbour
accuracy of the test set's positions from the training set's; mean squared error of the test set through two
dimensions and back, pixels in [0, 1]. The test set is encoded, placed on the map and decoded from its place; nothing
is refitted.
"""

from __future__ import annotations

import argparse
import gzip
import tempfile
import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

PUBLISHED = {  # Sainburg, McInnes & Gentner 2021, notebooks of ParametricUMAP_paper
    "mnist": {"UMAP/AE": (0.9675, 0.9537, 0.0360), "P. UMAP": (0.9573, 0.9614, 0.0374), "AE": (0.9663, 0.7926, 0.0369)},
    "fashion-mnist": {
        "UMAP/AE": (0.9842, 0.7561, 0.0240),
        "P. UMAP": (0.9733, 0.7407, 0.0266),
        "AE": (0.9803, 0.7339, 0.0244),
    },
}


def read_idx(path: Path) -> NDArray[np.uint8]:
    raw = gzip.decompress(path.read_bytes())
    shape = [int.from_bytes(raw[4 + 4 * i : 8 + 4 * i], "big") for i in range(raw[3])]
    return np.frombuffer(raw, np.uint8, offset=4 + 4 * len(shape)).reshape(shape)


def measure(folder: Path, *, epochs: int | None, seed: int) -> tuple[tuple[float, float, float], str]:
    """The three figures of one data set, and what they cost."""
    from sklearn.neighbors import KNeighborsClassifier

    import deepspace as ds
    from deepspace.space.map import trustworthiness
    from deepspace.training import Progress, TrainConfig

    train, test = (read_idx(folder / f"{part}-images-idx3-ubyte.gz") for part in ("train", "t10k"))
    label, held_label = (read_idx(folder / f"{part}-labels-idx1-ubyte.gz") for part in ("train", "t10k"))
    begun: dict[str, float] = {}

    def note(progress: Progress) -> None:
        begun.setdefault(progress.phase, time.process_time())

    started, wall = time.process_time(), time.monotonic()
    with tempfile.TemporaryDirectory() as work:
        space = ds.fit(
            folder / "train-images-idx3-ubyte.gz",
            path=Path(work) / "map.space",
            seed=seed,
            training=TrainConfig(epochs=epochs, seed=seed),
            on_progress=note,
        )
        cpu, wall = time.process_time() - started, time.monotonic() - wall
        mapping = begun.get("measuring", begun.get("saving", begun["mapping"])) - begun["mapping"]
        positions = np.array(space.map.positions)
        places = space.map.transform(space.encode(test))
        blocks = np.array_split(space.map.inverse_transform(places), 20)
        rebuilt = np.concatenate([space.decode_encoded(block) for block in blocks]).reshape(len(test), -1)
        error = np.square((rebuilt - test.reshape(len(test), -1)) / 255.0).mean(dtype=np.float64)
        trust = trustworthiness(train[:10_000], positions[:10_000], 5)
        accuracy = KNeighborsClassifier(5).fit(positions, label).score(places, held_label)
        dimension, trained = space.latent_dim, len(space.history.get("epochs", []))
        space.close()
    spent = f"{cpu / 60:.1f} CPU min in all ({wall / 60:.1f} min), map {mapping:.0f} CPU s"
    cost = f"{trained} epochs, {dimension} latents; {spent}"
    return (trust, float(accuracy), float(error)), cost


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", default=["mnist", "fashion-mnist"])
    parser.add_argument("--data", type=Path, default=Path(__file__).resolve().parents[2] / "shared" / "data")
    parser.add_argument("--epochs", type=int, default=None, help="of the autoencoder; chosen from the data by default")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    for name in given.names:
        reached, cost = measure(given.data / name, epochs=given.epochs, seed=given.seed)
        print(f"\n{name} ({cost})\n{'':10} {'trust':>7} {'5-NN':>7} {'MSE':>7}")
        for row, figures in {"deepspace": reached, **PUBLISHED.get(name, {})}.items():
            print(f"{row:10} {figures[0]:7.4f} {figures[1]:7.4f} {figures[2]:7.4f}", flush=True)


if __name__ == "__main__":
    main()
