"""VAE, GAN and PCA under precision, recall, density, coverage and Frechet distance; and what each leaves out.

    python benchmarks/quality/diversity.py [--quick] [--only fashion cifar adult]

Pictures are compared in the last hidden layer of a small classifier, trained on the training rows' labels and on
nothing that is measured (a stand-in for Inception, which was not trained on such pictures and is not at hand), and in
64 principal components of the training rows, which need no labels; tables in the components of their mixed columns.

As many generated rows as held-out ones, k = 5. The rows "training rows" and "columns mixed up" say what a perfect model
and one that learned nothing would reach. Samples of pictures are taken as means (what ``space.sample`` gives) and with
the likelihood's noise; of tables they are drawn, since a mode would be the same in most rows. The minutes of a model
stand in its first row: the second costs no training.

A group (a class, a value of a column) is named as left out where the test behind ``space.uncovered`` finds it for every
seed, in the first kind of features.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from _harness import DATA, RESULTS, Table, digits
from numpy.typing import NDArray

from deepspace.data import load
from deepspace.metrics.coverage import frechet, over_represented, prdc
from deepspace.metrics.coverage.manifolds import nearest, radii
from deepspace.models import GAN, PCA, VAE, ClosedForm, Config, Layout, build, choose
from deepspace.models.coordinates import Coordinates
from deepspace.training import TrainConfig, train

ADULT = [
    *("age", "workclass", "fnlwgt", "education", "education-num", "marital-status", "occupation", "relationship"),
    *("race", "sex", "capital-gain", "capital-loss", "hours-per-week", "native-country", "income"),
]
MEASURED = 4_000
GAN_EPOCHS = {"fashion": 20, "cifar": 40, "adult": 30}  # a quarter or less of its own choice: ten minutes of one core
TIMES = 4  # generated rows to a held-out one where single rows are asked after
Features = Callable[[NDArray[Any]], NDArray[np.float32]]


@dataclass(frozen=True, eq=False)
class Task:
    """Encoded rows to train on and to measure with; the measured rows' labels by column."""

    name: str
    schema: Any
    training: NDArray[Any]
    held: NDArray[Any]
    labels: NDArray[Any] | None
    groups: dict[str, NDArray[Any]]
    classes: tuple[str, ...] = ()


def fashion(data: Path, quick: bool) -> Task:
    x, y, test, test_y = digits(data, "fashion-mnist")
    names = ("T-shirt", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "boot")
    n, m = (1_000, 300) if quick else (30_000, MEASURED)
    dataset = load(x[:n])
    held = dataset.schema.encode(test[:m])
    return Task(
        "Fashion-MNIST", dataset.schema, dataset.array, held, y[:n], {"class": np.array(names)[test_y[:m]]}, names
    )


def cifar(data: Path, quick: bool) -> Task:
    """8,000 of the official test pictures, split here: the others are not at hand."""
    file = np.load(data / "images" / "cifar10_test_8000.npz")
    x, y, names = file["images"], file["labels"].astype(np.int64), tuple(str(c) for c in file["classes"])
    order = np.random.default_rng(0).permutation(len(x))
    n, m = (1_000, 300) if quick else (6_000, 2_000)
    dataset = load(x[order[:n]])
    tested = order[-m:]
    return Task(
        "CIFAR-10, 6,000 pictures", dataset.schema, dataset.array, dataset.schema.encode(x[tested]), y[order[:n]],
        {"class": np.array(names)[y[tested]]}, names,
    )  # fmt: skip


def adult(data: Path, quick: bool) -> Task:
    import pandas as pd

    def read(name: str, skip: int) -> Any:
        return pd.read_csv(data / "tables" / name, names=ADULT, skipinitialspace=True, na_values="?", skiprows=skip)

    n, m = (1_000, 300) if quick else (32_561, MEASURED)
    training, test = read("adult.data.gz", 0)[:n], read("adult.test.gz", 1)[:m]
    test["income"] = test["income"].str.rstrip(".")
    dataset = load(training)
    groups = {c: test[c].fillna("(missing)").astype(str).to_numpy() for c in ADULT if test[c].dtype == object}
    for column in ("age", "hours-per-week"):
        groups[column] = pd.qcut(test[column], 5, duplicates="drop").astype(str).to_numpy()
    for column in ("capital-gain", "capital-loss"):
        groups[column] = np.where(test[column] > 0, "above 0", "0")
    return Task("Adult", dataset.schema, dataset.array, dataset.schema.encode(test), None, groups)


