"""Out-of-distribution detection in both directions: AUROC and FPR at 95 % of each score, on test images.

A VAE of the default kind learns 20,000 training images of one set (6,400 in colour) in 20 epochs; 2,000 of its test
images (1,600 in colour) are to be told from as many of another set. Fashion-MNIST and MNIST both ways; CIFAR-10
(photographs of the official test split, a fifth of them kept for the test) and Fashion-MNIST in colour, resized to
32 x 32, both ways. p-values and the combined score are calibrated on 1,000 rows that training did not see, never on
the test images.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
from _harness import Table, arguments, digits
from numpy.typing import NDArray
from PIL import Image

import deepspace as ds
from deepspace.metrics import auroc, false_positive_rate
from deepspace.training import TrainConfig

PAIRS = (("fashion-mnist", "mnist"), ("mnist", "fashion-mnist"), ("cifar", "colour"), ("colour", "cifar"))


def colour(pictures: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Grey (N, 28, 28) -> (N, 32, 32, 3)."""
    resized = [np.asarray(Image.fromarray(p).resize((32, 32), Image.Resampling.BILINEAR)) for p in pictures]
    return np.repeat(np.stack(resized)[..., None], 3, axis=3)


def images(data: Path, name: str, most: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Training and test images."""
    if name == "cifar":
        photos = np.load(data / "images" / "cifar10_test_8000.npz")["images"]
        return photos[:6400][:most], photos[6400:]
    train, _, test, _ = digits(data, "fashion-mnist" if name == "colour" else name)
    return (colour(train[:most]), colour(test[:2000])) if name == "colour" else (train[:most], test)


def run(data: Path, inside: str, outside: str, *, seed: int, quick: bool) -> dict[str, float]:
    train, test = images(data, inside, 3000 if quick else 6400 if inside in ("cifar", "colour") else 20_000)
    _, other = images(data, outside, 10)
    rng = np.random.default_rng(seed)
    count = 300 if quick else 1600 if "cifar" in (inside, outside) else 2000
    some, others = (x[rng.permutation(len(x))[:count]] for x in (test, other))
    with tempfile.TemporaryDirectory() as folder:
        training = TrainConfig(epochs=3 if quick else 20, seed=seed, threads=1)
        space = ds.fit(train, modality="image", path=Path(folder) / "x.space", seed=seed, training=training)
        a, b = space.ood(some), space.ood(others)
        space.close()
    found = {}
    for name in (*a.scores, "combined"):
        x, y = (r.combined if name == "combined" else r.scores[name] for r in (a, b))
        found[name], found[f"{name} FPR"] = auroc(x, y)[0], false_positive_rate(x, y)
    found["false alarms at 5 %"], found["found at 5 %"] = (float(r.flagged(0.05).mean()) for r in (a, b))
    return found


def main() -> None:
    given = arguments(__doc__)
    table = Table("ood", given.seeds, given.quick, given.fresh)
    for inside, outside in PAIRS:
        table.measure(
            f"{inside} -> {outside}",
            lambda seed, pair=(inside, outside): run(given.data, *pair, seed=seed, quick=given.quick),
        )
    table.show(goals={"combined": "at least latent_knn and input_knn, never below .5; .99 on fashion-mnist -> mnist"})


if __name__ == "__main__":
    main()
