"""A grid of generated items over the map."""

from __future__ import annotations

import numpy as np
import pytest

from tests.e2e.conftest import MODALITIES, until


@pytest.mark.parametrize("modality", MODALITIES)
def test_it_lies_where_there_is_data_and_comes_and_goes(walk, modality):
    _, page = walk(modality)
    bare = page.shot()
    page.page.keyboard.press("g")
    until(lambda: page.ask("generatedShown") > 0, "generated items")
    page.page.wait_for_timeout(300)
    covered = page.shot()
    assert (np.abs(covered.astype(int) - bare).sum(2) > 60).mean() > 0.0005
    page.page.keyboard.press("g")
    until(lambda: page.ask("generatedShown") == 0, "the bare map")


def test_it_follows_the_view(walk):
    _, page = walk("image")
    page.page.keyboard.press("g")
    until(lambda: page.ask("generatedShown") > 5, "generated items")
    before = page.ask("generatedShown")
    spots = page.spots(500)
    x, y = spots[abs(spots - (600, 420)).sum(1).argmin()]  # clear of every panel
    page.page.mouse.move(x, y)
    for _ in range(4):
        page.page.mouse.wheel(0, -300)
    page.page.wait_for_timeout(800)
    until(lambda: page.ask("generatedShown") > 0, "items at the new zoom")
    assert page.ask("zoom") > 1.5
    page.page.keyboard.press("0")
    page.page.wait_for_timeout(600)
    until(lambda: page.ask("generatedShown") == before, "the items of before")


def test_the_button_says_whether_it_is_on(walk):
    _, page = walk("table")
    page.page.get_by_test_id("layers").click()
    button = page.page.get_by_role("button", name="A grid of generated items")
    assert button.get_attribute("aria-pressed") == "false"
    button.click()
    assert button.get_attribute("aria-pressed") == "true"
    until(lambda: page.ask("generatedShown") > 0, "generated records")
