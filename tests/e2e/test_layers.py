"""What lies over the points, drawn where Python says that it is."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.ndimage import distance_transform_edt

from deepspace.explore import map_field
from tests.e2e.conftest import Page, until

MAP = slice(60, 690), slice(310, 900)
"""Lines and columns of the screen that no panel covers."""


def world(page: Page) -> np.ndarray:
    """(H, W, 2): where each pixel of the screen is on the map."""
    (x0, y0), (x1, y1) = page.ask("toWorld(0, 0)"), page.ask("toWorld(1000, 800)")
    across = x0 + (np.arange(1280) + 0.5) * (x1 - x0) / 1000
    down = y0 + (np.arange(800) + 0.5) * (y1 - y0) / 800
    return np.stack(np.meshgrid(across, down), 2)


def settled(page: Page) -> np.ndarray:
    page.page.mouse.move(1270, 790)
    page.page.wait_for_timeout(500)
    return page.shot().astype(int)


def toggled(page: Page, key: str, ready: str) -> np.ndarray:
    """(H, W): how much each pixel changed when a layer was switched on."""
    before = settled(page)
    page.page.keyboard.press(key)
    until(lambda: page.ask(ready), f"the layer of {key}")
    return np.abs(settled(page) - before).sum(2)


@pytest.mark.parametrize("modality", ["image", "table", "signal"])
def test_contours_run_where_the_density_has_their_levels(walk, modality):
    space, page = walk(modality, "#show=-mask")
    page.page.add_style_tag(content="[data-testid=regions], [data-testid=axes] { display: none }")
    changed = toggled(page, "c", "layers.segments.length === 3") > 30
    field = map_field(space)
    density = field.at(world(page).reshape(-1, 2)).reshape(800, 1280)
    near = np.full((800, 1280), np.inf)
    for level in field.levels:
        above = density >= level
        edge = np.zeros_like(above)
        edge[1:] |= above[1:] != above[:-1]
        edge[:, 1:] |= above[:, 1:] != above[:, :-1]
        near = np.minimum(near, distance_transform_edt(~edge))
    assert changed[MAP].sum() > 500
    assert (near[MAP][changed[MAP]] <= 3).mean() > 0.99
    drawn = distance_transform_edt(~changed)
    assert (drawn[MAP][near[MAP] == 0] <= 3).mean() > 0.97


@pytest.mark.parametrize("modality", ["image", "table", "signal", "vector"])
def test_hatching_lies_where_there_is_no_data(walk, modality):
    space, page = walk(modality, "#show=-mask")
    changed = toggled(page, "m", "ready")
    page.page.wait_for_timeout(300)
    there = space.map.has_data(world(page).reshape(-1, 2).astype(np.float32)).reshape(800, 1280)
    deep = distance_transform_edt(there)[MAP] > 5, distance_transform_edt(~there)[MAP] > 5
    assert changed[MAP][deep[0]].max(initial=0) == 0
    share = (changed[MAP][deep[1]] > 0).mean()
    assert 0.1 < share < 0.9, "lines with ground between them"
    assert "show=" not in page.page.url, "on by default"


@pytest.mark.parametrize("modality", ["image", "table", "signal"])
def test_regions_are_named_as_in_python_and_select_their_rows(walk, modality, browse):
    space, page = walk(modality, "#show=contours")
    regions = space.regions()
    until(lambda: page.ask("layers.named.length"), "names")
    labels = page.page.locator("[data-region]")
    assert labels.count() == len(regions)
    shown = page.ask("layers.named")[0]
    label = page.page.locator(f"[data-region='{shown}']")
    region = regions[shown]
    said = label.get_attribute("title")
    assert f"region {shown}, {region.n:,} rows" in said
    for trait in region.traits[:6]:
        assert trait.phrase in said
    label.click()
    until(lambda: page.ask("selection"), "the selection")
    assert page.ask("selection") == region.rows.tolist()
    assert page.ask("pinned") is None, "a press on a name is none on the map"
    assert f"select=region:{shown}" in page.page.url
    again = browse(page.page.url).ready()
    until(lambda: again.ask("selection"), "the shared selection")
    assert again.ask("selection") == region.rows.tolist()
    again.page.locator(f"[data-region='{shown}']").focus()
    again.page.keyboard.press("Enter")
    until(lambda: again.ask("selection") is None, "the selection to go")


def test_the_label_stands_on_its_region(walk):
    space, page = walk("image", "#show=contours")
    until(lambda: page.ask("layers.named.length"), "names")
    for index in page.ask("layers.named"):
        box = page.page.locator(f"[data-region='{index}']").bounding_box()
        x, y = page.ask("toScreen(...a)", *space.regions()[index].at)
        assert abs(box["x"] + box["width"] / 2 - x) < 3
        assert abs(box["y"] + box["height"] / 2 - y) < 1.5 * box["height"]


def test_panning_draws_no_contour_anew(walk):
    _, page = walk("image", "#show=contours")
    until(lambda: page.ask("layers.drawings"), "contours")
    page.page.wait_for_timeout(400)
    drawings, frames = page.ask("layers.drawings"), page.ask("frames")
    page.page.mouse.move(600, 120)
    page.page.mouse.down()
    for step in range(1, 21):
        page.page.mouse.move(600 + 8 * step, 120 + 5 * step)
        page.page.wait_for_timeout(20)
    page.page.mouse.up()
    assert page.ask("frames") > frames + 5
    assert page.ask("layers.drawings") == drawings


def lone(page: Page, rows: np.ndarray, n: int) -> tuple[tuple[float, float], int]:
    """Where the row among these with the most room around it is is, near enough to lie alone, and its number."""
    page.page.keyboard.press("0")
    page.page.wait_for_timeout(600)
    spots = page.spots(n)
    room = np.sort(np.linalg.norm(spots[rows][:, None] - spots[None], axis=2), axis=1)[:, 1]
    free = (np.abs(spots[rows] - (605, 400)) < (290, 320)).all(1)
    row = int(rows[np.where(free, room, -1).argmax()])
    page.page.mouse.move(*page.spot(row))
    for _ in range(12):
        spots = page.spots(n)
        if np.sort(np.linalg.norm(spots - spots[row], axis=1))[1] > page.ask("pointSize") + 4:
            break
        page.page.mouse.wheel(0, -120)
        page.page.wait_for_timeout(100)
    settled(page)
    return page.spot(row), row


def colour_of(page: Page, name: str) -> np.ndarray:
    css = page.page.evaluate(
        "n => { const p = document.createElement('i'); p.style.color = n; document.body.append(p); "
        "const c = getComputedStyle(p).color; p.remove(); return c; }",
        name,
    )
    return np.array([float(v) for v in css.removeprefix("rgb(").removesuffix(")").split(",")])


@pytest.mark.parametrize("modality", ["image", "table", "signal"])
def test_unsure_rows_lose_their_colour_and_sure_ones_keep_it(walk, modality):
    space, page = walk(modality)
    page.page.keyboard.press("u")
    until(lambda: page.ask("layers.levels"), "the levels")
    levels = np.array(page.ask("layers.levels"))
    own = space.uncertainty_percentile(space.map.inverse_transform(np.array(space.map.positions)))
    assert own[levels == 3].mean() > own[levels == 0].mean() + 30
    grey = colour_of(page, "var(--uncertain)")
    (x, y), _ = lone(page, np.flatnonzero(levels == 3), len(space))
    got = page.shot()[int(y), int(x)].astype(float)
    ground = colour_of(page, "var(--ground)")
    # A point is drawn over the ground, at the opacity that its number asks for.
    assert np.abs(got - (0.92 * grey + 0.08 * ground)).max() < 12
    (x, y), sure = lone(page, np.flatnonzero(levels == 0), len(space))
    legend = page.ask("legend")
    target = str(space.rows.record(sure)[space.schema.target.name])
    css = next(entry["css"] for entry in legend if entry["label"] == target)
    got = page.shot()[int(y), int(x)].astype(float)
    assert np.abs(got - (0.92 * colour_of(page, css) + 0.08 * ground)).max() < 12
    assert "show=uncertainty" in page.page.url


def test_the_menu_switches_layers_and_explains_their_marks(walk):
    space, page = walk("image")
    page.page.get_by_test_id("layers").click()
    menu = page.page.get_by_role("group", name="Layers of the map")
    for name in ("Pictures", "A grid of generated", "Contours", "How sure"):
        button = menu.get_by_role("button", name=name)
        assert button.get_attribute("aria-pressed") == "false"
        button.click()
        assert button.get_attribute("aria-pressed") == "true"
    until(lambda: "show=pictures,grid,contours,uncertainty" in page.page.url, "the address")
    until(lambda: page.page.get_by_test_id("uncertainty-key").is_visible(), "the key to suppressed colours")
    assert f"n = {len(space)} rows" in menu.inner_text()
    page.page.keyboard.press("Escape")
    assert not menu.is_visible()
    restored: Any = page.page.url
    page.page.goto("about:blank")
    page.page.goto(restored)
    page.ready()
    until(lambda: page.ask("layers.levels") and page.ask("layers.named.length"), "the layers of the address")


def test_distortion_is_one_press_from_the_maps_figures(walk):
    space, page = walk("table")
    page.page.get_by_role("button", name="Colour by map distortion").click()
    until(lambda: page.ask("colour") == "map distortion", "the colour")
    assert "colour=map+distortion" in page.page.url
    worst = space.distortion().spread(space.map.positions)
    raw = page.page.evaluate(
        "async () => { const s = await (await fetch('/api/space')).json(); "
        "const c = s.columns.find((c) => c.name === 'map distortion'); "
        "return [...new Float32Array(await (await fetch('/api/columns/' + c.index)).arrayBuffer())]; }"
    )
    np.testing.assert_allclose(raw, worst, rtol=1e-6)
    page.page.get_by_role("button", name="Colour by map distortion").click()
    until(lambda: page.ask("colour") == "species", "the first colour again")
