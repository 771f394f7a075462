"""A map that draws slowly: a fair part of the points while it moves, all of them at rest, and a lasso over all."""

from __future__ import annotations

import numpy as np
import pytest

from deepspace.server import Session
from tests.server.fakes import make

ROWS = 120_000
# Every frame's fence takes this long, whatever the machine: 120,000 points in 60 ms are half a millisecond a thousand.
SLOW = """(() => {
  const plain = WebGL2RenderingContext.prototype.getSyncParameter;
  const fence = WebGL2RenderingContext.prototype.fenceSync;
  WebGL2RenderingContext.prototype.fenceSync = function (...a) {
    const sync = fence.apply(this, a);
    sync.until = performance.now() + 60;
    return sync;
  };
  WebGL2RenderingContext.prototype.getSyncParameter = function (sync, what) {
    return performance.now() < sync.until ? this.UNSIGNALED : plain.call(this, sync, what);
  };
})();"""


@pytest.fixture(scope="module")
def many():
    space = make("vector", ROWS)
    # The same few digits again and again: spread out, so that rows have places of their own.
    rng = np.random.default_rng(0)
    space.map.positions = (space.map.positions + rng.normal(0, 0.4, (ROWS, 2))).astype(np.float32)
    return space


@pytest.fixture
def page(many, serve, browse):
    address = serve(Session(many.name, space=many)).address
    page = browse("about:blank", color_scheme="light")
    page.page.add_init_script(SLOW)
    page.page.goto(address)
    page.ready()
    page.wait(f"pointsDrawn === {ROWS}", "all points at rest")
    return page


def test_a_part_while_it_moves_all_at_rest_and_as_dark(page):
    mouse = page.page.mouse
    mouse.move(600, 400)
    page.page.wait_for_timeout(300)
    whole = ink(page)
    mouse.down()
    for i in range(12):
        mouse.move(600 + i % 2 * 5, 404)
    moving = page.wait(f"pointsDrawn < {ROWS} && window.__deepspace.pointsDrawn", "fewer points on the move")
    part = ink(page)
    assert moving >= 40_000
    assert part == pytest.approx(whole, rel=0.12)
    mouse.up()
    page.wait(f"pointsDrawn === {ROWS}", "all points at rest again")
    assert ink(page) == pytest.approx(whole, rel=0.03)


def ink(page) -> float:
    """Mean darkness of the map between the panels."""
    return float(255 - page.shot()[150:700, 330:880].astype(float).mean())


def test_marks_are_drawn_without_the_points(page):
    """Hovering changes what lies over the points, so no point is drawn again."""
    page.page.evaluate(
        """() => { window.drawn = 0; const plain = WebGL2RenderingContext.prototype.drawArrays;
            WebGL2RenderingContext.prototype.drawArrays = function (...a) { window.drawn++; plain.apply(this, a); };
        }"""
    )
    frames = page.ask("frames")
    for x in range(500, 700, 10):
        page.page.mouse.move(x, 400)
    page.page.wait_for_timeout(400)
    assert page.ask("frames") > frames
    assert page.page.evaluate("window.drawn") == 0


def test_a_lasso_over_many_rows_catches_those_inside(many, page):
    turn = np.linspace(0, 2 * np.pi, 60, endpoint=False)
    outline = np.c_[610 + 220 * np.cos(turn) * (1 + 0.3 * np.sin(3 * turn)), 410 + 180 * np.sin(turn)]
    page.page.keyboard.press("l")
    page.page.mouse.move(*outline[0])
    page.page.mouse.down()
    for x, y in outline[1:]:
        page.page.mouse.move(x, y)
    page.page.mouse.up()
    page.page.wait_for_timeout(300)
    corners = np.array([page.ask("toWorld(a[0], a[1])", x, y) for x, y in outline.tolist()])
    # An independent rule: how often a ray upwards crosses the outline.
    x, y = many.map.positions.astype(float).T
    crossings = np.zeros(ROWS, int)
    for (xa, ya), (xb, yb) in zip(corners, np.roll(corners, -1, 0), strict=True):
        between = (np.minimum(xa, xb) <= x) & (x < np.maximum(xa, xb))
        with np.errstate(divide="ignore", invalid="ignore"):
            crossings += between & (ya + (x - xa) * (yb - ya) / (xb - xa) > y)
    expected = crossings % 2 == 1
    found = np.zeros(ROWS, bool)
    found[page.ask("selection")] = True
    assert expected.sum() > 10_000
    # Corners are rounded to five digits for the address, so that rows on the very line may fall either way.
    assert (found != expected).mean() < 2e-3
    assert page.ask("counted") == found.sum()
