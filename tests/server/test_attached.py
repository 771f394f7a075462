"""The page of a space without a decoder: real rows where others show a decode, a sentence where there is none."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from sklearn.datasets import load_digits

import deepspace as ds
from deepspace.server import Session
from deepspace.server.live import decode
from deepspace.server.view import View
from deepspace.server.wire import DecodeRequest
from tests.server.conftest import Running, unpack

PIXELS, DIGITS = load_digits(return_X_y=True)


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> ds.Space:
    rows = np.random.default_rng(0).normal(size=(90, 2)) + 6 * np.eye(2)[DIGITS[:90] % 2]
    path: Path = tmp_path_factory.mktemp("bare") / "bare.space"
    return ds.attach(latents=rows, data=(PIXELS[:90].reshape(-1, 8, 8), DIGITS[:90]), path=path)


def test_the_cursor_shows_the_nearest_real_row(bare: ds.Space) -> None:
    x, y = (float(v) for v in bare.map.positions[7])
    view = View(bare)
    answer = decode(view.items, [DecodeRequest(type="decode", id=1, x=x, y=y, detail=True)])[0]
    header, payload = unpack(answer)
    assert header["nearest"]["index"] == 7
    assert "uncertainty" not in header
    np.testing.assert_array_equal(np.frombuffer(payload, np.uint8).reshape(8, 8), bare.samples[7, 0])
    assert view.info().decodes is False
    item = view.items.item(7)
    assert item.reconstruction is None
    assert item.reconstruction_error is None


def test_every_address_answers_or_says_why_not(bare: ds.Space, running: Callable[..., Running]) -> None:
    server = running(Session("bare", space=bare))
    for address in ("space", "items/3", "layers", "regions", "health", "factors", "axes?axes=pca"):
        answer = server.http.get(f"/api/{address}")
        assert answer.status_code == 200, (address, answer.text)
    assert server.http.get("/api/space").json()["decodes"] is False
    factors = server.http.get("/api/factors").json()["factors"]
    assert factors[0]["effect"] is None
    assert factors[0]["kl"] is None
    for address in ("factors/0/film", "local?place=row:3"):
        answer = server.http.get(f"/api/{address}")
        assert 400 <= answer.status_code < 500, (address, answer.text)
