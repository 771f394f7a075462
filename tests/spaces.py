"""One small real space of each modality, fitted through the public API: a few epochs, so that the parts meet."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

import deepspace as ds

__all__ = ["MODALITIES", "fit", "raw"]

MODALITIES = ("image", "table", "signal", "vector", "counts")


def raw(modality: str) -> tuple[Any, dict[str, Any]]:
    """Data, and how to read it."""
    return {"image": _images, "table": _table, "signal": _signals, "vector": _vectors, "counts": _counts}[modality]()


def fit(modality: str, folder: Path, epochs: int = 8) -> ds.Space:
    """The space, in ``folder``."""
    data, reading = raw(modality)
    training = ds.TrainConfig(epochs=epochs, threads=1, validation_fraction=0.2)
    return ds.fit(data, path=folder / f"{modality}.space", seed=0, training=training, **reading)


def _images() -> tuple[Any, dict[str, Any]]:
    from sklearn.datasets import load_digits

    digits = load_digits()
    return ((digits.images[:300] * 15.9).astype(np.uint8), digits.target[:300]), {}


def _table() -> tuple[Any, dict[str, Any]]:
    """Numbers, a category, a boolean, whole numbers, and a cell that is missing."""
    from sklearn.datasets import load_iris

    iris = load_iris(as_frame=True)
    frame = iris.data.round(2)
    frame["size"] = np.where(
        frame["petal length (cm)"] > 4.5, "large", np.where(frame["petal length (cm)"] > 2, "middle", "small")
    )
    frame["wide"] = frame["sepal width (cm)"] > 3
    frame["millimetres"] = (frame["petal width (cm)"] * 10).round().astype(int)
    frame["species"] = iris.target.map(dict(enumerate(iris.target_names)))
    frame.iloc[3, 0] = np.nan
    return frame, {"target": "species"}


def _signals() -> tuple[Any, dict[str, Any]]:
    """Two channels of sines at three speeds."""
    rng = np.random.default_rng(0)
    speed, phase, t = rng.integers(1, 4, 160), rng.uniform(0, 6.3, 160), np.linspace(0, 1, 32)
    wave = 2 * np.pi * speed[:, None] * t + phase[:, None]
    both = np.stack([np.sin(wave), 5 + 2 * np.cos(wave)], 1) + 0.1 * rng.normal(size=(160, 2, 32))
    return (both.astype(np.float32), np.array(["slow", "middle", "fast"])[speed - 1]), {"modality": "signal"}


def _vectors() -> tuple[Any, dict[str, Any]]:
    """Three directions of variance in twelve dimensions, no label."""
    rng = np.random.default_rng(0)
    low = rng.normal(size=(200, 3)) @ rng.normal(size=(3, 12))
    return (low + 0.1 * rng.normal(size=(200, 12))).astype(np.float32), {"modality": "vector"}


def _counts() -> tuple[Any, dict[str, Any]]:
    """Three types of cells that differ in depth, with names of genes."""
    rng = np.random.default_rng(0)
    kind = np.arange(300) % 3
    mean = np.exp(rng.normal(1, 1, (3, 40)))[kind] * rng.uniform(0.5, 2, (300, 1))
    x = rng.negative_binomial(2.0, 2.0 / (2.0 + mean)) + np.eye(300, 40, dtype=np.int64)
    return {"X": x, "genes": np.array([f"G{i}" for i in range(40)]), "label": kind}, {}
