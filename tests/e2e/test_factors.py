"""Sliders, exact values, names and local factors, each against Python's own answer."""

from __future__ import annotations

import numpy as np
import pytest

from tests.e2e.conftest import MODALITIES, until


def open_at(walk, modality, suffix="#drawer=factors"):
    space, page = walk(modality, suffix)
    page.wait("mixed", "the decode of the place to start at")
    return space, page


def type_value(page, dimension, text):
    box = page.page.get_by_label(f"exact value of dimension {dimension}", exact=True)
    box.fill(text)
    box.press("Enter")


def wait_for(page, dimension, value):
    return page.wait(
        f"mixed && Math.abs(__deepspace.mixed.z[{dimension}] - {value}) < 1e-6 && __deepspace.mixed", "the decode"
    )


@pytest.mark.parametrize("modality", MODALITIES)
def test_exact_values_decode_as_python_does_and_are_marked_on_the_map(walk, modality):
    space, page = open_at(walk, modality, "#drawer=factors&pin=12")
    active = [f.index for f in space.factors().active]
    first, second = active[0], active[min(1, len(active) - 1)]  # one alone takes the later value
    type_value(page, first, "1.5")
    type_value(page, second, "-0.75")
    made = wait_for(page, second, -0.75)
    z = np.array(space.latents.mean[12:13])
    z[0, first] = 1.5
    z[0, second] = -0.75
    np.testing.assert_allclose(made["z"], z[0], rtol=1e-5)
    np.testing.assert_allclose(made["place"], space.map.transform(z)[0], atol=1e-4)
    assert made["densityPercentile"] == pytest.approx(float(space.density_percentile(z)[0]), abs=1)
    assert [n["index"] for n in made["nearest"]] == space.neighbors(z=z, k=3).index[0].tolist()
    if modality == "image":
        expected = space.decode(z)[0].astype(int).ravel()
        canvas = page.page.get_by_test_id("mix").locator("canvas").first
        read = "c => [...c.getContext('2d').getImageData(0, 0, c.width, c.height).data].filter((_, i) => i % 4 === 0)"
        assert np.abs(np.array(canvas.evaluate(read)) - expected).max() <= 1
    elif modality == "signal":
        np.testing.assert_allclose(made["content"]["lines"], space.decode(z)[0], atol=1e-3)
    # A reload and a shared address bring the same back; reset leaves the start.
    assert f"{second}:-0.75" in page.page.url
    page.page.reload()
    page.ready()
    again = wait_for(page, second, -0.75)
    assert again["place"] == made["place"]
    x, y = page.ask("toScreen(...window.__deepspace.mixed.place)")
    if 300 < x < 900 and 60 < y < 365:  # not under a panel
        shot = page.shot()[int(y) - 9 : int(y) + 10, int(x) - 9 : int(x) + 10].astype(int)
        pink = (shot[..., 0] - shot[..., 1] > 90) & (shot[..., 2] - shot[..., 1] > 30)
        assert pink.sum() > 10, "a mark in the hue of what is generated"
    page.page.get_by_test_id("mix").get_by_role("button", name="reset").click()
    back = wait_for(page, first, float(space.latents.mean[12, first]))
    np.testing.assert_allclose(back["z"], space.latents.mean[12], rtol=1e-5)


def test_a_slider_moves_its_dimension_and_the_keyboard_moves_the_slider(walk):
    space, page = open_at(walk, "image")
    first = space.factors()[0]
    mean, step = float(space.latents.mean[:, first.index].mean()), first.deviation / 100
    slider = page.page.get_by_role("slider", name=f"dimension {first.index}", exact=True)
    assert float(slider.input_value()) == pytest.approx(mean, abs=step)
    slider.focus()
    for _ in range(5):
        page.page.keyboard.press("ArrowRight")
    page.wait(f"mixed && __deepspace.mixed.z[{first.index}] > {mean + 3 * step}", "the move")
    assert page.ask("mixed")["z"][first.index] < mean + 7 * step
    assert page.ask("place") is None, "the arrows moved the slider and not the cursor"
    assert f"set={first.index}:" in page.page.url


