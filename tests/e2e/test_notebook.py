"""The notebook's widget and the real page: one selection, one pin, whoever changes them."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from deepspace.server.background import Background
from deepspace.server.session import Session
from deepspace.server.shared import Shared
from tests.conftest import ROOT
from tests.e2e.conftest import TIMEOUT, until

MODALITIES = ("image", "table", "signal")


@pytest.fixture
def joined(spaces: Callable[[str], Any], browse: Callable[..., Any], built: Path) -> Iterator[Callable[..., Any]]:
    """``joined("image")``: a space, what a program shares of its page, and the page."""
    servers: list[Background] = []

    def start(modality: str, suffix: str = "") -> tuple[Any, Shared, Any]:
        space = spaces(modality)
        shared = Shared(space.name, len(space))
        servers.append(Background(Session(space.name, space=space), shared=shared, static=built))
        return space, shared, browse(servers[-1].address + suffix).ready()

    yield start
    for server in servers:
        server.close()


def rows(shared: Shared) -> list[int] | None:
    return None if shared.selection is None else shared.selection.tolist()


@pytest.mark.parametrize("modality", MODALITIES)
def test_what_python_selects_shows_in_the_page_and_back(joined: Callable[..., Any], modality: str) -> None:
    space, shared, page = joined(modality)
    chosen = list(range(3, 60, 7))
    shared.select(chosen[::-1])
    page.wait("selection")
    assert page.ask("selection") == chosen
    assert page.ask("counted") == len(chosen)
    spots = page.spots(len(space))
    x, y = spots.mean(0)
    page.page.keyboard.press("l")
    corners = [(x - 150, y - 150), (x + 150, y - 150), (x + 150, y + 150), (x - 150, y + 150), (x - 150, y - 150)]
    page.page.mouse.move(*corners[0])
    page.page.mouse.down()
    for corner in corners[1:]:
        page.page.mouse.move(*corner, steps=8)
    page.page.mouse.up()
    until(lambda: rows(shared) not in (chosen, None), "the lasso in Python")
    assert rows(shared) == page.ask("selection")
    inside = np.flatnonzero((np.abs(spots - (x, y)) < 145).all(1))
    assert set(inside) <= set(rows(shared) or [])
    shared.select(None)
    page.wait("selection === null")
    page.page.mouse.click(*page.spot(11))
    until(lambda: shared.pinned is not None, "the pin in Python")
    assert page.wait("pinned")["index"] == shared.pinned
    shared.pin(17)
    page.wait("pinned?.index === 17")
    page.page.keyboard.press("Escape")
    page.page.keyboard.press("Escape")
    until(lambda: shared.pinned is None, "the pin to go")


def test_a_page_that_comes_later_shows_what_was_chosen_before(
    joined: Callable[..., Any], browse: Callable[..., Any]
) -> None:
    _, shared, first = joined("table", "#select=rows:1,2,4")
    until(lambda: rows(shared) == [1, 2, 4], "the address's selection in Python")
    shared.pin(9)
    second = browse(first.page.url.split("#")[0]).ready()
    second.wait("selection")
    assert second.ask("selection") == [1, 2, 4]
    second.wait("pinned?.index === 9")
    second.page.keyboard.press("Escape")
    until(lambda: rows(shared) is None, "the selection to be given up")
    first.wait("selection === null")


HOST = """<!doctype html><title>host</title><main></main><script type="module">
import widget from "./widget.js";
const at = new URLSearchParams(location.search).get("at");
const state = {address: at, title: "the explorer", command: "deepspace explore x.space", height: 500};
widget.render({model: {get: (k) => state[k], on() {}, off() {}}, el: document.querySelector("main")});
</script>"""


@pytest.fixture
def host(tmp_path: Path) -> Iterator[int]:
    """The port of a page that shows the widget, as a notebook does."""
    (tmp_path / "index.html").write_text(HOST)
    (tmp_path / "widget.js").write_text((ROOT / "src/deepspace/notebook/widget.js").read_text())

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(tmp_path)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_port
    server.shutdown()


def test_the_widget_shows_the_page_in_a_frame_to_notebooks_of_this_machine_only(
    spaces: Callable[[str], Any], browse: Callable[..., Any], built: Path, host: int
) -> None:
    space = spaces("image")
    frames = ["http://localhost:*", "http://127.0.0.1:*"]
    server = Background(Session(space.name, space=space), static=built, frames=frames)
    try:
        page = browse(f"http://localhost:{host}/?at={server.address}")
        inside = page.page.frame_locator("iframe").locator("header")
        inside.get_by_text(space.name).first.wait_for(timeout=TIMEOUT * 1000)
        assert page.page.locator("iframe").bounding_box()["height"] == 500
        assert page.page.get_by_role("alert").count() == 0
        foreign = browse(f"http://notebook.localhost:{host}/?at={server.address}")
        foreign.page.get_by_role("alert").wait_for(timeout=TIMEOUT * 1000)
        assert "cannot be reached from this browser" in foreign.page.get_by_role("alert").inner_text()
        assert foreign.page.frames[1].evaluate("window.__deepspace === undefined")
        assert not foreign.page.locator("iframe").is_visible()
    finally:
        server.close()


def test_the_widget_itself_end_to_end(spaces: Callable[[str], Any], browse: Callable[..., Any], built: Path) -> None:
    pytest.importorskip("anywidget")
    from deepspace.notebook import show

    widget = show(spaces("table"))
    try:
        page = browse(widget.address).ready()
        seen: list[Any] = []
        widget.observe(lambda change: seen.append(change["new"]), "selection")
        widget.selection = [8, 2]
        page.wait("selection")
        assert page.ask("selection") == [2, 8]
        page.page.keyboard.press("Escape")
        until(lambda: widget.selection is None, "the page's change")
        assert seen[-1] is None
    finally:
        widget.close()
