"""Training speed side by side: samples per CPU second on one thread, as ratios measured in one run.

    python benchmarks/training.py [--repeats 3] [--epochs 5] [--rows 60000]

Every contender trains the same network on the same rows in a process of its own, in turn, so that none gains from
another's memory settings or a quiet moment; what is printed is the median over the repeats of the paired ratios.
Speed is that of one epoch; the held-out ELBO is compared once, after --epochs. pythae is optional
(benchmarks/requirements.txt); without it the rest is printed.
"""

from __future__ import annotations

import argparse
import contextlib
import gzip
import importlib.util
import io
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

D = 64
MLP, CONV = (512, 256), (32, 64)
SHARED = Path(os.environ.get("DEEPSPACE_SHARED", Path(__file__).resolve().parents[2] / "shared"))


def images(rows: int) -> np.ndarray:
    """(N, 1, 28, 28) uint8: MNIST where it is at hand, else scikit-learn's digits, enlarged and shifted."""
    file = SHARED / "data/mnist/train-images-idx3-ubyte.gz"
    if file.exists():
        return np.frombuffer(gzip.open(file).read(), np.uint8, offset=16).reshape(-1, 1, 28, 28)[:rows].copy()
    from sklearn.datasets import load_digits

    digits = np.kron(load_digits().images, np.ones((3, 3))) * 255 / 16  # (1797, 24, 24)
    rng = np.random.default_rng(0)
    out = np.zeros((rows, 1, 28, 28), np.uint8)
    for i in range(rows):
        y, x = rng.integers(0, 5, 2)
        out[i, 0, y : y + 24, x : x + 24] = digits[i % len(digits)]
    return out


# -- the same networks, written as a user of plain torch would --------------------------------------------------------


def encoder_layers(kind: str) -> tuple[nn.Sequential, int]:
    if kind == "mlp":
        layers = nn.Sequential(nn.Flatten(), nn.Linear(784, MLP[0]), nn.ReLU(), nn.Linear(MLP[0], MLP[1]), nn.ReLU())
        return layers, MLP[1]
    return nn.Sequential(
        nn.Conv2d(1, CONV[0], 4, 2, 1), nn.ReLU(), nn.Conv2d(CONV[0], CONV[1], 4, 2, 1), nn.ReLU(), nn.Flatten()
    ), CONV[1] * 49


def decoder_layers(kind: str) -> nn.Sequential:
    if kind == "mlp":
        first, second = nn.Linear(D, MLP[1]), nn.Linear(MLP[1], MLP[0])
        return nn.Sequential(first, nn.ReLU(), second, nn.ReLU(), nn.Linear(MLP[0], 784))
    return nn.Sequential(
        nn.Linear(D, CONV[1] * 49),
        nn.Unflatten(1, (CONV[1], 7, 7)),
        nn.ReLU(),
        nn.ConvTranspose2d(CONV[1], CONV[0], 4, 2, 1),
        nn.ReLU(),
        nn.ConvTranspose2d(CONV[0], 1, 4, 2, 1),
    )


class Plain(nn.Module):
    """The textbook VAE with the logits form of the Bernoulli loss."""

    def __init__(self, kind: str) -> None:
        super().__init__()
        self.body, width = encoder_layers(kind)
        self.mean, self.log_variance = nn.Linear(width, D), nn.Linear(width, D)
        self.decoder = decoder_layers(kind)

    def elbo(self, x: torch.Tensor) -> torch.Tensor:
        h = self.body(x)
        mean, log_variance = self.mean(h), self.log_variance(h)
        z = mean + torch.exp(0.5 * log_variance) * torch.randn_like(mean)
        logits = self.decoder(z).flatten(1)
        kl = 0.5 * (mean**2 + log_variance.exp() - 1 - log_variance).sum(1)
        return -F.binary_cross_entropy_with_logits(logits, x.flatten(1), reduction="none").sum(1) - kl


@torch.no_grad()
def held_out_elbo(elbo: Callable[[torch.Tensor], torch.Tensor], x: torch.Tensor) -> float:
    torch.manual_seed(0)
    return float(torch.cat([elbo(part) for part in x.split(1000)]).mean())


# -- contenders: each returns CPU seconds of training and the held-out ELBO --------------------------------------------


