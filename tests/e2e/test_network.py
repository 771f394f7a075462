"""Inside the network in the drawer: an item's way through the layers, what each layer tells, and units' pages."""

from __future__ import annotations

import pytest

import deepspace as ds
from deepspace.server import Session
from tests.e2e.conftest import until
from tests.e2e.test_accessibility import CHECK, ENGINE


def place(page):
    strip = page.page.get_by_test_id("strip")
    return strip.get_attribute("data-place") if strip.count() else None


@pytest.mark.parametrize("modality", ["image", "table", "signal"])
def test_the_strip_follows_the_cursor_and_stays_with_what_is_pinned(walk, modality):
    space, page = walk(modality)
    page.page.get_by_role("button", name="Layers", exact=True).click()
    until(lambda: place(page) == "row:0", "the first row's way")
    assert "drawer=network" in page.page.url
    shown = page.page.get_by_test_id("layer")
    names = [layer.name for layer in ds.open(space.folder).layers()]
    assert 1 < shown.count() <= len(names)
    assert shown.first.get_by_role("button").count() > 0
    spots = page.spots(len(space))
    row = int(spots[:, 1].argmin())  # above the drawer
    page.page.mouse.move(*spots[row])
    until(lambda: place(page) == f"row:{page.ask('hover')}" != "row:-1", "the way of the row under the cursor")
    page.page.mouse.move(spots[row][0] + 23, spots[row][1] - 31)
    until(lambda: page.ask("hover") == -1 and (place(page) or "").startswith("at:"), "the way of a place")
    assert "generated" in page.words("strip")
    page.page.get_by_label("every step").check()
    until(lambda: [s.get_attribute("data-layer") for s in shown.all()] == names, "every layer")
    page.page.mouse.click(*spots[row])
    page.wait("pinned", "the pin")
    until(lambda: place(page) == f"row:{page.ask('pinned.index')}", "the pinned item's way")
    page.page.mouse.move(spots[row][0] + 60, spots[row][1] - 20)
    page.page.wait_for_timeout(400)
    assert place(page) == f"row:{page.ask('pinned.index')}"
    page.page.get_by_role("group", name="The way of").get_by_role("button", name="cursor").click()
    until(lambda: not (place(page) or "").startswith("row:") or page.ask("hover") >= 0, "the cursor's way")


def test_a_unit_tells_what_drives_it_and_leads_back(walk, built):
    _, page = walk("image", "#drawer=network", bypass_csp=True)
    page.page.add_script_tag(path=str(ENGINE))
    until(lambda: place(page), "the strip")
    layer = page.page.get_by_test_id("layer").nth(1)
    first = layer.get_by_role("button").first
    name, unit = layer.get_attribute("data-layer"), first.get_attribute("data-unit")
    # From unit to unit with the arrows; the map's cursor stays where it is.
    first.focus()
    page.page.keyboard.press("ArrowDown")
    second = page.page.evaluate("document.activeElement.dataset.unit")
    assert second == layer.get_by_role("button").nth(1).get_attribute("data-unit")
    assert page.ask("place") is None
    first.click()
    until(lambda: page.page.get_by_test_id("unit-page").count(), "the unit's page")
    assert f"unit {unit} of" in page.words("unit-title")
    assert name in page.words("unit-title")
    assert f"unit={name}|{unit}" in page.page.url
    assert page.page.evaluate(CHECK) == []
    after = page.page.get_by_role("button", name="next unit")
    after.click()
    until(lambda: f"unit {int(unit) + 1} of" in page.words("unit-title"), "the next unit")
    page.page.get_by_role("navigation", name="with a name").get_by_role("button").first.click()
    drivers = page.page.get_by_test_id("unit-most").get_by_test_id("driver")
    until(lambda: drivers.count() == 8, "the items that drive it")
    row = int(drivers.first.get_attribute("data-row"))
    drivers.first.get_by_role("button").click()
    page.wait(f"pinned?.index === {row}", "the pin")
    page.page.get_by_test_id("unit-back").click()
    until(lambda: place(page) == f"row:{row}", "the pinned item's way")


