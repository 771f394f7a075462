"""Out-of-distribution scores: each by its definition, p-values by what they promise."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from scipy.spatial.distance import cdist
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA

import deepspace as ds
from deepspace.errors import SpaceError
from deepspace.metrics import auroc, held_out
from deepspace.metrics.ood_scores import NEIGHBOUR, SCORES, Regret, Scored
from deepspace.training import TrainConfig

# Shuffled, since the digits come writer by writer, and new writers are another distribution.
PIXELS = (load_digits().data.reshape(-1, 8, 8) * 15.9).astype(np.uint8)[np.random.default_rng(0).permutation(1797)]


@pytest.fixture(scope="module")
def space(tmp_path_factory: pytest.TempPathFactory) -> ds.Space:
    path: Path = tmp_path_factory.mktemp("ood") / "digits.space"
    model = ds.VAE(latent_dim=2, hidden=(32,))
    return ds.fit(PIXELS[:1200], model=model, path=path, training=TrainConfig(epochs=12, threads=1))


@pytest.fixture(scope="module")
def elsewhere() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (80, 8, 8)).astype(np.uint8)


def test_what_is_from_elsewhere_scores_higher_and_what_is_not_gives_few_false_alarms(
    space: ds.Space, elsewhere: np.ndarray
) -> None:
    found, usual = space.ood(elsewhere), space.ood(PIXELS[1200:])
    assert list(found.scores) == [score.name for score in SCORES]
    assert not found.skipped
    assert not found.seen
    assert found.n == len(space.validation_index)
    assert auroc(usual.combined, found.combined)[0] > 0.99
    assert found.flagged(0.05).mean() > 0.95
    # 597 items at 5 %, with the noise of 120 rows that calibrate.
    assert usual.flagged(0.05).mean() < 0.12
    for p in (*usual.p.values(), usual.combined_p):
        assert (p > 0).all()
        assert (p <= 1).all()
        assert abs(p.mean() - 0.5) < 0.12
    table = found.to_arrow()
    assert table.num_rows == 80
    assert {"regret", "regret_p", "combined", "combined_p"} <= set(table.column_names)
    assert "80 items against 120 held-out rows; false alarms held to 5 %" in str(found)


def test_distances_are_to_training_rows_only(space: ds.Space, elsewhere: np.ndarray) -> None:
    found = space.ood(elsewhere, scores=["input_knn", "latent_knn"])
    training = held_out(space).training
    assert not np.isin(training, space.validation_index).any()
    points = space.samples[training].reshape(len(training), -1) / 255.0
    true = np.sort(cdist(elsewhere.reshape(80, -1) / 255.0, points), 1)[:, NEIGHBOUR - 1]
    np.testing.assert_allclose(found.scores["input_knn"], true, rtol=1e-4)
    true = np.sort(cdist(space.encode(elsewhere), space.latents.mean[training]), 1)[:, NEIGHBOUR - 1]
    np.testing.assert_allclose(found.scores["latent_knn"], true, rtol=1e-3, atol=1e-4)
    own = Scored(space, np.asarray(space.samples[space.validation_index]))
    own_points = own.encoded.reshape(len(own), -1) / 255.0
    calibration = np.sort(cdist(own_points, points), 1)[:, NEIGHBOUR - 1]
    p = (1 + (calibration[None] >= found.scores["input_knn"][:, None] - 1e-6).sum(1)) / (1 + len(own))
    np.testing.assert_allclose(found.p["input_knn"], p)


def test_complexity_is_bits_beyond_png(space: ds.Space, elsewhere: np.ndarray) -> None:
    found = space.ood(elsewhere[:5], scores=["complexity", "elbo"])
    bits = []
    for picture in elsewhere[:5]:
        file = io.BytesIO()
        Image.fromarray(picture).save(file, "png", optimize=True)
        bits.append(8 * len(file.getvalue()))
    excess = found.scores["elbo"] / np.log(2) - np.array(bits)
    spread = np.abs(np.subtract.outer(excess, excess))
    of = found.scores["complexity"]
    same, other = np.abs(np.subtract.outer(of, of)), np.add.outer(of, of)
    assert (np.minimum(np.abs(same - spread), np.abs(other - spread)) < 1e-3 * spread.max() + 1e-6).all()


def test_regret_is_what_a_better_posterior_gains(space: ds.Space) -> None:
    """Of principal components the encoder's posterior is the best already, up to its noise; a spoilt one is not."""
    rows = np.random.default_rng(0).normal(size=(400, 2)) @ np.random.default_rng(1).normal(size=(2, 6))
    rows += 0.3 * np.random.default_rng(2).normal(size=rows.shape)
    linear = ds.fit(rows.astype(np.float32), modality="vector", model=ds.VAE(latent_dim=2, hidden=(16,)),
                    training=TrainConfig(epochs=5, threads=1))  # fmt: skip
    some = Scored(linear, np.asarray(linear.samples[:50]))
    before = Regret().of(some)
    assert (before >= 0).all()
    state = {name: value.clone() for name, value in linear.model.state_dict().items()}
    with torch.no_grad():
        linear.model.posterior.bias[:2] += 2.0
    spoilt = Regret().of(Scored(linear, some.encoded))
    linear.model.load_state_dict(state)
    assert spoilt.mean() > before.mean() + 1
    assert all(parameter.grad is None for parameter in linear.model.parameters())