def ours(kind: str, train_rows: np.ndarray, held_out: torch.Tensor, epochs: int, batch: int) -> tuple[float, float]:
    from deepspace.models import VAE, Layout, build
    from deepspace.training import TrainConfig, train

    hidden = MLP if kind == "mlp" else CONV
    config = VAE(latent_dim=D, hidden=hidden, network=kind, likelihood="bernoulli")  # type: ignore[arg-type]
    model = build(config, Layout("image", (1, 28, 28)), seed=0)
    settings = TrainConfig(epochs=epochs, batch_size=batch, threads=1, validation_fraction=0)
    start = time.process_time()
    train(model, train_rows, settings)
    spent = time.process_time() - start
    return spent, held_out_elbo(lambda x: model.terms(x * 255).elbo, held_out)


def plain(kind: str, train_rows: np.ndarray, held_out: torch.Tensor, epochs: int, batch: int) -> tuple[float, float]:
    torch.manual_seed(0)
    model = Plain(kind)
    data = torch.utils.data.TensorDataset(torch.from_numpy(train_rows).float() / 255)
    loader = torch.utils.data.DataLoader(data, batch_size=batch, shuffle=True)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    start = time.process_time()
    for _ in range(epochs):
        for (x,) in loader:
            optimizer.zero_grad()
            (-model.elbo(x).mean()).backward()
            optimizer.step()
    return time.process_time() - start, held_out_elbo(model.elbo, held_out)


def pythae(kind: str, train_rows: np.ndarray, held_out: torch.Tensor, epochs: int, batch: int) -> tuple[float, float]:
    from pythae.models import VAE, VAEConfig
    from pythae.models.base.base_utils import ModelOutput
    from pythae.models.nn import BaseDecoder, BaseEncoder
    from pythae.trainers import BaseTrainer, BaseTrainerConfig

    class Encoder(BaseEncoder):
        def __init__(self) -> None:
            super().__init__()
            self.body, width = encoder_layers(kind)
            self.mean, self.log_variance = nn.Linear(width, D), nn.Linear(width, D)

        def forward(self, x: torch.Tensor) -> ModelOutput:
            h = self.body(x)
            return ModelOutput(embedding=self.mean(h), log_covariance=self.log_variance(h))

    class Decoder(BaseDecoder):
        def __init__(self) -> None:
            super().__init__()
            self.layers = decoder_layers(kind)

        def forward(self, z: torch.Tensor) -> ModelOutput:
            # pythae's "bce" takes probabilities, so its users end with a sigmoid.
            return ModelOutput(reconstruction=self.layers(z).reshape(-1, 1, 28, 28).sigmoid())

    from pythae.data.datasets import BaseDataset

    torch.manual_seed(0)
    config = VAEConfig(input_dim=(1, 28, 28), latent_dim=D, reconstruction_loss="bce")
    model = VAE(config, encoder=Encoder(), decoder=Decoder())
    rows = torch.from_numpy(train_rows).float() / 255
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stderr(io.StringIO()):
        settings = BaseTrainerConfig(
            output_dir=folder,
            num_epochs=epochs,
            per_device_train_batch_size=batch,
            learning_rate=1e-3,
            no_cuda=True,
            keep_best_on_train=True,
        )
        trainer = BaseTrainer(model, BaseDataset(rows, torch.ones(len(rows))), training_config=settings)
        start = time.process_time()
        trainer.train()
        spent = time.process_time() - start

    def elbo(x: torch.Tensor) -> torch.Tensor:
        h = model.encoder(x)
        z = h.embedding + torch.exp(0.5 * h.log_covariance) * torch.randn_like(h.embedding)
        logits = model.decoder.layers(z).flatten(1)
        kl = 0.5 * (h.embedding**2 + h.log_covariance.exp() - 1 - h.log_covariance).sum(1)
        return -F.binary_cross_entropy_with_logits(logits, x.flatten(1), reduction="none").sum(1) - kl

    return spent, held_out_elbo(elbo, held_out)


