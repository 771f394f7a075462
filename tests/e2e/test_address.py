"""The address holds the state: a shared one restores it, back and forward are undo and redo."""

from __future__ import annotations

import numpy as np
import pytest

from tests.e2e.conftest import until

STATE = ("colour", "filters", "counted", "selection", "anchors", "pinned?.index", "zoom")


def state(page):
    return {name: page.ask(name) for name in STATE}


@pytest.mark.parametrize("modality", ["image", "table", "signal"])
def test_a_shared_address_restores_the_same_state(walk, browse, modality):
    space, page = walk(modality)
    low = round(float(np.quantile(space.latents.mean[:, 0], 0.2)), 2)
    keys, mouse = page.page.keyboard, page.page.mouse
    page.page.get_by_test_id("columns-latent").locator(".fold").click()
    row = page.page.locator('[data-testid="column"][data-name="dimension 0"]')
    row.locator(".name").click()
    row.get_by_role("textbox", name="from").fill(str(low))
    row.get_by_role("textbox", name="from").press("Enter")
    page.wait("filters.length === 1", "the filter")
    mouse.move(640, 400)
    mouse.wheel(0, -120)
    page.page.wait_for_timeout(400)
    spots = page.spots(len(space))
    free = (spots > (300, 130)).all(1) & (spots < (880, 690)).all(1)
    inside = [int(i) for i in free.nonzero()[0]]
    left, right = (float(np.quantile(spots[inside, 0], share)) for share in (0, 0.8))
    keys.press("l")
    corners = [(left - 3, 130), (right, 130), (right + 5, 690), (left - 3, 690)]
    mouse.move(*corners[0])
    mouse.down()
    for corner in [*corners[1:], corners[0]]:
        mouse.move(*corner, steps=5)
    mouse.up()
    chosen = page.wait("selection", "the lasso")
    # Only rows that count can be pointed at.
    inside = [i for i in inside if i in chosen and space.latents.mean[i, 0] >= low]
    mouse.click(*spots[inside[0]], delay=10)
    page.wait("pinned", "the pin")
    keys.down("Shift")
    for i in inside[:2]:
        mouse.click(*spots[i])
        page.page.wait_for_timeout(400)
    keys.up("Shift")
    page.page.keyboard.press("i" if modality == "image" else "g")
    before = state(page)
    assert before["anchors"]
    page.page.wait_for_timeout(500)
    other = browse(page.page.url).ready()
    other.wait("pinned", "the pin there")
    after = state(other)
    assert after.pop("zoom") == pytest.approx(before.pop("zoom"), rel=1e-3)
    assert after == before
    assert other.ask("shows(a[0])", "pictures" if modality == "image" else "grid")


def test_undo_and_redo_are_back_and_forward(walk):
    _, page = walk("table")
    keys = page.page.keyboard
    undo, redo = page.page.get_by_label("Undo"), page.page.get_by_label("Redo")
    assert undo.is_disabled()
    page.page.get_by_label("Legend").get_by_role("button").first.click()
    page.wait("filters.length === 1", "the filter")
    page.page.wait_for_timeout(600)
    keys.press("/")
    keys.type("row 5")
    until(lambda: "row 5" in page.page.get_by_test_id("found").inner_text(), "the row")
    page.page.get_by_test_id("found").get_by_text("row 5", exact=False).last.click()
    page.wait("pinned", "the pin")
    pinned = page.ask("pinned.index")
    page.page.wait_for_timeout(600)
    keys.press("Escape")
    page.wait("filters.length === 0", "no filter")
    keys.press("Control+z")
    page.wait("filters.length === 1", "the filter again")
    assert page.ask("pinned.index") == pinned
    keys.press("Control+z")
    page.wait("pinned === null", "no pin")
    assert page.ask("filters.length") == 1
    undo.click()
    page.wait("filters.length === 0", "the beginning")
    assert undo.is_disabled()
    for _ in range(2):
        redo.click()
        page.page.wait_for_timeout(300)
    page.wait(f"pinned?.index === {pinned}", "the pin, redone")
    keys.press("Control+Shift+z")
    page.wait("filters.length === 0", "the last step, redone")
    assert redo.is_disabled()


def test_what_an_address_cannot_mean_is_passed_over(walk):
    _, page = walk(
        "table", "#colour=nothing&pin=999999&filter.site=mars&select=lasso:1&path=row:-1;at:x&view=0&theme=pink"
    )
    assert page.ask("filters") == []
    assert page.ask("selection") is None
    assert page.ask("anchors") == []
    assert page.ask("colour") == "species"