def test_depth_is_read_while_one_looks_elsewhere(walk, built):
    space, page = walk("image", "#drawer=network&inside=depth", bypass_csp=True)
    page.page.add_script_tag(path=str(ENGINE))
    drawer = page.page.get_by_test_id("drawer")
    until(lambda: page.page.get_by_test_id("depth-making").or_(page.page.get_by_test_id("depth-chart")).count(), "work")
    page.page.keyboard.press("1")
    until(lambda: "latent dimension" in drawer.inner_text(), "another panel")
    page.page.get_by_role("button", name="Layers", exact=True).click()
    until(lambda: page.page.get_by_test_id("depth-chart").count(), "the chart", timeout=120)
    chosen = page.page.get_by_test_id("depth-column")
    assert chosen.locator("optgroup").count() == 2
    target = space.schema.target.name
    assert chosen.input_value() == target
    assert page.words("depth-sentence").startswith(target)
    slider = page.page.get_by_role("slider", name="Layer in the chart")
    slider.focus()
    page.page.keyboard.press("Home")
    until(lambda: "the item itself" in page.words("depth-now"), "the first layer")
    assert "accuracy" in page.words("depth-chart")
    assert "n = " in page.words("depth-chart")
    chosen.select_option("brightness")
    until(lambda: "brightness" in page.words("depth-sentence"), "another column")
    assert "read=brightness" in page.page.url
    assert page.page.evaluate(CHECK) == []


def test_the_points_move_from_layer_to_layer(walk, built):
    space, page = walk("image", "#drawer=network&inside=maps&axes=layer:latent", bypass_csp=True)
    page.page.add_script_tag(path=str(ENGINE))
    assert page.ask("axes") == "map", "there is none yet"
    cards = page.page.get_by_test_id("maps").get_by_role("button")
    until(lambda: cards.count() > 3, "the maps", timeout=120)
    until(lambda: page.ask("axes") == "layer:latent", "what the address says")
    names = [card.get_attribute("data-layer") for card in cards.all()]
    assert (names[0], names[-1]) == ("input", "latent")
    cards.nth(1).click()
    until(lambda: page.ask("axes") == f"layer:{names[1]}", "the layer's map")
    page.page.wait_for_timeout(600)
    assert page.ask("axesInfo.placed") == len(space)
    row = int(page.spots(len(space))[:, 1].argmin())  # above the drawer
    page.page.mouse.move(*page.spot(row))
    until(lambda: page.ask("hover") >= 0, "the row under the cursor")
    marks = page.page.get_by_test_id("maps").locator("circle")
    until(lambda: marks.count() == len(names), "its mark on all maps")
    until(lambda: page.page.get_by_test_id("generated").count(), "what the place decodes to")
    page.page.mouse.click(*page.spot(row))
    page.wait("pinned", "the pin")
    page.page.get_by_role("button", name="next ›").click()
    until(lambda: page.ask("axes") == f"layer:{names[2]}", "the next layer")
    assert page.ask("pinned") is not None
    page.page.get_by_role("button", name="play").click()
    until(lambda: page.ask("axes") == f"layer:{names[3]}", "the layer after it")
    page.page.get_by_role("button", name="pause").click()
    assert page.page.evaluate(CHECK) == []
    page.page.reload()
    page.ready()
    assert page.ask("axes") == f"layer:{names[3]}"
    page.page.get_by_role("button", name="Back to the main map").click()
    until(lambda: page.ask("axes") == "map", "the map")


