"""The compare panel's server: the twin made in the background, then every answer against Python's own."""

from __future__ import annotations

import base64
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

import deepspace as ds
from deepspace.metrics import sides
from deepspace.server import Session
from deepspace.server.comparing import Comparisons
from deepspace.server.items import Items
from deepspace.training import Progress
from tests.spaces import MODALITIES, fit, raw


def ended(http: httpx.Client) -> dict[str, Any]:
    """The state once nothing is under way."""
    for _ in range(1200):
        state: dict[str, Any] = http.get("/api/compare").json()
        if state["state"] != "making":
            return state
        time.sleep(0.1)
    raise AssertionError(f"still {state['doing']}")


def shown(content: dict[str, Any]) -> np.ndarray:
    if content["kind"] == "image":
        return np.frombuffer(base64.b64decode(content["data"]), np.uint8).astype(float)
    return np.asarray(content["data"], float).ravel()


@pytest.mark.parametrize("modality", MODALITIES)
def test_both_spaces_over_the_wire(
    fitted: Callable[[str], ds.Space], running: Callable[..., Any], modality: str
) -> None:
    space = fitted(modality)
    http = running(Session(space.name, space=space)).http
    refused = http.get("/api/compare/items/3")
    assert refused.status_code == 400
    assert "start the comparison first" in refused.json()["error"]
    assert http.post("/api/compare").json()["state"] == "making"
    state = ended(http)
    assert state["state"] == "ready"
    twin = space.twin()
    own = ds.compare(space, twin)
    found = state["found"]
    assert found["sentences"] == list(own.sentences)
    assert found["labels"] == ["the model", "PCA"]
    for curve, theirs in zip(found["curves"], own.curves, strict=True):
        np.testing.assert_allclose(curve["error"], theirs.error, rtol=1e-6)
    assert [g["about"] for g in found["gaps"] if g["part"] != "neighbours"] == [g.about for g in own.errors]
    places = np.frombuffer(http.get("/api/compare/map.f32").content, "<f4").reshape(-1, 2)
    np.testing.assert_array_equal(places, twin.map.positions)
    _check_item(http, space, twin)
    _check_place(http, twin)
    assert http.get(f"/api/compare/items/{len(space)}").status_code == 400
    assert http.get("/api/compare/decode?x=nan&y=0").status_code == 404


def _check_item(http: httpx.Client, space: ds.Space, twin: ds.Space) -> None:
    item = http.get("/api/compare/items/11").json()
    theirs = sides(space, twin, 11)
    assert [n["index"] for n in item["both"]] == list(theirs.both)
    assert [n["index"] for n in item["onlyA"]] == list(theirs.only_a)
    assert [n["index"] for n in item["onlyB"]] == list(theirs.only_b)
    near = twin.neighbors(z=twin.latents.mean[11:12], k=11)
    far = dict(zip(near.index[0].tolist(), near.distance[0].tolist(), strict=True))
    for n in item["onlyB"]:
        assert n["distance"] == pytest.approx(far[n["index"]], rel=1e-3, abs=1e-5)
    for one, error, content in zip((space, twin), item["errors"], item["rebuilt"], strict=True):
        assert error == pytest.approx(float(one.figures["reconstruction_error"][11]))
        if content["kind"] in ("image", "signal"):
            expected = np.asarray(one.decode(one.latents.mean[11:12]), float).ravel()
            np.testing.assert_allclose(shown(content), expected, atol=1 if content["kind"] == "image" else 1e-4)


def _check_place(http: httpx.Client, twin: ds.Space) -> None:
    x, y = (float(v) for v in twin.map.positions[4])
    beside = http.get("/api/compare/decode", params={"x": x, "y": y}).json()
    z = twin.map.inverse_transform(np.array([[x, y]], np.float32))
    assert beside["hasData"]
    assert beside["nearest"]["index"] == int(twin.neighbors(z=z, k=1).index[0, 0])
    if beside["content"]["kind"] == "image":
        expected = np.asarray(twin.decode(z), float).ravel()
        np.testing.assert_allclose(shown(beside["content"]), expected, atol=1)


def test_a_twin_on_the_disk_is_told_before_it_is_asked_for(tmp_path: Path) -> None:
    space = fit("vector", tmp_path, epochs=1)
    assert not Comparisons(Items(space)).state().kept
    space.twin()
    assert Comparisons(Items(space)).state().kept


def test_stopping_leaves_nothing_half_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    space = fit("vector", tmp_path, epochs=1)
    comparisons = Comparisons(Items(space))
    heard = comparisons._heard

    def hear(progress: Progress) -> None:
        if progress.phase == "mapping":
            comparisons._stop.set()
        heard(progress)

    monkeypatch.setattr(comparisons, "_heard", hear)
    comparisons.start()
    assert comparisons._thread is not None
    comparisons._thread.join(60)
    assert comparisons.state().state == "none"
    assert {p.name for p in tmp_path.iterdir()} == {"vector.space"}
    monkeypatch.undo()
    comparisons.start()
    comparisons._thread.join(60)
    assert comparisons.state().state == "ready"


def test_what_cannot_be_compared_is_said(tmp_path: Path, running: Callable[..., Any]) -> None:
    data, reading = raw("vector")
    space = ds.fit(data, path=tmp_path / "linear.space", model=ds.PCA(latent_dim=2), **reading)
    http = running(Session(space.name, space=space)).http
    http.post("/api/compare")
    state = ended(http)
    assert state["state"] == "failed"
    assert "principal components itself" in state["error"]


def test_a_space_of_the_users_own_stands_beside(tmp_path: Path, running: Callable[..., Any]) -> None:
    data, reading = raw("vector")
    space = fit("vector", tmp_path, epochs=1)
    training = ds.TrainConfig(threads=1, validation_fraction=0.2)
    other = ds.fit(data, path=tmp_path / "other.space", model=ds.VAE(latent_dim=3), training=training, **reading)
    http = running(Session(space.name, space=space, beside=other)).http
    assert http.get("/api/compare").json()["kept"]
    http.post("/api/compare")
    found = ended(http)["found"]
    assert found["names"] == ["vector", "other"]
    assert found["dims"] == [space.latent_dim, 3]
    assert not (tmp_path / "vector.pca.space").exists()
    _check_item(http, space, other)
    shorter = ds.fit(data[:-1], path=tmp_path / "shorter.space", model=ds.PCA(latent_dim=2), **reading)
    with pytest.raises(ds.DeepspaceError, match="they have 200 and 199 rows"):
        Session(space.name, space=space, beside=shorter)
