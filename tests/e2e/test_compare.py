"""The model beside its principal components: what is drawn and said, against Python's own answer."""

from __future__ import annotations

import re

import numpy as np
import pytest

from deepspace.metrics import sides
from tests.e2e.conftest import MODALITIES, until
from tests.e2e.test_accessibility import CHECK, ENGINE


def compared(walk, modality, suffix="", **options):
    """The space, its twin, and a page on which both maps stand."""
    space, page = walk(modality, f"#drawer=compare{suffix}", **options)
    start = page.page.get_by_test_id("start")
    until(lambda: page.ask("comparing") == "ready" or start.count(), "the panel")
    if start.count():
        start.click()
    until(lambda: page.ask("comparing") == "ready", "the comparison", timeout=120)
    until(lambda: page.page.get_by_test_id("beside").count() == 1, "the second map")
    page.page.wait_for_timeout(600)
    return space, space.twin(), page


def spots_beside(page, n):
    """(n, 2): where the rows are on the screen, on the second map."""
    box = page.page.get_by_test_id("beside").bounding_box()
    found = page.page.evaluate("n => Array.from({length: n}, (_, i) => __deepspace.besideOf(i))", n)
    return np.asarray(found) + np.array([box["x"], box["y"]])


def pixels(canvas):
    return np.array(
        canvas.evaluate(
            "c => [...c.getContext('2d').getImageData(0, 0, c.width, c.height).data].filter((_, i) => i % 4 === 0)"
        )
    )


@pytest.mark.parametrize("modality", MODALITIES)
def test_it_says_first_which_is_better_and_draws_the_errors(walk, modality, monkeypatch, capsys):
    space, twin, page = compared(walk, modality)
    own = space.compare(twin)
    assert page.words("headline") == own.sentence
    drawer = page.page.get_by_test_id("drawer").inner_text()
    for sentence in own.sentences[1:]:
        assert sentence in drawer
    lines = page.page.get_by_test_id("curve").locator("polyline")
    drawn = [np.array([p.split(",") for p in lines.nth(s).get_attribute("points").split()], float) for s in (0, 1)]
    errors = np.concatenate([c.error for c in own.curves])
    heights = np.concatenate([d[:, 1] for d in drawn])
    # Higher on the screen is a larger error, on one straight scale for both.
    slope, level = np.polyfit(errors, heights, 1)
    assert slope < 0
    np.testing.assert_allclose(heights, slope * errors + level, atol=0.11)
    assert np.abs(heights - heights[0]).max() > 20
    python = page.page.get_by_test_id("drawer").get_by_test_id("python").get_attribute("data-text")
    monkeypatch.chdir(space.folder.parent)
    capsys.readouterr()
    exec(python, {})
    assert capsys.readouterr().out.startswith(own.sentence)


@pytest.mark.parametrize("modality", MODALITIES)
def test_a_pinned_item_is_rebuilt_by_both_with_its_neighbours(walk, modality):
    space, twin, page = compared(walk, modality, "&pin=12")
    until(lambda: (page.ask("compared") or {}).get("index") == 12, "the item")
    item, own = page.ask("compared"), sides(space, twin, 12)
    assert [n["index"] for n in item["both"]] == list(own.both)
    assert [n["index"] for n in item["onlyA"]] == list(own.only_a)
    assert [n["index"] for n in item["onlyB"]] == list(own.only_b)
    expected = [float(s.figures["reconstruction_error"][12]) for s in (space, twin)]
    np.testing.assert_allclose(item["errors"], expected, rtol=1e-5)
    shown = page.page.get_by_test_id("neighbours")
    thumbs = shown.get_by_role("button")
    until(lambda: thumbs.count() == 20 - len(own.both), "the neighbours")
    words = page.words("neighbours")
    assert f"in both {len(own.both)}" in words
    assert f"only PCA {len(own.only_b)}" in words
    panel = page.page.get_by_test_id("compared")
    if modality == "image":
        canvases = panel.locator("canvas")
        for i, one in enumerate((space, twin)):
            truth = np.asarray(one.decode(one.latents.mean[12:13]), float).ravel()
            assert np.abs(pixels(canvases.nth(i + 1)) - truth).max() <= 1
    elif modality == "signal":
        for i, one in enumerate((space, twin)):
            truth = np.asarray(one.decode(one.latents.mean[12:13]), float)[0]
            np.testing.assert_allclose(item["rebuilt"][i]["lines"], truth.reshape(2, -1), atol=1e-4)
    elif modality == "table":
        rows = panel.locator("tbody tr")
        cells = {r.split("\t")[0]: r.split("\t")[1:] for r in rows.all_inner_texts()}
        made = [one.decode(one.latents.mean[12:13]).column("site")[0].as_py() for one in (space, twin)]
        assert cells["site"] == [space.rows.record(12)["site"], *made]


