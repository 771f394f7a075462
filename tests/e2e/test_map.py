"""What is drawn: points where the rows are, in the colours that the legend says."""

from __future__ import annotations

import re

import numpy as np
import pytest

from tests.e2e.conftest import MODALITIES

GROUND = np.array([0xF7, 0xF8, 0xFA])


def css_colours(page, names):
    """RGB of the style sheet's colours."""
    found = page.page.evaluate(
        """names => names.map(name => {
            const probe = document.body.appendChild(document.createElement("i"));
            probe.style.color = name;
            const colour = getComputedStyle(probe).color;
            probe.remove();
            return colour; })""",
        names,
    )
    rgb = [np.array([int(v) for v in re.findall(r"\d+", text)[:3]]) for text in found]
    return dict(zip(names, rgb, strict=True))


def alone(spots, row, codes, within):
    """Is no row of another category within so many pixels of this one?"""
    near = np.hypot(*(spots - spots[row]).T) < within
    return bool((codes[near] == codes[row]).all())


def in_the_open(page, spots):
    """(n,) bool: is the map itself to be seen there, at a distance from the panels' shadows?"""
    return np.array(
        page.page.evaluate(
            """spots => spots.map(([x, y]) => [[0, 0], [28, 0], [-28, 0], [0, 28], [0, -28]].every(([dx, dy]) =>
                document.elementFromPoint(x + dx, y + dy)?.classList.contains("points")))""",
            spots.tolist(),
        )
    )


@pytest.mark.parametrize("modality", MODALITIES)
def test_points_have_the_colours_of_the_legend(walk, modality):
    space, page = walk(modality)
    legend = page.ask("legend")
    column = page.ask("colour")
    values = np.array([str(v) for v in space.rows.table([column]).column(column).to_pylist()])
    assert {e["label"]: e["count"] for e in legend} == {
        str(v): int(c) for v, c in zip(*np.unique(values, return_counts=True), strict=True)
    }
    spots = page.spots(len(space))
    picture = page.shot().astype(int)
    colours = css_colours(page, [e["css"] for e in legend])
    size = page.ask("pointSize")
    free = in_the_open(page, spots)
    seen = 0
    for entry in legend:
        rows = np.flatnonzero(values == entry["label"])
        for row in rows:
            x, y = np.round(spots[row]).astype(int)
            if not free[row] or not alone(spots, row, values, size + 2):
                continue
            # Points are laid over the ground at 0.8 opacity or more.
            expected = colours[entry["css"]]
            faint = 0.78 * expected + 0.22 * GROUND
            low, high = np.minimum(expected, faint), np.maximum(expected, faint)
            assert (picture[y, x] >= low - 10).all(), (entry, picture[y, x], expected)
            assert (picture[y, x] <= high + 10).all(), (entry, picture[y, x], expected)
            seen += 1
    assert seen > len(space) / 10


def test_the_map_lies_where_the_space_says(walk):
    space, page = walk("image")
    drawn = np.array([page.ask("positionOf(a[0])", row) for row in range(0, len(space), 50)])
    np.testing.assert_array_equal(drawn.astype(np.float32), np.asarray(space.map.positions[::50], dtype=np.float32))


def test_a_category_of_the_legend_is_lit_and_the_others_become_context(walk):
    space, page = walk("image")
    entry = page.ask("legend")[3]
    page.page.get_by_role("button", name=re.compile(f"^{entry['label']} ")).first.click()
    page.page.wait_for_timeout(300)
    assert page.ask("counted") == entry["count"]
    values = np.array([str(v) for v in space.rows.table(["label"]).column(0).to_pylist()])
    spots = page.spots(len(space))
    picture = page.shot().astype(int)
    size = page.ask("pointSize")
    free = in_the_open(page, spots)
    others = [r for r in np.flatnonzero(values != entry["label"]) if free[r]]
    others = [r for r in others if (np.hypot(*(spots[values == entry["label"]] - spots[r]).T) > size + 2).all()]
    assert others
    for row in others:
        x, y = np.round(spots[row]).astype(int)
        # Grey: no hue left.
        assert np.ptp(picture[y, x]) < 24, (row, picture[y, x])
    page.page.keyboard.press("Escape")
    page.page.wait_for_timeout(200)
    assert page.ask("counted") == len(space)


