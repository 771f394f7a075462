"""The cursor card beyond the decode: nearest real items, how sure it is, what changes against the pin."""

from __future__ import annotations

import numpy as np
import pytest

from tests.e2e.conftest import MODALITIES, until
from tests.e2e.test_cursor import rest_on


def away_from(page, row, dx=14, dy=9):
    x, y = page.spot(row)
    return rest_on(page, x + dx, y + dy)


@pytest.mark.parametrize("modality", MODALITIES)
def test_exactly_three_nearest_real_items_with_their_distances(walk, modality):
    space, page = walk(modality)
    place, shown = away_from(page, 7)
    near = space.neighbors(z=space.map.inverse_transform(place), k=3)
    assert [n["index"] for n in shown["neighbours"]] == near.index[0].tolist()
    items = page.page.get_by_test_id("nearest").get_by_role("button")
    until(lambda: items.count() == 3, "three items")
    for i, (row, distance) in enumerate(zip(near.index[0], near.distance[0], strict=True)):
        item = items.nth(i)
        said = item.get_attribute("aria-label") or item.get_attribute("title")
        assert said.startswith(f"pin row {row:,},")
        text = page.page.get_by_test_id("nearest").locator(".one").nth(i).inner_text().split()
        assert float(text[-1]) == pytest.approx(float(distance), rel=0.006)


@pytest.mark.parametrize("modality", MODALITIES)
def test_how_sure_the_decode_is_comes_in_words(walk, modality):
    space, page = walk(modality)
    space.uncertainty_percentile(space.latents.mean[:1])
    place, _ = away_from(page, 7)
    z = space.map.inverse_transform(place)
    shown = page.wait("detail.uncertaintyPercentile != null && __deepspace.detail", "the comparison with the rows")
    assert shown["uncertainty"] == pytest.approx(float(space.uncertainty(z)[0]), rel=0.01, abs=1e-5)
    percentile = float(space.uncertainty_percentile(z)[0])
    assert shown["uncertaintyPercentile"] == pytest.approx(percentile, abs=1)
    said = page.words("sure")
    if percentile < 49:
        assert said.endswith(" sure")
    elif percentile > 51:
        share = int(said.split("less sure than ")[1].split(" %")[0])
        assert share == pytest.approx(min(percentile, 99), abs=1.01)


def test_the_frame_pales_where_the_decode_is_unsure(walk):
    space, page = walk("image")
    space.uncertainty_percentile(space.latents.mean[:1])
    ranks = space.uncertainty_percentile(space.map.inverse_transform(space.map.positions[:200]))
    border = "getComputedStyle(document.querySelector('[data-testid=generated]')).borderTopColor"
    seen = {}
    for name, row in (("surest", int(ranks.argmin())), ("least sure", int(ranks.argmax()))):
        rest_on(page, *page.spot(row))
        page.wait("detail.uncertaintyPercentile != null", "the comparison with the rows")
        page.page.wait_for_timeout(400)
        seen[name] = page.page.evaluate(border), page.ask("detail")["uncertaintyPercentile"]
    # Two rows may share a pixel, so that the neighbour's place is the one decoded: compare what was really asked.
    assert seen["surest"][1] < 50 < 75 < seen["least sure"][1]
    generated = page.page.evaluate(
        "() => { const e = document.createElement('i'); e.style.color = 'var(--generated)'; document.body.append(e);"
        " const c = getComputedStyle(e).color; e.remove(); return c; }"
    )
    probe = "c => { const x = document.createElement('canvas').getContext('2d'); x.fillStyle = c; x.fillRect(0,0,1,1);"
    probe += " return [...x.getImageData(0,0,1,1).data].slice(0,3); }"
    full, surest, least = (
        np.array(page.page.evaluate(probe, c)) for c in (generated, seen["surest"][0], seen["least sure"][0])
    )
    assert np.abs(full - surest).max() <= 2
    assert np.ptp(least) < 0.7 * np.ptp(full), "less saturated"


