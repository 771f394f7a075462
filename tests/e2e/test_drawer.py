"""The drawer: factors as films that lead back to the map, and what is wrong with the space."""

from __future__ import annotations

import numpy as np
import pytest

from tests.e2e.conftest import MODALITIES, until


def factors_of(page):
    page.page.get_by_role("button", name="Factors").click()
    return page.page.get_by_test_id("factor")


@pytest.mark.parametrize("modality", MODALITIES)
def test_the_strongest_dimensions_come_first(walk, modality):
    space, page = walk(modality)
    rows = factors_of(page)
    active = space.factors().active
    until(lambda: rows.count() == min(8, len(active)), "the ranked factors")
    for i, factor in enumerate(active[:8]):
        assert rows.nth(i).inner_text().startswith(f"dimension {factor.index}\n")
    kind = "changes" if modality == "table" else "frame" if modality != "vector" else None
    if kind:
        each = 1 if modality == "table" else 7
        films = page.page.get_by_test_id(kind)
        until(lambda: films.count() == each * rows.count(), "all films")


def test_a_frame_is_what_python_decodes_and_leads_to_its_place(walk):
    space, page = walk("image")
    rows = factors_of(page)
    first = space.factors()[0].index
    page.page.goto(page.page.url.split("#")[0] + "#pin=12&drawer=factors")
    page.page.reload()
    page.ready()
    frames = rows.nth(0).get_by_test_id("frame")
    until(lambda: frames.count() == 7, "the film")
    walk_ = space.traverse(first, start=12, steps=7)
    for i in (0, 6):
        pixels = (
            frames.nth(i)
            .locator("canvas")
            .evaluate(
                "c => [...c.getContext('2d').getImageData(0, 0, c.width, c.height).data].filter((_, i) => i % 4 === 0)"
            )
        )
        assert np.abs(np.array(pixels) - walk_.content[i].ravel().astype(int)).max() <= 1
    frames.nth(6).click()
    place = page.wait("place", "the cursor on the map")
    np.testing.assert_allclose([place["x"], place["y"]], space.map.transform(walk_.z[6:])[0], atol=1e-4)


def test_pinning_another_item_starts_the_films_there(walk):
    page = walk("image")[1]
    rows = factors_of(page)
    frames = rows.nth(0).get_by_test_id("frame")
    until(lambda: frames.count() == 7, "the film from the average")
    read = "c => c.toDataURL()"
    before = frames.nth(0).locator("canvas").evaluate(read)
    spots = page.spots(500)
    x, y = spots[spots[:, 1].argmin()]  # above the drawer
    page.page.mouse.click(x, y)
    page.wait("pinned", "a pinned item")
    until(lambda: frames.nth(0).locator("canvas").evaluate(read) != before, "another film")
    assert "from row" in page.page.get_by_test_id("drawer").inner_text()


def test_keys_tabs_and_the_address(walk):
    _, page = walk("table", "#drawer=health")
    drawer = page.page.get_by_test_id("drawer")
    assert "What is wrong" in drawer.inner_text()
    page.page.keyboard.press("1")
    until(lambda: "What each latent dimension does" in drawer.inner_text(), "the factors")
    assert "drawer=factors" in page.page.url
    page.page.keyboard.press("1")
    until(lambda: drawer.count() == 0, "the drawer to close")
    assert "drawer" not in page.page.url


def test_health_says_what_is_wrong_and_every_figure(walk):
    space, page = walk("table", "#drawer=health")
    text = page.page.get_by_test_id("drawer").inner_text()
    for sentence in space.measures["health"]:
        assert sentence in text
    first = space.measures["measures"][0]
    assert first["name"].replace("_", " ") in text
    assert f"{first['n']:,}" in text


def test_the_panel_is_as_high_as_its_edge_is_drawn(walk):
    _, page = walk("table", "#drawer=health")
    drawer = page.page.get_by_test_id("drawer")
    grip = drawer.get_by_role("separator")
    page.page.wait_for_timeout(500)
    before = drawer.bounding_box()
    x, y = before["x"] + before["width"] / 2, before["y"] + 2
    page.page.mouse.move(x, y)
    page.page.mouse.down()
    page.page.mouse.move(x, y - 120, steps=4)
    page.page.mouse.up()
    after = drawer.bounding_box()
    assert abs(after["height"] - before["height"] - 120) <= 3
    grip.focus()
    page.page.keyboard.press("ArrowDown")
    until(lambda: abs(drawer.bounding_box()["height"] - after["height"] + 40) <= 3, "a lower panel")
    # Never over the whole map, and back to itself.
    for _ in range(20):
        page.page.keyboard.press("ArrowUp")
    assert drawer.bounding_box()["y"] > 100
    page.page.mouse.dblclick(x, drawer.bounding_box()["y"] + 2)
    until(lambda: abs(drawer.bounding_box()["height"] - before["height"]) <= 1, "the height of the beginning")
