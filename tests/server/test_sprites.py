"""Sprite sheets: every row's thumbnail is where the description says."""

from __future__ import annotations

import io
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from deepspace.server import sprites as module
from deepspace.server.sprites import Sprites


def space_of(samples: np.ndarray) -> SimpleNamespace:
    class Space(SimpleNamespace):
        def __len__(self) -> int:
            return len(self.samples)

    return Space(samples=samples, schema=SimpleNamespace(shape=samples.shape[1:]))


def tile(made: Sprites, row: int) -> np.ndarray:
    """Cuts a row's tile out, by the protocol's arithmetic."""
    info = made.info
    picture = Image.open(io.BytesIO(made.sheet(row // info.per_sheet))).convert("RGB")
    place = row % info.per_sheet
    left, top = place % info.columns * info.tile[0], place // info.columns * info.tile[1]
    return np.asarray(picture.crop((left, top, left + info.tile[0], top + info.tile[1])))


@pytest.mark.parametrize("large", [0, 1_000_000])
@pytest.mark.parametrize("n", [1, 7, 50])
@pytest.mark.parametrize("channels", [1, 3])
def test_flat_pictures_come_back_in_their_places(
    n: int, channels: int, large: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_LARGE", large)
    monkeypatch.setattr(module, "_SIDE", 48)  # several sheets
    rng = np.random.default_rng(0)
    colour = rng.integers(0, 16, (n, channels, 1, 1)) * 17
    samples = np.broadcast_to(colour, (n, channels, 12, 10)).astype(np.uint8)
    made = Sprites(space_of(samples))
    assert made.info.tile == (10, 12)
    assert made.info.sheets == -(-n // made.info.per_sheet)
    for row in range(n):
        got = tile(made, row)
        want = np.broadcast_to(colour[row, :, 0, 0], (12, 10, 3))
        assert np.abs(got.astype(int) - want).max() <= 4


def test_sheets_stay_within_a_texture_and_a_budget() -> None:
    for n, shape in [(60_000, (1, 28, 28)), (1_000_000, (1, 28, 28)), (8_000, (3, 32, 32)), (600, (3, 128, 96))]:
        samples = np.lib.stride_tricks.as_strided(np.zeros(1, np.uint8), (n, *shape), (0, 0, 0, 0))
        info = Sprites(space_of(samples)).info
        assert info.tile[0] * info.columns <= 4096
        assert info.tile[1] * -(-min(n, info.per_sheet) // info.columns) <= 4096
        assert max(info.tile) <= 32
        assert info.per_sheet * info.sheets >= n


def testshrinking_is_area_averaging() -> None:
    rng = np.random.default_rng(0)
    block = rng.integers(0, 256, (3, 1, 28, 28), dtype=np.uint8)
    small = module.shrink(block, 14, 14)
    want = block.reshape(3, 1, 14, 2, 14, 2).mean((3, 5))
    assert np.abs(small[..., 0] - want[:, 0]).max() <= 0.5
    uneven = module.shrink(np.full((1, 3, 30, 20), 77, np.uint8), 13, 9)
    assert (uneven == 77).all()


def test_a_sheet_is_made_once(monkeypatch: pytest.MonkeyPatch) -> None:
    made = Sprites(space_of(np.zeros((4, 1, 8, 8), np.uint8)))
    first = made.sheet(0)
    monkeypatch.setattr(module, "_png", None)
    assert made.sheet(0) is first