def pinned(walk, modality, row=30):
    space, page = walk(modality, f"#pin={row}")
    page.wait("pinned", "the pinned item")
    made = space.decode(np.asarray(space.latents.mean[row : row + 1]))
    return space, page, made


def test_a_picture_differs_where_python_says_and_by_its_sign(walk):
    space, page, made = pinned(walk, "image")
    place, _ = away_from(page, 3)
    here = space.decode(space.map.inverse_transform(place))[0].astype(int)
    difference = (here - made[0].astype(int)).ravel()
    canvas = page.page.get_by_test_id("difference")
    until(lambda: canvas.count() == 1, "the difference")
    read = "c => [...c.getContext('2d').getImageData(0, 0, c.width, c.height).data]"
    drawn = np.array(canvas.evaluate(read)).reshape(-1, 4)[:, :3]
    assert abs(int(canvas.get_attribute("data-most")) - max(16, np.abs(difference).max())) <= 1
    warm = drawn[:, 0].astype(int) - drawn[:, 2]  # red over blue: brighter is orange, darker blue
    clear = np.abs(difference) > 12
    assert clear.any()
    middle = warm[np.abs(difference) <= 1]
    assert np.ptp(middle) <= 8 if len(middle) else True
    assert np.all(np.sign(warm[clear]) == np.sign(difference[clear]))
    assert np.corrcoef(np.abs(warm), np.abs(difference))[0, 1] > 0.98


def test_a_record_goes_from_the_pins_values_to_the_places(walk):
    space, page, made = pinned(walk, "table", 0)
    place, _ = away_from(page, 120)
    here = space.decode(space.map.inverse_transform(place)).to_pydict()
    before = made.to_pydict()
    rows = page.page.get_by_test_id("moved").locator("tr")
    until(lambda: rows.count() > 0, "what changes")
    gaps = []
    for row in rows.all():
        name, start, _, end = (cell.strip() for cell in row.inner_text().split("\t"))
        (column,) = [c for c in before if c.replace("_", " ") == name]
        for text, value in ((start, before[column][0]), (end, here[column][0])):
            if isinstance(value, float):
                assert float(text) == pytest.approx(value, rel=0.006, abs=1e-3)
            else:
                assert text == str(value)
        if isinstance(before[column][0], float):
            gaps.append(abs(here[column][0] - before[column][0]) / np.ptp(space.rows.column(column).to_numpy()))
    assert gaps == sorted(gaps, reverse=True), "the most changed first"


def test_a_signal_is_shaded_between_the_two(walk):
    space, page, _ = pinned(walk, "signal")
    away_from(page, 3)
    changed = page.page.get_by_test_id("changed")
    until(lambda: changed.locator("path.band").count() == space.schema.shape[0], "a band a channel")
    assert changed.locator("path.faint").count() == space.schema.shape[0]
    assert "row 30, rebuilt" in page.words("changed")


def test_a_vector_says_which_metadata_differ(walk):
    space, page, _ = pinned(walk, "vector", 0)
    label = space.schema.target.name
    values = [str(v) for v in space.rows.column(label).to_pylist()]
    other = next(i for i, v in enumerate(values) if v != values[0])
    _, shown = rest_on(page, *page.spot(other))
    there = values[shown["nearest"]["index"]]
    text = page.words("changed")
    assert (f"{values[0]} → {there}" in text) == (there != values[0])
    assert ("is the same" in text) == (there == values[0])


def test_copied_lines_give_what_the_card_shows(walk):
    space, page = walk("image")
    _, shown = away_from(page, 7)
    text = page.page.get_by_test_id("cursor").get_by_test_id("python").get_attribute("data-text")
    lines = text.splitlines()
    assert lines[0] == "import deepspace as ds"
    scope = {"space": space}
    exec("\n".join(lines[3:]), scope)
    near = space.neighbors(z=scope["z"], k=3)
    assert [n["index"] for n in shown["neighbours"]] == near.index[0].tolist()
