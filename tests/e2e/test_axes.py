"""Other axes: points move to where Python says, places decode as Python does, and nothing chosen is lost on the way."""

from __future__ import annotations

import re
from urllib.parse import quote

import numpy as np
import pytest

from tests.e2e.test_accessibility import CHECK, ENGINE
from tests.e2e.test_data import python, run

OWN = ("petal_length", "petal_width")


def to(page, name):
    """Waits until the page shows these axes, at rest."""
    page.wait(f"axes === {name!r}", name)
    page.page.wait_for_timeout(900)


def shown(page, n):
    """(n, 2): where the page has the rows, in the axes' coordinates; NaN where a row has none."""
    found = page.page.evaluate("n => Array.from({length: n}, (_, i) => __deepspace.positionOf(i).map(String))", n)
    return np.array([[float(v) for v in pair] for pair in found])


def drawn_at(page, spots, free):
    """The share of these spots at which something other than the ground is drawn."""
    picture = page.shot().astype(int)
    ground = np.array([0xF7, 0xF8, 0xFA])
    x, y = np.round(spots[free]).astype(int).T
    return float((np.abs(picture[y, x] - ground).max(1) > 20).mean())


def open_map(page, spots):
    return np.array(
        page.page.evaluate(
            "s => s.map(([x, y]) => document.elementFromPoint(x, y)?.classList.contains('points') ?? false)",
            spots.tolist(),
        )
    )


@pytest.mark.parametrize("modality", ["image", "table", "signal", "vector"])
def test_the_keys_lead_round_all_axes_and_points_are_drawn_where_python_says(walk, modality):
    space, page = walk(modality, color_scheme="light")
    page.page.mouse.move(5, 5)
    strongest = [f.index for f in space.factors()][:2]
    names = ["pca", "latent:{},{}".format(*strongest)]
    if modality == "table":
        names.append("columns:sepal_length,sepal_width")
    for name in names:
        page.page.keyboard.press("]")
        to(page, name)
        own = space.axes(name)
        np.testing.assert_allclose(shown(page, len(space)), own.positions, rtol=1e-6)
        spots = page.spots(len(space))
        free = open_map(page, spots)
        assert free.mean() > 0.5
        assert drawn_at(page, spots, free) > 0.95
        assert f"axes={name}" in page.page.url.replace("%20", " ")
    page.page.keyboard.press("]")
    to(page, "map")
    np.testing.assert_array_equal(shown(page, len(space)), np.asarray(space.map.positions, float))
    assert "axes=" not in page.page.url
    page.page.keyboard.press("[")
    to(page, names[-1])


@pytest.mark.parametrize(("modality", "name"), [("image", "pca"), ("table", "latent:1,0"), ("signal", "pca")])
def test_the_cursor_decodes_on_the_axes_shown(walk, modality, name):
    space, page = walk(modality, f"#axes={name}")
    assert page.ask("axes") == name
    page.page.mouse.move(600, 420)
    x, y = page.ask("toWorld(600, 420)")
    detail = page.wait("detail", "the decode")
    assert (detail["x"], detail["y"]) == pytest.approx((x, y))
    own = space.axes(name)
    z = own.inverse_transform([[x, y]])
    np.testing.assert_allclose(own.transform(z), [[x, y]], atol=1e-4)
    near = space.neighbors(z=z, k=3)
    assert [n["index"] for n in detail["neighbours"]] == near.index[0].tolist()
    assert detail["hasData"] == bool(own.has_data([[x, y]])[0])
    if modality == "image":
        pixels = np.array(detail["content"]["pixels"]).reshape(8, 8)
        assert np.abs(pixels - space.decode(z)[0].astype(int)).max() <= 1
    elif modality == "signal":
        np.testing.assert_allclose(detail["content"]["lines"], space.decode(z)[0], rtol=1e-3, atol=1e-3)
    else:
        made = space.decode(z)
        record = made.to_pylist()[0] if hasattr(made, "to_pylist") else dict(made.iloc[0])
        shown_cells = {f["name"]: f["value"] for f in detail["content"]["fields"]}
        assert float(shown_cells["petal_length"]) == pytest.approx(record["petal_length"], rel=0.02)


def test_the_grid_is_decoded_on_the_axes_shown(walk):
    _, page = walk("image", "#axes=pca&show=grid")
    on_axes = page.wait("generatedShown", "the grid")
    page.page.keyboard.press("[")
    to(page, "map")
    assert page.wait("generatedShown", "the grid on the map") != on_axes or on_axes > 0


def test_own_columns_are_chosen_by_hand_and_read_off_the_ticks(walk):
    space, page = walk("table")
    picker = page.page.get_by_test_id("axes")
    picker.get_by_label("Axes").select_option("columns")
    to(page, "columns:sepal_length,sepal_width")
    picker.get_by_label("Across").select_option("petal_length")
    to(page, "columns:petal_length,sepal_width")
    picker.get_by_label("Up").select_option("petal_width")
    to(page, "columns:{},{}".format(*OWN))
    info = page.ask("axesInfo")
    places = shown(page, len(space))
    for i, name in enumerate(OWN):
        axis = info["axes"][i]
        values = np.asarray(space.rows.column(name), float)
        np.testing.assert_allclose(axis["origin"] + axis["unit"] * places[:, i], values, atol=1e-5)
    # The other axis gives way when one takes its column.
    picker.get_by_label("Up").select_option("petal_length")
    to(page, "columns:petal_width,petal_length")
    lines = picker.get_by_test_id("python").get_attribute("data-text")
    made = {"ds": None, "space": space}
    exec(re.sub(r"^(import|space = ).*$", "", lines, flags=re.M), made)
    np.testing.assert_allclose(made["axes"].positions, shown(page, len(space)), rtol=1e-6)


