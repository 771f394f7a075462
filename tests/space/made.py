"""The makings of small spaces: real rows of all four modalities, a small untrained model, a history."""

from __future__ import annotations

import numpy as np
import pandas as pd
from sklearn import datasets

from deepspace import data, models
from deepspace.data.dataset import Dataset
from deepspace.models.base import LatentModel
from deepspace.training import History

ROWS = 160
MODALITIES = ("image", "table", "signal", "vector")


def dataset(modality: str) -> Dataset:
    """160 rows of scikit-learn's own data, or of waves."""
    rng = np.random.default_rng(0)
    if modality == "image":
        digits = datasets.load_digits()
        return data.load(((digits.images[:ROWS] * 15).astype(np.uint8), digits.target[:ROWS]), modality="image")
    if modality == "table":
        wine = datasets.load_wine(as_frame=True).frame.head(ROWS)
        kinds = pd.Series(rng.choice(["dry", "sweet"], ROWS), name="kind")
        frame = pd.concat([wine.iloc[:, :5], kinds, wine[["target"]]], axis=1)
        frame.loc[3, "ash"] = np.nan
        return data.load(frame, target="target")
    if modality == "signal":
        phase = rng.uniform(0, 6, (ROWS, 1))
        waves = 3 + 2 * np.sin(np.linspace(0, 9, 48) + phase) + 0.1 * rng.normal(size=(ROWS, 48))
        return data.load((waves.astype(np.float32), (phase[:, 0] > 3).astype(int)), modality="signal")
    vectors = rng.normal(size=(ROWS, 3)) @ rng.normal(size=(3, 12)) + 5
    return data.load(vectors.astype(np.float32), modality="vector")


def model_for(rows: Dataset, seed: int = 0) -> LatentModel:
    """Untrained: a space does not ask how good its model is."""
    config = models.choose(rows.schema, rows.array, models.VAE(latent_dim=3, hidden=(16,), network="mlp"))
    return models.build(config, rows.schema, seed=seed)


def history(rows: int) -> History:
    """As if trained for two epochs."""
    epochs = [{"epoch": e, "elbo": -10.0 / e, "validation_elbo": -11.0 / e, "seconds": 0.1 * e} for e in (1, 2)]
    return History(
        epochs=epochs, best_epoch=2, stopped="epochs", threads=1, precision="float32", device="cpu", seconds=0.3,
        seed=0, rows=rows, validation_rows=rows // 10, batch_size=64, learning_rate=1e-3, elbo=-5.0,
        reconstruction=-4.0, kl=1.0, kl_per_dimension=[0.5, 0.5, 0.0], active_units=2,
    )  # fmt: skip
