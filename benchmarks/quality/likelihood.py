"""log p(x) of MNIST's test images, dynamically binarised: importance sampling with 5,000 draws an image.

Every model has one stochastic layer. The row "784-200-200-50" has the networks of Burda 2016 (arXiv:1509.00519), whose
column the published figures are from; the gated ones, with 40 latents, are Tomczak & Welling's 2018. Every image is
binarised anew at each look, in training and in the test (a pixel is white with the probability of its grey level), and
the encoder sees what the likelihood measures. 58,800 training images are learned from and 1,200 say when to stop;
measured are 2,000 of the test images, every fifth (the first half of them is the easier one; --images 10000 for all):
5,000 draws of each take three minutes of one core.
Importance-weighted bounds take over once the KL counts in full, for the last tenth of the epochs where there are 50
samples, since such a step costs 25 of one, and for the last fifth where there are 10.

    python benchmarks/quality/likelihood.py --quick            a minute, to try it out: 6,000 images, 500 test images
    python benchmarks/quality/likelihood.py --epochs 400       as long as one likes; goes on where it was cut short
    python benchmarks/quality/likelihood.py --epochs 2000 --images 10000 --device cuda
"""

from __future__ import annotations

import argparse
import math
import sys
import time
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

import numpy as np
import torch
from _harness import RESULTS, Table, arguments, digits
from numpy.typing import NDArray

from deepspace.metrics.importance import estimate
from deepspace.models import VAE, LatentModel, Layout, build
from deepspace.training import History, TrainConfig, train

LAYOUT = Layout("image", (1, 28, 28))
PLAIN: dict[str, Any] = {
    "latent_dim": 50, "hidden": (200, 200), "network": "mlp", "likelihood": "bernoulli", "binarise": True,
    "dropout": 0.0, "linear": False,
}  # fmt: skip
GATED: dict[str, Any] = {"hidden": (300, 300), "activation": "glu", "latent_dim": 40}
VAMP: dict[str, Any] = {**GATED, "prior": "vamp", "components": 500}
# name -> the model's own settings, its share of --epochs, and the share of those over which its KL warms up.
MODELS: dict[str, tuple[dict[str, Any], float, float]] = {
    "VAE 784-200-200-50": ({}, 1.0, 0.15),
    "VAE, gated 784-300-300-40": (GATED, 1.0, 0.15),
    "DReG k = 50, gated": ({**GATED, "bound": "dreg", "samples": 50}, 0.5, 0.9),
    "VampPrior K = 500, gated": (VAMP, 1.0, 0.15),
    "VampPrior, DReG k = 10, gated": ({**VAMP, "bound": "dreg", "samples": 10}, 0.6, 0.8),
}
PUBLISHED = {
    "VAE 1 layer (Burda 2016)": {"nats": -86.76},
    "IWAE k = 50, 1 layer (Burda 2016)": {"nats": -84.78},
    "DReG k = 50 (Tucker 2019)": {"nats": -84.32},
    "VAE 2 layers (Burda 2016)": {"nats": -85.33},
    "IWAE k = 50, 2 layers (Burda 2016)": {"nats": -82.90},
    "VampPrior HVAE, 2 layers (Tomczak 2018)": {"nats": -81.24},
    "pythae VAE, as its authors ran it": {"nats": -89.78},
    "pythae VAMP, as its authors ran it": {"nats": -85.79},
    "pythae IWAE, as its authors ran it": {"nats": -86.82},
}
GOALS = {"nats": "-86.4 (VAE), -84.3 (DReG), above -82 (any)"}


def measured(model: LatentModel, images: NDArray[np.uint8], draws: int, seed: int) -> dict[str, float]:
    """Mean log p(x) with the standard error over images, and the draws that carry it."""
    found = estimate(model, images, draws, seed=seed)
    values = found.log_likelihood
    error = float(values.std(ddof=1)) / len(values) ** 0.5
    return {"nats": float(values.mean()), "s.e.": error, "effective draws": float(np.median(found.effective))}