def test_what_is_chosen_and_pinned_stays_and_the_address_brings_it_back(walk, browse):
    space, page = walk("table", "#axes=pca&pin=8&colour=sepal_width")
    keyboard, mouse = page.page.keyboard, page.page.mouse
    keyboard.press("b")
    mouse.move(480, 300)
    mouse.down()
    mouse.move(560, 380, steps=3)
    mouse.move(680, 520, steps=4)
    mouse.up()
    page.page.wait_for_timeout(300)
    caught = page.ask("selection")
    x0, y1 = page.ask("toWorld(480, 300)")
    x1, y0 = page.ask("toWorld(680, 520)")
    places = shown(page, 150)
    margin = 2 * (x1 - x0) / 200
    inside = ((places > [x0 + margin, y0 + margin]) & (places < [x1 - margin, y1 - margin])).all(1)
    outside = ((places < [x0 - margin, y0 - margin]) | (places > [x1 + margin, y1 + margin])).any(1)
    assert inside.sum() > 5
    assert set(np.flatnonzero(inside)) <= set(caught)
    assert not set(np.flatnonzero(outside)) & set(caught)
    assert run(python(page), space) == caught
    keyboard.press("[")
    to(page, "map")
    assert page.ask("selection") == caught
    assert run(python(page), space) == caught
    assert page.ask("pinned")["index"] == 8
    assert page.ask("colour") == "sepal_width"
    # On the map now, chosen on the components: the address says both.
    other = browse(page.page.url).ready()
    assert other.ask("axes") == "map"
    assert other.ask("selection") == caught
    page.page.evaluate("history.back()")
    to(page, "pca")
    assert page.ask("selection") == caught


def test_points_travel_from_the_old_places_to_the_new(walk):
    """With the page's clock held half-way, every point is drawn between where it was and where it goes."""
    space, page = walk("image", color_scheme="light")
    page.page.mouse.move(5, 5)
    clock = page.page.clock
    clock.install()
    clock.pause_at(page.page.evaluate("Date.now()") + 1000)
    page.page.keyboard.press("]")
    page.wait("axes === 'pca'")
    page.page.wait_for_timeout(200)
    clock.run_for(200)
    old, new = np.asarray(space.map.positions, float), space.axes("pca").positions.astype(float)
    # The ease of half the time is half the way, to a frame or two.
    near = max(drawn_between(page, old, new, share) for share in np.linspace(0.3, 0.7, 21))
    assert near > 0.95
    assert max(drawn_between(page, old, new, end) for end in (0.0, 1.0)) < near - 0.15
    clock.run_for(1000)
    page.page.wait_for_timeout(200)
    assert drawn_between(page, old, new, 1.0) > 0.95


def drawn_between(page, old, new, share):
    mixed = old + share * (new - old)
    spots = np.array(page.page.evaluate("p => p.map(([x, y]) => __deepspace.toScreen(x, y))", mixed.tolist()))
    return drawn_at(page, spots, open_map(page, spots))


def test_axes_that_are_not_there_leave_the_map_and_say_so(walk):
    _, page = walk("image", "#axes=latent:0,999")
    assert page.ask("axes") == "map"
    assert page.visible("has no latent dimension 999")


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_nothing_serious_is_found_wrong_with_the_picker(walk, built, theme):
    _, page = walk("table", f"#theme={theme}&axes=columns:petal_length,petal_width", bypass_csp=True)
    page.page.add_script_tag(path=str(ENGINE))
    assert page.page.evaluate(CHECK) == []


def test_rows_without_a_value_are_left_out_and_counted(serve, browse, tmp_path):
    import pandas as pd

    import deepspace as ds
    from deepspace.server import Session

    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"a": rng.normal(size=120), "b": rng.normal(size=120), "c": rng.normal(size=120)})
    frame.loc[::4, "b"] = np.nan
    space = ds.fit(frame, path=tmp_path / "gaps.space", training=ds.TrainConfig(epochs=2, threads=1))
    page = browse(serve(Session(space.name, space=space)).address + "#axes=columns:a,b").ready()
    assert "90 of 120 rows" in page.words("axes")
    places = shown(page, 120)
    np.testing.assert_array_equal(np.isnan(places).all(1), np.arange(120) % 4 == 0)
    page.page.keyboard.press("b")
    page.page.mouse.move(310, 100)
    page.page.mouse.down()
    page.page.mouse.move(600, 400, steps=3)
    page.page.mouse.move(900, 745, steps=3)
    page.page.mouse.up()
    page.page.wait_for_timeout(300)
    assert set(page.ask("selection")) <= set(np.flatnonzero(np.arange(120) % 4))


def test_a_marked_place_decodes_on_its_own_axes(walk):
    space, page = walk("image", f"#axes={quote('latent:0,1')}")
    page.page.keyboard.down("Shift")
    page.page.mouse.click(420, 640)
    page.page.keyboard.up("Shift")
    page.page.wait_for_timeout(100)
    (place,) = page.ask("anchors")
    if place.startswith("at:"):
        from deepspace.server.places import latent

        x, y = page.ask("toWorld(420, 640)")
        assert place.endswith("@latent:0,1")
        np.testing.assert_allclose(latent(space, place)[:2], [x, y], rtol=1e-4, atol=1e-4)
