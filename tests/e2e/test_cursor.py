"""What a place decodes to, and what a pinned item is: the page's answers against Python's."""

from __future__ import annotations

import numpy as np
import pytest

from tests.e2e.conftest import MODALITIES


def rest_on(page, x, y):
    """Move to (x, y) and wait for the answer with neighbours for exactly that place."""
    page.page.mouse.move(x, y)
    page.page.wait_for_timeout(50)
    place = page.ask("place")
    # The browser may round the pointer to whole pixels.
    assert np.abs(np.array(page.ask("toScreen(a[0], a[1])", place["x"], place["y"])) - (x, y)).max() <= 1
    detail = page.wait(
        "detail?.x === window.__deepspace.place.x && "
        "window.__deepspace.detail.y === window.__deepspace.place.y && window.__deepspace.detail",
        "the decode of the place under the cursor",
    )
    return np.array([[place["x"], place["y"]]]), detail


@pytest.mark.parametrize("modality", MODALITIES)
def test_the_card_shows_what_the_space_decodes_there(walk, modality):
    space, page = walk(modality)
    x, y = page.spot(7)
    place, shown = rest_on(page, x + 5, y + 4)
    z = space.map.inverse_transform(place)
    expected = space.decode(z)
    content = shown["content"]
    if modality == "image":
        pixels = np.array(content["pixels"]).reshape(content["height"], content["width"])
        assert np.abs(pixels - expected[0].astype(int)).max() <= 1
    elif modality == "signal":
        np.testing.assert_allclose(np.array(content["lines"]), expected[0], atol=1e-3)
    elif modality == "table":
        record = {name: values[0] for name, values in expected.to_pydict().items()}
        fields = {f["name"]: f for f in content["fields"]}
        assert set(fields) == set(record)
        for name, value in record.items():
            if isinstance(value, float):
                # Shown with three significant digits.
                assert float(fields[name]["value"]) == pytest.approx(value, rel=0.006, abs=1e-3)
            else:
                assert fields[name]["value"] == str(value)
    near = space.neighbors(z=z, k=1)
    assert shown["nearest"]["index"] == near.index[0, 0]
    assert shown["nearest"]["distance"] == pytest.approx(float(near.distance[0, 0]), rel=1e-3, abs=1e-4)
    assert shown["densityPercentile"] == pytest.approx(float(space.density_percentile(z)[0]), abs=1)
    assert ("generated" in page.words("generated").split()) == (modality != "vector") or modality == "vector"
    border = page.page.evaluate("getComputedStyle(document.querySelector('[data-testid=generated]')).borderTopStyle")
    assert border == ("solid" if modality == "vector" else "dashed")


def test_the_picture_on_the_card_is_the_picture_that_came(walk):
    _, page = walk("image")
    x, y = page.spot(20)
    _, shown = rest_on(page, x + 3, y)
    drawn = page.page.evaluate(
        """() => { const c = document.querySelector("[data-testid=generated] canvas");
            const { data } = c.getContext("2d").getImageData(0, 0, c.width, c.height);
            return [...data].filter((_, i) => i % 4 === 0); }"""
    )
    assert drawn == shown["content"]["pixels"]


def test_fields_unlike_the_nearest_real_item_come_first(walk):
    _, page = walk("table")
    x, y = page.spot(3)
    for dx in (9, 25, 60, 120):
        _, shown = rest_on(page, x + dx, y + dx / 3)
        if shown["differs"]:
            break
    assert shown["differs"], "no place was found that decodes unlike its nearest real item"
    rows = page.page.locator("[data-testid=generated] tr.differs").all_inner_texts()
    assert [r.split("\t")[1:] for r in rows] == [[d["generated"], d["real"]] for d in shown["differs"]]


def test_a_place_far_from_all_data_is_hatched_and_warned_of(walk):
    space, page = walk("image")
    for _ in range(3):
        page.page.mouse.move(600, 400)
        page.page.mouse.wheel(0, 300)
    page.page.wait_for_timeout(300)
    place, shown = rest_on(page, 330, 700)
    assert not space.map.has_data(place)[0]
    assert shown["hasData"] is False
    assert page.visible("No data here.")
    assert "nodata" in page.page.get_by_test_id("generated").get_attribute("class")
    x, y = page.spot(5)
    rest_on(page, x, y)
    assert not page.visible("No data here.")


def test_the_latest_place_wins(walk):
    space, page = walk("image")
    x, y = page.spot(11)
    before = page.ask("decodes")
    for step in range(60):
        page.page.mouse.move(x - 120 + 2 * step, y)
    place, shown = rest_on(page, x, y)
    assert 1 <= page.ask("decodes") - before <= 63
    pixels = np.array(shown["content"]["pixels"]).reshape(8, 8)
    assert np.abs(pixels - space.decode(space.map.inverse_transform(place))[0].astype(int)).max() <= 1


@pytest.mark.parametrize("modality", MODALITIES)
def test_pinning_shows_that_rows_own_values(walk, modality):
    space, page = walk(modality)
    x, y = page.spot(12)
    page.page.mouse.move(x, y)
    page.page.wait_for_timeout(100)
    row = page.ask("hover")
    # Another row may lie on the very same pixel.
    assert np.hypot(*(np.array(page.spot(row)) - (x, y))) <= np.hypot(0.5, 0.5)
    page.page.mouse.click(x, y)
    item = page.wait("pinned", "the pinned item")
    assert item["index"] == row
    assert f"pin={row}" in page.page.url
    if modality == "image":
        np.testing.assert_array_equal(np.array(item["real"]["pixels"]).reshape(1, 8, 8), space.samples[row])
        made = np.array(item["reconstruction"]["pixels"]).reshape(8, 8)
        expected = space.decode(np.asarray(space.latents.mean[row : row + 1]))[0].astype(int)
        assert np.abs(made - expected).max() <= 1
    elif modality == "signal":
        real = space.schema.decode(np.asarray(space.samples[row : row + 1]))[0]
        np.testing.assert_allclose(np.array(item["real"]["lines"]), real, atol=1e-4)
    elif modality == "table":
        record = space.rows.record(row)
        for field in item["real"]["fields"]:
            value = record[field["name"]]
            assert field["value"] == str(value) or float(field["value"]) == pytest.approx(value, rel=1e-5)
    text = page.words("pinned")
    assert f"row {row:,}" in text
    assert str(item["label"]) in text
    found = space.neighbors(z=np.asarray(space.latents.mean[row : row + 1]), k=4).index[0].tolist()
    assert [n["index"] for n in item["neighbours"]][:3] == [i for i in found if i != row][:3]


def test_a_similar_item_can_be_pinned_in_turn(walk):
    _, page = walk("image", "#pin=30")
    first = page.wait("pinned")
    page.page.get_by_test_id("pinned").get_by_role("button", name="pin row").first.click()
    page.wait(f"pinned?.index === {first['neighbours'][0]['index']}")
