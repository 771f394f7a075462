"""Other axes over the wire, against what the space says of itself in Python."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import deepspace as ds
from deepspace.errors import SpaceError
from deepspace.server import Session
from deepspace.server.films import Films
from deepspace.server.items import Items
from deepspace.server.places import latent, python
from deepspace.server.planes import plane
from deepspace.server.walks import Walks
from deepspace.server.wire import AxesInfo
from tests.server.conftest import Running, ask
from tests.spaces import MODALITIES

Start = Callable[..., Running]
OWN = "columns:petal length (cm),petal width (cm)"


def names(modality: str) -> list[str]:
    return ["map", "pca", "latent:0,1", *([OWN] if modality == "table" else [])]


@pytest.mark.parametrize("modality", MODALITIES)
def test_positions_and_decodes_are_the_spaces_own(
    running: Start, fitted: Callable[[str], ds.Space], modality: str
) -> None:
    space = fitted(modality)
    server = running(Session(space.name, space=space))
    for name in names(modality):
        own = space.axes(name)
        info = AxesInfo.model_validate(server.http.get("/api/axes", params={"axes": name}).json())
        assert (info.name, info.kind, info.exact) == (own.name, own.kind, own.exact)
        assert [axis.label for axis in info.axes] == list(own.labels)
        assert info.placed == len(own.placed)
        np.testing.assert_allclose(info.bounds, own.bounds)
        assert info.trustworthiness == pytest.approx(own.trust["trustworthiness"])
        answer = server.http.get("/api/axes.f32", params={"axes": name})
        positions = np.frombuffer(answer.content, "<f4").reshape(-1, 2)
        np.testing.assert_array_equal(positions, own.positions)
        again = server.http.get(
            "/api/axes.f32", params={"axes": name}, headers={"If-None-Match": answer.headers["etag"]}
        )
        assert again.status_code == 304
        x, y = (float(v) for v in own.positions[own.placed[5]] + np.float32(0.01))
        with server.live() as live:
            header, payload = ask(live, x=x, y=y, axes=name)
        z = own.inverse_transform([[x, y]])
        near = space.neighbors(z=z, k=1)
        assert header["nearest"]["index"] == near.index[0, 0]
        assert header["nearest"]["distance"] == pytest.approx(near.distance[0, 0], abs=1e-4)
        assert header["hasData"] == bool(own.has_data([[x, y]])[0])
        if modality == "image":
            pixels = np.frombuffer(payload, np.uint8).reshape(8, 8)
            assert np.abs(pixels - space.decode(z)[0].astype(int)).max() <= 1


def test_clients_on_different_axes_share_a_batch(fitted: Callable[[str], ds.Space]) -> None:
    from deepspace.server.live import decode
    from deepspace.server.wire import DecodeRequest
    from tests.server.conftest import unpack

    space = fitted("image")
    asked = [
        DecodeRequest(type="decode", id=i, x=0.3, y=-0.2, axes=axes)
        for i, axes in enumerate(["map", "pca", "latent:1,0", "map"])
    ]
    answers = [unpack(answer) for answer in decode(Items(space), asked)]
    for request, (header, payload) in zip(asked, answers, strict=True):
        assert header["id"] == request.id
        expected = space.decode(space.axes(request.axes).inverse_transform([[0.3, -0.2]]))[0]
        assert np.abs(np.frombuffer(payload, np.uint8).reshape(8, 8) - expected.astype(int)).max() <= 1
    assert answers[0][1] == answers[3][1] != answers[1][1]


def test_cells_lie_on_the_axes(running: Start, fitted: Callable[[str], ds.Space]) -> None:
    space = fitted("image")
    own = space.axes("pca")
    x0, y0, x1, y1 = own.bounds
    step = max(x1 - x0, y1 - y0) / 6
    grid: dict[str, Any] = {"x": x0, "y": y1, "step": step, "columns": 7, "rows": 7, "axes": "pca"}
    cells = running(Session("digits", space=space)).http.get("/api/cells", params=grid).json()["contents"]
    for i, content in enumerate(cells):
        place = [[x0 + step * (i % 7), y1 - step * (i // 7)]]
        assert (content is not None) == bool(own.has_data(place)[0])
        if content is not None:
            pixels = np.frombuffer(base64.b64decode(content["data"]), np.uint8).reshape(8, 8)
            assert np.abs(pixels - space.decode(own.inverse_transform(place))[0].astype(int)).max() <= 1
    assert sum(c is not None for c in cells) > 5


def test_a_films_places_lie_on_the_axes(fitted: Callable[[str], ds.Space]) -> None:
    space = fitted("signal")
    film = Films(Items(space)).film(1, "row:3", "latent:1,0")
    np.testing.assert_allclose([x for x, _ in film.places], film.values, atol=1e-5)
    np.testing.assert_allclose([y for _, y in film.places], space.latents.mean[3, 0], atol=1e-5)


def test_paths_are_drawn_on_the_axes_and_an_anchor_stays_where_it_was_marked(fitted: Callable[[str], ds.Space]) -> None:
    space = fitted("image")
    walks = Walks(Films(Items(space)))
    own = space.axes("pca")
    ways = walks.ways("row:3;at:0.5,-1@pca;row:9", 7, "pca")
    assert walks.ways("row:3;at:0.5,-1@pca;row:9", 7).ways[0].places != ways.ways[0].places
    (linear,) = (way for way in ways.ways if way.kind == "linear")
    middle = own.inverse_transform([[0.5, -1]])[0]
    first, last = space.latents.mean[[3, 9]]
    z = np.concatenate([np.linspace(first, middle, 4)[:-1], np.linspace(middle, last, 4)])
    np.testing.assert_allclose(linear.places, own.transform(z), atol=1e-4)
    # Marked on other axes: drawn where the latent lies.
    other = walks.ways("row:3;at:0.5,-1@pca;row:9", 7, "latent:0,1")
    (linear,) = (way for way in other.ways if way.kind == "linear")
    np.testing.assert_allclose(linear.places[3], middle[:2], atol=1e-4)


@pytest.mark.parametrize("place", ["at:0.5,-1@pca", "at:0.5,-1@latent:1,0", f"at:0.5,-1@{OWN}"])
def test_a_place_may_name_its_axes(fitted: Callable[[str], ds.Space], place: str) -> None:
    space = fitted("table")
    z = space.axes(place.partition("@")[2]).inverse_transform([[0.5, -1]])[0]
    np.testing.assert_allclose(latent(space, place), z, atol=1e-6)
    np.testing.assert_allclose(eval(python(space, place), {"space": space}), z, atol=1e-6)


def test_axes_that_are_not_there_are_refused_in_one_sentence(running: Start, fitted: Callable[[str], ds.Space]) -> None:
    space = fitted("image")
    server = running(Session("digits", space=space))
    for address in ("/api/axes", "/api/axes.f32"):
        answer = server.http.get(address, params={"axes": "umap"})
        assert answer.status_code == 400
        assert "has no axes 'umap': use 'map', 'pca'" in answer.json()["error"]
    with server.live() as live:
        header, _ = ask(live, axes="latent:0,999")
    assert header["error"] == f"'image' has no latent dimension 999: it has {space.latent_dim}, counted from 0."
    with pytest.raises(SpaceError, match="has no axes 'x'"):
        latent(space, "at:1,2@x")


def test_a_few_axes_are_kept_and_the_map_always(fitted: Callable[[str], ds.Space]) -> None:
    space = fitted("signal")
    first = plane(space, "map")
    pairs = [f"latent:{i},{i + 1}" for i in range(6)]
    made = [plane(space, name) for name in pairs]
    assert plane(space, "map") is first
    assert plane(space, pairs[-1]) is made[-1]
    assert plane(space, pairs[0]) is not made[0]