def products(batch: int, seconds: float = 1.0) -> float:
    """Samples a CPU second if a step of the MLP were its matrix products alone, in bfloat16, each of its own shape."""
    widths = [784, *MLP, 2 * D], [D, *reversed(MLP), 784]
    shapes = [(a, b) for row in widths for a, b in pairwise(row)]
    work = []
    for i, (a, b) in enumerate(shapes):
        x, w, g = (torch.randn(*s).bfloat16() for s in ((batch, a), (b, a), (batch, b)))
        work.append((lambda x=x, w=w: x @ w.T, lambda x=x, g=g: g.T @ x, None if i == 0 else (lambda w=w, g=g: g @ w)))
    calls = [f for three in work for f in three if f is not None]
    for f in calls:
        f()
    start, rounds = time.process_time(), 0
    while time.process_time() - start < seconds:
        for f in calls:
            f()
        rounds += 1
    return rounds * batch / (time.process_time() - start)


CONTENDERS: dict[str, Callable[..., tuple[float, float]]] = {"ours": ours, "plain": plain, "pythae": pythae}


def child(name: str, kind: str, rows: int, epochs: int, batch: int) -> None:
    torch.set_num_threads(1)
    if name == "products":
        print(json.dumps({"rate": products(batch), "elbo": None}))
        return
    everything = images(rows + 5000)
    held_out = torch.from_numpy(everything[-5000:]).float() / 255
    with contextlib.redirect_stdout(io.StringIO()):
        CONTENDERS[name](kind, everything[:256], held_out[:64], 1, batch)  # warm up: allocator, kernels, imports
        spent, elbo = CONTENDERS[name](kind, everything[:-5000], held_out, epochs, batch)
    print(json.dumps({"rate": epochs * (len(everything) - 5000) / spent, "elbo": elbo}))


def measure(name: str, kind: str, args: argparse.Namespace, batch: int, epochs: int) -> dict[str, Any]:
    command = [sys.executable, __file__, "--child", name, kind, str(args.rows), str(epochs), str(batch)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"The contender {name} failed on the {kind} network:\n{done.stderr[-2000:]}")
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


def report(line: str, ratios: list[float], goal: str) -> None:
    spread = f"{min(ratios):.2f}-{max(ratios):.2f}"
    print(f"{line:<66} {statistics.median(ratios):5.2f}   ({spread})   {goal}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=5, help="for the comparison of held-out ELBO; 0 leaves it out")
    parser.add_argument("--rows", type=int, default=60000)
    args = parser.parse_args()
    from deepspace.training.plan import batch_size

    args.batch = batch_size(args.rows)  # what a fit of as many rows would take
    others = ["plain"]
    if importlib.util.find_spec("pythae"):
        others.append("pythae")
    else:
        print("pythae is not installed (benchmarks/requirements.txt), so its rows are left out.")
    print(f"One thread, {args.rows:,} rows of 28x28; ours at batch {args.batch}, others at 128.")
    print(f"{'ratio of samples per CPU second (share of products: of 1)':<66} median (range)   goal")
    for kind in ("mlp", "conv"):
        runs: dict[str, list[dict[str, Any]]] = {}
        for _ in range(args.repeats):
            runs.setdefault("ours", []).append(measure("ours", kind, args, args.batch, 1))
            if kind == "mlp":
                runs.setdefault("products", []).append(measure("products", kind, args, args.batch, 0))
            for name in others:
                runs.setdefault(name, []).append(measure(name, kind, args, 128, 1))
        for name, goal in (("pythae", "3.5" if kind == "mlp" else "1.6"), ("plain", "-")):
            if name in runs:
                label = "pythae's VAE and trainer" if name == "pythae" else "a plain loop over a DataLoader"
                ratios = [a["rate"] / b["rate"] for a, b in zip(runs["ours"], runs[name], strict=True)]
                report(f"{kind}: ours / {label}", ratios, goal)
        if "products" in runs:
            share = [a["rate"] / b["rate"] for a, b in zip(runs["ours"], runs["products"], strict=True)]
            report(f"{kind}: ours / its bfloat16 matrix products alone, same shapes", share, "0.65")
        if args.epochs:
            own = measure("ours", kind, args, args.batch, args.epochs)["elbo"]
            for name in others:
                theirs = measure(name, kind, args, 128, args.epochs)["elbo"]
                line = f"{kind}: held-out ELBO after {args.epochs} epochs, ours {own:.1f}, {name} {theirs:.1f}"
                report(f"{line}; difference", [own - theirs], ">= 0")


if __name__ == "__main__":
    if len(sys.argv) > 1 and sys.argv[1] == "--child":
        child(sys.argv[2], sys.argv[3], *(int(a) for a in sys.argv[4:]))
    else:
        main()
