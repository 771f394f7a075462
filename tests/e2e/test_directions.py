"""The directions panel: what it says, draws and returns is what Python says of the same groups."""

from __future__ import annotations

import re
from urllib.parse import urlencode

import numpy as np
import pytest

from tests.e2e.conftest import MODALITIES, until
from tests.e2e.test_accessibility import CHECK, ENGINE


def target(space):
    return space.schema.target.name


def address(space, toward, start=None, **more):
    """A page that looks at the direction toward one label (from another)."""
    name = f"filter.{target(space)}"
    values = {"drawer": "directions", "toward": urlencode({name: toward}), **more}
    if start is not None:
        values["from"] = urlencode({name: start})
    return "#" + urlencode(values)


def labels(space):
    return sorted({str(v) for v in space.rows.column(target(space)).to_pylist()})


def found(page):
    return page.wait("direction", "a direction")


@pytest.mark.parametrize("modality", MODALITIES)
def test_what_is_said_of_two_labels_is_what_python_finds(walk, spaces, modality):
    space = spaces(modality)
    one, other = labels(space)[:2]
    space, page = walk(modality, address(space, one, other))
    shown = found(page)
    own = space.direction({target(space): one}, {target(space): other})
    assert shown["auc"] == pytest.approx(own.auc)
    assert shown["warnings"] == list(own.warnings)
    words = page.words("verdict")
    low, high = (f"{v:.3f}" if 0.995 < v < 1 else f"{v:.2f}" for v in own.auc_interval)
    assert f"({low.removeprefix('0')}–{high.removeprefix('0')}, n = {sum(own.held_out):,})" in words
    assert f"p = {own.p:.3f}" in words
    for warning in own.warnings:
        assert warning[1:] in words
    np.testing.assert_allclose(page.ask("projection"), own.project(), atol=1e-5)
    along = page.page.get_by_test_id("along")
    moving = own.effects.moving[:8]
    names = along.locator("li .name").all_inner_texts()
    assert names == [e.name.replace("_", " ") for e in moving]


@pytest.mark.parametrize("modality", ["image", "table", "signal"])
def test_a_walk_from_the_pinned_item_is_that_of_python(walk, spaces, modality):
    space = spaces(modality)
    one = labels(space)[0]
    space, page = walk(modality, address(space, one, pin=12))
    found(page)
    page.wait("pinned", "the pinned item")
    until(lambda: page.page.get_by_test_id("walk-from").input_value() == "row:12", "the walk from the pin")
    own = space.direction({target(space): one}).traverse(12, steps=7)
    if modality == "table":
        changes = page.page.get_by_test_id("walk").get_by_test_id("changes")
        until(lambda: changes.count() == 1, "the walk")
        courses = changes.locator(".course")
        names = [courses.nth(i).evaluate("e => e.previousElementSibling.title") for i in range(courses.count())]
        assert names
        for i, name in enumerate(names):
            ends = [float(t.replace(",", "")) for t in courses.nth(i).locator(".end").all_inner_texts()]
            values = np.asarray(own.content[name], float)
            np.testing.assert_allclose(ends, values[[0, -1]], rtol=0.01, atol=0.01)
        return
    frames = page.page.get_by_test_id("walk").get_by_test_id("frame")
    until(lambda: frames.count() == 7, "the walk")
    if modality == "image":
        read = "c => [...c.getContext('2d').getImageData(0, 0, c.width, c.height).data].filter((_, i) => i % 4 === 0)"
        pixels = frames.nth(6).locator("canvas").evaluate(read)
        assert np.abs(np.array(pixels) - own.content[6].ravel().astype(int)).max() <= 1
    frames.nth(6).click()
    place = page.wait("place", "the cursor on the map")
    np.testing.assert_allclose([place["x"], place["y"]], space.map.transform(own.z[6:])[0], atol=1e-4)