def test_a_selection_is_looked_for_in_the_layers(walk, built):
    space, page = walk("image", "#drawer=network&inside=concept", bypass_csp=True)
    page.page.add_script_tag(path=str(ENGINE))
    until(lambda: page.page.get_by_test_id("concept-none").count(), "what to do")
    page.page.evaluate("location.hash += '&select=rows:1,2,3'")
    until(lambda: "3 rows are selected" in page.words("concept-few"), "that these are few")
    page.page.evaluate("n => location.hash = `drawer=network&inside=concept&filter.${n}=3`", space.schema.target.name)
    until(lambda: page.page.get_by_test_id("concept-chart").count(), "the chart", timeout=120)
    assert page.words("concept-sentence").startswith("The selection")
    slider = page.page.get_by_role("slider", name="Layer in the chart")
    slider.focus()
    page.page.keyboard.press("Home")
    until(lambda: "layer 1" in page.words("concept-now"), "the first layer")
    assert page.page.evaluate(CHECK) == []


def test_what_a_unit_looks_for_is_made_up_and_says_so(walk):
    _, page = walk("image", "#drawer=network&unit=posterior|0")
    dreams = page.page.get_by_test_id("dreams")
    until(dreams.count, "the unit's page", timeout=120)
    dreams.get_by_role("button").click()
    for way in ("pixels", "decoder"):
        until(lambda way=way: page.page.get_by_test_id(f"dream-{way}").count(), way, timeout=60)
        said = page.words(f"dream-{way}")
        assert "generated" in said
        assert "the strongest real row" in said
    page.page.get_by_role("button", name="next unit").click()
    until(lambda: dreams.get_by_role("button").count(), "another unit's page")
    assert page.page.get_by_test_id("dream-pixels").count() == 0


@pytest.mark.parametrize("modality", ["image", "table", "signal"])
def test_what_a_latent_rests_on_is_shown_with_its_check(walk, built, modality):
    _, page = walk(modality, "#drawer=network&pin=3", bypass_csp=True)
    page.page.add_script_tag(path=str(ENGINE))
    rests = page.page.get_by_test_id("saliency")
    button = rests.get_by_role("button", name="what does it rest on")
    until(lambda: place(page) == "row:3" and button.count() and button.is_enabled(), "the button")
    chosen = page.page.get_by_test_id("saliency-latent")
    first = chosen.input_value()
    button.click()
    until(lambda: page.page.get_by_test_id("saliency-found").count(), "what it rests on", timeout=60)
    shown = {"image": "saliency-picture", "table": "saliency-columns", "signal": "saliency-line"}[modality]
    assert page.page.get_by_test_id(shown).first.is_visible()
    assert "red raises it" in page.words("saliency")
    verdict = page.page.get_by_test_id("saliency-verdict")
    word = {"true": "passed", "false": "failed"}.get(verdict.get_attribute("data-passed"), "not tested")
    assert page.words("saliency-verdict").startswith(f"weight check: {word}")
    assert page.words("saliency-verdict").endswith(".")
    assert (page.page.get_by_test_id("saliency-complete").count() == 1) == (modality != "table")
    assert page.page.evaluate(CHECK) == []
    chosen.select_option(next(o for o in ("0", "1") if o != first))
    until(button.count, "another latent is not known yet")
    chosen.select_option(first)
    until(verdict.count, "what was kept")


def test_only_real_items_are_explained(walk):
    space, page = walk("image", "#drawer=network")
    until(lambda: place(page) == "row:0", "the first row's way")
    x, y = page.spot(int(page.spots(len(space))[:, 1].argmin()))
    page.page.mouse.move(x + 23, y - 31)
    until(lambda: (place(page) or "").startswith("at:"), "the way of a place")
    assert "A real item must be shown" in page.words("saliency-generated")
    assert page.page.get_by_test_id("saliency").get_by_role("button").count() == 0


def test_a_space_without_layers_says_why(serve, browse, tmp_path):
    import numpy as np

    rows = np.random.default_rng(0).normal(size=(90, 2)) + 6 * np.eye(2)[np.arange(90) % 2]
    space = ds.attach(latents=rows, data=np.float32(rows), path=tmp_path / "bare.space")
    page = browse(serve(Session("bare", space=space)).address + "#drawer=network").ready()
    said = page.page.get_by_test_id("network-reason")
    until(said.count, "the sentence")
    assert said.inner_text().endswith(".")