@pytest.mark.parametrize("modality", ["image", "table", "signal"])
def test_one_cursor_for_both_maps(walk, modality):
    space, twin, page = compared(walk, modality)
    spots = spots_beside(page, len(space))
    row = int(np.argmax(np.abs(spots - spots.mean(0)).sum(1)))
    page.page.mouse.move(*(spots[row] + [1, 0]))
    until(lambda: page.ask("hover") >= 0, "a hovered row")
    hovered = page.ask("hover")
    distance = np.linalg.norm(spots - spots[row] - [1, 0], axis=1)
    assert distance[hovered] == pytest.approx(distance.min(), abs=0.5)
    until(lambda: page.ask("besideMarks")["hover"] is not None, "the ring on the second map")
    np.testing.assert_allclose(page.ask("besideMarks")["hover"], twin.map.positions[hovered], atol=1e-5)
    beside = until(lambda: page.ask("beside"), "what the second space makes of the place")
    z = twin.map.inverse_transform(np.array([[beside["x"], beside["y"]]], np.float32))
    if modality == "image":
        truth = np.asarray(twin.decode(z), float).ravel()
        assert np.abs(np.array(list(beside["content"]["pixels"])) - truth).max() <= 1
    until(lambda: (page.ask("compared") or {}).get("index") == hovered, "the hovered item, compared")
    # And the other way round: hovering the first map marks the second.
    first = page.spots(len(space))
    # Some lie under panels, or under the second map: the first that can be pointed at will do.
    for x, y in first[np.abs(first - (400, 330)).sum(1).argsort()][:40]:
        page.page.mouse.move(x, y)
        page.page.wait_for_timeout(60)
        if page.ask("hover") not in (-1, hovered):
            break
    else:
        raise AssertionError("no row of the first map can be pointed at")
    until(lambda: page.ask("besideMarks")["hover"] is not None, "the ring on the second map")
    now = page.ask("hover")
    np.testing.assert_allclose(page.ask("besideMarks")["hover"], twin.map.positions[now], atol=1e-5)
    page.page.mouse.click(*spots[row])
    until(lambda: page.ask("pinned"), "a pinned item")
    np.testing.assert_allclose(
        page.ask("besideMarks")["pinned"], twin.map.positions[page.ask("pinned")["index"]], atol=1e-5
    )


def test_one_lasso_for_both_and_an_address_that_restores_it(walk):
    space, _, page = compared(walk, "image")
    spots = spots_beside(page, len(space))
    box = page.page.get_by_test_id("beside").bounding_box()
    middle = float(np.median(spots[:, 0]))
    top, bottom = box["y"] + 30, box["y"] + box["height"] - 6
    corners = [(box["x"] + 4, top), (middle, top), (middle, bottom), (box["x"] + 4, bottom)]
    page.page.get_by_role("button", name=re.compile("asso")).first.click()
    page.page.mouse.move(*corners[0])
    page.page.mouse.down()
    for corner in [*corners[1:], corners[0]]:
        page.page.mouse.move(*corner, steps=12)
    page.page.mouse.up()
    chosen = until(lambda: page.ask("selection"), "a selection")
    inside = np.flatnonzero((spots[:, 0] < middle) & (spots[:, 1] > top) & (spots[:, 1] < bottom))
    near = np.flatnonzero(np.abs(spots[:, 0] - middle) < 3)
    assert set(chosen) - set(near) == set(inside) - set(near)
    assert page.ask("counted") == len(chosen)
    page.page.wait_for_timeout(700)
    assert "select=beside:" in page.page.url
    page.page.reload()
    page.ready()
    assert until(lambda: page.ask("selection"), "the selection again", timeout=60) == chosen


def test_it_fits_a_phone(walk):
    page = compared(walk, "image", "&pin=12", size=(390, 844))[2]
    box = page.page.get_by_test_id("beside").bounding_box()
    drawer = page.page.get_by_test_id("drawer").bounding_box()
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= 390
    assert box["height"] >= 120
    assert box["y"] + box["height"] <= drawer["y"] + 1
    assert page.page.evaluate("document.documentElement.scrollWidth") <= 390


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("modality", MODALITIES)
def test_nothing_serious_stands_in_the_way_of_anyone(walk, modality, theme):
    page = compared(walk, modality, f"&pin=12&theme={theme}", bypass_csp=True)[2]
    until(lambda: (page.ask("compared") or {}).get("index") == 12, "the item")
    page.page.add_script_tag(path=str(ENGINE))
    assert page.page.evaluate(CHECK) == []