def test_a_lasso_and_the_rest(walk):
    space, page = walk("image", "#drawer=directions")
    spots = page.spots(500)
    page.page.keyboard.press("l")
    left, right = spots[:, 0].min() - 5, np.median(spots[:, 0])
    box = [(left, 120), (right, 120), (right, 380), (left, 380)]
    page.page.mouse.move(*box[0])
    page.page.mouse.down()
    for corner in [*box[1:], box[0]]:
        page.page.mouse.move(*corner, steps=5)
    page.page.mouse.up()
    rows = page.wait("selection", "a selection")
    page.page.get_by_test_id("choose-a").select_option("now")
    shown = found(page)
    own = space.direction(rows)
    assert shown["positive"]["total"] == len(rows)
    assert shown["auc"] == pytest.approx(own.auc)
    assert "lasso of" in page.words("group-a")
    assert f"{500 - len(rows)} rows" in page.words("group-b")
    # The address alone gives the same groups again.
    page.page.goto("about:blank")
    page.page.go_back()
    page.ready()
    assert found(page)["auc"] == pytest.approx(own.auc)


@pytest.mark.parametrize("modality", ["image", "table", "signal"])
def test_copied_python_gives_the_same_numbers(walk, spaces, modality):
    space = spaces(modality)
    one, other = labels(space)[-2:]
    space, page = walk(modality, address(space, one, other, pin=5, normal="logistic"))
    shown = found(page)
    page.wait("pinned", "the pinned item")
    text = page.page.get_by_test_id("drawer").get_by_test_id("python").first.get_attribute("data-text")
    lines = [line for line in text.splitlines() if line and not line.startswith(("import", "space =", "print"))]
    scope = {"space": space, "np": np}
    exec("\n".join(lines), scope)
    assert scope["found"].auc == pytest.approx(shown["auc"])
    assert scope["found"].method == shown["method"] == "logistic"
    np.testing.assert_allclose(scope["scores"], page.ask("projection"), atol=1e-5)
    np.testing.assert_allclose(scope["walk"].z, space.direction(
        {target(space): one}, {target(space): other}, method="logistic"
    ).traverse(5, steps=7).z, atol=1e-6)  # fmt: skip


def test_python_for_filters_and_a_lasso_names_the_same_rows(walk, spaces):
    space = spaces("table")
    x, y = space.map.positions[:, 0], space.map.positions[:, 1]
    middle = float(np.median(x))
    left, low, high = x.min() - 1, y.min() - 1, y.max() + 1
    corners = [left, low, middle, low, middle, high, left, high]
    outline = "lasso:" + ",".join(f"{v:.4g}" for v in corners)
    group = urlencode({"filter.sepal_length": "5..6.5", "filter.site": "north|west", "select": outline})
    space, page = walk("table", "#" + urlencode({"drawer": "directions", "toward": group}))
    shown = found(page)
    text = page.page.get_by_test_id("drawer").get_by_test_id("python").first.get_attribute("data-text")
    lines = [line for line in text.splitlines() if line.startswith(("rows =", "a ="))]
    scope = {"space": space, "np": np}
    exec("\n".join(lines), scope)
    rows = scope["a"]
    assert len(rows) == shown["positive"]["total"] > 3
    assert space.direction(rows).step == pytest.approx(shown["step"])
    assert "sepal length 5 to 6.5 and site = north or west and lasso of" in page.words("group-a")


def test_the_map_takes_its_colours_from_it_and_keeps_them_in_the_address(walk, spaces):
    space = spaces("table")
    space, page = walk("table", address(space, "setosa"))
    found(page)
    before = page.shot()
    page.page.get_by_role("button", name="colour the map by it", exact=True).click()
    page.wait("colour?.startsWith('toward species = setosa')", "the colours")
    page.page.wait_for_timeout(600)
    assert np.abs(page.shot().astype(int) - before).max() > 60
    assert page.ask("legend") is None
    until(lambda: "colour=toward" in page.page.url, "the address")
    page.page.reload()
    page.ready()
    page.wait("colour?.startsWith('toward species = setosa')", "the colours again")


