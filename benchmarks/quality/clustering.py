"""Unsupervised clustering of MNIST: accuracy, NMI and V-measure on the 10,000 test images. Labels only score.

Learned from the 60,000 training images, k = 10 given. The rows:

k-means of pixels    what learning nothing reaches
k-means of latents   10-means of a VAE's posterior means (10 latents, 784-512-256-10)
mixture prior        the components of VAE(prior="mixture"), as deepspace.fit makes them
communities          deepspace.graphs.partition on the first VAE's posterior means; test images go with the majority
                     of their 10 nearest training images in latent space
of two VAEs          the same on the means of that VAE and of another side by side (50 latents, binarised images): what
                     one net lays wrong the other seldom lays wrong too

Accuracy matches clusters with digits one to one (Hungarian method). VaDE chooses the best of several runs with a
pretrained autoencoder; here every seed counts, and of the starts within a run modularity chooses, not labels.

    python benchmarks/quality/clustering.py [--quick]
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from _harness import Table, arguments, digits
from numpy.typing import NDArray

from deepspace.graphs import partition, vote
from deepspace.metrics.clustering import agreement
from deepspace.models import VAE, LatentModel, Layout, build, choose
from deepspace.training import TrainConfig, train

PUBLISHED = {
    "VaDE (Jiang 2017)": {"accuracy": 0.9446},
    "VAE, 2-D (UMAP/AE's authors)": {"V-measure": 0.547},
    "PCA, 2-D (UMAP/AE's authors)": {"V-measure": 0.323},
    "UMAP/AE, 2-D": {"V-measure": 0.846},
}
GOALS = {"accuracy": "above 0.9446"}


def scores(truth: NDArray[Any], clusters: NDArray[Any]) -> dict[str, float]:
    found = agreement(truth, clusters)
    return {"accuracy": found.accuracy, "NMI": found.nmi, "V-measure": found.nmi}


def k_means(rows: NDArray[Any], query: NDArray[Any], seed: int) -> NDArray[Any]:
    from sklearn.cluster import KMeans

    return np.asarray(KMeans(10, n_init=5, random_state=seed).fit(rows).predict(query))


def means(model: LatentModel, images: NDArray[np.uint8]) -> NDArray[np.float32]:
    with torch.inference_mode():
        parts = [model.encode(torch.from_numpy(images[i : i + 2000].copy())).mean for i in range(0, len(images), 2000)]
    return np.asarray(torch.cat(parts).numpy())


def learned(images: NDArray[np.uint8], options: argparse.Namespace, **settings: Any) -> Callable[[int], LatentModel]:
    """A VAE of 10 latents, if nothing else is said, trained on the images, by seed."""

    def make(seed: int) -> LatentModel:
        layout = Layout("image", (1, 28, 28))
        model = build(choose(layout, images, VAE(**{"latent_dim": 10, **settings})), layout, seed=seed)
        train(model, images, TrainConfig(epochs=options.epochs, seed=seed, threads=1, validation_fraction=0.02))
        return model

    return make


def main() -> None:
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--epochs", type=int, default=None)
    own, rest = parser.parse_known_args()
    sys.argv[1:] = rest
    options = arguments(__doc__ or "")
    options.epochs = own.epochs or (3 if options.quick else 14)
    images, _, test, truth = digits(options.data, "mnist")
    images = images[:6000] if options.quick else images
    test, truth = (test[:2000], truth[:2000]) if options.quick else (test, truth)
    torch.set_num_threads(1)
    flat = [x.reshape(len(x), -1).astype(np.float32) / 255 for x in (images, test)]
    plain, mixed = learned(images[:, None], options), learned(images[:, None], options, prior="mixture", components=10)
    wide = learned(images[:, None], options, latent_dim=50, hidden=(200, 200), likelihood="bernoulli", binarise=True)
    kept: dict[int, tuple[NDArray[np.float32], NDArray[np.float32]]] = {}

    def latents(seed: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        if seed not in kept:
            model = plain(seed)
            kept[seed] = means(model, images[:, None]), means(model, test[:, None])
        return kept[seed]

    # CPU minutes of a row hold the training of what it is first to need.
    def of_latents(seed: int) -> dict[str, float]:
        return scores(truth, k_means(*latents(seed), seed))

    def of_mixture(seed: int) -> dict[str, float]:
        model = mixed(seed)
        with torch.inference_mode():
            chances = model.clusters(torch.from_numpy(means(model, test[:, None])))
        assert chances is not None
        return scores(truth, chances.argmax(1).numpy())

    def of_communities(seed: int) -> dict[str, float]:
        z, query = latents(seed)
        found = partition(z, 10, seed=seed)
        return {**scores(truth, vote(z, found.labels, query)), "modularity": found.modularity}

    def of_two(seed: int) -> dict[str, float]:
        first, model = latents(seed), wide(seed)
        second = means(model, images[:, None]), means(model, test[:, None])
        z, query = (np.concatenate(pair, 1) for pair in zip(first, second, strict=True))
        found = partition(z, 10, seed=seed)
        return {**scores(truth, vote(z, found.labels, query)), "modularity": found.modularity}

    table = Table("clustering", options.seeds[:1] if options.quick else options.seeds, options.quick, options.fresh)
    settings = {"epochs": options.epochs, "rows": len(images)}
    table.measure("communities of a VAE", of_communities, settings=settings)
    table.measure("communities of two VAEs", of_two, settings=settings)
    table.measure("k-means of the same VAE", of_latents, settings=settings)
    table.measure("VAE, mixture prior", of_mixture, settings=settings)
    table.measure("k-means of pixels", lambda seed: scores(truth, k_means(flat[0], flat[1], seed)), settings=settings)
    table.show(PUBLISHED, GOALS)


if __name__ == "__main__":
    main()