def test_what_is_no_number_is_explained(walk):
    space, page = open_at(walk, "image")
    first = space.factors()[0].index
    before = page.ask("mixed")["z"]
    type_value(page, first, "abc")
    alert = page.page.get_by_test_id("drawer").get_by_role("alert")
    assert alert.inner_text() == '"abc" is no number; write one like -1.5.'
    box = page.page.get_by_label(f"exact value of dimension {first}", exact=True)
    assert box.get_attribute("aria-invalid") == "true"
    assert page.ask("mixed")["z"] == before
    type_value(page, first, "0,5")
    wait_for(page, first, 0.5)
    until(lambda: alert.count() == 0, "the alert to go")


def test_sent_to_the_cursor_it_is_held_where_it_lies(walk):
    space, page = open_at(walk, "image", "#drawer=factors&pin=12")
    first = space.factors()[0].index
    type_value(page, first, "2")
    made = wait_for(page, first, 2)
    page.page.get_by_role("button", name="send to cursor").click()
    place = page.wait("place", "the cursor")
    np.testing.assert_allclose([place["x"], place["y"]], made["place"], rtol=1e-6)
    assert "at=" in page.page.url


def test_names_are_shown_where_the_tests_allow_them_and_nowhere_else(walk):
    space, page = open_at(walk, "table")
    own = space.name_factors()
    assert len(own)
    rows = page.page.get_by_test_id("factor")
    until(lambda: page.page.get_by_test_id("named").count(), "the names")
    for i, factor in enumerate(space.factors().active[: rows.count()]):
        named = own.of(factor.index)
        shown = rows.nth(i).get_by_test_id("factor-name")
        assert shown.count() == min(1, len(named))
        if named:
            assert named[0].title in shown.inner_text()
            assert named[0].certainty in shown.text_content()
    assert f"{own.tested} pairs" in page.words("named")


@pytest.mark.parametrize("modality", MODALITIES)
def test_local_factors_at_the_cursor_are_pythons(walk, modality):
    space, page = walk(modality)
    x, y = page.spot(9)
    page.page.mouse.move(x + 4, y + 3)
    page.wait("detail", "the cursor to rest")
    page.page.keyboard.press("1")
    page.page.get_by_role("button", name="at the cursor").click()
    shown = page.page.get_by_test_id("local")
    detail = page.ask("detail")
    z = space.map.inverse_transform(np.array([[float(f"{detail['x']:.6g}"), float(f"{detail['y']:.6g}")]], np.float32))[
        0
    ]
    own = space.local_factors(z, 3)
    until(lambda: shown.count() == len(own), "the directions")
    for i, factor in enumerate(own):
        share = int(shown.nth(i).inner_text().split(" %")[0].split()[-1])
        assert share == pytest.approx(100 * factor.share, abs=1.5)
    assert "from the cursor's place" in page.words("drawer")
    if modality == "image":
        frames = shown.nth(0).get_by_test_id("frame")
        pixels = (
            frames.nth(6)
            .locator("canvas")
            .evaluate(
                "c => [...c.getContext('2d').getImageData(0, 0, c.width, c.height).data].filter((_, i) => i % 4 === 0)"
            )
        )
        assert np.abs(np.array(pixels) - own[0].content[6].astype(int).ravel()).max() <= 2


def test_copied_lines_give_what_is_shown(walk):
    space, page = open_at(walk, "image", "#drawer=factors&pin=12")
    first = space.factors()[0].index
    type_value(page, first, "1.25")
    made = wait_for(page, first, 1.25)
    text = page.page.get_by_test_id("drawer").get_by_test_id("python").get_attribute("data-text")
    scope = {"space": space}
    exec("\n".join(text.splitlines()[3:]), scope)
    np.testing.assert_allclose(scope["z"], made["z"], rtol=1e-5)