def test_suggested_swapped_and_found_again(walk):
    space, page = walk("table", "#drawer=directions")
    page.page.get_by_test_id("suggested").first.click()
    first = found(page)
    page.page.get_by_test_id("choose-b").select_option("1")
    page.wait("direction?.negative.name === 'species = versicolor'", "the second group")
    page.page.get_by_role("button", name="Turn the direction round").click()
    page.wait("direction?.positive.name === 'species = versicolor'", "the direction turned round")
    own = space.direction({"species": "versicolor"}, {"species": "setosa"})
    assert page.ask("direction")["step"] == pytest.approx(own.step)
    earlier = page.page.get_by_label("Directions found before").get_by_role("button")
    assert earlier.count() == 3
    page.page.wait_for_timeout(600)  # what follows sooner is no step of its own
    earlier.first.click()
    page.wait("direction?.negative.name === 'the rest'", "the first again")
    assert page.ask("direction")["id"] == first["id"]
    page.page.keyboard.press("Control+z")
    page.wait("direction?.positive.name === 'species = versicolor'", "the step before")


def test_groups_that_overlap_are_refused_in_a_sentence(walk):
    both = {"toward": "filter.species=setosa", "from": "filter.species=setosa%7Cvirginica"}
    _, page = walk("table", "#" + urlencode({"drawer": "directions", **both}))
    alert = page.page.get_by_test_id("drawer").get_by_role("alert")
    until(lambda: alert.count() == 1, "the refusal")
    assert "50 rows are in both groups" in alert.inner_text()


def nearest(sums):
    """Numbers of the real rows that are offered, in order."""
    buttons = sums.locator(".near button").evaluate_all("all => all.map(b => b.title)")
    return [int(re.search(r"row ([\d,]+)", label)[1].replace(",", "")) for label in buttons]


@pytest.mark.parametrize("modality", MODALITIES)
def test_a_sum_of_three_anchors(walk, spaces, modality):
    space, page = walk(modality, "#drawer=directions&path=row:3;row:10;row:31")
    sums = page.page.get_by_test_id("sums")
    until(lambda: sums.get_by_test_id("sum").count() == 1, "the sum")
    own = space.arithmetic(plus=[3, 31], minus=[10])
    until(lambda: nearest(sums) == own.index.tolist(), "the nearest rows")
    if modality == "image":
        read = "c => [...c.getContext('2d').getImageData(0, 0, c.width, c.height).data].filter((_, i) => i % 4 === 0)"
        pixels = sums.get_by_test_id("sum").locator("canvas").evaluate(read)
        assert np.abs(np.array(pixels) - own.content[0].ravel().astype(int)).max() <= 1
    sums.get_by_test_id("sum").click()
    place = page.wait("place", "its place on the map")
    np.testing.assert_allclose([place["x"], place["y"]], space.map.transform(own.z[None])[0], atol=1e-4)
    text = sums.get_by_test_id("python").get_attribute("data-text")
    assert "space.arithmetic(plus=[3, 31], minus=[10])" in text
    sums.get_by_test_id("term-c").select_option("row:10")
    again = space.arithmetic(plus=[3, 10], minus=[10])
    until(lambda: nearest(sums) == again.index.tolist(), "the other sum")


def test_the_fixture_has_directions_too(serve, browse, spaces):
    from deepspace.server import Session

    space = spaces("table")
    server = serve(Session(space.name, space=space))
    page = browse(server.address + "?fixture=image#drawer=directions").ready()
    page.page.get_by_test_id("suggested").first.click()
    found(page)
    until(lambda: page.page.get_by_test_id("walk").get_by_test_id("frame").count() == 7, "the walk")


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("modality", ["image", "table"])
def test_nothing_serious_is_found_with_a_direction_open(walk, spaces, modality, theme):
    """Groups, verdict, walk, histogram, columns and a sum, all at once."""
    space = spaces(modality)
    one, other = labels(space)[:2]
    more = {"theme": theme, "path": "row:3;row:10;row:31"}
    _, page = walk(modality, address(space, one, other, **more), bypass_csp=True)
    page.page.add_script_tag(path=str(ENGINE))
    found(page)
    until(lambda: page.page.get_by_test_id("walk").count() and page.page.get_by_test_id("sum").count(), "all of it")
    wrong = page.page.evaluate(CHECK)
    assert not wrong, "\n".join(wrong)