TASKS = {"fashion": fashion, "cifar": cifar, "adult": adult}


def classifier(task: Task, epochs: int) -> tuple[Features, float]:
    """128 features of a small convolutional network that was trained to tell the classes, and its held-out accuracy."""
    assert task.labels is not None
    torch.manual_seed(0)
    channels = task.training.shape[1]
    body = torch.nn.Sequential(
        torch.nn.Conv2d(channels, 32, 3, 2, 1), torch.nn.ReLU(), torch.nn.Conv2d(32, 64, 3, 2, 1), torch.nn.ReLU(),
        torch.nn.Conv2d(64, 64, 3, 2, 1), torch.nn.ReLU(), torch.nn.Flatten(),
        torch.nn.LazyLinear(128), torch.nn.ReLU(),
    )  # fmt: skip
    head = torch.nn.Linear(128, len(task.classes))

    def pixels(x: NDArray[Any]) -> torch.Tensor:
        return torch.from_numpy(np.asarray(x, np.float32) / 127.5 - 1)

    x, y = pixels(task.training), torch.from_numpy(np.array(task.labels, np.int64))
    body(x[:2])
    optimizer = torch.optim.AdamW([*body.parameters(), *head.parameters()], 1e-3)
    for _ in range(epochs):
        for rows in torch.randperm(len(x)).split(128):
            optimizer.zero_grad()
            torch.nn.functional.cross_entropy(head(body(x[rows])), y[rows]).backward()
            optimizer.step()

    def features(rows: NDArray[Any]) -> NDArray[np.float32]:
        with torch.inference_mode():
            return np.concatenate([body(part).numpy() for part in pixels(rows).split(1024)])

    with torch.inference_mode():
        guess = head(torch.from_numpy(features(task.held))).argmax(1).numpy()
    return features, float((np.array(task.classes)[guess] == task.groups["class"]).mean())


def principal(task: Task) -> Features:
    """64 principal components of the training rows, of a table's mixed columns."""
    layout = Layout.of(task.schema)
    model = build(PCA(latent_dim=min(64, Coordinates(layout).width)), layout)
    train(model, task.training, TrainConfig(validation_fraction=0, threads=1))
    lengths = model.distance_weights()
    assert isinstance(model, ClosedForm)
    assert lengths is not None
    weights = lengths.sqrt()

    def features(rows: NDArray[Any]) -> NDArray[np.float32]:
        with torch.inference_mode():
            return (model.encode(torch.from_numpy(np.asarray(rows, np.float32))).mean * weights).numpy()

    return features


@cache
def generate(task: Task, config: Config, training: TrainConfig, n: int) -> dict[str, NDArray[np.float32]]:
    """{"means": ..., "draws": ...}: n encoded rows each from one fitted model."""
    config = choose(task.schema, task.training, config)
    model = build(config, task.schema, seed=training.seed)
    train(model, task.training, training)
    made: dict[str, NDArray[np.float32]] = {}
    with torch.inference_mode():
        for how, function in (("means", model.decode), ("draws", model.draw)):
            generator = torch.Generator().manual_seed(training.seed)
            torch.manual_seed(training.seed)
            z = model.sample_prior(n, generator)
            made[how] = np.concatenate([function(part).numpy() for part in z.split(1024)])
    return made


def figures(task: Task, spaces: dict[str, Features], made: NDArray[Any]) -> dict[str, float]:
    """The five figures in each kind of features, of as many generated rows as held-out ones."""
    found: dict[str, float] = {}
    for name, features in spaces.items():
        real, fake = features(task.held), features(made[: len(task.held)])
        q = prdc(real, fake, 5)
        found |= {
            f"{name} P": q.precision, f"{name} R": q.recall, f"{name} D": q.density, f"{name} C": q.coverage,
            f"{name} Frechet": frechet(real, fake),
        }  # fmt: skip
    return found