def test_a_space_without_a_model_keeps_the_distances_it_can_take(elsewhere: np.ndarray) -> None:
    z = PCA(2).fit_transform(PIXELS[:200].reshape(200, -1))
    space = ds.attach(latents=z, data=PIXELS[:200])
    found = space.ood(elsewhere)
    assert list(found.scores) == ["input_knn"]
    assert set(found.skipped) == {"latent_knn", "typicality", "complexity", "regret", "elbo"}
    assert found.seen
    assert "may have seen" in str(found)
    with pytest.raises(SpaceError, match="can take none of these scores"):
        space.ood(elsewhere, scores=["elbo"])


def test_questions_that_make_no_sense_are_refused(space: ds.Space, elsewhere: np.ndarray) -> None:
    with pytest.raises(SpaceError, match="there is no score 'mahalanobis'; there are latent_knn"):
        space.ood(elsewhere, scores=["mahalanobis"])
    found = space.ood(elsewhere, scores=["input_knn"])
    with pytest.raises(SpaceError, match=r"120 held-out rows are too few for a false-alarm rate of 0\.001"):
        found.flagged(0.001)
    with pytest.raises(SpaceError, match="between 0 and 1"):
        found.flagged(1.5)


def test_a_score_does_not_depend_on_which_items_are_asked_about_together(space: ds.Space) -> None:
    together = space.ood(PIXELS[1200:1260])
    alone = [space.ood(PIXELS[i : i + 1]) for i in range(1200, 1260)]
    for name, values in together.scores.items():
        np.testing.assert_allclose(np.concatenate([one.scores[name] for one in alone]), values, rtol=1e-3, atol=1e-3)
    backwards = space.ood(PIXELS[1200:1260][::-1])
    np.testing.assert_allclose(backwards.combined_p[::-1], together.combined_p, atol=2 / together.n)


def coded(n: int, seed: int) -> pd.DataFrame:
    """Two numbers and a code, of which many come once or twice."""
    rng = np.random.default_rng(seed)
    code = np.minimum(rng.zipf(1.4, n), 5000)
    return pd.DataFrame({"a": rng.normal(size=n), "b": rng.normal(size=n), "code": [f"c{k}" for k in code]})


def test_a_code_that_training_lacks_is_read_alike_in_held_out_rows_and_in_new_ones(tmp_path: Path) -> None:
    shares = []
    for seed in range(4):
        both = coded(2400, seed)
        training = TrainConfig(epochs=2, threads=1, seed=seed, validation_fraction=0.25)
        model = ds.VAE(latent_dim=2, hidden=(16,))
        space = ds.fit(both[:1200], model=model, path=tmp_path / f"{seed}.space", training=training)
        found = space.ood(both[1200:], scores=["typicality", "input_knn"])
        shares.append(found.flagged(0.1).mean())
        if seed:
            continue
        held, rest = (set(both["code"][rows]) for rows in (space.validation_index, np.setdiff1d(
            np.arange(1200), space.validation_index)))  # fmt: skip
        row = {"a": 0.3, "b": -0.2}
        strange = pd.DataFrame([{**row, "code": code} for code in (min(held - rest), "nobody's", None)])
        for values in space.ood(strange, scores=["typicality", "input_knn"]).scores.values():
            assert values[0] == pytest.approx(values[2], abs=1e-5)
            assert values[1] == pytest.approx(values[2], abs=1e-5)
    assert np.mean(shares) == pytest.approx(0.1, abs=0.03)
