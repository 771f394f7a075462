"""Paths: marked on the map, walked, drawn and taken along, against what Python finds for the same places."""

from __future__ import annotations

import csv
import io

import numpy as np
import pytest

import deepspace as ds
from tests.e2e.conftest import MODALITIES, until

FORMS = ("image", "table", "signal")
GENERATED = np.array([194, 0, 95])


def path_of(page, kind: str):
    return page.page.locator(f'[data-testid=way][data-kind="{kind}"]')


def pixels(canvas) -> np.ndarray:
    return np.array(
        canvas.evaluate(
            "c => [...c.getContext('2d').getImageData(0, 0, c.width, c.height).data].filter((_, i) => i % 4 === 0)"
        )
    )


def ran(page, name: str) -> dict:
    """What the lines of "copy as Python" make, the opening of the space aside."""
    text = page.page.get_by_test_id("drawer").get_by_test_id("python").get_attribute("data-text")
    assert f'ds.open("{name}.space")' in text
    return text.split('.space")\n')[1]


@pytest.mark.parametrize("modality", FORMS)
def test_the_exported_csv_decodes_to_pythons_own_path(walk, modality, tmp_path, monkeypatch):
    space, page = walk(modality, "#path=row:3;row:90;at:0.5,-0.25&drawer=paths&way=density")
    page.wait("ways", "the ways")
    with page.page.expect_download() as download:
        page.page.get_by_test_id("save-csv").click()
    lines = list(csv.DictReader(io.StringIO(download.value.path().read_text())))
    place = space.map.inverse_transform([[0.5, -0.25]])[0]
    own = space.path(3, 90, place, kind="density", steps=11)
    z = np.array([[line[f"z{d}"] for d in range(space.latent_dim)] for line in lines], np.float32)
    np.testing.assert_array_equal(z, own.z)
    decoded = space.decode(z)
    if modality == "table":
        assert decoded.equals(own.content)
        for column in space.schema.features:
            values = own.content[column.name]
            numeric = column.kind in ("numeric", "integer")
            texts = [line[column.name] for line in lines]
            if numeric:
                np.testing.assert_allclose(np.array(texts, float), np.asarray(values, float), rtol=1e-6)
            else:
                assert texts == [str(value) for value in values]
    else:
        np.testing.assert_array_equal(decoded, own.content)
        flat = np.array([[line[f"x{i}"] for i in range(own.content[0].size)] for line in lines], own.content.dtype)
        np.testing.assert_array_equal(flat, own.content.reshape(11, -1))
    # "Copy as Python" writes the very same file.
    monkeypatch.chdir(tmp_path)
    exec(ran(page, space.name), {"ds": ds, "space": space})
    assert (tmp_path / "density-path.csv").read_bytes() == download.value.path().read_bytes()


@pytest.mark.parametrize("modality", MODALITIES)
def test_four_ways_each_with_its_steps(walk, modality):
    space, page = walk(modality, "#path=row:3;row:90&drawer=paths")
    page.wait("ways", "the ways")
    walks = space.paths(3, 90)
    kinds = [w.get_attribute("data-kind") for w in page.page.get_by_test_id("way").all()]
    assert sorted(kinds) == sorted(w.kind for w in walks)
    for own in walks:
        way = path_of(page, own.kind)
        steps = way.get_by_test_id("step")
        assert steps.count() == 11
        assert "emptiest" in steps.nth(own.lowest).get_attribute("aria-label")
        text = " ".join(way.inner_text().split())
        assert f"step {own.lowest + 1}" in text
        if modality == "image":
            for step in (0, 5, 10):
                shown = pixels(steps.nth(step).locator("canvas"))
                assert np.abs(shown - own.content[step].ravel().astype(int)).max() <= 1
    if walks["geodesic"].gain.decoded > 0.005:
        share = round(100 * walks["geodesic"].gain.decoded)
        assert f"changes {share} % less" in path_of(page, "geodesic").inner_text()
    saves = page.page.get_by_test_id("drawer").locator("a[download]")
    assert saves.all_inner_texts() == (["GIF", "PNG", "CSV"] if modality in ("image", "signal") else ["CSV"])


def test_shift_clicks_mark_and_the_ways_are_drawn(walk):
    _, page = walk("image")
    rows = page.spots(500)
    free = (rows[:, 1] > 140) & (rows[:, 1] < 420) & (rows[:, 0] > 320) & (rows[:, 0] < 900)
    first, second = np.flatnonzero(free)[[0, -1]]
    before = page.shot()
    for row in (first, second):
        page.page.keyboard.down("Shift")
        page.page.mouse.click(*page.spots(500)[row])
        page.page.keyboard.up("Shift")
    page.wait("ways", "the ways")
    assert page.page.get_by_test_id("anchor").count() == 2
    assert page.page.get_by_test_id("drawer").count() == 1
    page.page.mouse.move(5, 400)
    page.page.wait_for_timeout(700)
    line = page.ask("ways.places")
    middle = np.array([page.ask("toScreen(...a[0])", place) for place in line])
    shot = page.shot().astype(int)
    seen = 0
    for x, y in middle[1:-1]:
        if 0 <= y < 420 and 0 <= x < 1280:
            near = shot[int(y) - 4 : int(y) + 5, int(x) - 4 : int(x) + 5].reshape(-1, 3)
            seen += bool((np.abs(near - GENERATED).sum(1) < 40).any())
    assert seen > 0
    assert (np.abs(before.astype(int) - GENERATED).sum(2) < 40).sum() == 0


