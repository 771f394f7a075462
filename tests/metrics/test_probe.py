"""The linear probe and the Shepard correlation against scikit-learn, scipy and what must come out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy.stats import spearmanr
from sklearn.datasets import load_diabetes, load_digits
from sklearn.decomposition import PCA
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.metrics import accuracy_score, r2_score

import deepspace as ds
from deepspace.errors import SpaceError
from deepspace.metrics import held_out, measure
from deepspace.metrics.shepard import shepard


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> ds.Space:
    x, y = load_digits(return_X_y=True)
    path: Path = tmp_path_factory.mktemp("probe") / "digits.space"
    held = np.arange(0, 900, 4)
    fitted = PCA(2).fit(np.delete(x[:900], held, axis=0))
    return ds.attach(fitted, data=(x[:900].reshape(-1, 8, 8), y[:900]), held_out=held, path=path)


def test_the_probe_of_classes_is_a_logistic_regression_on_training_rows(digits: ds.Space) -> None:
    found = measure(digits, ["linear_probe"])
    held = digits.validation_index
    training = np.setdiff1d(np.arange(900), held)
    z, y = np.asarray(digits.latents.mean), np.array(digits.rows.column("label").to_pylist())
    own = LogisticRegression(max_iter=500).fit((z[training] - z[training].mean(0)) / z[training].std(0), y[training])
    right = accuracy_score(y[held], own.predict((z[held] - z[training].mean(0)) / z[training].std(0)))
    latents, components = found["probe_accuracy"], found.each("probe_accuracy")[0]
    assert latents.value == pytest.approx(right, abs=0.01)
    assert latents.n == len(held)
    assert latents.interval is not None
    assert latents.interval[0] < latents.value < latents.interval[1]
    assert latents.beats_baseline
    # The latents are principal components of the same rows themselves.
    assert components.about == "principal components"
    assert components.value == pytest.approx(latents.value, abs=0.01)


def test_the_probe_of_numbers_is_r2() -> None:
    frame = load_diabetes(as_frame=True).frame
    x, y = frame.drop(columns="target").to_numpy(), frame["target"].to_numpy()
    held = np.arange(0, len(x), 3)
    training = np.setdiff1d(np.arange(len(x)), held)
    space = ds.attach(latents=x[:, [2, 8]], data=frame, target="target", held_out=held)
    found = measure(space, ["linear_probe"])["probe_r2"]
    true = r2_score(y[held], LinearRegression().fit(x[training][:, [2, 8]], y[training]).predict(x[held][:, [2, 8]]))
    assert found.value == pytest.approx(true, abs=0.02)
    assert found.baseline == 0


def test_without_held_out_rows_or_target_the_probe_says_so() -> None:
    x, y = load_digits(return_X_y=True)
    pictures = x[:60].reshape(-1, 8, 8)
    for data, sentence in ((pictures, "no target"), ((pictures, y[:60]), "no record of held-out rows")):
        space = ds.attach(latents=x[:60, 20:22], data=data)
        assert sentence in measure(space, ["linear_probe"]).skipped["linear_probe"]


def test_shepard_is_the_rank_correlation_of_distances(digits: ds.Space) -> None:
    (found,) = shepard(digits, held_out(digits))
    # Two latents are shown as they are: the map keeps every distance.
    assert found.value > 0.999
    assert found.n == 450
    rng = np.random.default_rng(0)
    one, other = rng.permutation(900).reshape(2, 450)
    z, p = np.asarray(digits.latents.mean), rng.normal(size=(900, 2)).astype(np.float32)
    digits.map.positions = p
    (scattered,) = shepard(digits, held_out(digits))
    true = spearmanr(np.linalg.norm(z[one] - z[other], axis=1), np.linalg.norm(p[one] - p[other], axis=1)).statistic
    assert scattered.value == pytest.approx(true, abs=1e-6)
    assert scattered.interval is not None
    assert scattered.interval[0] < 0 < scattered.interval[1]


def test_shepard_needs_pairs() -> None:
    x = load_digits().data[:12]
    space = ds.attach(latents=x[:, 20:22], data=x.reshape(-1, 8, 8), modality="image")
    with pytest.raises(SpaceError, match="12 rows are too few"):
        shepard(space, held_out(space))