def ours(
    name: str, images: NDArray[np.uint8], test: NDArray[np.uint8], options: argparse.Namespace
) -> Callable[[int], dict[str, Any]]:
    """Trains one of ``MODELS`` and measures it."""
    settings, share, warmup = MODELS[name]
    epochs = max(2, round(options.epochs * share))

    def run(seed: int) -> dict[str, Any]:
        model = build(VAE(**{**PLAIN, **settings}), LAYOUT, seed=seed)
        RESULTS.mkdir(exist_ok=True)
        word = "".join(c if c.isalnum() else "-" for c in name)
        checkpoint = None if options.quick else RESULTS / f"likelihood-{word}-{epochs}-{seed}.safetensors"
        training = TrainConfig(
            epochs=epochs, seed=seed, threads=1, device=options.device, validation_fraction=0.02, checkpoint=checkpoint,
            warmup=warmup,
        )  # fmt: skip
        before = time.process_time()
        history = train(model, images, training)
        spent = (time.process_time() - before) / 60
        found = measured(model.to(options.device), test, options.draws, seed)
        kept = {**found, "ELBO": history.elbo, "epochs": len(history.epochs), "training CPU min": spent}
        if history.resumed:  # what it cost before it was cut short is not known
            return {**kept, "training CPU min": math.nan, "CPU min": math.nan}
        return {**kept, "curves": {"ELBO": curve(history, spent)}}

    return run


def curve(history: History, minutes: float) -> list[tuple[float, float]]:
    """Held-out ELBO after each epoch whose KL counts in full, against the CPU minutes that training had taken."""
    share = minutes / history.epochs[-1]["seconds"]
    return [(e["seconds"] * share, e["validation_elbo"]) for e in history.epochs if e["warmup"] >= 1]


def pythae(images: NDArray[np.uint8], test: NDArray[np.uint8], options: argparse.Namespace, minutes: float) -> Any:
    """pythae's VAE with the same networks, trained by its own loop for as many CPU minutes as ours took.

    Its trainer counts epochs, so one is timed and as many are asked for as fit. Images are binarised anew for it too,
    and it is measured by the same estimator.
    """
    from _pythae import fitted

    def run(seed: int) -> dict[str, float]:
        model, epochs, spent = fitted(images, minutes, seed)
        found = measured(model, test, options.draws, seed)
        return {**found, "ELBO": float("nan"), "epochs": epochs, "training CPU min": spent}

    return run


def main() -> None:
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--epochs", type=int, default=None)
    parser.add_argument("--draws", type=int, default=None)
    parser.add_argument("--images", type=int, default=2000)
    parser.add_argument("--only", default="", help="rows whose name holds this")
    own, rest = parser.parse_known_args()
    sys.argv[1:] = rest
    options = arguments(__doc__ or "")
    options.epochs = own.epochs or (4 if options.quick else 400)
    options.draws = own.draws or (100 if options.quick else 5000)
    images, _, test, _ = digits(options.data, "mnist")
    images, test = (images[:6000], test[:500]) if options.quick else (images, test[:: len(test) // own.images])
    torch.set_num_threads(1)
    table = Table("likelihood", options.seeds[:1] if options.quick else options.seeds, options.quick, options.fresh)
    minutes = None
    for name in MODELS:
        if own.only not in name:
            continue
        settings = {
            "epochs": options.epochs,
            "draws": options.draws,
            "rows": [len(images), len(test)],
            "model": MODELS[name][:2],
        }
        table.measure(name, ours(name, images[:, None], test[:, None], options), settings=settings)
        minutes = minutes or table.summary(name)["training CPU min"][0]
    if find_spec("pythae") and minutes is not None and own.only in "pythae":
        settings = {"epochs": options.epochs, "draws": options.draws, "rows": (len(images), len(test))}
        name = "pythae VAE, equal CPU time"
        table.measure(name, pythae(images[:, None], test[:, None], options, minutes), settings=settings)
    if table.rows:
        table.show(PUBLISHED, GOALS)


if __name__ == "__main__":
    main()