def test_zoom_keeps_the_place_under_the_cursor(walk):
    _, page = walk("image")
    page.page.mouse.move(500, 300)
    before = page.ask("toWorld(500, 300)")
    page.page.mouse.wheel(0, -400)
    page.page.wait_for_timeout(200)
    assert page.ask("zoom") > 1.5
    np.testing.assert_allclose(page.ask("toWorld(500, 300)"), before, atol=1e-9)
    page.page.mouse.move(500, 400)
    page.page.mouse.down()
    page.page.mouse.move(560, 430, steps=5)
    page.page.mouse.up()
    page.page.wait_for_timeout(100)
    np.testing.assert_allclose(page.ask("toWorld(560, 330)"), before, atol=1e-9)


def inside(outline, points):
    """Winding number by summed angles: another rule than the page's, the same for outlines that do not cross."""
    a = outline[None] - points[:, None]
    b = np.roll(outline, -1, 0)[None] - points[:, None]
    angle = np.arctan2(a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0], (a * b).sum(-1))
    return np.abs(angle.sum(1)) > np.pi


def test_the_lasso_returns_the_rows_inside(walk):
    space, page = walk("image")
    spots = page.spots(len(space))
    centre = np.median(spots, 0)
    turn = np.linspace(0, 2 * np.pi, 40, endpoint=False)
    outline = centre + np.c_[150 * np.cos(turn), 110 * np.sin(turn)]
    page.page.keyboard.press("l")
    page.page.mouse.move(*outline[0])
    page.page.mouse.down()
    for x, y in outline[1:]:
        page.page.mouse.move(x, y)
    page.page.mouse.up()
    page.page.wait_for_timeout(200)
    found = set(page.ask("selection"))
    step = np.roll(outline, -1, 0) - outline
    along = np.clip(((spots[:, None] - outline) * step).sum(-1) / (step**2).sum(-1), 0, 1)
    edge = np.linalg.norm(spots[:, None] - outline - along[..., None] * step, axis=-1).min(1)
    sure = edge > 3
    expected = set(np.flatnonzero(inside(outline, spots) & sure).tolist())
    assert len(expected) > 20
    assert {r for r in found if sure[r]} == expected
    assert page.ask("counted") == len(found)
    assert page.visible(f"of {len(space)} selected")


def test_pictures_of_real_rows_lie_on_the_map_framed_in_their_colour(walk):
    space, page = walk("image")
    x, y = page.spot(15)
    page.page.mouse.move(x, y)
    for _ in range(7):
        page.page.mouse.wheel(0, -300)
        page.page.wait_for_timeout(50)
    page.page.mouse.move(330, 780)
    page.page.wait_for_timeout(800)
    picture = page.shot().astype(int)
    spots = page.spots(len(space))
    free = in_the_open(page, spots)
    thumbnails = np.asarray(space.samples)[:, 0].astype(int)
    matched = 0
    for row in np.flatnonzero(free):
        x, y = np.round(spots[row]).astype(int)
        patch = picture[y - 20 : y + 20, x - 20 : x + 20].mean(2)
        wanted = np.kron(thumbnails[row], np.ones((5, 5)))
        matched += bool(patch.shape == wanted.shape and np.corrcoef(patch.ravel(), wanted.ravel())[0, 1] > 0.8)
    assert matched >= 1


def test_numbers_are_coloured_along_one_scale_and_a_range_can_be_lit(walk):
    space, page = walk("table", "#colour=petal_length")
    assert page.ask("colour") == "petal_length"
    box = page.page.get_by_role("img", name=re.compile("Histogram")).bounding_box()
    y = box["y"] + box["height"] / 2
    page.page.mouse.move(box["x"] + box["width"] * 0.5, y)
    page.page.mouse.down()
    page.page.mouse.move(box["x"] + box["width"] + 20, y, steps=4)
    page.page.mouse.up()
    page.page.wait_for_timeout(200)
    values = np.asarray(space.rows.column("petal_length"), dtype=float)
    low, high = np.quantile(values, [0.01, 0.99])
    middle = (low + high) / 2
    assert abs(page.ask("counted") - (values >= middle).sum()) <= max(3, (np.abs(values - middle) < 0.2).sum())