def left_out(task: Task, features: Features, made: NDArray[Any]) -> dict[str, float]:
    """Share of held-out rows that no generated row is near, and {"column=value": share} of the groups named."""
    real, fake = features(task.held), features(made)
    missed = nearest(real, fake) > radii(real, 5)
    groups, _ = over_represented(task.groups, missed)
    return {"left out": float(missed.mean())} | {f"{g.column}={g.value}": g.share for g in groups}


def mixed(task: Task, n: int, seed: int) -> NDArray[Any]:
    """Each value from a training row of its own."""
    rng = np.random.default_rng(seed)
    flat = task.training.reshape(len(task.training), -1)
    picked = np.stack([flat[rng.integers(0, len(flat), n), c] for c in range(flat.shape[1])], 1)
    return picked.reshape(n, *task.training.shape[1:])


def run(task: Task, seeds: list[int], epochs: int | None, gan: int | None, quick: bool, fresh: bool) -> None:
    spaces = {"components": principal(task)}
    if task.labels is not None:
        features, accuracy = classifier(task, 1 if quick else 6)
        spaces = {"classifier": features} | spaces
        print(f"{task.name}: the classifier is right on {100 * accuracy:.1f} % of held-out rows", flush=True)
    table = Table(f"coverage {task.name}", seeds, quick, fresh)
    which, n = next(iter(spaces.values())), len(task.held)
    notes = RESULTS / f"{table.name}{'.quick' if quick else ''}.left_out.jsonl"

    def measure(row: str, make: Callable[[int], NDArray[Any]]) -> None:
        def once(seed: int) -> dict[str, float]:
            made = make(seed)
            named = left_out(task, which, made)
            RESULTS.mkdir(exist_ok=True)
            with notes.open("a") as file:
                file.write(json.dumps({"row": row, "seed": seed, "groups": named}) + "\n")
            return figures(task, spaces, made) | {"left out": named["left out"]}

        settings = {"epochs": gan if row == "gan" else epochs, "rows": len(task.training)}
        table.measure(row, once, settings=settings)

    def others(seed: int) -> NDArray[Any]:
        return task.training[np.random.default_rng(seed).permutation(len(task.training))[: TIMES * n]]

    measure("training rows", others)
    measure("columns mixed up", lambda seed: mixed(task, TIMES * n, seed))
    both = ("draws",) if task.labels is None else ("means", "draws")
    for config, hows in ((PCA(latent_dim=32), both), (VAE(), both), (GAN(), ("draws",))):
        for how in hows:  # the second way of a model costs no training

            def made(seed: int, config: Config = config, how: str = how) -> NDArray[Any]:
                training = TrainConfig(seed=seed, threads=1, epochs=gan if isinstance(config, GAN) else epochs)
                return generate(task, config, training, TIMES * n)[how]

            measure(f"{config.family} {how}" if len(hows) > 1 else config.family, made)
    table.show()
    say(notes, seeds)


def say(notes: Path, seeds: list[int]) -> None:
    """The groups that were named for every seed, row by row; the last run of a seed counts."""
    last: dict[str, dict[int, dict[str, float]]] = {}
    for line in notes.read_text().splitlines():
        entry = json.loads(line)
        last.setdefault(entry["row"], {})[entry["seed"]] = entry["groups"]
    for row, found in last.items():
        runs = [found[seed] for seed in seeds if seed in found]
        common = set.intersection(*(set(r) for r in runs)) - {"left out"}
        shares = {g: float(np.mean([r[g] for r in runs])) for g in common}
        text = ", ".join(f"{g} {100 * s:.1f} %" for g, s in sorted(shares.items(), key=lambda e: -e[1])[:12])
        usual = 100 * float(np.mean([r["left out"] for r in runs]))
        print(f"{row} leaves out {usual:.1f} % of held-out rows; more of {text or 'no group for every seed'}")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--fresh", action="store_true")
    parser.add_argument("--epochs", type=int, help="of every model; otherwise the VAE's own choice, and GAN_EPOCHS")
    parser.add_argument("--only", nargs="+", choices=list(TASKS), default=list(TASKS))
    args = parser.parse_args()
    torch.set_num_threads(1)
    for name in args.only:
        epochs = 2 if args.quick else args.epochs
        gan = epochs or GAN_EPOCHS[name]
        run(TASKS[name](args.data, args.quick), args.seeds, epochs, gan, args.quick, args.fresh)


if __name__ == "__main__":
    main()
