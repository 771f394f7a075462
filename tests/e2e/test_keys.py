"""Everything that the pointer can do, from the keyboard; and the state that the address holds."""

from __future__ import annotations

import numpy as np


def test_arrows_move_the_cursor_enter_pins_escape_clears(walk):
    space, page = walk("image")
    keyboard = page.page.keyboard
    keyboard.press("ArrowRight")
    first = page.wait("place")
    keyboard.press("Shift+ArrowUp")
    page.page.wait_for_timeout(100)
    second = page.ask("place")
    assert second["x"] == first["x"]
    assert second["y"] > first["y"]
    detail = page.wait(f"detail?.y === {second['y']!r} && window.__deepspace.detail", "the decode at the cursor")
    z = space.map.inverse_transform([[second["x"], second["y"]]])
    pixels = np.array(detail["content"]["pixels"]).reshape(8, 8)
    assert np.abs(pixels - space.decode(z)[0].astype(int)).max() <= 1
    keyboard.press("Enter")
    pinned = page.wait("pinned")
    hovered = page.ask("hover")
    assert pinned["index"] == (hovered if hovered >= 0 else detail["nearest"]["index"])
    keyboard.press("Escape")
    keyboard.press("Escape")
    page.page.wait_for_timeout(100)
    assert page.ask("pinned") is None
    assert "pin=" not in page.page.url


def test_help_theme_and_panels(walk):
    _, page = walk("table", color_scheme="light")
    keyboard = page.page.keyboard
    keyboard.press("?")
    assert page.visible("How to read and walk this map")
    keyboard.press("Escape")
    page.page.wait_for_timeout(200)
    assert not page.visible("How to read and walk this map")
    ground = page.shot()[400, 600]
    assert ground.mean() > 200
    keyboard.press("d")
    page.page.wait_for_timeout(300)
    assert page.ask("theme") == "dark"
    assert "theme=dark" in page.page.url
    assert np.median(page.shot()[100:700, 300:880].reshape(-1, 3), 0).mean() < 40
    left = page.page.locator(".left")
    keyboard.press(",")
    page.page.wait_for_timeout(400)
    assert "folded" in left.get_attribute("class")
    centre = page.ask("toWorld(600, 400)")
    keyboard.press(".")
    page.page.wait_for_timeout(400)
    np.testing.assert_allclose(page.ask("toWorld(600, 400)"), centre)


def test_the_address_brings_colour_pin_and_theme_back(walk):
    _, page = walk("table", "#colour=sepal_width&pin=8&theme=dark")
    assert page.ask("colour") == "sepal_width"
    assert page.wait("pinned")["index"] == 8
    assert page.ask("theme") == "dark"


def test_columns_are_found_by_typing(walk):
    _, page = walk("table")
    page.page.get_by_test_id("colour-by").click()
    page.page.keyboard.type("petal w")
    page.page.keyboard.press("Enter")
    page.wait("colour === 'petal_width'")
    page.page.wait_for_timeout(100)
    assert page.page.get_by_role("listbox").count() == 0
    assert "colour=petal_width" in page.page.url


def test_the_system_theme_is_followed(walk):
    _, page = walk("table", color_scheme="dark")
    assert np.median(page.shot()[100:700, 300:880].reshape(-1, 3), 0).mean() < 40
    page.page.emulate_media(color_scheme="light")
    page.page.wait_for_timeout(300)
    assert np.median(page.shot()[100:700, 300:880].reshape(-1, 3), 0).mean() > 200


def test_a_narrow_screen_has_a_map_and_a_sheet(walk):
    _, page = walk("image", size=(400, 800))
    x, y = page.spot(4)
    assert 0 < x < 400
    assert 44 < y < 800 * 0.6
    page.page.mouse.click(x, y)
    page.wait("pinned")
    assert page.page.evaluate("document.documentElement.scrollWidth") <= 400
    assert page.page.get_by_test_id("generated").is_visible()
