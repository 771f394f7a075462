"""Two networks on the same photos, layer by layer: a small classifier, and the VAE that never saw a label.

    python examples/breeds.py PHOTOS.npz [-o breeds]

PHOTOS.npz holds images (N, H, W, 3) or (N, H, W) uint8 and labels (N,), with their names under "breeds" or "classes"
if it likes; a folder with one sub-folder a class works as well. Written are breeds.classifier.html and breeds.vae.html,
an atlas of each network, and printed is how the label becomes readable with depth in both. All figures are of the
photos that neither network was trained on.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

import deepspace as ds
from deepspace.layers import Depth, Layers
from deepspace.report import atlas
from deepspace.results import wilson

__all__ = ["classifier", "read", "run"]

HELD_OUT = 0.3


def read(path: Path) -> tuple[Any, str]:
    """What ``ds.fit`` takes, and the name of the label's column."""
    if path.suffix != ".npz":
        return path, "label"
    with np.load(path, allow_pickle=False) as found:
        names = next((found[key] for key in ("breeds", "classes") if key in found), None)
        labels = found["labels"] if names is None else names[found["labels"].astype(int)]
        return {"images": found["images"], "label": labels}, "label"


def classifier(space: ds.Space, column: str, *, epochs: int, seed: int = 0) -> nn.Sequential:
    """Four convolutions and a linear layer, trained on the rows that the space was trained on too."""
    torch.manual_seed(seed)
    words = np.array([str(v) for v in space.rows.column(column).to_pylist()])
    classes, y = np.unique(words, return_inverse=True)
    x = torch.from_numpy(np.array(space.samples))
    rows = np.setdiff1d(np.arange(len(space)), space.validation_index)
    net = nn.Sequential()
    for i, (a, b) in enumerate(zip((x.shape[1], 16, 32, 64), (16, 32, 64, 64), strict=True), 1):
        parts = (nn.Conv2d(a, b, 3, padding=1), nn.BatchNorm2d(b), nn.ReLU(), nn.MaxPool2d(2, ceil_mode=True))
        for name, part in zip(("conv", "norm", "relu", "pool"), parts, strict=True):
            net.add_module(f"{name}{i}", part)
    head = {"mean": nn.AdaptiveAvgPool2d(1), "flat": nn.Flatten(), "drop": nn.Dropout(0.3)}
    for name, module in head.items():
        net.add_module(name, module)
    net.add_module("class", nn.Linear(64, len(classes)))
    steps = epochs * -(-len(rows) // 64)
    optimizer = torch.optim.AdamW(net.parameters(), lr=3e-3, weight_decay=0.05)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 3e-3, total_steps=steps)
    rng, labels = np.random.default_rng(seed), torch.from_numpy(y.reshape(-1))
    for _ in range(epochs):
        for part in np.array_split(rng.permutation(rows), -(-len(rows) // 64)):
            batch = x[part].float() / 255
            flipped = torch.rand(len(batch)) < 0.5
            batch[flipped] = batch[flipped].flip(-1)
            loss = nn.functional.cross_entropy(net(batch), labels[part])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
    net.eval()
    held = np.asarray(space.validation_index)
    with torch.no_grad():
        right = int((net(x[held].float() / 255).argmax(1).numpy() == y.reshape(-1)[held]).sum())
    low, high = wilson(right, len(held))
    print(
        f"the classifier is right on {right / len(held):.3f} ({low:.3f} to {high:.3f}) of {len(held)} photos held out"
    )
    return net


def run(path: Path, output: Path, *, epochs: int, training: ds.TrainConfig | None = None) -> dict[str, Depth]:
    """Fit both, print what each layer tells, write both atlases."""
    source, column = read(path)
    space = ds.fit(source, target=column, training=training or ds.TrainConfig(validation_fraction=HELD_OUT))
    net = classifier(space, column, epochs=epochs)
    found: dict[str, Depth] = {}
    networks: dict[str, Layers] = {
        "classifier": space.layers(net, held_out=space.validation_index, name="a classifier of the photos"),
        "vae": space.layers(),
    }
    for name, listed in networks.items():
        found[name] = listed.depth(column, looks=False)
        print(f"\n{name}\n{found[name]}")
        print(atlas(listed, output.with_name(f"{output.name}.{name}.html")))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("photos", type=Path)
    parser.add_argument("-o", "--output", type=Path, default=Path("breeds"))
    parser.add_argument("--epochs", type=int, default=40, help="of the classifier")
    options = parser.parse_args()
    run(options.photos, options.output, epochs=options.epochs)


if __name__ == "__main__":
    main()
