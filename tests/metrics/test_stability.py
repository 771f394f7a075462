"""Matching latent dimensions over seeds: planted permutations, the formula of the UDR, and real fits."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from scipy.stats import spearmanr
from sklearn.datasets import load_digits

import deepspace as ds
from deepspace.errors import SpaceError
from deepspace.metrics import stability
from deepspace.metrics.stability import udr
from deepspace.training import TrainConfig

BOTH = np.ones(3, bool)


class Seeded:
    """Duck-typed ``BaseSpace`` of given latents; a dimension of scale 1 around 0 carries no KL."""

    cluster_column = None

    def __init__(self, z: np.ndarray, name: str = "a", held: np.ndarray | None = None, digest: str = "d") -> None:
        self.name = name
        dead = z.std(0) < 0.05
        self.latents = SimpleNamespace(mean=z.astype(np.float32), scale=np.where(dead, 1.0, 0.1) * np.ones_like(z))
        self.schema = SimpleNamespace(to_json=dict)
        self.manifest = {"files": {"samples.npy": digest}}
        self.validation_index = np.arange(0, len(z), 2) if held is None else held

    def __len__(self) -> int:
        return len(self.latents.mean)


def of(*spaces: Any) -> Any:
    return stability(spaces)


def made(n: int = 2000, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(n, 4)) * [1, 1, 1, 0.001]


def test_order_sign_and_scale_do_not_matter() -> None:
    z = made()
    found = of(Seeded(z), Seeded(1 - np.exp(z[:, [2, 0, 3, 1]]), "b"))
    assert found.matched[:3, 0].tolist() == [1, 3, 0]
    assert found.correlation[:3, 0] == pytest.approx(1)
    assert found.informative.tolist() == [True, True, True, False]
    assert found.stable().tolist() == [0, 1, 2]
    assert found.udr == pytest.approx(1, abs=0.1)  # other dimensions go together by chance, a little
    assert (found.interval[:, 0] <= found.udr).all()
    assert (found.udr <= found.interval[:, 1]).all()
    assert found.n == 1000
    assert not found.seen


def test_a_rotation_is_not_the_same_factors() -> None:
    z = made()
    turn = np.linalg.qr(np.random.default_rng(4).normal(size=(3, 3)))[0]
    turned = z.copy()
    turned[:, :3] = z[:, :3] @ turn
    same, rotated = of(Seeded(z), Seeded(z, "b")), of(Seeded(z), Seeded(turned, "b"))
    assert len(rotated.stable()) < 3
    assert rotated.udr[0] < 0.75 * same.udr[0]


def test_independent_spaces_reach_what_chance_does() -> None:
    found = of(Seeded(made(seed=0)), Seeded(made(seed=1), "b"))
    assert not len(found.stable())
    assert found.correlation.max() < 0.15
    assert found.chance < 0.15
    assert "0 of 3 dimensions" in str(found)


def test_correlations_are_scipys() -> None:
    a, b = made(500), made(500)[:, ::-1] + made(500, 7)
    found = of(Seeded(a, held=np.arange(500)), Seeded(b, "b", held=np.arange(500)))
    expected = np.abs(spearmanr(a.astype(np.float32), b.astype(np.float32)).statistic[:4, 4:])
    for d in range(4):
        assert found.correlation[d, 0] == pytest.approx(expected[d, found.matched[d, 0]])


def test_the_ranking_by_hand() -> None:
    """Duan 2020, eq. 2."""
    r = np.array([[0.9, 0.1, 0.0], [0.2, 0.8, 0.0], [0.0, 0.0, 0.0]])
    own = 0.9**2 / 1.0 + 0.8**2 / 1.0
    theirs = 0.9**2 / 1.1 + 0.8**2 / 0.9
    assert udr(r, (BOTH, BOTH)) == pytest.approx((own + theirs) / 6)
    two = np.array([True, True, False])
    assert udr(r, (two, two)) == pytest.approx((own + theirs) / 4)
    assert udr(np.eye(3), (BOTH, BOTH)) == 1
    assert udr(np.zeros((3, 3)), (~BOTH, ~BOTH)) == 0


def test_a_space_that_is_unlike_the_others_ranks_last() -> None:
    z, rng = made(), np.random.default_rng(3)
    turned = z.copy()
    turned[:, :3] = z[:, :3] @ np.linalg.qr(rng.normal(size=(3, 3)))[0]
    noisy = [z + 0.1 * rng.normal(size=z.shape) * [1, 1, 1, 0.001] for _ in range(2)]
    found = of(Seeded(noisy[0]), Seeded(noisy[1], "b"), Seeded(turned, "c"), Seeded(z, "d"))
    assert found.udr.argmin() == 2
    assert found.matched.shape == (4, 3)
    assert len(found.to_arrow()) == 4


def test_rows_seen_in_training_are_said_to_flatter() -> None:
    z = made()
    found = of(Seeded(z, held=np.arange(0, 100)), Seeded(z, "b", held=np.arange(100, 200)))
    assert found.seen
    assert found.n == 2000
    assert "these flatter" in str(found)


def test_what_cannot_be_matched_is_refused() -> None:
    with pytest.raises(SpaceError, match="two or more spaces of the same rows, got 1; fit with another seed"):
        of(Seeded(made()))
    with pytest.raises(SpaceError, match="2,000 and 500 rows"):
        of(Seeded(made()), Seeded(made(500), "b"))
    with pytest.raises(SpaceError, match="rows are not the same"):
        of(Seeded(made()), Seeded(made(), "b", digest="other"))


def test_principal_components_are_the_same_for_every_seed(tmp_path: Path) -> None:
    """Solved on nearly the same rows: the first components come back, which no VAE of so few epochs would promise."""
    images = (load_digits().images[:600] * 16).clip(0, 255).astype(np.uint8)
    training = TrainConfig(epochs=1, threads=1)
    spaces = [
        ds.fit(images, model=ds.PCA(latent_dim=4), path=tmp_path / f"{seed}.space", seed=seed, training=training)
        for seed in range(2)
    ]
    found = ds.stability(spaces)
    assert found.correlation.min() > 0.9
    assert len(found.stable()) == 4
    for space in spaces:
        space.close()