def test_the_key_goes_from_the_pinned_item_to_the_cursor(walk):
    _, page = walk("signal", "#pin=12")
    page.wait("pinned", "the pinned item")
    x, y = page.spots(160)[40]
    page.page.mouse.move(x, y)
    page.wait("hover >= 0", "a hovered item")
    page.page.keyboard.press("p")
    found = page.wait("ways", "the ways")
    assert page.ask("anchors")[0] == "row:12"
    assert len(page.ask("anchors")) == 2
    assert "path=row:12;" in page.page.url
    assert found["chosen"] == "geodesic"


def test_a_step_puts_the_cursor_on_its_place_and_the_arrow_plays_on(walk):
    space, page = walk("image", "#path=row:3;row:90&drawer=paths", reduced_motion="reduce")
    page.wait("ways", "the ways")
    own = space.path(3, 90, kind="density")
    expected = space.map.transform(own.z)
    steps = path_of(page, "density").get_by_test_id("step")
    steps.nth(8).click()
    place = page.wait("place", "the cursor")
    np.testing.assert_allclose([place["x"], place["y"]], expected[8], atol=1e-4)
    assert page.ask("ways.at") == 8
    assert "way=density" in page.page.url
    page.page.get_by_test_id("play").click()
    until(lambda: page.ask("ways.at") == 10 and not page.ask("ways.playing"), "the end of the path")
    place = page.ask("place")
    np.testing.assert_allclose([place["x"], place["y"]], space.map.positions[90], atol=1e-4)
    stage = page.page.get_by_test_id("stage")
    assert "step 11 of 11" in " ".join(stage.inner_text().split())
    assert np.abs(pixels(stage.locator("canvas")) - own.content[10].ravel().astype(int)).max() <= 1


def test_with_motion_the_cursor_follows_the_course(walk):
    space, page = walk("vector", "#path=row:3;row:90&drawer=paths&way=linear")
    page.wait("ways", "the ways")
    page.page.get_by_test_id("play").click()
    between = set()

    def arrived() -> bool:
        between.add(page.ask("ways.at"))
        return page.ask("ways.at") == 10 and not page.ask("ways.playing")

    until(arrived, "the end of the path")
    assert len(between) > 2
    place = page.ask("place")
    np.testing.assert_allclose([place["x"], place["y"]], space.map.positions[90], atol=1e-4)


def test_places_are_turned_round_removed_and_taken_back(walk):
    _, page = walk("table", "#path=row:3;row:90;row:20&drawer=paths")
    page.wait("ways", "the ways")
    drawer = page.page.get_by_test_id("drawer")
    drawer.get_by_role("button", name="Reverse the order of places").click()
    until(lambda: page.ask("anchors") == ["row:20", "row:90", "row:3"], "the other order")
    page.page.wait_for_timeout(600)  # a step of its own for undo
    drawer.get_by_role("button", name="Remove place 2, row 90").click()
    until(lambda: page.ask("anchors") == ["row:20", "row:3"], "two places")
    page.page.wait_for_timeout(600)
    drawer.get_by_role("button", name="Move place 1, row 20, later").click()
    until(lambda: page.ask("anchors") == ["row:3", "row:20"], "the other order")
    page.page.keyboard.press("Control+z")
    until(lambda: page.ask("anchors") == ["row:20", "row:3"], "the order before")
    drawer.get_by_role("button", name="clear").click()
    until(lambda: "Mark two places" in drawer.inner_text(), "what to do")


def test_more_steps_and_another_way_are_in_the_address(walk):
    space, page = walk("image", "#path=row:3;row:90&drawer=paths&way=spherical&steps=21")
    page.wait("ways", "the ways")
    assert page.ask("ways.chosen") == "spherical"
    assert path_of(page, "spherical").get_by_test_id("step").count() == 21
    page.page.get_by_test_id("steps").select_option("7")
    until(lambda: path_of(page, "spherical").get_by_test_id("step").count() == 7, "seven steps")
    assert "steps=7" in page.page.url
    own = space.path(3, 90, kind="spherical", steps=7)
    shown = pixels(path_of(page, "spherical").get_by_test_id("step").nth(3).locator("canvas"))
    assert np.abs(shown - own.content[3].ravel().astype(int)).max() <= 1


def test_a_refusal_is_said_in_place(walk):
    _, page = walk("table", "#path=row:1;row:2&drawer=paths")
    page.wait("ways", "the ways")
    page.page.route("**/api/paths?*", lambda route: route.fulfill(status=400, json={"error": "There is no way."}))
    page.page.get_by_test_id("steps").select_option("21")
    until(lambda: "There is no way." in page.words("drawer"), "the refusal")
