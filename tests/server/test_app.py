"""The HTTP half of the interface, over a real server."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from deepspace.server import Session
from deepspace.server.answers import Cache
from deepspace.server.routes import arrays as module
from deepspace.server.wire import Item, SessionInfo, SpaceInfo
from tests.server.conftest import Running
from tests.server.fakes import FakeSpace

Start = Callable[..., Running]
Spaces = Callable[[str], FakeSpace]


def test_all_there_is_to_fetch_of_a_space(running: Start, space: FakeSpace) -> None:
    http = running(Session(space.name, space=space)).http  # type: ignore[arg-type]
    session = SessionInfo.model_validate(http.get("/api/session").json())
    assert (session.phase, session.name, session.modality) == ("ready", space.name, space.schema.modality)
    info = SpaceInfo.model_validate(http.get("/api/space").json())
    assert (info.n, info.latent_dim, info.modality) == (len(space), space.latent_dim, space.schema.modality)
    assert info.map.trustworthiness == space.map.trust["trustworthiness"]
    assert info.health == ["This is a fake space."]
    assert (info.sprites is not None) == (info.modality == "image")
    positions = np.frombuffer(http.get("/api/map.f32").content, "<f4").reshape(-1, 2)
    np.testing.assert_array_equal(positions, space.map.positions)
    x0, y0, x1, y1 = info.map.bounds
    assert ((positions >= (x0, y0)) & (positions <= (x1, y1))).all()
    widths = {"f32": "<f4", "u8": "u1", "u16": "<u2"}
    for column in info.columns:
        values = np.frombuffer(http.get(f"/api/columns/{column.index}").content, widths[column.encoding])
        assert len(values) == len(space)
        if column.encoding == "f32":
            assert int(np.isnan(values).sum()) == column.missing
    item = Item.model_validate(http.get("/api/items/3").json())
    assert item.index == 3
    assert http.get("/api/items/3/content").json() == http.get("/api/items/3").json()["real"]


def test_sheets_hold_the_rows_in_order(running: Start, spaces: Spaces) -> None:
    space = spaces("colour")
    http = running(Session("tinted", space=space)).http  # type: ignore[arg-type]
    info = http.get("/api/space").json()["sprites"]
    answer = http.get("/api/sprites/0.png")
    assert answer.headers["content-type"] == "image/png"
    sheet = np.asarray(Image.open(io.BytesIO(answer.content)).convert("RGB"), float)
    (w, h), row = info["tile"], 37
    top, left = row // info["columns"] * h, row % info["columns"] * w
    got = sheet[top : top + h, left : left + w]
    errors = np.abs(np.moveaxis(space.samples, 1, 3) - got).mean((1, 2, 3))
    assert int(errors.argmin()) == row
    assert http.get(f"/api/sprites/{info['sheets']}.png").status_code == 404


@pytest.mark.parametrize(
    "path",
    ["/api/items/1797", "/api/items/-1", "/api/items/x", "/api/items/9999999999999999999999", "/api/columns/10000",
     "/api/columns/-1", "/api/sprites/7.png", "/api/nothing", "/api/items/../../etc/passwd"],
)  # fmt: skip
def test_what_is_not_there_is_said_in_one_sentence(running: Start, spaces: Spaces, path: str) -> None:
    answer = running(Session("digits", space=spaces("image"))).http.get(path)  # type: ignore[arg-type]
    assert answer.status_code == 404
    assert list(answer.json()) == ["error"]
    assert answer.json()["error"].endswith(".")


def test_spaces_without_pictures_have_no_sheets(running: Start, spaces: Spaces) -> None:
    http = running(Session("diabetes", space=spaces("table"))).http  # type: ignore[arg-type]
    assert http.get("/api/sprites/0.png").status_code == 404


@pytest.mark.parametrize("path", ["/api/map.f32", "/api/columns/0", "/api/columns/3", "/api/sprites/0.png"])
def test_arrays_are_not_sent_twice(running: Start, spaces: Spaces, path: str) -> None:
    http = running(Session("digits", space=spaces("image"))).http  # type: ignore[arg-type]
    first = http.get(path)
    again = http.get(path, headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert http.get(path, headers={"If-None-Match": '"another"'}).content == first.content


def test_tags_tell_columns_and_spaces_apart(running: Start, spaces: Spaces) -> None:
    first = running(Session("a", space=spaces("image"))).http  # type: ignore[arg-type]
    other = running(Session("b", space=spaces("vector"))).http  # type: ignore[arg-type]
    tags = [
        h.get(p).headers["etag"] for h in (first, other) for p in ("/api/map.f32", "/api/columns/0", "/api/columns/1")
    ]
    assert len(set(tags)) == len(tags)


def test_long_code_columns_are_compressed_for_those_who_take_it(
    running: Start, spaces: Spaces, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_WORTH_ZIPPING", 100)
    http = running(Session("digits", space=spaces("image"))).http  # type: ignore[arg-type]
    zipped = http.get("/api/columns/0", headers={"Accept-Encoding": "gzip"})
    plain = http.get("/api/columns/0", headers={"Accept-Encoding": "identity"})
    assert zipped.headers["content-encoding"] == "gzip"
    assert "content-encoding" not in plain.headers
    assert zipped.content == plain.content
    assert "content-encoding" not in http.get("/api/columns/1", headers={"Accept-Encoding": "gzip"}).headers


@pytest.mark.parametrize("path", ["/api/space", "/api/map.f32", "/api/columns/0", "/api/sprites/0.png", "/api/items/0"])
def test_before_a_space_is_ready_there_is_nothing_to_fetch(running: Start, path: str) -> None:
    session = Session("digits", start=lambda *_: None)  # type: ignore[arg-type, return-value]
    answer = running(session).http.get(path)
    assert answer.status_code == 409
    assert "loading" in answer.json()["error"]


def test_without_a_built_page_one_is_told_how_to_build_it(running: Start, spaces: Spaces, tmp_path: Path) -> None:
    for static in (None, tmp_path):
        answer = running(Session("digits", space=spaces("image")), static=static).http.get("/")  # type: ignore[arg-type]
        assert answer.status_code == 503
        assert "make page" in answer.text


def test_the_built_page_is_served(running: Start, spaces: Spaces, tmp_path: Path) -> None:
    (tmp_path / "assets").mkdir()
    (tmp_path / "index.html").write_text("<!doctype html><title>page</title>")
    (tmp_path / "assets" / "app-1a2b.js").write_text("export {}")
    (tmp_path.parent / "secret.txt").write_text("secret")
    http = running(Session("digits", space=spaces("image")), static=tmp_path).http  # type: ignore[arg-type]
    assert "<title>page" in http.get("/").text
    assert http.get("/").headers["cache-control"] == "no-cache"
    script = http.get("/assets/app-1a2b.js")
    assert "javascript" in script.headers["content-type"]
    assert "immutable" in script.headers["cache-control"]
    assert http.get("/%2e%2e/secret.txt").status_code == 404
    assert http.get("/api/nothing").status_code == 404
    assert http.get("/api/session").json()["phase"] == "ready"


def test_the_interface_describes_itself(running: Start, spaces: Spaces) -> None:
    described: dict[str, Any] = running(Session("digits", space=spaces("image"))).http.get("/api/openapi.json").json()  # type: ignore[arg-type]
    assert {"/api/session", "/api/space", "/api/items/{index}"} <= set(described["paths"])
    assert {"SpaceInfo", "Item", "SessionInfo"} <= set(described["components"]["schemas"])


def test_the_cache_forgets_the_oldest() -> None:
    cache = Cache(most=10)
    assert cache.get("a", lambda: b"12345") == b"12345"
    assert cache.get("b", lambda: b"12345") == b"12345"
    assert cache.get("a", lambda: b"changed") == b"12345"
    cache.get("c", lambda: b"12345")
    assert cache.get("b", lambda: b"again") == b"again"
    assert cache.get("large", lambda: b"x" * 11) == b"x" * 11
    assert cache.get("large", lambda: b"y") == b"y"
