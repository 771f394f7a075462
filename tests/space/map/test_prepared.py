"""A map whose lookups were built ahead answers as one that works them out when asked."""

from __future__ import annotations

import numpy as np
import pytest

from deepspace.space.map import residual
from deepspace.space.map.residual import Residual


def _curve(places: np.ndarray) -> np.ndarray:
    """Stands in for the decoder network: (M, 2) -> (M, 3)."""
    return np.column_stack([np.sin(places[:, 0]), places.prod(1), np.cos(places[:, 1])]).astype(np.float32)


@pytest.mark.parametrize("rows", [1, 5, 400])
def test_prepared_and_unprepared_agree(rows: int) -> None:
    rng = np.random.default_rng(rows)
    positions = rng.normal(size=(rows, 2)).astype(np.float32)
    positions[rows // 2] = positions[0]  # rows that share a place share the mean of their latents
    latents = rng.normal(size=(rows, 3)).astype(np.float32)
    places = np.concatenate([rng.normal(size=(50, 2)).astype(np.float32), positions[:3]])
    plain = Residual(positions, latents, _curve).add_to(places)
    ahead = Residual(positions, latents, _curve)
    ahead.prepare()
    np.testing.assert_allclose(ahead.add_to(places), plain, atol=1e-5)


def test_a_prepared_question_decodes_its_place_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []

    def counted(places: np.ndarray) -> np.ndarray:
        asked.append(len(places))
        return _curve(places)

    positions = np.random.default_rng(0).normal(size=(100, 2)).astype(np.float32)
    made = Residual(positions, np.zeros((100, 3), np.float32), counted)
    made.prepare()
    made.add_to(np.zeros((1, 2), np.float32))
    assert asked == [100, 1]
    monkeypatch.setattr(residual, "_KEPT_BYTES", 100)
    large = Residual(positions, np.zeros((100, 3), np.float32), counted)
    large.prepare()
    large.add_to(np.zeros((1, 2), np.float32))
    assert asked == [100, 1, 25]
