"""The menu of a place, and what is suggested to those who do not know what to look for."""

from __future__ import annotations

import numpy as np

from tests.e2e.conftest import until


def visible(page, space):
    """A row in the middle of what the panels leave free, and where it is."""
    spots = page.spots(len(space))
    middle = np.abs(spots - (600, 400)).sum(1).argmin()
    return int(middle), spots[middle]


def test_the_menu_of_a_row(walk):
    space, page = walk("table")
    row, (x, y) = visible(page, space)
    menu = page.page.get_by_test_id("menu")
    page.page.mouse.click(x, y, button="right")
    until(menu.count, "the menu")
    menu.get_by_text("Pin row").click()
    pinned = page.wait("pinned?.index", "the pin")
    assert menu.count() == 0
    assert np.allclose(space.map.positions[pinned], space.map.positions[row], atol=0.2)
    page.page.mouse.click(x, y, button="right")
    menu.get_by_text("Select the items most like it").click()
    selection = page.wait("selection", "the selection")
    near = page.ask("pinned.neighbours")
    assert selection == sorted([pinned, *(n["index"] for n in near)])
    page.page.mouse.click(x, y, button="right")
    species = space.rows.record(pinned)["species"]
    menu.get_by_text(f"Show only {species}").click()
    page.wait("filters.length === 1", "the filter")
    # Keys go through the menu, and leave it.
    page.page.mouse.click(x + 30, y + 30, button="right")
    page.page.keyboard.press("ArrowDown")
    page.page.keyboard.press("Escape")
    until(lambda: menu.count() == 0, "no menu")


def test_the_menu_of_a_place_and_a_path_from_the_pin(walk):
    space, page = walk("image")
    _, (x, y) = visible(page, space)
    page.page.mouse.click(x, y)
    pinned = page.wait("pinned?.index", "the pin")
    menu = page.page.get_by_test_id("menu")
    place = page.ask("toWorld(a[0], a[1])", 400.0, 640.0)
    page.page.mouse.click(400, 640, button="right")
    text = menu.inner_text()
    if "Pin row" not in text:
        menu.get_by_text("Path from the pinned item to here").click()
        anchors = page.wait("anchors", "the path")
        assert anchors[0] == f"row:{pinned}"
        np.testing.assert_allclose([float(v) for v in anchors[1][3:].split(",")], place, rtol=1e-4)
    page.page.mouse.move(500, 500)
    page.page.wait_for_timeout(200)
    page.page.keyboard.press("Shift+F10")
    until(menu.count, "the menu by key")
    menu.get_by_text("Hold the cursor here").click()
    until(lambda: "at=" in page.page.url, "the held place in the address")


def test_a_finger_that_stays_asks_for_the_menu(walk):
    space, page = walk("table", has_touch=True, size=(390, 844))
    _, (x, y) = visible(page, space)
    client = page.page.context.new_cdp_session(page.page)
    touch = {"touchPoints": [{"x": float(x), "y": float(y)}]}
    client.send("Input.dispatchTouchEvent", {"type": "touchStart", **touch})
    until(page.page.get_by_test_id("menu").count, "the menu")
    client.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    assert page.page.get_by_test_id("menu").count() == 1
    assert page.ask("pinned") is None


def test_what_is_worth_a_look_is_found_in_the_figures(walk):
    space, page = walk("signal")
    page.page.keyboard.press("/")
    found = page.page.get_by_test_id("found")
    until(lambda: found.count() and "Worth a look" in found.inner_text(), "the suggestions")
    found.get_by_text("the row that the model rebuilds worst").click()
    worst = int(np.argmax(space.figures["reconstruction_error"]))
    page.wait(f"pinned?.index === {worst}", "the worst row")
    x, y = page.spot(worst)
    assert 0 < x < 1280
    assert 44 < y < 800
    page.page.keyboard.press("/")
    found.get_by_text("the loneliest row").click()
    lonely = int(np.argmin(space.figures["log_density"]))
    page.wait(f"pinned?.index === {lonely}", "the loneliest row")
